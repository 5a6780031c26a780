"""Calls put together from every kind of fragments that was seen on the wire."""

from __future__ import annotations

import json
import re
import tracemalloc
from typing import Any

import pytest

from providers.deltas import ToolCall, ToolCallBegun
from providers.tool_calls import LONGEST_NAME, MOST_CALLS, MOST_CHARACTERS, ToolCalls

OFFERED = ("get_date", "get_weather")


def fragment(
    arguments: Any = None, name: Any = None, id: Any = None, *, index: Any = None, **others: Any
) -> dict[str, Any]:
    """Exactly the fields that are given."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    sent = {"index": index, "id": id, "function": function, **others}
    return {key: value for key, value in sent.items() if value is not None}


def put_together(*chunks: Any) -> list[ToolCall]:
    calls = ToolCalls(OFFERED)
    begun = [each for chunk in chunks for each in calls.take(chunk)]
    whole = calls.whole()
    assert sorted((each.id, each.name) for each in begun) == sorted((each.id, each.name) for each in whole)
    return whole


DATE = ToolCall("call_0", "get_date", "{}")
WEATHER = ToolCall("call_1", "get_weather", '{"location": "Hangzhou"}')


def test_fragments_are_put_together_by_their_index() -> None:
    assert put_together(
        [fragment("", "get_date", "call_0", index=0)],
        [fragment("", "get_weather", "call_1", index=1)],
        [fragment('{"location":', index=1), fragment("{", index=0)],
        [fragment("}", index=0)],
        [fragment(' "Hangzhou"}', index=1)],
    ) == [DATE, WEATHER]


def test_calls_come_in_the_order_of_their_index() -> None:
    late = put_together(
        [fragment(WEATHER.arguments, "get_weather", "call_1", index=7)],
        [fragment("{}", "get_date", "call_0", index=-1)],
    )
    assert late == [DATE, WEATHER]


def test_a_call_is_announced_as_soon_as_its_name_is_known() -> None:
    calls = ToolCalls(OFFERED)
    assert calls.take([fragment("", None, "call_0", index=0)]) == []
    assert calls.take([fragment("{", "get_date", index=0)]) == [ToolCallBegun("call_0", "get_date")]
    assert calls.take([fragment("}", "get_date", index=0)]) == []


@pytest.mark.parametrize("nothing", [None, "", 0, [], {}])
def test_a_known_id_and_name_are_never_overwritten_by_nothing(nothing: Any) -> None:
    later = {"index": 0, "id": nothing, "type": nothing, "function": {"name": nothing, "arguments": "}"}}
    assert put_together([fragment("{", "get_date", "call_0", index=0)], [later]) == [DATE]


@pytest.mark.parametrize("function", [None, "", [], 7])
def test_a_fragment_without_a_function_changes_nothing(function: Any) -> None:
    first = [fragment("{}", "get_date", "call_0", index=0)]
    assert put_together(first, [{"index": 0, "id": None, "function": function}]) == [DATE]


def test_an_id_and_a_name_that_are_repeated_are_said_once() -> None:
    pieces = [[fragment(piece, "get_date", "call_0", index=0)] for piece in ("", "{", "}")]
    assert put_together(*pieces) == [DATE]


def test_an_id_that_is_made_up_anew_for_every_fragment_is_the_first_one() -> None:
    """Old vLLM: the name comes once, an id always."""
    assert put_together(
        [fragment("", "get_date", "call_0", index=0)],
        [fragment("{", id="chatcmpl-tool-1", index=0)],
        [fragment("}", id="chatcmpl-tool-2", index=0)],
    ) == [DATE]


def test_whole_calls_in_one_chunk_are_taken_as_they_are() -> None:
    chunk = [
        fragment("{}", "get_date", "call_0", index=0),
        fragment(WEATHER.arguments, "get_weather", "call_1", index=1),
    ]
    assert put_together(chunk) == [DATE, WEATHER]


def test_whole_calls_that_are_all_numbered_0_are_told_apart_by_their_ids() -> None:
    """Old Ollama."""
    assert put_together(
        [fragment("{}", "get_date", "call_0", index=0)],
        [fragment(WEATHER.arguments, "get_weather", "call_1", index=0)],
    ) == [DATE, WEATHER]


@pytest.mark.parametrize("index", [None, "0", True, 0.0, [], {}])
def test_without_an_index_the_id_tells_calls_apart(index: Any) -> None:
    assert put_together(
        [fragment("", "get_date", "call_0", index=index)],
        [fragment("", "get_weather", "call_1", index=index)],
        [fragment("{", id="call_0", index=index)],
        [fragment(WEATHER.arguments, id="call_1", index=index)],
        [fragment("}", id="call_0", index=index)],
    ) == [DATE, WEATHER]


def test_without_index_and_id_a_fragment_that_comes_alone_goes_on_with_the_latest_call() -> None:
    assert put_together(
        [fragment("", "get_date", "call_0")],
        [fragment("{")],
        [fragment("}")],
        [fragment("", "get_weather", "call_1")],
        [fragment('{"location":')],
        [fragment(' "Hangzhou"}')],
    ) == [DATE, WEATHER]


def test_without_index_and_id_fragments_that_come_together_are_told_apart_by_their_place() -> None:
    assert put_together(
        [fragment("", "get_date", "call_0"), fragment("", "get_weather", "call_1")],
        [fragment("{"), fragment('{"location":')],
        [fragment("}"), fragment(' "Hangzhou"}')],
    ) == [DATE, WEATHER]


def test_without_index_and_id_every_name_is_a_call() -> None:
    whole = put_together([fragment("{}", "get_date")], [fragment("{}", "get_date")])
    assert [call.name for call in whole] == ["get_date", "get_date"]
    assert whole[0].id != whole[1].id


def test_a_call_without_an_id_gets_one_that_stays() -> None:
    calls = ToolCalls(OFFERED)
    (begun,) = calls.take([fragment("{", "get_date", index=0)])
    calls.take([fragment("}", "get_date", "late", index=0)])
    assert re.fullmatch("call_[0-9a-f]{24}", begun.id)
    assert calls.whole() == [ToolCall(begun.id, "get_date", "{}")]


def test_arguments_may_be_the_object_itself() -> None:
    (call,) = put_together([fragment({"location": "杭州"}, "get_weather", "call_1", index=0)])
    assert (call.arguments, call.problem) == ('{"location": "杭州"}', "")


@pytest.mark.parametrize("arguments", [None, "", "  \n", {}])
def test_a_tool_without_parameters_may_be_called_with_nothing(arguments: Any) -> None:
    assert put_together([fragment(arguments, "get_date", "call_0", index=0)]) == [DATE]


def test_an_emoji_cut_between_two_fragments_is_one_emoji() -> None:
    (call,) = put_together([fragment('{"a": "\ud83d', "get_date", "call_0", index=0)], [fragment('\ude80"}', index=0)])
    assert json.loads(call.arguments) == {"a": "🚀"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('{"location": "Hang', "no JSON"),
        ('{"location": Hangzhou"}', "no JSON"),
        ('{"a": 1}{"a": 1}', "no JSON"),
        ('{"a": NaN}', "NaN is no number"),
        ("[" * 100_000, "no JSON"),
        ('{"a": ' + "9" * 5_000 + "}", "no JSON"),
        ("[]", "no JSON object"),
        ('"text"', "no JSON object"),
        ("null", "no JSON object"),
    ],
)
def test_arguments_that_are_no_object_are_a_problem_in_words(arguments: str, words: str) -> None:
    (call,) = put_together([fragment(arguments, "get_date", "call_0", index=0)])
    assert words in call.problem
    assert call.arguments == arguments


def test_a_tool_that_was_not_offered_is_a_problem_that_names_those_that_were() -> None:
    (call,) = put_together([fragment("{}", "rm_rf", "call_0", index=0)])
    assert call.problem == "There is no tool of this name. There are: get_date, get_weather."


def test_a_call_that_was_cut_off_is_a_problem_even_if_it_reads_well() -> None:
    calls = ToolCalls(OFFERED)
    calls.take([fragment("{}", "get_date", "call_0", index=0)])
    assert "cut off" in calls.whole(cut_off=True)[0].problem


def test_a_call_whose_name_never_came_is_none() -> None:
    assert put_together([fragment("{}", None, "call_0", index=0)]) == []


@pytest.mark.parametrize("garbage", [None, 7, "text", {}, {"index": 0}, [], [7], [None, "a", []], [{"function": "x"}]])
def test_garbage_is_passed_over(garbage: Any) -> None:
    assert put_together([fragment("{", "get_date", "call_0", index=0)], garbage, [fragment("}", index=0)]) == [DATE]


def test_an_index_is_believed_to_be_no_size() -> None:
    (call,) = put_together([fragment("{}", "get_date", "call_0", index=10**300)])
    assert call == DATE


def test_calls_come_in_the_order_of_their_index_whatever_their_ids() -> None:
    late, early = fragment("{}", "get_date", "call_a", index=1), fragment("{}", "get_weather", "call_b", index=0)
    assert [call.id for call in put_together([late], [early])] == ["call_b", "call_a"]


def test_there_is_an_end_to_the_calls_of_an_answer() -> None:
    chunks = [[fragment("{}", "get_date", f"call_{index}", index=index)] for index in range(MOST_CALLS + 5)]
    assert len(put_together(*chunks)) == MOST_CALLS


def test_there_is_an_end_to_the_arguments_of_an_answer() -> None:
    piece = fragment("x" * 100_000, index=0)
    first = [fragment("", "get_date", "call_0", index=0)]
    (call,) = put_together(first, *[[piece]] * (MOST_CHARACTERS // 100_000 + 5))
    assert (len(call.arguments), call.problem) == (MOST_CHARACTERS, "The arguments are too long.")


def test_fragments_without_a_word_take_no_room() -> None:
    calls = ToolCalls(["get_date"])
    calls.take([fragment("{}", "get_date", "call_0", index=0)])
    tracemalloc.start()
    for _ in range(10_000):
        calls.take([fragment("", index=0)])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10_000
    assert calls.whole() == [DATE]


def test_ids_and_names_are_short_and_storable() -> None:
    (call,) = put_together([fragment("{}", "n\0\ud83d" + "n" * 1_000, "i\0" * 1_000, index=0)])
    assert (len(call.id), len(call.name)) == (LONGEST_NAME, LONGEST_NAME)
    (call.id + call.name).encode()
    assert "\0" not in call.id + call.name
