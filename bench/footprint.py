"""What it takes to have it: size on disk, seconds from the start to the page, memory of all processes at rest.

    python -m bench.footprint

Makes a virtual environment of its own with what a run needs and nothing else, as `make run` does, and starts
`manage.py up` from it twice: on an empty folder, with the local model, and again.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import processes
from bench.figures import Record
from bench.house import free_port, until
from bench.inside import ROOT
from bench.running import run

# What a process's command line has in it; PostgreSQL's children have nothing in common.
PARTS = {
    "web": "manage.py web",
    "worker": "manage.py worker",
    "up": "manage.py up",
    "local model": "local_model",
    "Postgres": "",
}
REST = 75.0  # seconds after which a started house has nothing to do, and the local model has given its memory back


def measure() -> list[Record]:
    home = Path(tempfile.mkdtemp(prefix="chat-bench-"))
    home.chmod(0o711)  # as root, PostgreSQL runs as another user, who must reach the folders below
    try:
        python = _install(home / "venv")
        installed = _megabytes(home / "venv")
        first, _ = _start(python, home / "var")
        second, memory = _start(python, home / "var")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return [
        {
            "installed, MB": installed,
            "our own files, MB": sum(_megabytes(ROOT / name) for name in _ours()),
            "first start to page, s": first,
            "second start, s": second,
            "idle memory, PSS MB": sum(memory.values()),
            **{f"{name}, PSS MB": megabytes for name, megabytes in memory.items()},
        }
    ]


def _install(folder: Path) -> Path:
    """As the Makefile does: what is pinned, and nothing that is not."""
    uv = shutil.which("uv") or str(ROOT / ".uv/bin/uv")
    if not Path(uv).exists():
        raise SystemExit("It needs uv, which `make run` brings.")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    pinned = ["--no-deps", "--require-hashes", "-r", str(ROOT / "requirements/runtime.txt")]
    environment = os.environ | {"VIRTUAL_ENV": str(folder)}
    # Copied, not linked, or what is in the cache would count for nothing.
    subprocess.run([uv, "pip", "install", "--quiet", "--link-mode=copy", *pinned], check=True, env=environment)
    return folder / "bin/python"


def _ours() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def _megabytes(path: Path) -> float:
    """On the disk, in MB of 1,000,000 bytes."""
    paths = [path, *path.rglob("*")] if path.is_dir() else [path]
    return sum(it.lstat().st_blocks for it in paths) * 512 / 1e6


def _start(python: Path, var: Path) -> tuple[float, dict[str, float]]:
    """Seconds until the page answers, and MB of each process at rest."""
    begin = time.monotonic()
    with _up(python, var) as (process, base):
        until(lambda: _answers(base, process), "the page", 120)
        took = time.monotonic() - begin
        time.sleep(REST)
        return took, _memory(process.pid)


def _memory(pid: int) -> dict[str, float]:
    """PSS of `up` and of each that it has started, with what came from those."""
    found = dict.fromkeys(PARTS, 0.0)
    for each in processes.tree(pid):
        command = processes.command(each)
        name = next(name for name, words in PARTS.items() if words in command)
        found[name] += processes.memory_of_one(each).pss
    return found


@contextmanager
def _up(python: Path, var: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    own = {"VAR_DIR": str(var), "PORT": str(port)}
    process = subprocess.Popen(
        [python, "manage.py", "up"], cwd=ROOT, env=known | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(90)


def _answers(base: str, process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise SystemExit("`manage.py up` has ended.")
    try:
        return bool(urllib.request.urlopen(f"{base}/accounts/login/", timeout=5).read())
    except OSError:
        return False


def main() -> None:
    run(measure, ArgumentParser(description="Size, start and idle memory."))


if __name__ == "__main__":
    main()
