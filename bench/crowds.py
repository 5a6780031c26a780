"""What a token costs the web process as answers, and readers of one answer, become more.

The first line's answers are one word each: what remains is the price of asking, of the socket and of the end.

python -m bench.crowds
"""

from __future__ import annotations

from argparse import ArgumentParser

from bench.figures import Record
from bench.house import house
from bench.running import run
from bench.streams import Figures, Load, measured

STREAMS = (1, 10, 50, 100, 200, 400)
READERS = (1, 10, 50, 200)  # of one answer


def measure(most: int = 400) -> list[Record]:
    loads = [Load(min(20, most), over=10, tokens=1)]
    loads += [Load(streams, over=streams / 40) for streams in STREAMS if streams <= most]
    loads += [Load(1, over=0, readers=readers) for readers in READERS if 1 < readers <= most]
    with house(many_readers=True) as it:
        return [_record(load, measured(it, load)) for load in loads]


def _record(load: Load, figures: Figures) -> Record:
    return {
        "streams": load.streams,
        "tokens of each": load.tokens,
        "readers of each": load.readers,
        "finished whole": figures.whole,
        "web, CPU s per 1,000 tokens": figures.per_thousand("web"),
        "worker, same": figures.per_thousand("worker"),
        "Postgres, same": figures.per_thousand("postgres"),
        "web, CPU ms per answer": figures.cpu["web"] / load.streams * 1e3,
        "worker, CPU ms per answer": figures.cpu["worker"] / load.streams * 1e3,
        "web, CPU ms per 1,000 tokens and reader": figures.per_thousand("web") / load.readers * 1e3,
        "frames per token and reader": figures.frames / max(figures.tokens, 1) / load.readers,
    }


def main() -> None:
    parser = ArgumentParser(description="Growth with streams and with readers.")
    parser.add_argument("--most", type=int, default=400, help="streams or readers")
    run(measure, parser)


if __name__ == "__main__":
    main()
