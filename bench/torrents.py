"""One answer at 500 tokens a second, through the whole house to a socket: how far the reader is behind at its end.

python -m bench.torrents --tokens 8000 --shape code
"""

from __future__ import annotations

from argparse import ArgumentParser

from bench.figures import Record, share
from bench.house import House, house
from bench.running import run
from bench.streams import Load, measured
from bench.words import SHAPES

RATE = 500  # tokens a second
LENGTHS = (8_000, 20_000)


def measure() -> list[Record]:
    with house() as it:
        return [_measure(it, length, shape) for length in LENGTHS for shape in SHAPES]


def once(tokens: int, shape: str) -> list[Record]:
    with house() as it:
        return [_measure(it, tokens, shape)]


def _measure(it: House, tokens: int, shape: str) -> Record:
    load = Load(1, 0, RATE, tokens, shape=shape)
    figures = measured(it, load)
    return {
        "tokens": tokens,
        "shape": shape,
        "finished whole": figures.whole,
        # By then the whole message has been rendered and sent anew as well.
        "lag at the end, ms": 1e3 * figures.lag,
        "added p50, ms": 1e3 * share(figures.added, 0.5),
        "added p99, ms": 1e3 * share(figures.added, 0.99),
        "web, CPU s per 1,000 tokens": figures.per_thousand("web"),
        "worker, same": figures.per_thousand("worker"),
        "bytes per token": figures.seen[0].bytes / tokens,
    }


def main() -> None:
    parser = ArgumentParser(description="One answer at 500 tokens a second.")
    parser.add_argument("--tokens", type=int, default=8_000)
    parser.add_argument("--shape", choices=SHAPES, default="prose")
    run(once, parser)


if __name__ == "__main__":
    main()
