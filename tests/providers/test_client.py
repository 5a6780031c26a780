"""Whole answers from a real server: every quirk that was ever seen on the wire, one test each."""

import asyncio
import gzip
import json
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from providers import (
    ChatMessage,
    ChatRequest,
    Clients,
    Clocks,
    Delta,
    Effort,
    Endpoint,
    Finished,
    ProviderError,
    Secret,
    Started,
    Text,
    Tool,
    ToolCall,
    Usage,
    stream,
)
from providers.errors import (
    AuthenticationError,
    BalanceEmptyError,
    ConnectionFailedError,
    CutError,
    EmptyAnswerError,
    InvalidRequestError,
    MalformedStreamError,
    OverloadedError,
    RateLimitedError,
    ServerFaultError,
    UnknownFinishError,
)
from tests.providers.asking import KEY, QUESTION, Asking, answered
from tests.upstream import FINGERPRINT, Script, Upstream

HELLO = Script.text("Hel", "lo")


def chunk(delta: Any = None, finish: str | None = None, **others: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **others}


def spoken(*chunks: Any) -> Script:
    """Chunks exactly as given, then the proper end."""
    script = Script()
    for each in chunks:
        script = script.data(each)
    return script.done()


# The usual answer


async def test_an_answer_arrives_as_deltas_in_order(ask: Asking) -> None:
    answer = await ask(HELLO)
    trace = f"trace-{ask.upstream.requests[0].number}"
    assert answer.deltas == [
        Started("deepseek-flash", FINGERPRINT, trace),
        Text("Hel"),
        Text("lo"),
        Usage(prompt=1, completion=2, reasoning=0, cache_hit=0, cache_miss=1),
        Finished("stop"),
    ]


async def test_thinking_comes_apart_from_the_answer(ask: Asking) -> None:
    answer = await ask(Script.thought(["let me", " see"], ["yes"]))
    assert (answer.reasoning, answer.text) == ("let me see", "yes")
    assert answer.usage
    assert answer.usage.reasoning == 2


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
async def test_the_reason_to_stop_is_passed_on(ask: Asking, reason: str) -> None:
    assert (await ask(Script.text("a", finish=reason))).finished == Finished(reason)


async def test_a_budget_used_up_by_thinking_is_no_error(ask: Asking) -> None:
    answer = await ask(Script().role().reasoning("hm").finish("length").done())
    assert (answer.text, answer.finished) == ("", Finished("length"))


async def test_the_model_that_answers_may_be_another_one(ask: Asking) -> None:
    answer = await ask(spoken(chunk({"content": "a"}, "stop", model="deepseek-v4-flash")))
    assert answer.deltas[0] == Started("deepseek-v4-flash", "", f"trace-{ask.upstream.requests[0].number}")


# What we send


async def test_deepseek_is_always_told_whether_to_think(ask: Asking) -> None:
    bodies = [await body_sent(ask, effort) for effort in Effort]
    assert [body["thinking"]["type"] for body in bodies] == ["disabled", "enabled", "enabled", "enabled"]
    assert [body.get("reasoning_effort") for body in bodies] == [None, "low", "high", "max"]


async def test_deepseek_gets_known_fields_only_and_no_old_reasoning(ask: Asking) -> None:
    messages = (ChatMessage("user", "a"), ChatMessage("assistant", "b", reasoning="old"), ChatMessage("user", "你好"))
    request = ChatRequest("deepseek-flash", messages, max_tokens=100, temperature=0.5, user_id="team-1")
    await ask(HELLO, request)
    assert ask.upstream.requests[0].body == {
        "model": "deepseek-flash",
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "你好"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "thinking": {"type": "disabled"},
        "max_tokens": 100,
        "temperature": 0.5,
        "user_id": "team-1",
    }


async def test_temperature_stays_home_where_thinking_makes_it_dead(ask: Asking) -> None:
    request = ChatRequest("deepseek-flash", QUESTION.messages, Effort.HIGH, temperature=0.5)
    await ask(HELLO, request)
    assert "temperature" not in ask.upstream.requests[0].body


@pytest.mark.parametrize("dialect", ["openai", "llamacpp"])
@pytest.mark.parametrize("effort", list(Effort))
async def test_other_servers_never_see_deepseeks_fields(ask: Asking, dialect: str, effort: Effort) -> None:
    body = await body_sent(ask.of(dialect), effort)
    assert not {"thinking", "user_id"} & body.keys()


async def test_openai_has_its_own_name_for_the_output_cap(ask: Asking) -> None:
    await ask.of("openai")(HELLO, ChatRequest("gpt", QUESTION.messages, max_tokens=5))
    body = ask.upstream.requests[0].body
    assert (body["max_completion_tokens"], body.get("max_tokens")) == (5, None)


async def test_half_an_emoji_in_a_prompt_does_not_stop_it(ask: Asking) -> None:
    answer = await ask(HELLO, ChatRequest("m", (ChatMessage("user", "a\ud83d"),)))
    assert answer.text == "Hello"
    assert ask.upstream.requests[0].says("user") == "a?"


async def test_the_key_travels_in_its_header(ask: Asking) -> None:
    await ask(HELLO)
    assert ask.upstream.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_server_without_a_key_gets_no_header(upstream: Upstream, clients: Clients) -> None:
    deltas = stream(Endpoint("local", "llamacpp", upstream.base_url), QUESTION, clients=clients)
    assert [delta async for delta in deltas]
    assert "authorization" not in upstream.requests[0].headers


async def test_a_path_in_the_base_url_is_kept(upstream: Upstream, clients: Clients) -> None:
    deltas = stream(Endpoint("local", "llamacpp", f"{upstream.base_url}/v1/"), QUESTION, clients=clients)
    assert [delta async for delta in deltas]
    assert upstream.requests[0].path == "/v1/chat/completions"


async def test_the_environments_proxy_is_used(
    upstream: Upstream, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", upstream.base_url)
    deltas = stream(Endpoint("far", "openai", "http://model.invalid"), QUESTION, clients=clients)
    assert [delta async for delta in deltas]
    assert upstream.requests[0].path == "http://model.invalid/chat/completions"


async def body_sent(ask: Asking, effort: Effort) -> dict[str, Any]:
    await ask(HELLO, ChatRequest("model", QUESTION.messages, effort))
    return ask.upstream.requests[-1].body


# Odd but fine


WHOLE = b"".join(
    b"data: " + json.dumps(each, ensure_ascii=False).encode() + b"\n\n"
    for each in (
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "caf\u00e9 \u2028 "}),
        chunk({"content": "🚀"}),
        chunk({"content": ""}, "stop", usage={"prompt_tokens": 3, "completion_tokens": 2}),
    )
)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
async def test_cuts_between_packets_change_nothing(ask: Asking, ending: bytes) -> None:
    body = (b": keep-alive\n\n" + WHOLE + b"data: [DONE]\n\n").replace(b"\n", ending)
    expected = (await ask(Script().raw(body))).deltas[1:]
    assert expected[-1] == Finished("stop")
    for size in (1, 2, 3, 5, 7, 64):
        script = Script()
        for start in range(0, len(body), size):
            script = script.raw(body[start : start + size])
        assert (await ask(script)).deltas[1:] == expected, size


async def test_nothing_is_said_for_empty_or_missing_content(ask: Asking) -> None:
    nothing: list[Any] = [
        None,
        {},
        {"content": None},
        {"content": ""},
        {"reasoning_content": "", "content": None},
        {"content": 5},
    ]
    answer = await ask(spoken(*map(chunk, nothing), chunk({"content": "a"}, "stop")))
    assert [type(delta) for delta in answer.deltas] == [Started, Text, Finished]


@pytest.mark.parametrize("choices", [{}, {"choices": []}, {"choices": None}])
async def test_chunks_without_choices_are_fine(ask: Asking, choices: dict[str, Any]) -> None:
    answer = await ask(spoken({**choices, "model": "m"}, chunk({"content": "a"}, "stop"), choices))
    assert (answer.text, answer.finished) == ("a", Finished("stop"))


async def test_a_finish_without_done_counts_as_finished(ask: Asking) -> None:
    assert (await ask(Script().text_delta("a").finish())).finished == Finished("stop")


@pytest.mark.parametrize("end", [Script().cut(), Script().reset()])
async def test_a_connection_lost_after_the_finish_does_not_matter(ask: Asking, end: Script) -> None:
    answer = await ask(Script().text_delta("a").finish() + end)
    assert (answer.finished, bool(answer.usage)) == (Finished("stop"), True)


async def test_done_without_a_reason_is_an_assumed_stop(ask: Asking) -> None:
    assert (await ask(Script().text_delta("a").done())).finished == Finished("stop", assumed=True)


async def test_nothing_after_done_is_read(ask: Asking) -> None:
    answer = await ask(Script.text("a").done().text_delta("b").finish("length").done())
    assert (answer.text, answer.finished) == ("a", Finished("stop"))


async def test_a_body_that_ends_with_the_connection_is_read(ask: Asking) -> None:
    assert (await ask(Script().head(chunked=False) + HELLO)).text == "Hello"


async def test_the_content_type_is_not_believed(ask: Asking) -> None:
    assert (await ask(Script().head(Content_Type="application/octet-stream") + HELLO)).text == "Hello"
    assert (await ask(Script().head(Content_Type="text/plain; charset=latin-1").text_delta("é").finish())).text == "é"


async def test_pings_comments_and_unknown_fields_are_passed_over(ask: Asking) -> None:
    noise = Script().comment("OPENROUTER PROCESSING").raw(b"id: 1\nevent: ping\n\nretry: 3\n\nnonsense\n\n")
    assert (await ask(noise + HELLO)).deltas[1:] == (await ask(HELLO)).deltas[1:]


async def test_an_emoji_cut_between_two_chunks_is_one_emoji(ask: Asking) -> None:
    halves = rb'data: {"choices":[{"delta":{"content":"\ud83d"}}]}' + b"\n\n"
    other = rb'data: {"choices":[{"delta":{"content":"\ude80"},"finish_reason":"stop"}]}' + b"\n\n"
    assert (await ask(Script().raw(halves + other))).text == "🚀"


async def test_twenty_bad_events_are_forgiven(ask: Asking) -> None:
    bad = [
        b"data: {oops\n\n",
        b"data: 5\n\n",
        b"data: null\n\n",
        b'data: {"choices":[7]}\n\n',
        b'data: {"choices":5}\n\n',
    ]
    answer = await ask(Script().text_delta("a").raw(b"".join(bad * 4)).text_delta("b").finish())
    assert (answer.text, answer.finished) == ("ab", Finished("stop"))


async def test_a_deeply_nested_event_is_only_a_bad_event(ask: Asking) -> None:
    answer = await ask(Script().raw(b"data: " + b"[" * 200_000 + b"\n\n") + HELLO)
    assert answer.text == "Hello"


# Whole answers, from servers that do not stream


async def test_an_answer_that_is_not_streamed_is_read_all_the_same(ask: Asking) -> None:
    answer = await ask(Script.whole("OK"))
    assert answer.outcome[0] == [
        Started("deepseek-flash", FINGERPRINT, ""),
        Text("OK"),
        Usage(prompt=8, completion=1, cache_miss=8),
        Finished("stop"),
    ]


@pytest.mark.parametrize("blank", [b"\n" * 300, b"\r\n\r\n", b" \n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream", "text/event-stream"])
async def test_what_keeps_it_alive_is_no_part_of_it(ask: Asking, blank: bytes, content_type: str) -> None:
    document = b'{\n "choices": [\n  {"message": {"content": "caf\xc3\xa9"}, "finish_reason": "length"}\n ]\n}\n'
    answer = await ask(Script().head(Content_Type=content_type).raw(blank).in_pieces(3).raw(document))
    assert (answer.text, answer.finished) == ("caf\u00e9", Finished("length"))


async def test_a_whole_answer_holds_thoughts_and_calls_too(ask: Asking) -> None:
    call = {"index": 0, "id": "call_00", "type": "function", "function": {"name": "get_date", "arguments": "{}"}}
    script = Script.whole("", reasoning_content="I need the date.", tool_calls=[call], finish="tool_calls")
    answer = await ask(script, replace(QUESTION, tools=(Tool("get_date", "Today"),)))
    assert (answer.reasoning, answer.text) == ("I need the date.", "")
    assert answer.calls == [ToolCall("call_00", "get_date", "{}")]
    assert answer.finished == Finished("tool_calls")


async def test_a_whole_answer_may_be_longer_than_any_event(ask: Asking) -> None:
    assert len((await ask(Script.whole("x" * 4_000_000))).text) == 4_000_000


async def test_a_whole_answer_without_an_end_is_given_up_after_four_mebibytes(ask: Asking) -> None:
    script = Script.whole("x" * (4 * 1024 * 1024 + 1)).stall()
    assert type((await ask(script, clocks=Clocks(first_event=5.0))).error) is MalformedStreamError
    await ask.upstream.requests[0].closed()


@pytest.mark.parametrize("end", [Script().cut(), Script().reset()])
async def test_a_whole_answer_that_is_cut_is_none(ask: Asking, end: Script) -> None:
    answer = await ask(Script().head(Content_Type="application/json").raw(b'{"choices":[{"message":{') + end)
    assert type(answer.error) is CutError


# Reasoning, elsewhere


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("dialect", ["deepseek", "openai", "openrouter", "vllm", "ollama", "llamacpp", "litellm"])
async def test_reasoning_is_found_under_both_names(ask: Asking, dialect: str, name: str) -> None:
    answer = await ask.of(dialect)(Script().reasoning("hm", name=name).text_delta("yes").finish().done())
    assert (answer.reasoning, answer.text) == ("hm", "yes")


async def test_reasoning_sent_under_both_names_is_not_doubled(ask: Asking) -> None:
    answer = await ask(spoken(chunk({"reasoning": "hm", "reasoning_content": "hm"}), chunk({"content": "a"}, "stop")))
    assert answer.reasoning == "hm"


@pytest.mark.parametrize("dialect", ["openai", "llamacpp"])
async def test_think_tags_in_the_text_become_reasoning(ask: Asking, dialect: str) -> None:
    letters = list("<think>\nhm\n</think>\n\nyes <think>")
    answer = await ask.of(dialect)(Script.text(*letters))
    assert (answer.reasoning, answer.text) == ("hm\n", "yes <think>")


async def test_a_template_that_opens_the_thinking_itself_can_be_declared(ask: Asking) -> None:
    request = ChatRequest("r1-distill", QUESTION.messages, starts_thinking=True)
    answer = await ask.of("openai")(Script.text("hm", "</thi", "nk>\n\nyes"), request)
    assert (answer.reasoning, answer.text) == ("hm", "yes")


async def test_a_thought_that_is_never_closed_is_kept(ask: Asking) -> None:
    answer = await ask.of("openai")(Script().text_delta("<think>hm", "</th").finish("length").done())
    assert (answer.reasoning, answer.text, answer.finished) == ("hm</th", "", Finished("length"))


async def test_tags_are_text_where_thinking_has_its_own_field(ask: Asking) -> None:
    script = Script().reasoning("hm").text_delta("<think>", " is a tag").finish().done()
    assert (await ask.of("openai")(script)).text == "<think> is a tag"
    assert (await ask(Script.text("<think>", " is a tag"))).text == "<think> is a tag"


# Usage


async def test_usage_in_a_chunk_of_its_own_is_read(ask: Asking) -> None:
    script = Script().text_delta("a").finish(usage=False).usage(prompt=9, completion=4, cache_hit=8).done()
    assert (await ask(script)).usage == Usage(prompt=9, completion=4, cache_hit=8, cache_miss=1)


async def test_the_last_usage_counts_and_is_never_added_up(ask: Asking) -> None:
    script = (
        Script().usage(prompt=9, completion=1).text_delta("a").usage(prompt=9, completion=2).finish(usage=False).done()
    )
    assert (await ask(script)).usage == Usage(prompt=9, completion=2, cache_miss=9)


async def test_openais_spelling_of_cached_tokens_is_understood(ask: Asking) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
    assert await usage_of(ask, usage) == Usage(prompt=10, completion=5, cache_hit=4, cache_miss=6)


@pytest.mark.parametrize("count", [-1, 10**12, 10**400, None, "5", 1.5, True, [], {}])
@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens"])
async def test_an_unbelievable_usage_is_no_usage(ask: Asking, name: str, count: Any) -> None:
    assert await usage_of(ask, {"prompt_tokens": 5, "completion_tokens": 5, name: count}) is None


@pytest.mark.parametrize("usage", [5, "many", [1], {}, {"prompt_tokens": 0, "completion_tokens": 0}])
async def test_something_else_than_usage_is_no_usage(ask: Asking, usage: Any) -> None:
    assert await usage_of(ask, usage) is None


@pytest.mark.parametrize("details", [None, 7, {"reasoning_tokens": 99, "cached_tokens": 99}, {"reasoning_tokens": -1}])
async def test_odd_details_are_cut_to_what_they_divide(ask: Asking, details: Any) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 4, "completion_tokens_details": details}
    found = await usage_of(ask, {**usage, "prompt_tokens_details": details})
    assert found
    assert (found.prompt, found.completion, found.cache_hit + found.cache_miss) == (5, 4, 5)
    assert 0 <= found.reasoning <= 4


async def test_a_believable_usage_is_not_replaced_by_an_unbelievable_one(ask: Asking) -> None:
    script = Script().text_delta("a").usage(prompt=9, completion=1).finish(prompt=-1, completion=-1).done()
    assert (await ask(script)).usage == Usage(prompt=9, completion=1, cache_miss=9)


async def usage_of(ask: Asking, usage: Any) -> Usage | None:
    answer = await ask(spoken(chunk({"content": "a"}), chunk({}, "stop", usage=usage)))
    assert (answer.text, answer.finished) == ("a", Finished("stop"))
    return answer.usage


# What goes wrong before the answer


@pytest.mark.parametrize("script", [Script(), Script().raw(b"\n\n\n\n"), Script().comment().comment()])
async def test_a_body_without_a_word_is_an_overload(ask: Asking, script: Script) -> None:
    answer = await ask(script)
    assert type(answer.error) is OverloadedError
    assert answer.deltas == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"error":{"message":"Insufficient Balance"}}', BalanceEmptyError),
        ('\n\n{\n "error": {\n "code": 429, "message": "slow down"}\n}\n', RateLimitedError),
        ('{"error":"something"}', ServerFaultError),
        ('{"error":{"code":"401","message":"no"}}', AuthenticationError),
        ('{"message":"service is too busy"}', OverloadedError),
        ('{"choices":5}', MalformedStreamError),
        ('{"choices":[{"message":5}]}', MalformedStreamError),
        ('{"choices":[{"message":{"content":"cut in the mid', MalformedStreamError),
        ('{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}', EmptyAnswerError),
        ('{"choices":[{"message":{"content":null},"finish_reason":"error"}]}', ServerFaultError),
        ('{"choices":[{"message":{"content":"a"}}],"error":{"message":"x","code":503}}', OverloadedError),
        ('{"object":"error","message":"x","code":429}', RateLimitedError),
        ("[]", MalformedStreamError),
        ("{}", ServerFaultError),
        ("Just some text from a proxy", MalformedStreamError),
        ("<html><body>Welcome</body></html>", MalformedStreamError),
        ("[" * 60_000, MalformedStreamError),
        ("x" * 100_000, MalformedStreamError),
    ],
)
async def test_a_200_that_is_no_stream_says_what_it_is(ask: Asking, body: str, kind: type[ProviderError]) -> None:
    for content_type in ("application/json", "application/octet-stream", "text/event-stream"):
        assert type((await ask(Script.reply(200, body, {"Content-Type": content_type}))).error) is kind


async def test_a_refusal_carries_its_status_trace_and_patience(ask: Asking) -> None:
    error = (await ask(Script.error(429, "slow down", Retry_After="3"))).error
    assert isinstance(error, RateLimitedError)
    assert (error.status, error.retry_after, error.trace_id[:6]) == (429, 3.0, "trace-")


async def test_a_plain_text_refusal_as_octet_stream_is_read(ask: Asking) -> None:
    reason = "Failed to parse the request body as JSON: model: EOF while parsing a value at line 1 column 9"
    error = (await ask(Script.reply(400, reason, {"Content-Type": "application/octet-stream"}))).error
    assert isinstance(error, InvalidRequestError)
    assert error.sentence.endswith(reason)


async def test_a_key_that_is_echoed_does_not_come_through(ask: Asking) -> None:
    for status in (200, 400, 401, 500):
        error = (await ask(Script.error(status, f"Incorrect API key provided: {KEY}"))).error
        assert error
        assert not any(KEY in shown or "sk-" in shown for shown in (error.sentence, str(error), repr(error)))


async def test_an_endless_refusal_is_not_read_to_its_end(ask: Asking) -> None:
    error = (await ask(Script().head(500).raw(b"x" * 200_000).stall())).error
    assert isinstance(error, ServerFaultError)
    await ask.upstream.requests[0].closed()


async def test_a_cut_refusal_still_counts(ask: Asking) -> None:
    error = (await ask(Script().head(402).raw(b'{"error":').cut())).error
    assert isinstance(error, BalanceEmptyError)


async def test_a_redirect_is_not_followed(ask: Asking) -> None:
    error = (
        await ask(Script.reply(307, headers={"Location": f"{ask.upstream.base_url}/elsewhere/chat/completions"}))
    ).error
    assert isinstance(error, InvalidRequestError)
    assert len(ask.upstream.requests) == 1


@pytest.mark.parametrize("script", [Script().cut(), Script().reset()])
async def test_a_connection_lost_before_the_answer_is_no_connection(ask: Asking, script: Script) -> None:
    assert type((await ask(script)).error) is ConnectionFailedError


@pytest.mark.parametrize("script", [Script.reply(99999), Script.reply(302, headers={"Location": "no: address"})])
async def test_something_that_is_no_http_is_no_connection(ask: Asking, script: Script) -> None:
    answer = await ask(script)
    assert isinstance(answer.error, ConnectionFailedError)
    await ask.upstream.requests[0].closed()


async def test_the_words_beside_a_status_may_be_anything(clients: Clients) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 \xff\r\n\r\n" + HELLO.body())
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert (await answered(Endpoint("x", "openai", url), QUESTION, clients)).text == "Hello"


async def test_an_answer_that_unfolds_without_end_is_not_unfolded(ask: Asking) -> None:
    """We ask for no compression; two layers of it make a gigabyte out of a thousand bytes."""
    folded = gzip.compress(gzip.compress(b" " * 100_000_000))
    tracemalloc.start()
    answer = await ask(Script().head(Content_Encoding="gzip, gzip").raw(folded))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(answer.error, MalformedStreamError)
    assert most < 10_000_000


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:1", "http://nowhere.invalid", "ftp://a", "nonsense", "http://a b"]
)
async def test_nobody_at_home_is_no_connection(clients: Clients, base_url: str) -> None:
    with pytest.raises(ConnectionFailedError):
        await anext(stream(Endpoint("x", "openai", base_url), QUESTION, clients=clients))


@pytest.mark.parametrize("key", ["sk-ключ", "sk-a\nb", "sk-\x00"])
async def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(ask: Asking, key: str) -> None:
    endpoint = Endpoint("x", "deepseek", ask.upstream.base_url, Secret(key))
    with pytest.raises(AuthenticationError) as raised:
        await anext(stream(endpoint, QUESTION, clients=ask.clients))
    assert raised.value.__context__ is None
    assert ask.upstream.requests == []


# What goes wrong in the middle


MIDDLE = Script().role().text_delta("par", "tial")
EMPTY = b'data: {"choices":[{"delta":{}}]}\n\n'


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        pytest.param(Script(), CutError, id="the stream ends properly, without finish or [DONE]"),
        pytest.param(Script().cut(), CutError, id="FIN"),
        pytest.param(Script().reset(), CutError, id="RST"),
        pytest.param(Script().raw(b"data: {}").cut(), CutError, id="FIN within an event"),
        pytest.param(Script().data({"error": {"message": "x", "code": 503}}), OverloadedError, id="an error object"),
        pytest.param(spoken({"error": "x"}), ServerFaultError, id="an error string"),
        pytest.param(
            spoken({"error": {"message": "x"}, **chunk({"content": ""}, "error")}), ServerFaultError, id="both"
        ),
        pytest.param(
            Script().raw(b'error: {"code":400,"message":"bad"}\n\n'), InvalidRequestError, id="an error field"
        ),
        pytest.param(Script().raw(b"error: oh no\n\n"), ServerFaultError, id="an error field that is no JSON"),
        pytest.param(Script().raw(b'event: error\ndata: {"message":"x"}\n\n'), ServerFaultError, id="an error event"),
        pytest.param(Script().raw(b'{"error":"x"}\n'), ServerFaultError, id="a bare line of JSON"),
        pytest.param(Script().finish("insufficient_system_resource").done(), OverloadedError, id="out of capacity"),
        pytest.param(Script().finish("error").done(), ServerFaultError, id="finish_reason error"),
        pytest.param(Script().finish("aborted").done(), UnknownFinishError, id="finish_reason aborted"),
        pytest.param(Script().raw(b": ping\n\n" * 150_000) + HELLO, MalformedStreamError, id="a flood of comments"),
        pytest.param(Script().raw(b"\n" * 1_100_000) + HELLO, MalformedStreamError, id="a flood of blank lines"),
        pytest.param(Script().raw(EMPTY * 10_100) + HELLO, MalformedStreamError, id="a flood of empty chunks"),
        pytest.param(Script().raw(b"data: {oops\n\n" * 21) + HELLO, MalformedStreamError, id="21 bad events"),
        pytest.param(Script().raw(b"data: " + b"x" * 1_100_000), MalformedStreamError, id="a line without an end"),
        pytest.param(Script().raw(b"a proxy's last words\n"), CutError, id="plain text after the events"),
    ],
)
async def test_a_broken_answer_keeps_its_part_and_says_what_broke(
    ask: Asking, end: Script, kind: type[ProviderError]
) -> None:
    answer = await ask(MIDDLE + end)
    assert answer.text == "partial"
    assert type(answer.error) is kind
    assert answer.error.trace_id.startswith("trace-")


async def test_usage_known_before_the_break_is_handed_out(ask: Asking) -> None:
    answer = await ask(MIDDLE.usage(prompt=5, completion=2).cut())
    assert answer.usage == Usage(prompt=5, completion=2, cache_miss=5)
    assert isinstance(answer.error, CutError)


async def test_text_held_back_for_a_tag_is_not_lost_in_a_break(ask: Asking) -> None:
    answer = await ask.of("openai")(Script().text_delta("<th").cut())
    assert answer.text == "<th"


@pytest.mark.parametrize(
    "script", [Script.text(), Script.text("", ""), Script.text("\n"), Script().reasoning("hm").finish().done()]
)
async def test_a_stop_without_a_word_is_an_empty_answer(ask: Asking, script: Script) -> None:
    answer = await ask(script)
    assert isinstance(answer.error, EmptyAnswerError)
    assert answer.usage is not None


async def test_done_and_nothing_else_is_an_empty_answer(ask: Asking) -> None:
    assert isinstance((await ask(Script().role().done())).error, EmptyAnswerError)


async def test_clocks_can_be_given(ask: Asking) -> None:
    deltas: list[Delta] = [delta async for delta in ask.open(clocks=Clocks(total=5.0))]
    assert isinstance(deltas[-1], Finished)
