"""Growth with an answer's length: what its last 1,000 tokens cost over its first, in shapes that grow differently.

    python -m bench.lengths --tokens 10000

The log's events go through turns of the feed, as in a web process with one reader in step, eight tokens a turn; the CPU
is that of the turns alone. bench.torrents has the same through the whole house.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from bench import inside
from bench.figures import Record
from bench.running import run
from chatsite.postgres import EmbeddedPostgres, places

SHAPES = ("paragraph", "code", "list", "table")
LENGTHS = (1_000, 10_000, 100_000)


def measure() -> list[Record]:
    return [record for length in LENGTHS for record in once(length)]


def once(tokens: int, shapes: Sequence[str] = SHAPES) -> list[Record]:
    return in_process("grow", tokens, shapes)


def in_process(name: str, *arguments: object) -> list[Record]:
    """A function of bench.growing, over a database of its own."""
    home = Path(tempfile.mkdtemp(prefix="chat-bench-"))
    home.chmod(0o711)  # as root, PostgreSQL runs as another user, who must reach the folders below
    try:
        with EmbeddedPostgres(places(home)) as server:
            own = {
                "DATABASE_URL": server.url,
                "DEEPSEEK_API_KEY": "sk-" + "0" * 32,
                "DJANGO_SETTINGS_MODULE": "chatsite.settings",
                "VAR_DIR": str(home),
            }
            records: list[Record] = inside.call("bench.growing", name, *arguments, environment=os.environ | own)
            return records
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    parser = ArgumentParser(description="Growth with an answer's length.")
    parser.add_argument("--tokens", type=int, default=10_000)
    run(once, parser)


if __name__ == "__main__":
    main()
