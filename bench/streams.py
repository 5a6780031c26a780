"""Many answers at once through the members' own path: POST, worker, log, feed, socket.

    python -m bench.streams --streams 200 --tokens 300 --rate 30 --over 5

Starts a private PostgreSQL, the scripted upstream, one web and one worker process; talks to loopback only; ends what it
started. Prints how many finished, the time to the first text, the latency that we add to each token, and the CPU and
memory of web and worker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from websockets.asyncio.client import connect

from chatsite.postgres import EmbeddedPostgres, places

WORD = re.compile(r"w(\d+)e")
MEMBERS = """
import json, sys
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from accounts.models import User
keys = []
for n in range(int(sys.argv[1])):
    user = User.objects.create_user(f"member{n}@example.org")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    keys.append(session.session_key)
print(json.dumps(keys))
"""


type Usages = dict[str, tuple[float, float]]


@dataclass
class Seen:
    """What one member saw."""

    asked_at: float = 0.0
    question: str = ""
    first_text_at: float = 0.0
    arrivals: dict[int, float] = field(default_factory=dict)  # token number → when its frame came
    bytes: int = 0
    frames: int = 0
    is_done: bool = False


async def member(base: str, session: str, after: float, text: str, tokens: int) -> Seen:
    await asyncio.sleep(after)
    seen = Seen(asked_at=time.monotonic())
    key = str(uuid4())
    seen.question = f"{text} {key}"
    cookie = f"session={session}; csrf={'a' * 32}"
    form = urlencode({"text": seen.question, "key": key, "csrfmiddlewaretoken": "a" * 32})
    head = await post(base, "/c/", cookie, form)
    match = re.search(r"hx-push-url: (/c/([0-9a-f-]+)/)", head, re.IGNORECASE)
    assert match, head[:300]
    address = base.replace("http", "ws") + f"/ws/c/{match[2]}/"
    async with connect(address, additional_headers={"Cookie": cookie, "Origin": base}, compression=None) as ws:
        await ws.send('{"seq": 0}')
        async for frame in ws:
            now = time.monotonic()
            await ws.send("1")
            seen.bytes += len(frame)
            seen.frames += 1
            numbers = [int(n) for n in WORD.findall(str(frame))]
            if numbers:
                seen.first_text_at = seen.first_text_at or now
                for number in range(max(seen.arrivals, default=-1) + 1, max(numbers) + 1):
                    seen.arrivals[number] = now
            if 'data-state="done"' in str(frame):
                seen.is_done = len(seen.arrivals) == tokens
                return seen
    return seen


async def post(base: str, path: str, cookie: str, form: str) -> str:
    """One POST by hand, so that the client costs little."""
    host, port = base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = form.encode()
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}:{port}",
        f"Origin: {base}",
        f"Cookie: {cookie}",
        "HX-Request: true",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    answer = (await reader.read()).decode()
    writer.close()
    return answer


def usage(pid: int) -> tuple[float, float]:
    """(CPU seconds, MB of memory) of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    pages = int(fields[21])
    return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def run(options: argparse.Namespace, base: str, keys: list[str], pids: dict[str, int], upstream: str) -> None:
    before = {name: usage(pid) for name, pid in pids.items()}
    text = f"!count {options.rate} {options.tokens}"
    started = time.monotonic()
    waits = [options.over * n / len(keys) for n in range(len(keys))]
    jobs = [member(base, key, wait, text, options.tokens) for key, wait in zip(keys, waits, strict=True)]
    async with asyncio.timeout(options.tokens / options.rate + options.over + 120):
        seen = await asyncio.gather(*jobs)
    took = time.monotonic() - started
    after = {name: usage(pid) for name, pid in pids.items()}
    report(seen, await asyncio.to_thread(sent_by, upstream), took, before, after)


def sent_by(upstream: str) -> dict[str, list[float]]:
    """When the upstream sent each token, by question."""
    with urllib.request.urlopen(f"{upstream}/requests") as reply:
        return {question(r): r["event_times"][1:] for r in json.load(reply) if question(r).startswith("!count")}


def question(request: dict[str, Any]) -> str:
    return str(request["body"]["messages"][-1]["content"])


def report(seen: list[Seen], sent: dict[str, list[float]], took: float, before: Usages, after: Usages) -> None:
    first = [s.first_text_at - s.asked_at for s in seen if s.first_text_at]
    added = [at - sent[s.question][n] for s in seen if s.question in sent for n, at in s.arrivals.items()]
    tokens = sum(len(s.arrivals) for s in seen)
    cpu = {name: after[name][0] - before[name][0] for name in before}
    print(f"{sum(s.is_done for s in seen)} of {len(seen)} finished whole in {took:.1f} s")
    print(f"first text: p50 {ms(first, 0.5)} ms, p99 {ms(first, 0.99)} ms")
    print(f"added to each token: p50 {ms(added, 0.5)} ms, p99 {ms(added, 0.99)} ms")
    print(f"{sum(s.frames for s in seen)} frames, {sum(s.bytes for s in seen) / max(tokens, 1):.0f} bytes a token")
    print(f"CPU {cpu}: {1000 * sum(cpu.values()) / max(tokens, 1):.3f} s per 1,000 tokens")
    print(f"memory MB { ({name: round(mb) for name, (_, mb) in after.items()}) }")


def ms(values: list[float], share: float) -> int:
    return round(1000 * sorted(values)[min(len(values) - 1, int(len(values) * share))]) if values else -1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--rate", type=float, default=30)
    parser.add_argument("--over", type=float, default=5, help="seconds within which all are asked")
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="chat-bench-"))
    home.chmod(0o711)
    children: list[subprocess.Popen[str]] = []
    try:
        with EmbeddedPostgres(places(home)) as server:
            measure(options, server.url, home, children)
            for child in reversed(children):
                child.terminate()
                child.wait(20)
    finally:
        for child in children:
            child.kill()
        shutil.rmtree(home, ignore_errors=True)


def measure(options: argparse.Namespace, database: str, home: Path, children: list[subprocess.Popen[str]]) -> None:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    upstream = subprocess.Popen([sys.executable, "-m", "bench.counting"], stdout=subprocess.PIPE, text=True)
    children.append(upstream)
    assert upstream.stdout
    address = upstream.stdout.readline().strip()
    env = os.environ | {
        "DATABASE_URL": database,
        "DEEPSEEK_API_KEY": "sk-" + "0" * 32,
        "DEEPSEEK_BASE_URL": address,
        "PUBLIC_URL": base,
        "VAR_DIR": str(home),
        "PROVIDER_CONCURRENCY": "1000",
    }
    for arguments in (["migrate", "-v0"], ["catalog"]):
        subprocess.run([sys.executable, "manage.py", *arguments], env=env, check=True)
    opening = "from catalog.models import Provider; Provider.objects.update(concurrency=1000)"
    script = f"import django; django.setup(); {opening}\n{MEMBERS}"
    env["DJANGO_SETTINGS_MODULE"] = "chatsite.settings"
    made = subprocess.run(
        [sys.executable, "-c", script, str(options.streams)], env=env, check=True, capture_output=True, text=True
    )
    pids = {}
    for name, arguments in {"web": ["web", "--port", str(port)], "worker": ["worker"]}.items():
        child = subprocess.Popen([sys.executable, "manage.py", *arguments], env=env, text=True)
        children.append(child)
        pids[name] = child.pid
    wait_for(base)
    asyncio.run(run(options, base, json.loads(made.stdout), pids, address))


def wait_for(base: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{base}/accounts/login/").read()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the web process did not come up")


if __name__ == "__main__":
    main()
