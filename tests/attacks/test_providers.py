"""What a hostile provider can send."""

from __future__ import annotations

import pytest

from providers.deltas import Delta, Text
from providers.dialects import DIALECTS
from providers.errors import ProviderError
from providers.messages import Secret
from providers.reading import Reader
from providers.sse import Event


@pytest.mark.parametrize(
    "choices", ['{"0": {}}', '{"a": 1}', '"text"', "[[]]", "[null]", "[1]", "true", "7", '[{"delta": []}]']
)
def test_choices_of_another_shape_are_passed_over(choices: str) -> None:
    """An object was an exception that nobody expected, and the member read that we had made a mistake."""
    reader = Reader(DIALECTS["deepseek"], Secret("sk-0123456789abcdef"), "")
    found: list[Delta] = list(reader.take(Event("", f'{{"choices": {choices}}}')))
    found += reader.take(Event("", '{"choices": [{"delta": {"content": "fine"}, "finish_reason": "stop"}]}'))
    found += reader.end()
    assert Text("fine") in found


def test_nothing_but_such_choices_is_an_error_of_the_providers() -> None:
    reader = Reader(DIALECTS["deepseek"], Secret("sk-0123456789abcdef"), "")
    for _ in range(30):
        reader.take(Event("", '{"choices": {"0": {}}}'))
    with pytest.raises(ProviderError):
        list(reader.end())
