"""The page in Chromium: how soon words are in the DOM, what that costs the main thread, and how heavy the page is.

    python -m bench.page --only stream

page.js, put into the page before anything of its own, notes when each numbered word appears. The main thread's time is
CPU time, so a busy machine makes it no longer.
"""

from __future__ import annotations

import time
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page

from bench import inside, processes
from bench.figures import Record, share
from bench.house import House, house
from bench.running import run
from tests.browser import chromium

SCRIPT = Path(__file__).with_name("page.js").read_text()
TIMES = 10  # for what is short
STREAMS = ((800, 50), (8_000, 500), (20_000, 500))  # (tokens, tokens a second)
LONG = 1_000  # messages
PATIENCE = 120.0  # seconds beyond the time that an answer takes


@dataclass
class Tab:
    """A page in a window of its own: nothing cached."""

    page: Page
    cdp: CDPSession
    bytes: int = 0  # compressed, as they came
    script_bytes: int = 0
    requests: list[str] = field(default_factory=list)
    _scripts: set[str] = field(default_factory=set)

    def watch(self) -> None:
        self.cdp.on("Network.requestWillBeSent", lambda it: self.requests.append(it["request"]["url"]))
        self.cdp.on("Network.responseReceived", self._note_type)
        self.cdp.on("Network.loadingFinished", self._note_size)
        self.cdp.send("Network.enable")
        self.cdp.send("Performance.enable", {"timeDomain": "threadTicks"})

    def _note_type(self, event: dict[str, Any]) -> None:
        if event["type"] == "Script":
            self._scripts.add(event["requestId"])

    def _note_size(self, event: dict[str, Any]) -> None:
        self.bytes += event["encodedDataLength"]
        self.script_bytes += event["encodedDataLength"] if event["requestId"] in self._scripts else 0

    def seconds_busy(self) -> dict[str, float]:
        """CPU time of the main thread: all of it, and its parts."""
        told = {it["name"]: it["value"] for it in self.cdp.send("Performance.getMetrics")["metrics"]}
        return {name: told[f"{name}Duration"] for name in ("Task", "Script", "Layout", "RecalcStyle")}

    def noted(self) -> dict[str, Any]:
        """What page.js has noted; times in ms since the page began."""
        told: dict[str, Any] = self.page.evaluate("window.bench")
        return told

    def began(self) -> float:
        """When the page did, as time.monotonic(): out of many tries the one that took the shortest."""
        tries: list[tuple[float, float]] = []
        for _ in range(20):
            before = time.monotonic()
            now = self.page.evaluate("performance.now()") / 1e3
            after = time.monotonic()
            tries.append((after - before, (before + after) / 2 - now))
        return min(tries)[1]

    def ask(self, text: str) -> None:
        self.page.fill("#question", text)
        self.page.press("#question", "Enter")

    def wait_for(self, expression: str, seconds: float) -> None:
        """Looks now and then from outside: a watch inside would keep the main thread busy."""
        deadline = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            if time.monotonic() > deadline:
                raise SystemExit(f"waited {seconds:.0f} s in the browser for {expression}")
            self.page.wait_for_timeout(100)


@contextmanager
def tab(browser: Browser, it: House, session: str) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_cookies([{"name": "session", "value": session, "url": it.base}])
    context.add_init_script(SCRIPT)
    page = context.new_page()
    opened = Tab(page, context.new_cdp_session(page))
    opened.watch()
    try:
        yield opened
    finally:
        context.close()


def measure(only: str = "") -> list[Record]:
    with house() as it, chromium() as browser:
        return [record for name, part in PARTS.items() if only in {"", name} for record in part(it, browser)]


def cold(it: House, browser: Browser) -> list[Record]:
    """The page of a new conversation, nothing cached."""
    loads = [_cold(it, browser, key) for key in it.members(TIMES)]
    usable = median(noted["usable"] for _, noted in loads)
    opened = loads[-1][0]
    return [
        {
            "what": "chat page, cold",
            "requests": len(opened.requests),
            "kB": opened.bytes / 1e3,
            "JavaScript, kB": opened.script_bytes / 1e3,
            "composer usable, ms": usable,
        }
    ]


def _cold(it: House, browser: Browser, key: str) -> tuple[Tab, dict[str, Any]]:
    with tab(browser, it, key) as opened:
        opened.page.goto(it.base, wait_until="networkidle")
        return opened, opened.noted()


def first_text(it: House, browser: Browser) -> list[Record]:
    """From Enter to the first word in the page."""
    took = []
    with tab(browser, it, *it.members(1)) as opened:
        for _ in range(TIMES + 1):
            opened.page.goto(it.base)
            opened.ask("!count 50 20")
            opened.wait_for("bench.count == 20", 30)
            noted = opened.noted()
            took.append(noted["at"][0] - noted["asked"])
    return [{"what": "first text after send", "median, ms": median(took[1:]), "longest, ms": max(took[1:])}]


def streams(it: House, browser: Browser) -> list[Record]:
    """One answer, watched in one tab."""
    return [_stream(it, browser, tokens, rate) for tokens, rate in STREAMS]


def _stream(it: House, browser: Browser, tokens: int, rate: int) -> Record:
    it.forget()
    with tab(browser, it, *it.members(1)) as opened:
        opened.page.goto(it.base)
        before = opened.seconds_busy()
        opened.ask(f"!count {rate} {tokens}")
        opened.page.wait_for_timeout(1e3 * tokens / rate)
        opened.wait_for(f"bench.count == {tokens}", PATIENCE)
        opened.wait_for("!!document.querySelector('article[data-state=done]')", PATIENCE)
        after, began, noted = opened.seconds_busy(), opened.began(), opened.noted()
    [[asked]] = it.sent().values()
    added = [began + at / 1e3 - sent for at, sent in zip(noted["at"], asked["sent"], strict=True)]
    return {
        "what": f"{tokens:,} tokens at {rate}/s",
        "main thread busy, CPU s": after["Task"] - before["Task"],
        "its script, s": after["Script"] - before["Script"],
        "its layout and style, s": sum(after[name] - before[name] for name in ("Layout", "RecalcStyle")),
        "added to the DOM p50, ms": 1e3 * share(added, 0.5),
        "added to the DOM p99, ms": 1e3 * share(added, 0.99),
        "lag at the end, ms": 1e3 * added[-1],
    }


def long_conversation(it: House, browser: Browser) -> list[Record]:
    """A conversation of 1,000 messages, opened."""
    session, path = inside.call("bench.members", "long_conversation", LONG, environment=it.environment)
    with tab(browser, it, session) as opened:
        opened.page.goto(f"{it.base}{path}", wait_until="networkidle")
        opened.wait_for("bench.shown", PATIENCE)
        noted = opened.noted()
    wall, cpu = _served(it, session, path)
    return [
        {
            "what": f"a conversation of {LONG:,} messages",
            "last one visible, ms": noted["shown"],
            "kB": opened.bytes / 1e3,
            "server, ms": 1e3 * wall,
            "server, CPU ms": 1e3 * cpu,
        }
    ]


def _served(it: House, session: str, path: str) -> tuple[float, float]:
    """Seconds of the fastest of ten, and CPU seconds of the web process for each."""
    request = urllib.request.Request(f"{it.base}{path}", headers={"Cookie": f"session={session}"})
    took, before = [], processes.cpu(it.pids["web"])
    for _ in range(TIMES):
        begin = time.monotonic()
        urllib.request.urlopen(request).read()
        took.append(time.monotonic() - begin)
    return min(took), (processes.cpu(it.pids["web"]) - before) / TIMES


PARTS: dict[str, Callable[[House, Browser], list[Record]]] = {
    "cold": cold,
    "first": first_text,
    "stream": streams,
    "long": long_conversation,
}


def main() -> None:
    parser = ArgumentParser(description="The page in Chromium.")
    parser.add_argument("--only", choices=PARTS, default="")
    run(measure, parser)


if __name__ == "__main__":
    main()
