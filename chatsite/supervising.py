"""Child processes: kept running, ended in order, and never outliving us.

A terminal's Ctrl-C reaches only us, because every child has a session of its own; whatever it started dies with it.
When we are killed without a chance to say so, the kernel ends the children (on Linux).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Self

PR_SET_PDEATHSIG = 1
AT_ONCE = 5.0  # seconds; a child that ends sooner after its start could not start
TRIES = 3
LONGEST_PAUSE = 10.0  # seconds between an unexpected end and the next start
SECOND_THOUGHT = 0.5  # seconds after which another signal is another wish
HURRY = 2.0  # seconds that a child is given after a second Ctrl-C

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class GaveUpError(Exception):
    """A child can't be kept running; the message says which."""


class Stopping:
    """Turns the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt, so that `with` blocks end what they began.

    Later ones only make that quicker: they never break into it.
    """

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self.hurried = False

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup's wish
                signal.signal(number, self._hear)
        return self

    def __exit__(self, *exception: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            raise KeyboardInterrupt
        # One wish can arrive twice, from the terminal's process group and from the `make` that passes it on.
        self.hurried = self.hurried or time.monotonic() - self._asked_at > SECOND_THOUGHT


class Child:
    """A program that should keep running. Use it from the main thread: the kernel ends it with its starter's thread."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str], grace: float
    ) -> None:
        self.name = name
        self._folder = folder
        self._command = command
        self._environment = environment
        self._grace = grace  # seconds that it may take to end
        self._failures = 0
        self._start()

    def keep_running(self) -> None:
        """Start it again if it has ended, later each time. Raises GaveUpError when it keeps ending at once."""
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self._start()
        elif self._process.poll() is not None:
            self._has_ended(self._process.returncode)

    @contextmanager
    def running(self, stopping: Stopping) -> Iterator[Child]:
        try:
            yield self
        finally:
            self._stop(stopping)

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self._process: subprocess.Popen[bytes] | None = subprocess.Popen(  # noqa: S603  # our own program, no shell
            self._command,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=dies_with_us(signal.SIGKILL),  # noqa: PLW1509  # two system calls, see there
        )

    def _has_ended(self, code: int) -> None:
        self._kill_what_it_left()
        self._failures = self._failures + 1 if time.monotonic() - self._started_at < AT_ONCE else 1
        if self._failures == TRIES:
            raise GaveUpError(f"{self.name} ended {TRIES} times right after its start; what it said is above.")
        pause = min(0.5 * 2**self._failures, LONGEST_PAUSE)
        print(f"{self.name} ended ({_how(code)}) and is started again in {pause:.0f} s.", file=sys.stderr, flush=True)  # noqa: T201
        self._process = None
        self._start_at = time.monotonic() + pause

    def _stop(self, stopping: Stopping) -> None:
        if self._process is None:
            return
        self._process.terminate()
        deadline = time.monotonic() + self._grace
        hurried = False
        while self._process.poll() is None and time.monotonic() < deadline:
            if stopping.hurried and not hurried:
                hurried = True
                self._process.terminate()
                deadline = time.monotonic() + HURRY
            time.sleep(0.02)
        self._kill_what_it_left()
        self._process.wait()

    def _kill_what_it_left(self) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError, PermissionError):  # macOS answers "not permitted" for a group of the dead
            os.killpg(self._process.pid, signal.SIGKILL)


def dies_with_us(with_signal: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` that has the kernel send the child `with_signal` when the thread that starts it is gone.

    Python runs it after it has changed the user, which would have cleared the wish. Elsewhere than on Linux it does
    nothing.
    """
    parent = os.getpid()

    def ask_the_kernel() -> None:
        if _libc is None:
            return
        _libc.prctl(PR_SET_PDEATHSIG, with_signal)
        if os.getppid() != parent:  # killed between fork and prctl: no signal would ever come
            os._exit(1)

    return ask_the_kernel


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
