"""How sure the model was, as far as it makes sense."""

from typing import Any

import pytest

from providers.deltas import Alternative, Logprobs, TokenLogprob
from providers.logprobs import logprobs


def entry(token: Any, logprob: Any, *alternatives: Any) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": None, "top_logprobs": list(alternatives)}


def test_text_and_reasoning_are_told_apart() -> None:
    sent = {"content": [entry("a", -0.5, entry("a", -0.5), entry("b", -2))], "reasoning_content": [entry("hm", 0)]}
    assert logprobs(sent) == Logprobs(
        text=(TokenLogprob("a", -0.5, (Alternative("a", -0.5), Alternative("b", -2.0))),),
        reasoning=(TokenLogprob("hm", 0.0),),
    )


@pytest.mark.parametrize("value", [-9999.0, -9999, -3.4e38, -(10**400)])
def test_what_is_out_of_sight_has_no_number(value: float) -> None:
    found = logprobs({"content": [entry("a", -0.1, entry("b", value)), entry("c", value)]})
    assert found == Logprobs((TokenLogprob("a", -0.1, (Alternative("b", None),)), TokenLogprob("c", None)))


@pytest.mark.parametrize("value", [None, "1", True, float("nan"), float("-inf"), float("inf"), 10**400, 5, [], {}])
def test_an_entry_that_makes_no_sense_is_left_out(value: Any) -> None:
    found = logprobs({"content": [entry("a", value), entry("b", -1, entry("c", value)), entry(value, -1), value]})
    strings = (TokenLogprob("1", -1.0),) if value == "1" else ()
    assert found == Logprobs((TokenLogprob("b", -1.0), *strings))


@pytest.mark.parametrize(
    "sent", [None, [], 7, "a", {}, {"content": None}, {"content": []}, {"content": {}, "reasoning_content": "a"}]
)
def test_nothing_to_tell_is_nothing(sent: Any) -> None:
    assert logprobs(sent) is None


def test_half_an_emoji_is_made_storable() -> None:
    assert logprobs({"content": [entry("\ud83d\0", -1)]}) == Logprobs((TokenLogprob("\ufffd\ufffd", -1.0),))
