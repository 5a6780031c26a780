"""What one event means, and what the end means, without any HTTP around it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from providers import (
    ChatMessage,
    ChatRequest,
    Delta,
    FillRequest,
    Finished,
    Format,
    Logprobs,
    ProviderError,
    Reasoning,
    Secret,
    Started,
    Text,
    Tool,
    ToolCall,
    ToolCallBegun,
    ToolUse,
)
from providers.dialects import DIALECTS
from providers.errors import (
    CutError,
    EmptyAnswerError,
    LeakedMarkupError,
    MalformedStreamError,
    OverloadedError,
    RateLimitedError,
    ServerFaultError,
    UnknownFinishError,
)
from providers.reading import SILENT_EVENTS_FORGIVEN, Reader
from providers.speech import MOST_WHITE_SPACE
from providers.sse import Event
from tests.providers.asking import QUESTION

WITH_TOOLS = replace(QUESTION, tools=(Tool("get_date", "Today"), Tool("get_weather", "Weather")))
IN_JSON = replace(QUESTION, format=Format.JSON)
LEAK = '<｜DSML｜tool_calls>\n<｜DSML｜invoke name="get_date">'


def reader(question: ChatRequest | FillRequest = QUESTION, dialect: str = "deepseek") -> Reader:
    return Reader(DIALECTS[dialect], Secret(), "", question)


def chunk(delta: Any = None, finish: str | None = None, **others: Any) -> Event:
    return Event("", json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **others}))


def read(*events: Event, question: ChatRequest | FillRequest = QUESTION, dialect: str = "deepseek") -> list[Delta]:
    """All deltas but Started, to a good end."""
    reading = reader(question, dialect)
    found = [delta for event in events for delta in reading.take(event)]
    return [delta for delta in (*found, *reading.end()) if not isinstance(delta, Started)]


def fails(*events: Event, question: ChatRequest = QUESTION) -> tuple[list[Delta], ProviderError]:
    """All deltas but Started, and the error at the end."""
    reading = reader(question)
    found = [delta for event in events for delta in reading.take(event)]
    with pytest.raises(ProviderError) as raised:
        found.extend(reading.end())
    return [delta for delta in found if not isinstance(delta, Started)], raised.value


def call(name: str = "get_date", arguments: str = "{}", id: str = "call_0", index: int = 0) -> dict[str, Any]:
    return {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


# Beginning


def test_a_first_chunk_that_says_nothing_does_not_begin_the_answer() -> None:
    """Azure's first chunk: no choices, and an empty model."""
    reading = reader()
    assert reading.take(Event("", '{"choices":[],"model":"","prompt_filter_results":[]}')) == []
    assert reading.take(chunk({"role": "assistant"}, model="gpt")) == [Started("gpt", "", "")]


@pytest.mark.parametrize("broken", ["[7]", '{"0":{}}', '[{"delta":"a"}]', '[{"message":7}]', '[{"logprobs":[1]}]'])
def test_the_beginning_is_not_lost_with_a_chunk_that_cannot_be_understood(broken: str) -> None:
    assert reader().take(Event("", f'{{"model":"m","choices":{broken}}}')) == [Started("m", "", "")]


def test_who_answers_has_a_name_that_can_be_stored() -> None:
    said = chunk({"content": "a"}, model="g\0pt\ud83d", system_fingerprint="\0")
    assert reader().take(said)[0] == Started("g\ufffdpt\ufffd", "\ufffd", "")


# Reasoning


def test_an_empty_first_reasoning_opens_nothing() -> None:
    first = chunk({"role": "assistant", "content": None, "reasoning_content": ""})
    assert read(first, chunk({"content": "a"}, "stop")) == [Text("a"), Finished("stop")]


@pytest.mark.parametrize(
    "details",
    [
        [{"type": "reasoning.text", "text": "hm", "signature": None, "format": "anthropic-claude-v1", "index": 0}],
        [{"type": "reasoning.summary", "summary": "hm"}],
        [{"type": "reasoning.encrypted", "data": "c2VjcmV0"}, {"type": "reasoning.text", "text": "hm"}],
        [{"type": "reasoning.text", "text": "h"}, 7, None, {"text": 5}, {"type": "reasoning.text", "text": "m"}],
    ],
)
@pytest.mark.parametrize("beside", [{}, {"reasoning": ""}, {"reasoning": None}, {"reasoning": "hm"}])
def test_reasoning_details_are_read_where_nothing_else_says_it(details: Any, beside: dict[str, Any]) -> None:
    deltas = read(
        chunk({**beside, "reasoning_details": details}), chunk({"content": "a"}, "stop"), dialect="openrouter"
    )
    assert deltas == [Reasoning("hm"), Text("a"), Finished("stop")]


@pytest.mark.parametrize("details", [[], {}, "", 7, [{"type": "reasoning.encrypted", "data": "c2VjcmV0"}], [[]]])
def test_reasoning_details_without_a_word_are_no_thought(details: Any) -> None:
    event = chunk({"reasoning_details": details, "content": "a"}, "stop")
    assert read(event, dialect="openrouter") == [Text("a"), Finished("stop")]


# Text


def test_a_refusal_of_the_model_is_what_it_says() -> None:
    assert read(chunk({"refusal": "I can't."}), chunk({"refusal": None}, "stop"))[0] == Text("I can't.")


def test_text_beside_calls_is_text() -> None:
    deltas = read(chunk({"content": "Let me see.", "tool_calls": [call()]}, "tool_calls"), question=WITH_TOOLS)
    assert deltas[:2] == [Text("Let me see."), ToolCallBegun("call_0", "get_date")]


def test_null_is_never_text() -> None:
    deltas = read(
        chunk({"content": None, "tool_calls": [call()]}), chunk({"content": None}, "stop"), question=WITH_TOOLS
    )
    assert not [delta for delta in deltas if isinstance(delta, Text | Reasoning)]


def test_an_answer_that_is_said_once_more_at_the_end_is_heard_once() -> None:
    whole = {"choices": [{"message": {"role": "assistant", "content": "ab"}, "finish_reason": "stop"}]}
    assert read(chunk({"content": "a"}), chunk({"content": "b"}), Event("", json.dumps(whole)))[:-1] == [
        Text("a"),
        Text("b"),
    ]
    assert read(Event("", json.dumps(whole)))[:-1] == [Text("ab")]


# Calls


def test_calls_come_whole_before_the_usage_and_the_end() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    deltas = read(
        chunk({"tool_calls": [call("get_weather", '{"a":', "call_1", 1)]}),
        chunk({"tool_calls": [call()]}),
        chunk({"tool_calls": [{"index": 1, "function": {"arguments": "1}"}}]}),
        chunk({}, "tool_calls", usage=usage),
        question=WITH_TOOLS,
    )
    assert deltas[:4] == [
        ToolCallBegun("call_1", "get_weather"),
        ToolCallBegun("call_0", "get_date"),
        ToolCall("call_0", "get_date", "{}"),
        ToolCall("call_1", "get_weather", '{"a":1}'),
    ]
    assert deltas[-1] == Finished("tool_calls")


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "function_call"])
def test_who_has_called_a_tool_waits_for_it_whatever_reason_is_given(reason: str) -> None:
    assert read(chunk({"tool_calls": [call()]}, reason), question=WITH_TOOLS)[-1] == Finished("tool_calls")


def test_who_has_called_a_tool_and_gives_no_reason_waits_for_it_too() -> None:
    deltas = read(chunk({"tool_calls": [call()]}), Event("", "[DONE]"), question=WITH_TOOLS)
    assert deltas[-1] == Finished("tool_calls", assumed=True)


@pytest.mark.parametrize("reason", ["tool_calls", "function_call"])
def test_who_has_called_nothing_has_stopped_whatever_reason_is_given(reason: str) -> None:
    assert read(chunk({"content": "a"}, reason), question=WITH_TOOLS)[-1] == Finished("stop")
    assert isinstance(fails(chunk({}, reason), question=WITH_TOOLS)[1], EmptyAnswerError)


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_calls_of_an_answer_that_was_cut_off_are_not_to_be_carried_out(reason: str) -> None:
    *_, found, finished = read(chunk({"tool_calls": [call()]}, reason), question=WITH_TOOLS)
    assert isinstance(found, ToolCall)
    assert "cut off" in found.problem
    assert finished == Finished(reason)


def test_a_tool_that_was_never_offered_is_not_to_be_carried_out() -> None:
    for question in (WITH_TOOLS, QUESTION):
        *_, found, _ = read(chunk({"tool_calls": [call("rm")]}, "tool_calls"), question=question)
        assert isinstance(found, ToolCall)
        assert "no tool of this name" in found.problem


def test_the_old_form_of_a_call_is_read() -> None:
    deltas = read(
        chunk({"content": None, "function_call": {"name": "get_date", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"zone":'}}),
        chunk({"function_call": {"arguments": ' "UTC"}'}}),
        chunk({}, "function_call"),
        question=WITH_TOOLS,
    )
    begun, whole, finished = deltas
    assert isinstance(begun, ToolCallBegun)
    assert whole == ToolCall(begun.id, "get_date", '{"zone": "UTC"}')
    assert finished == Finished("tool_calls")


def test_a_call_sent_in_both_forms_is_one_call() -> None:
    function = {"name": "get_date", "arguments": "{}"}
    deltas = read(chunk({"tool_calls": [call()], "function_call": function}, "tool_calls"), question=WITH_TOOLS)
    assert [delta for delta in deltas if isinstance(delta, ToolCall)] == [ToolCall("call_0", "get_date", "{}")]


@pytest.mark.parametrize(
    "last", [chunk({}, "error"), chunk({}, "aborted"), Event("", '{"error":"x"}'), Event("error", "x"), chunk({})]
)
def test_an_answer_that_broke_hands_out_no_call(last: Event) -> None:
    deltas, _ = fails(chunk({"tool_calls": [call()]}), last, question=WITH_TOOLS)
    assert deltas == [ToolCallBegun("call_0", "get_date")]


# Markup


def test_leaked_markup_is_hidden_and_the_answer_fails() -> None:
    deltas, error = fails(
        chunk({"content": "Let me see.\n"}), *(chunk({"content": c}) for c in LEAK), question=WITH_TOOLS
    )
    assert ("".join(delta.text for delta in deltas if isinstance(delta, Text)), deltas[1:]) == ("Let me see.\n", [])
    assert type(error) is CutError  # it had not ended
    _, error = fails(chunk({"content": LEAK}), chunk({}, "stop"), question=WITH_TOOLS)
    assert type(error) is LeakedMarkupError
    assert error.retryable


def test_a_leak_takes_the_calls_beside_it_with_it() -> None:
    """vLLM and others lose the arguments when they leak: what is left of the call is not what the model meant."""
    deltas, error = fails(chunk({"content": LEAK, "tool_calls": [call()]}, "tool_calls"), question=WITH_TOOLS)
    assert (type(error), deltas) == (LeakedMarkupError, [ToolCallBegun("call_0", "get_date")])


@pytest.mark.parametrize(
    "arguments",
    [
        '{"zone": "UTC</｜DSML｜parameter>"}',
        '{"zone": "UTC\\u003c\\uff5ctool\\u2581call\\u2581end\\uff5c>"}',
        '{"zone": "UTC"}<｜tool▁call▁end｜>',
        '<｜DSML｜parameter name="zone">',
    ],
)
def test_a_leak_in_the_arguments_fails_too(arguments: str) -> None:
    event = chunk({"tool_calls": [call(arguments=arguments)]}, "tool_calls")
    assert type(fails(event, question=WITH_TOOLS)[1]) is LeakedMarkupError


def test_arguments_may_speak_of_markup() -> None:
    arguments = '{"zone": "what does `<｜DSML｜invoke>` mean?"}'
    deltas = read(chunk({"tool_calls": [call(arguments=arguments)]}, "tool_calls"), question=WITH_TOOLS)
    assert ToolCall("call_0", "get_date", arguments) in deltas


def test_without_tools_markup_is_text() -> None:
    assert read(chunk({"content": LEAK}, "stop"))[0] == Text(LEAK)


def test_whoever_reads_of_earlier_calls_may_leak() -> None:
    called = ChatMessage("assistant", "", tool_calls=(ToolUse("call_0", "get_date", "{}"),))
    question = replace(QUESTION, messages=(*QUESTION.messages, called, ChatMessage("tool", "x", tool_call_id="call_0")))
    assert type(fails(chunk({"content": LEAK}, "stop"), question=question)[1]) is LeakedMarkupError


def test_an_answer_that_goes_on_in_a_fence_may_show_markup() -> None:
    begun = ChatMessage("assistant", "It looks like this:\n```\n")
    question = replace(WITH_TOOLS, messages=(*QUESTION.messages, begun), prefix=True)
    assert read(chunk({"content": LEAK}, "stop"), question=question)[0] == Text(LEAK)


def test_the_token_that_ends_an_answer_is_dropped() -> None:
    ended = (chunk({"content": "Yes."}), chunk({"content": "<｜end▁of"}), chunk({"content": "▁sentence｜>"}, "stop"))
    assert read(*ended) == [Text("Yes."), Finished("stop")]


def test_nothing_but_that_token_is_an_empty_answer() -> None:
    assert type(fails(chunk({"content": "<｜end▁of▁sentence｜>"}, "stop"))[1]) is EmptyAnswerError


# White space without end


@pytest.mark.parametrize("beginning", ["", '{"a": 1}'])
def test_white_space_without_end_is_given_up_where_json_is_awaited(beginning: str) -> None:
    reading = reader(IN_JSON)
    reading.take(chunk({"content": beginning}))
    for _ in range(MOST_WHITE_SPACE // 4):
        reading.take(chunk({"content": "\n\t  "}))
    assert not reading.done
    reading.take(chunk({"content": " "}))
    assert reading.done
    with pytest.raises(EmptyAnswerError):
        list(reading.end())


def test_words_begin_the_count_anew() -> None:
    blank = chunk({"content": " " * MOST_WHITE_SPACE})
    deltas = read(blank, chunk({"content": "a"}), blank, chunk({"content": "a"}, "stop"), question=IN_JSON)
    assert deltas[-1] == Finished("stop")


def test_elsewhere_white_space_is_text() -> None:
    assert read(chunk({"content": " " * 3 * MOST_WHITE_SPACE}), chunk({"content": "a"}, "stop"))[-1] == Finished("stop")


# Silence without end


SILENT = [
    chunk({}),
    chunk({"role": "assistant", "content": "", "reasoning_content": None, "tool_calls": []}),
    chunk({"content": 5, "reasoning_details": [{"type": "reasoning.encrypted", "data": "c2VjcmV0"}]}),
    chunk({}, choices=[]),
    chunk({}, usage={"prompt_tokens": 3, "completion_tokens": 2}),
]


@pytest.mark.parametrize("silent", SILENT)
def test_events_that_say_nothing_are_given_up_in_the_end(silent: Event) -> None:
    reading = reader()
    reading.take(chunk({"content": "a"}))
    for _ in range(SILENT_EVENTS_FORGIVEN):
        reading.take(silent)
    assert not reading.done
    reading.take(silent)
    assert reading.done
    with pytest.raises(MalformedStreamError):
        list(reading.end())


@pytest.mark.parametrize(
    "said",
    [
        {"content": "a"},
        {"reasoning_content": "hm"},
        {"tool_calls": [{"index": 0, "function": {"arguments": " "}}]},
        {"function_call": {"arguments": " "}},
    ],
)
def test_whatever_is_said_ends_a_silence(said: dict[str, Any]) -> None:
    reading = reader(WITH_TOOLS)
    for _ in range(3):
        for _ in range(SILENT_EVENTS_FORGIVEN):
            reading.take(SILENT[0])
        reading.take(chunk(said))
    assert not reading.done


def test_silence_after_the_reason_ends_the_answer_and_does_not_spoil_it() -> None:
    silence = [SILENT[0]] * (SILENT_EVENTS_FORGIVEN + 1)
    assert read(chunk({"content": "a"}, "stop"), *silence, chunk({"content": "b"}))[-2:] == [
        Text("a"),
        Finished("stop"),
    ]


# The reason


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("insufficient_system_resource", OverloadedError),
        ("error", ServerFaultError),
        ("aborted", UnknownFinishError),
        ("sensitive", UnknownFinishError),
        ("whatever_comes_next", UnknownFinishError),
    ],
)
def test_a_reason_that_is_no_end_is_an_error_and_keeps_what_was_said(reason: str, kind: type[ProviderError]) -> None:
    deltas, error = fails(chunk({"content": "par"}), chunk({"content": "tial"}, reason))
    assert (type(error), deltas) == (kind, [Text("par"), Text("tial")])


def test_a_reason_that_we_do_not_know_is_told_as_it_is_and_not_asked_for_again() -> None:
    """An indecent question is no reason to ask again, nor to blame the connection."""
    _, error = fails(chunk({"content": "a"}, "sensitive"))
    assert (error.code, error.retryable, error.is_fatal) == ("unknown_finish", False, False)
    assert error.sentence == "The provider ended the answer early, and did not say why."


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        ({"error": {"code": 429, "message": "slow"}, "choices": [{"delta": {"content": "a"}}]}, RateLimitedError),
        ({"object": "error", "message": "x", "code": 503}, OverloadedError),
    ],
)
def test_an_error_is_one_whatever_stands_beside_it(complaint: Any, kind: type[ProviderError]) -> None:
    deltas, error = fails(chunk({"content": "a"}), Event("", json.dumps(complaint)), Event("", "[DONE]"))
    assert (type(error), deltas) == (kind, [Text("a")])


# Logprobs


def test_logprobs_come_after_the_words_they_are_about() -> None:
    tokens = {"content": [{"token": "a", "logprob": -0.5}], "reasoning_content": None}
    event = Event("", json.dumps({"choices": [{"delta": {"content": "a"}, "logprobs": tokens}]}))
    text, odds = read(event, chunk({}, "stop"))[:2]
    assert text == Text("a")
    assert isinstance(odds, Logprobs)


def test_logprobs_show_nothing_that_was_hidden() -> None:
    tokens = {"content": [{"token": "DSML", "logprob": -0.5}]}
    event = Event("", json.dumps({"choices": [{"delta": {"content": LEAK}, "logprobs": tokens}]}))
    assert fails(event, chunk({}, "stop"), question=WITH_TOOLS)[0] == []
