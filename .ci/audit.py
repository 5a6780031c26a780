"""Are there known holes in what we pin? Asks PyPI through pip-audit, from an environment of pip-audit's own.

Ends with 1 if there are. That a registry knows no advisories, or can't be reached, is said and ends with 0: a mirror
that only has the packages must not keep anybody from working.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

PIP_AUDIT = "pip-audit==2.10.1"
ARGUMENTS = (
    "--no-deps",
    "--disable-pip",
    "--vulnerability-service",
    "pypi",
    "--format",
    "json",
    "--progress-spinner",
    "off",
)


def main(uv: str, requirements: str) -> int:
    command = [uv, "tool", "run", "--quiet", PIP_AUDIT, "--requirement", requirements, *ARGUMENTS]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        packages = json.loads(asked.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError):
        print("audit: COULD NOT ASK whether what we pin has known holes: no answer from the registry.")
        return 0
    return told(packages)


def told(packages: list[dict[str, Any]]) -> int:
    """Say what was found. A package is there once for each environment that it is pinned for."""
    holes = [(it["name"], it["version"], hole) for it in packages for hole in it.get("vulns", [])]
    unknown = {str(it["name"]) for it in packages if "skip_reason" in it}
    for name, version, hole in holes:
        print(f"audit: {name} {version} has {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}.")
    if unknown:
        print(f"audit: COULD NOT ASK about {len(unknown)} of {len(packages)} packages: the registry has no advisories.")
    print(f"audit: {len(packages) - len(unknown)} packages looked up, {len(holes)} known holes.")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
