"""The measuring tools still measure: small runs of those that lean most on the house's inside.

What they say is not judged: how fast it is, `make bench` tells.
"""

from __future__ import annotations

from bench import inside
from bench.figures import shown, table
from bench.goals import GOALS
from bench.report import MEASUREMENTS
from bench.words import SHAPES, numbers, tokens


def test_a_load_finishes_whole_and_every_token_has_its_latency() -> None:
    [record] = inside.call("bench.streams", "small")
    assert record["finished whole"] == record["streams"]
    assert record["added p50, ms"] > 0
    assert record["web and worker, same"] > 0
    assert record["the floor, same"] > 0


def test_an_answer_grows_to_the_length_that_was_asked_for() -> None:
    records = inside.call("bench.lengths", "once", 1_000, ["table", "code"])
    assert all(
        record["tokens"] == 1_000 and record["last over first"] > 0 and record["last frame, kB"] > 1
        for record in records
    )


def test_the_words_of_every_shape_are_found_again_each_once() -> None:
    for shape in SHAPES:
        assert numbers("".join(tokens(shape, 5, 100)).encode()) == list(range(5, 100))


def test_every_goal_names_a_measurement() -> None:
    assert {goal.measured_by for goal in GOALS} <= MEASUREMENTS.keys()


def test_a_table_has_a_column_for_every_figure() -> None:
    assert table([{"a": 1.0, "b": 0.12345}, {"a": 2_345.6}]).splitlines() == [
        "| a | b |",
        "| -- | -- |",
        "| 1 | 0.123 |",
        "| 2,346 |  |",
    ]
    assert shown("never") == "never"
