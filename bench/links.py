"""A live link with 200 readers: what it costs the answer's writer, and what it costs the server beside one reader.

    python -m bench.links

The first lines are turns of the feed alone, in one process: what is rendered. The others are the whole house, with one
member's page on the answer: there each reader's socket costs besides, as a member's does.
"""

from __future__ import annotations

from argparse import ArgumentParser

from bench.figures import Record
from bench.house import house
from bench.lengths import in_process
from bench.running import run
from bench.streams import Figures, Load, measured

READERS = (0, 1, 200)


def measure(tokens: int = 3_000) -> list[Record]:
    loads = [Load(1, over=0, by_link=count) for count in READERS]
    loads += [Load(1, over=0, readers=1 + READERS[-1])]
    with house(many_readers=True) as it:
        whole = [(load, measured(it, load)) for load in loads]
    turns = [{"what": "turns of the feed", **record} for record in in_process("rendered", tokens, READERS)]
    return turns + [_record(load, figures) for load, figures in whole]


def _record(load: Load, figures: Figures) -> Record:
    return {
        "what": "the whole house",
        "readers by link": load.by_link,
        "members' pages": load.readers,
        "worker, CPU s per 1,000 tokens": figures.per_thousand("worker"),
        "web, same": figures.per_thousand("web"),
        "Postgres, same": figures.per_thousand("postgres"),
        "finished whole": figures.whole,
    }


def main() -> None:
    parser = ArgumentParser(description="A live link with many readers.")
    parser.add_argument("--tokens", type=int, default=3_000)
    run(measure, parser)


if __name__ == "__main__":
    main()
