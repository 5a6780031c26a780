"""A function of ours, called in a process of its own; what it returns comes back as JSON.

keys = inside.call("bench.members", "sign_in", 0, 200, environment=house.environment)

For what needs another environment, a Django of its own, or its own CPU time. The function's module is imported once
Django is set up, if the environment names settings.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def call(module: str, name: str, *arguments: Any, environment: Mapping[str, str] = os.environ) -> Any:
    """Raises CalledProcessError if it fails; what it says on stderr is seen."""
    command = [sys.executable, "-m", "bench.inside", module, name, json.dumps(arguments)]
    done = subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(module: str, name: str, arguments: str) -> None:
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        import django  # noqa: PLC0415  # only who asks for it pays for it

        django.setup()
    function: Callable[..., Any] = getattr(import_module(module), name)
    print(json.dumps(function(*json.loads(arguments))))


if __name__ == "__main__":
    main(*sys.argv[1:])
