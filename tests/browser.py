"""Chromium for the tests: the machine's own, or one installed now."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
FLAGS = [
    "--no-sandbox",  # as root Chromium does not start with it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    with _alone():
        program = find() or install()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time: apt-get refuses a second, and half of a Chromium starts badly."""
    with (Path(tempfile.gettempdir()) / f"chat-tests-{os.geteuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def find() -> str | None:
    """CHROMIUM, or the first that is on the PATH."""
    if chosen := os.environ.get("CHROMIUM"):
        return chosen
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def install() -> str | None:
    """Debian's, where we may install it; else Playwright's own, which it finds by itself (None)."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        _try(["apt-get", "update", "-qq"], environment)
        _try(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-liberation"], environment
        )
        if found := find():
            return found
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    if own.exists() or _try([sys.executable, "-m", "playwright", "install", "chromium"], dict(os.environ)):
        return None
    pytest.fail("The browser tests need Chromium: install it, or set CHROMIUM to its program.", pytrace=False)


def _try(command: list[str], environment: dict[str, str]) -> bool:
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode == 0
