"""The rows that fit into two minutes, played in one house. `make faults` plays all of them, and the soak."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chatsite.processes import ROOT
from tests.faults import rows
from tests.faults.house import House
from tests.faults.table import TABLE, Row, as_markdown, play

assert rows.__all__  # imported for what it registers

QUICK = [row for row in TABLE.values() if row.is_quick]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House() as started:
        yield started


@pytest.mark.parametrize("row", QUICK, ids=[row.deed.__name__ for row in QUICK])
async def test_what_is_promised_when(row: Row, house: House) -> None:
    await play(row, house)


def test_the_page_about_faults_has_every_row() -> None:
    """`python -m tests.faults list` prints what belongs there."""
    assert as_markdown() in (ROOT / "docs" / "faults.md").read_text()
