"""What `make audit` makes of what pip-audit says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).resolve().parents[2] / ".ci" / "audit.py"
SOUND = {"name": "django", "version": "6.1.3", "vulns": []}
HOLED = SOUND | {"vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["6.1.4"], "aliases": [], "description": ""}]}
UNKNOWN = {"name": "nh3", "skip_reason": "Dependency not found on PyPI"}


def audited(folder: Path, said: str) -> tuple[int, str]:
    """The script's end and words, with a program in the place of uv that says this."""
    uv = folder / "uv"
    uv.write_text(f"#!{sys.executable}\nprint({said!r})\n")
    uv.chmod(0o755)
    ran = subprocess.run(
        [sys.executable, AUDIT, uv, "any.txt"], capture_output=True, text=True, timeout=30, check=False
    )
    return ran.returncode, ran.stdout


def test_a_known_hole_ends_it_in_red_and_names_what_mends_it(tmp_path: Path) -> None:
    code, words = audited(tmp_path, json.dumps({"dependencies": [SOUND, HOLED, UNKNOWN]}))
    assert code == 1
    assert "django 6.1.3 has PYSEC-2026-1, mended in 6.1.4." in words


def test_none_is_green(tmp_path: Path) -> None:
    code, words = audited(tmp_path, json.dumps({"dependencies": [SOUND]}))
    assert (code, words) == (0, "audit: 1 packages looked up, 0 known holes.\n")


@pytest.mark.parametrize("said", [json.dumps({"dependencies": [SOUND, UNKNOWN]}), "", "no network", "{"])
def test_a_registry_that_can_not_tell_is_told_of_and_reddens_nothing(tmp_path: Path, said: str) -> None:
    code, words = audited(tmp_path, said)
    assert code == 0
    assert "COULD NOT ASK" in words
