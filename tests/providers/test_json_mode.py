"""One JSON object, whatever the model makes of the wish."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from providers import ChatMessage, ChatRequest, Delta, Effort, Format, Text, Tool, ask_json
from providers.errors import (
    CutError,
    EmptyAnswerError,
    FormatRefusedError,
    NoObjectError,
    OverloadedError,
    ProviderError,
)
from providers.json_mode import LEAST_TOKENS, LONGEST, LONGEST_SHOWN, parsed
from tests.providers.asking import QUESTION, Asking
from tests.upstream import Script

LIKE = {"title": "A title", "tags": ["a"]}
GOOD = '{"title": "Streams", "tags": []}'


def title(found: dict[str, Any]) -> str:
    if not isinstance(found.get("title"), str):
        raise ValueError('There is no "title".')
    return str(found["title"])


@dataclass
class Model:
    """Says these things, one for each request."""

    answers: list[str | ProviderError]
    asked: list[ChatRequest] = field(default_factory=list)
    hung_up: int = 0

    async def __call__(self, request: ChatRequest) -> AsyncGenerator[Delta]:
        self.asked.append(request)
        answer = self.answers[len(self.asked) - 1]
        try:
            if isinstance(answer, ProviderError):
                raise answer
            for start in range(0, len(answer), 1000):
                yield Text(answer[start : start + 1000])
        except GeneratorExit:
            self.hung_up += 1
            raise


def said(request: ChatRequest, role: str) -> list[str]:
    return [message.content for message in request.messages if message.role == role]


async def test_the_object_is_what_the_caller_makes_of_it() -> None:
    assert await ask_json(Model([GOOD]), QUESTION, LIKE, title) == "Streams"


async def test_it_is_asked_for_without_thinking_and_with_an_example() -> None:
    model = Model([GOOD])
    question = ChatRequest(
        "m",
        (ChatMessage("system", "Be kind."), ChatMessage("user", "hi")),
        effort=Effort.MAX,
        max_tokens=10,
        stop=("}",),
        tools=(Tool("get_date", "Today"),),
        tool_choice="required",
        logprobs=3,
        user_id="u",
    )
    await ask_json(model, question, LIKE, title)
    (asked,) = model.asked
    (system,) = said(asked, "system")
    assert system.startswith("Be kind.\n\n")
    assert json.dumps(LIKE) in system
    expected = replace(question, messages=asked.messages, effort=Effort.OFF, max_tokens=LEAST_TOKENS, stop=())
    assert asked == replace(expected, tools=(), tool_choice="auto", logprobs=None, format=Format.JSON)


async def test_a_schema_is_called_one() -> None:
    model = Model([GOOD])
    await ask_json(model, QUESTION, {"type": "object", "properties": {"title": {"type": "string"}}}, title)
    assert "JSON schema" in said(model.asked[0], "system")[0]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("", "There was no answer at all."),
        ("  \n", "There was no answer at all."),
        ("{oops", "It was no JSON: "),
        ('{"a": Infinity}', "Infinity is no number"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", "It was JSON, but no object."),
        ("{}", 'There is no "title".'),
        (EmptyAnswerError(), "There was no answer at all."),
    ],
)
async def test_what_was_wrong_is_told_once(wrong: str | ProviderError, reason: str) -> None:
    model = Model([wrong, GOOD])
    assert await ask_json(model, QUESTION, LIKE, title) == "Streams"
    first, second = model.asked
    assert second.messages[: len(first.messages)] == first.messages
    assert reason in said(second, "user")[-1]
    shown = wrong if isinstance(wrong, str) and wrong.strip() else ""
    assert "".join(said(second, "assistant")) == shown[:LONGEST_SHOWN]


async def test_the_last_try_is_without_json_mode() -> None:
    model = Model(["{", "[", GOOD])
    assert await ask_json(model, QUESTION, LIKE, title) == "Streams"
    assert [asked.format for asked in model.asked] == [Format.JSON, Format.JSON, Format.TEXT]
    assert said(model.asked[2], "assistant") == ["["]


async def test_three_tries_are_enough() -> None:
    model = Model(["{"] * 9)
    with pytest.raises(NoObjectError) as raised:
        await ask_json(model, QUESTION, LIKE, title)
    assert (len(model.asked), raised.value.retryable) == (3, False)


async def test_where_there_is_no_json_mode_words_ask_for_it_at_once() -> None:
    model = Model([FormatRefusedError(), GOOD])
    assert await ask_json(model, QUESTION, LIKE, title) == "Streams"
    assert [asked.format for asked in model.asked] == [Format.JSON, Format.TEXT]
    with pytest.raises(FormatRefusedError):
        await ask_json(Model([FormatRefusedError(), FormatRefusedError()]), QUESTION, LIKE, title)


@pytest.mark.parametrize("error", [OverloadedError(), CutError()])
async def test_other_errors_rise_at_once(error: ProviderError) -> None:
    model = Model([error])
    with pytest.raises(type(error)):
        await ask_json(model, QUESTION, LIKE, title)
    assert len(model.asked) == 1


async def test_an_endless_answer_is_hung_up_on() -> None:
    model = Model(["{" + "x" * (LONGEST + 5_000), GOOD])
    assert await ask_json(model, QUESTION, LIKE, title) == "Streams"
    assert model.hung_up == 1


@pytest.mark.parametrize(
    "text",
    [
        f" {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}```",
        f"```JSON {GOOD} ```",
        f"Here it is:\n\n```json\n{GOOD}\n```\nAnything else?",
        f"<think>{{}} hm</think>{GOOD}",
        f"hm</think>\n```json\n{GOOD}\n```",
    ],
)
def test_thoughts_and_fences_are_taken_off(text: str) -> None:
    assert parsed(text) == json.loads(GOOD)


@pytest.mark.parametrize("value", ["a </think> b", "```json\n{}\n```", "<think>"])
def test_within_the_object_they_stay(value: str) -> None:
    assert parsed(json.dumps({"a": value})) == {"a": value}
    assert parsed(f"```json\n{json.dumps({'a': value}, indent=1)}\n```") == {"a": value}


# Against a server


async def test_white_space_without_end_is_hung_up_on_and_asked_again(ask: Asking) -> None:
    flood = Script().role().text_delta(*["\n" * 100] * 30).stall()
    ask.upstream.play(flood, Script.text(GOOD))
    assert await ask_json(ask.open, QUESTION, LIKE, title) == "Streams"
    first, second = ask.upstream.requests
    await first.closed()
    assert [request.body["response_format"] for request in (first, second)] == [{"type": "json_object"}] * 2


async def test_an_object_before_the_white_space_is_taken(ask: Asking) -> None:
    ask.upstream.play(Script().text_delta(GOOD, *["\n" * 100] * 30).stall())
    assert await ask_json(ask.open, QUESTION, LIKE, title) == "Streams"
    assert len(ask.upstream.requests) == 1


async def test_each_request_can_be_accounted_for(ask: Asking) -> None:
    ask.upstream.play(Script.text("{"), Script.text(""), Script.text(GOOD))
    ledger: list[Any] = []

    async def paid(request: ChatRequest) -> AsyncGenerator[Delta]:
        ledger.append(request.format)
        async for delta in ask.open(request):
            ledger.append(type(delta).__name__)
            yield delta

    assert await ask_json(paid, QUESTION, LIKE, title) == "Streams"
    json_mode, text_mode = Format.JSON, Format.TEXT
    assert ledger == [
        *(json_mode, "Started", "Text", "Usage", "Finished"),
        *(json_mode, "Started", "Usage"),
        *(text_mode, "Started", "Text", "Usage", "Finished"),
    ]
