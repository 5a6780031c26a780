"""The network cuts where it likes, and so do servers: what is read stays the same.

On the decoder and the reader alone, without HTTP, so that there is time for many examples.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from providers import ChatRequest, Delta, ProviderError, Reasoning, Secret, Text, Tool, ToolCall, ToolCallBegun
from providers.dialects import DIALECTS
from providers.errors import CutError
from providers.reading import Reader
from providers.sse import Decoder, Event
from providers.tool_calls import ToolCalls
from tests.providers.asking import QUESTION

bounded = settings(max_examples=150, deadline=None)

TOOLS = (Tool("get_date", "Today"), Tool("get_weather", "Weather"))
QUESTIONS = (QUESTION, replace(QUESTION, tools=TOOLS), replace(QUESTION, starts_thinking=True))

# What the filters look for, in halves too, and what makes text hard to handle.
WORDS = (
    *("<think>", "</think>", "<thi", "nk>", "</th", "<", ">", "\n", "\n\n", " ", "`", "``", "```", "```py\n"),
    *("<｜DSML｜tool_calls>", "<｜", "DSML", "｜", "</｜DSML｜", "<|tool_call", "s_begin|>", "tool▁calls▁begin｜>"),
    *("<｜end▁of▁sentence｜>", "<|im_end|>", "<|im", "_end|>", "é", "\u2028", "\x85", "\ud83d", "\ude80", "🚀", "\0"),
    *("data: {}", "[DONE]", "hello", '"', "\\", "\r\n"),
)

texts = st.lists(st.sampled_from(WORDS), max_size=8).map("".join)
questions = st.sampled_from(QUESTIONS)
dialects = st.sampled_from(["deepseek", "openai", "openrouter"])


@dataclass
class Answer:
    """What was read; made-up ids are left out, and so is where one piece of text ends and the next begins."""

    deltas: list[Delta] = field(default_factory=list)
    error: str = ""

    def __post_init__(self) -> None:
        self.deltas = [_without_chance(delta) for delta in self.deltas]

    def joined(self) -> tuple[str, str, list[Delta], str]:
        text = "".join(delta.text for delta in self.deltas if isinstance(delta, Text))
        reasoning = "".join(delta.text for delta in self.deltas if isinstance(delta, Reasoning))
        return text, reasoning, [it for it in self.deltas if not isinstance(it, Text | Reasoning)], self.error


def _without_chance(delta: Delta) -> Delta:
    if isinstance(delta, ToolCall | ToolCallBegun) and re.fullmatch("call_[0-9a-f]{24}", delta.id):
        return replace(delta, id="")
    return delta


def answer_to(question: ChatRequest, dialect: str, events: Iterable[Event]) -> Answer:
    reader = Reader(DIALECTS[dialect], Secret(), "", question)
    found = [delta for event in events for delta in reader.take(event)]
    try:
        found.extend(reader.end(None if reader.done else CutError()))
    except ProviderError as error:
        return Answer(found, error.code)
    return Answer(found)


def cut(sequence: Any, places: list[int]) -> list[Any]:
    ends = [0, *sorted(place % (len(sequence) + 1) for place in places), len(sequence)]
    return [sequence[start:end] for start, end in pairwise(ends)]


def chunk(delta: Any = None, finish: Any = None, **others: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **others}


# Reads


fragments = st.fixed_dictionaries(
    {},
    optional={
        "index": st.none() | st.integers(-1, 3),
        "id": st.none() | st.sampled_from(["", "call_0", "call_1"]),
        "function": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "name": st.none() | st.sampled_from(["", "get_date", "rm"]),
                "arguments": st.none() | texts | st.sampled_from(["{", "}", "{}", '{"a":"b"}']) | st.just({"a": 1}),
            },
        ),
    },
)
deltas = st.fixed_dictionaries(
    {},
    optional={
        "role": st.none() | st.just("assistant"),
        "content": st.none() | texts,
        "reasoning_content": st.none() | texts,
        "reasoning": st.none() | texts,
        "reasoning_details": st.none() | st.lists(st.fixed_dictionaries({"text": texts}), max_size=2),
        "tool_calls": st.none() | st.lists(fragments, max_size=3),
        "function_call": st.none() | st.fixed_dictionaries({"name": st.just("get_date"), "arguments": texts}),
    },
)
usages = st.none() | st.fixed_dictionaries(
    {"prompt_tokens": st.integers(0, 9), "completion_tokens": st.integers(-1, 9)}
)
finishes = st.none() | st.sampled_from(["stop", "length", "tool_calls", "content_filter", "error", "aborted"])
odds = st.none() | st.just({"content": [{"token": "a", "logprob": -0.5}]})
chunks = st.one_of(
    st.builds(chunk, deltas),
    st.builds(chunk, deltas, finishes, usage=usages),
    st.builds(lambda usage: {"choices": [], "usage": usage}, usages),
    st.builds(lambda delta, logprobs: {"choices": [{"delta": delta, "logprobs": logprobs}]}, deltas, odds),
)
noise = st.sampled_from([b": keep-alive\n\n", b"event: ping\n\n", b"id: 1\n\n", b"data: {oops\n\n", b"words\n", b"\n"])
last = st.sampled_from(
    [b"data: [DONE]\n\n", b"", b'data: {"error":"x"}\n\n', b'{"error":"x"}\n', b"error: x\n", b"data: {"]
)
pieces = chunks.flatmap(
    lambda it: st.booleans().map(
        lambda plain: b"data: " + json.dumps(it, ensure_ascii=not plain).encode("utf-8", "replace") + b"\n\n"
    )
)


@given(st.lists(pieces | noise, max_size=12), last, questions, dialects, st.data())
@bounded
def test_any_split_of_any_stream_into_reads_gives_the_same_deltas(
    sent: list[bytes], end: bytes, question: ChatRequest, dialect: str, data: st.DataObject
) -> None:
    stream = b"".join([*sent, end])
    ending = data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    stream = stream.replace(b"\n", ending)
    places = data.draw(st.lists(st.integers(0, 10_000), max_size=20))
    whole = answer_to(question, dialect, Decoder().feed(stream))
    for reads in (cut(stream, places), [bytes([byte]) for byte in stream]):
        decoder = Decoder()
        assert answer_to(question, dialect, [event for read in reads for event in decoder.feed(read)]) == whole


# Chunks


def spoken(texts: list[str], name: str, calls: bool) -> list[Event]:
    last = chunk(
        {"tool_calls": [{"id": "call_0", "function": {"name": "get_date", "arguments": "{}"}}]} if calls else {}
    )
    sent = [*(chunk({name: text}) for text in texts), last, chunk({}, "stop")]
    return [Event("", json.dumps(each)) for each in sent]


@given(texts, questions, dialects, st.lists(st.integers(0, 1000), max_size=20), st.booleans())
@bounded
def test_any_split_of_a_text_into_chunks_gives_the_same_answer(
    text: str, question: ChatRequest, dialect: str, places: list[int], calls: bool
) -> None:
    for name in ("content", "reasoning_content"):
        whole = answer_to(question, dialect, spoken([text], name, calls)).joined()
        for parts in (cut(text, places), list(text)):
            assert answer_to(question, dialect, spoken(parts, name, calls)).joined() == whole


# Tool calls


@dataclass(frozen=True)
class Spoken:
    """One call as a server means it."""

    index: int
    name: str
    arguments: str


calls = st.lists(
    st.builds(
        Spoken,
        st.integers(-3, 300),
        st.sampled_from(["get_date", "get_weather", "rm"]),
        st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers(), max_size=3).map(json.dumps)
        | st.text(max_size=5),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda call: call.index,
)


def fragments_of(call: Spoken, data: st.DataObject) -> list[dict[str, Any]]:
    """The name comes with the first; later on id and name may be missing, null, empty or repeated."""
    first, *others = cut(call.arguments, data.draw(st.lists(st.integers(0, 50), max_size=4)))
    begun = {"index": call.index, "id": f"call_{call.index}", "function": {"name": call.name, "arguments": first}}
    again = st.sampled_from(["leave", None, "", "repeat"])
    return [begun, *(_later(call, text, data.draw(again), data.draw(again)) for text in others)]


def _later(call: Spoken, text: str, id: str | None, name: str | None) -> dict[str, Any]:
    function = {"arguments": text, "name": call.name if name == "repeat" else name}
    fragment = {"index": call.index, "id": f"call_{call.index}" if id == "repeat" else id, "function": function}
    if name == "leave":
        del function["name"]
    if id == "leave":
        del fragment["id"]
    return fragment


def interleaved(queues: list[list[Any]], data: st.DataObject) -> list[Any]:
    """All of them, each queue in its own order."""
    waiting, found = [list(queue) for queue in queues], []
    while waiting := [queue for queue in waiting if queue]:
        found.append(data.draw(st.sampled_from(waiting)).pop(0))
    return found


@given(calls, st.data())
@bounded
def test_any_interleaving_of_tool_fragments_gives_the_same_calls(meant: list[Spoken], data: st.DataObject) -> None:
    straight = put_together([[each] for call in meant for each in fragments_of(call, data)])
    mixed = interleaved([fragments_of(call, data) for call in meant], data)
    assert put_together(cut(mixed, data.draw(st.lists(st.integers(0, 100), max_size=6)))) == straight
    ordered = sorted(meant, key=lambda call: call.index)
    assert [(call.id, call.name) for call in straight] == [(f"call_{call.index}", call.name) for call in ordered]


def put_together(chunks: list[list[dict[str, Any]]]) -> list[ToolCall]:
    calls = ToolCalls([tool.name for tool in TOOLS])
    for each in chunks:
        calls.take(each)
    return calls.whole()
