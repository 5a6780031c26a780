"""The official `openai` client, asked with the same scripts, reads every well-formed stream as we do."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import openai
import pytest
import pytest_asyncio
from openai.types import CompletionUsage
from openai.types.chat.chat_completion_chunk import ChoiceDelta

from providers import ChatRequest, Text, Usage, fill, list_models
from providers.messages import FillRequest, Tool
from tests.providers.asking import KEY, QUESTION, Answer, Asking
from tests.upstream import COMMANDS, FILLING, STORY, Script, token, tokenized

TOOLS = ("get_weather", "get_date", "search")
REQUEST = ChatRequest(
    "deepseek-flash", QUESTION.messages, tools=tuple(Tool(name, "A tool") for name in TOOLS), logprobs=2
)
CITY = ('{"city":', ' "Hang', 'zhou"}')

STREAMS = {
    "an answer": Script.text("Hel", "lo"),
    "one that thinks": Script.thought(["let me", " see"], ["yes", "."]),
    "one that thinks under another name": Script()
    .role()
    .reasoning("hm", name="reasoning")
    .text_delta("a")
    .finish()
    .done(),
    "a long one": Script.text(*tokenized(STORY)),
    "Markdown": COMMANDS["demo"](0),
    "line separators, emoji and escapes": Script.text("a\u2028b\u2029c\u0085d", "🚀👩🏽‍💻", '"\\\n\t', "\x7f"),
    "the same, unescaped": Script().data(
        {"model": "deepseek-flash", "choices": [{"index": 0, "delta": {"content": "a\u2028b\u0085 🚀"}}]}
    )
    + Script().role().finish().done(),
    "one that was cut by its limit": Script.text("a", finish="length"),
    "one that was filtered": Script.text("a", finish="content_filter"),
    "usage on the finish": Script().text_delta("a").finish(prompt=9, completion=4, cache_hit=8, reasoning=3).done(),
    "usage of its own": Script().text_delta("a").finish(usage=False).usage(prompt=9, completion=4).done(),
    "running usage": Script()
    .usage(prompt=9, completion=0)
    .text_delta("a")
    .usage(prompt=9, completion=1)
    .finish(prompt=9, completion=2)
    .done(),
    "no usage": Script().text_delta("a").finish(usage=False).done(),
    "keep-alives": Script().comment().comment() + Script.text("a"),
    "a call": Script().role().call(0, "call_0", "get_weather", *CITY).finish("tool_calls").done(),
    "two calls": Script()
    .role()
    .call(0, "call_0", "get_weather", *CITY)
    .call(1, "call_1", "get_date", "{}")
    .finish("tool_calls")
    .done(),
    "three interleaved calls": Script()
    .role()
    .call(0, "call_0", "get_weather", CITY[0])
    .call(1, "call_1", "get_date", "{")
    .call(2, "call_2", "search")
    .arguments(0, CITY[1])
    .arguments(2, '{"words": "狐狸"')
    .arguments(1, "}")
    .arguments(2, "}")
    .arguments(0, CITY[2])
    .finish("tool_calls")
    .done(),
    "a call after thoughts and words": Script()
    .role(reasoning=True)
    .reasoning("I need", " the date.")
    .text_delta("Let me", " look.")
    .call(0, "call_0", "get_date", "{}")
    .finish("tool_calls")
    .done(),
    "a call in one chunk": Script()
    .role()
    .fragments(
        {
            "index": 0,
            "id": "call_0",
            "type": "function",
            "function": {"name": "get_weather", "arguments": "".join(CITY)},
        }
    )
    .finish("tool_calls")
    .done(),
    "log probabilities": Script()
    .role()
    .likely("Hel", token("Hel", -0.25, Hal=-2.5, Hol=-3.0))
    .likely("lo", token("l", -0.5), token("o", -0.125))
    .finish()
    .done(),
}


@dataclass
class Read:
    """What either of us made of a stream."""

    model: str = ""
    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    logprobs: list[tuple[str, float | None, list[tuple[str, float | None]]]] = field(default_factory=list)
    finish: str = ""
    usage: Usage | None = None


@pytest_asyncio.fixture
async def official(ask: Asking) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=ask.upstream.base_url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.mark.parametrize("script", STREAMS.values(), ids=STREAMS.keys())
@pytest.mark.parametrize("size", [0, 64])
async def test_the_official_client_reads_the_same(
    ask: Asking, official: openai.AsyncOpenAI, script: Script, size: int
) -> None:
    ours = _ours(await ask(script.in_pieces(size), REQUEST))
    ask.upstream.play(script.in_pieces(size))
    assert ours == await _theirs(official)


async def test_the_official_client_lists_the_same_models(ask: Asking, official: openai.AsyncOpenAI) -> None:
    ask.upstream.offer("llama", "qwen")
    theirs = [model.id async for model in official.models.list()]
    assert list(await list_models(ask.endpoint, clients=ask.clients)) == theirs == ["llama", "qwen"]


async def test_the_official_client_fills_the_same_hole(ask: Asking, official: openai.AsyncOpenAI) -> None:
    request = FillRequest("deepseek-v4-pro", before="def average(numbers):\n", after="\n")
    ours = "".join(
        [delta.text async for delta in fill(ask.endpoint, request, clients=ask.clients) if isinstance(delta, Text)]
    )
    sent = ask.upstream.requests[0].body
    beta = official.with_options(base_url=f"{ask.upstream.base_url}/beta")
    chunks = await beta.completions.create(
        model=sent["model"], prompt=sent["prompt"], suffix=sent["suffix"], stream=True
    )
    theirs = "".join([chunk.choices[0].text async for chunk in chunks])
    assert ours == theirs == FILLING
    assert [request.path for request in ask.upstream.requests] == ["/beta/completions"] * 2


def _ours(answer: Answer) -> Read:
    assert answer.finished
    return Read(
        model=answer.started.model,
        text=answer.text,
        reasoning=answer.reasoning,
        calls=[(call.id, call.name, call.arguments) for call in answer.calls],
        logprobs=[
            (token.token, token.logprob, [(other.token, other.logprob) for other in token.alternatives])
            for logprobs in answer.logprobs
            for token in logprobs.text
        ],
        finish=answer.finished.reason,
        usage=answer.usage,
    )


async def _theirs(official: openai.AsyncOpenAI) -> Read:
    chunks = await official.chat.completions.create(
        model="deepseek-flash",
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
        stream_options={"include_usage": True},
        logprobs=True,
        top_logprobs=2,
    )
    read, calls = Read(), defaultdict[int, list[str]](lambda: ["", "", ""])
    async for chunk in chunks:
        read.model = read.model or chunk.model
        read.usage = _usage(chunk.usage) or read.usage
        for choice in chunk.choices:
            _take(choice.delta, read, calls)
            read.finish = choice.finish_reason or read.finish
            for entry in (choice.logprobs and choice.logprobs.content) or []:
                read.logprobs.append(
                    (entry.token, entry.logprob, [(other.token, other.logprob) for other in entry.top_logprobs])
                )
    read.calls = [(id, name, arguments) for _, (id, name, arguments) in sorted(calls.items())]
    return read


def _take(delta: ChoiceDelta, read: Read, calls: dict[int, list[str]]) -> None:
    more = delta.model_extra or {}
    read.text += delta.content or ""
    read.reasoning += more.get("reasoning_content") or more.get("reasoning") or ""
    for fragment in delta.tool_calls or []:
        assert fragment.function
        pieces = (fragment.id, fragment.function.name, fragment.function.arguments)
        calls[fragment.index] = [known + (new or "") for known, new in zip(calls[fragment.index], pieces, strict=True)]


def _usage(usage: CompletionUsage | None) -> Usage | None:
    if usage is None:
        return None
    hit = (usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens) or 0
    reasoning = (usage.completion_tokens_details and usage.completion_tokens_details.reasoning_tokens) or 0
    return Usage(
        usage.prompt_tokens, usage.completion_tokens, reasoning, cache_hit=hit, cache_miss=usage.prompt_tokens - hit
    )
