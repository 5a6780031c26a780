"""The numbers that we build for, beside our own: the first table of docs/benchmarks.md.

What the others need was measured on a 2-core machine with the same scripted provider; ratios count, not seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.figures import Record, shown, table


@dataclass(frozen=True)
class Goal:
    work: str
    open_webui: str
    chainlit: str
    ours_at_least: str
    measured_by: str = ""  # a measurement
    shows: str = ""  # {figure} of its first record …
    where: Record = field(default_factory=dict)  # … that has these

    def now(self, results: Mapping[str, Sequence[Record]]) -> str:
        """Our figures as they were last measured."""
        fitting = [it for it in results.get(self.measured_by, ()) if self.where.items() <= it.items()]
        if not fitting:
            return "not measured yet"
        return self.shows.format_map({name: shown(value) for name, value in fitting[0].items()})


LOAD = "{finished whole} / {first text p50, ms} ms / {added p99, ms} ms"
STREAM_800: Record = {"what": "800 tokens at 50/s"}
STREAM_8000: Record = {"what": "8,000 tokens at 500/s"}
STREAM_20000: Record = {"what": "20,000 tokens at 500/s"}
AT_200: Record = {"streams": 200, "within s": 5}

GOALS = [
    Goal(
        "first text in the browser after send",
        "511 ms",
        "245 ms",
        "80 ms",
        "page",
        "{median, ms} ms",
        {"what": "first text after send"},
    ),
    Goal(
        "800 tokens at 50/s in a browser: main thread busy",
        "11.5 s of 16",
        "13.9 s",
        "1.5 s",
        "page",
        "{main thread busy, CPU s} s",
        STREAM_800,
    ),
    Goal(
        "the same: added latency to the DOM, p50 / p99",
        "15 / 36 ms",
        "28 / 119 ms",
        "15 / 50 ms",
        "page",
        "{added to the DOM p50, ms} / {added to the DOM p99, ms} ms",
        STREAM_800,
    ),
    Goal(
        "8,000 tokens at 500/s in one message: lag at the end",
        "8.3 s",
        "never finished",
        "0.2 s",
        "page",
        "{lag at the end, ms} ms",
        STREAM_8000,
    ),
    Goal("20,000 of them", "53 s", "never finished", "0.3 s", "page", "{lag at the end, ms} ms", STREAM_20000),
    *(
        Goal(
            f"last 1,000 tokens of 100,000 over the first: {shape}",
            "grows",
            "grows",
            "1.2 ×",
            "lengths",
            "{last over first} ×",
            {"tokens": 100_000, "shape": shape},
        )
        for shape in ("paragraph", "code", "list", "table")
    ),
    Goal(
        "200 streams at 30/s, all asked within 1 s: finished / first text p50 / added p99",
        "138 / 11.4 s / 5.6 s",
        "200 / 1.3 s / 8.9 s",
        "200 / 0.6 s / 0.15 s",
        "streams",
        LOAD,
        {"streams": 200, "within s": 1},
    ),
    Goal("the same, asked within 5 s", "", "", "200 / 0.1 s / 0.15 s", "streams", LOAD, AT_200),
    Goal(
        "400 streams at 30/s asked within 10 s: finished / first text p50 / added p99",
        "–",
        "–",
        "400 / – / 0.25 s",
        "streams",
        LOAD,
        {"streams": 400, "within s": 10},
    ),
    Goal(
        "at 200 streams: CPU of web and worker per 1,000 tokens",
        "0.60–0.70 s",
        "0.31 s",
        "0.12 s",
        "streams",
        "{web and worker, same} s",
        AT_200,
    ),
    Goal(
        "the same over the floor: our provider loop alone",
        "",
        "",
        "",
        "streams",
        "{web and worker over the floor} × {the floor, same} s",
        AT_200,
    ),
    Goal(
        "at 200 streams: memory of web and worker",
        "1,145 MB",
        "223 MB",
        "350 MB",
        "streams",
        "{web and worker, PSS MB} MB",
        AT_200,
    ),
    Goal(
        "stop pressed → upstream connection closed: median / longest",
        "81 ms",
        "94 ms",
        "60 / 150 ms",
        "stopping",
        "{median, ms} / {longest, ms} ms",
    ),
    *(
        Goal(
            f"kill -9 of the {name} mid-answer",
            "an empty answer, shown as finished",
            "conversation gone",
            "nothing lost, answer goes on",
            "killing",
            "{the answer ended}, every token once: {every token once}, goes on after {goes on after, s} s",
            {"killed": name},
        )
        for name in ("worker", "web")
    ),
    Goal(
        "chat page, cold: requests / kB / composer usable",
        "234 / 2,665 / 2.0 s",
        "19 / 1,288 / 1.2 s",
        "12 / 150 / 0.3 s",
        "page",
        "{requests} / {kB} / {composer usable, ms} ms",
        {"what": "chat page, cold"},
    ),
    Goal(
        "JavaScript on the chat page, as it is sent",
        "2.1 MB",
        "1.26 MB",
        "60 kB",
        "page",
        "{JavaScript, kB} kB",
        {"what": "chat page, cold"},
    ),
    Goal(
        "installed size / start / idle memory",
        "2.4 GB / 23 s / 793 MB",
        "142 MB / 3 s / 133 MB",
        "400 MB with Postgres and the local model / 5 s / 300 MB",
        "footprint",
        "{installed, MB} MB / {second start, s} s (at first {first start to page, s} s) / {idle memory, PSS MB} MB",
    ),
    Goal(
        "open a conversation of 1,000 messages: last one visible / bytes",
        "2.1 s / 411 kB",
        "",
        "0.4 s (100 ms of server time) / 300 kB, more as you scroll",
        "page",
        "{last one visible, ms} ms ({server, ms} ms of server time) / {kB} kB",
        {"what": "a conversation of 1,000 messages"},
    ),
    Goal(
        "the floor: 200 streams, nothing stored: CPU per 1,000 tokens",
        "0.064 s",
        "",
        "",
        "streams",
        "{the floor, same} s",
        AT_200,
    ),
    Goal(
        "24 hours of streams in 10 minutes: growth per 1,000 answers, web",
        "",
        "",
        "1 MB",
        "soak",
        "{MB per 1,000 answers} MB of {answers} answers",
        {"process": "web"},
    ),
    Goal(
        "the same, worker",
        "",
        "",
        "1 MB",
        "soak",
        "{MB per 1,000 answers} MB of {answers} answers",
        {"process": "worker"},
    ),
]


def goals(results: Mapping[str, Sequence[Record]]) -> str:
    """The table."""
    return table(
        [
            {
                "work": goal.work,
                "Open WebUI 0.12.4": goal.open_webui,
                "Chainlit 2.12": goal.chainlit,
                "ours, at least": goal.ours_at_least,
                "ours": goal.now(results),
            }
            for goal in GOALS
        ]
    )
