"""Forty-eight bugs that other clients had, played by the scripted upstream: each test says what must hold here instead.

Every docstring begins with the bug's number and where it was reported. `ask.however_cut` plays a stream whole, byte by
byte, and in pieces of every other size.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from providers import (
    Ability,
    ChatMessage,
    ChatRequest,
    Clocks,
    Delta,
    Effort,
    Finished,
    Format,
    Image,
    ProviderError,
    Started,
    Tool,
    ToolUse,
    Usage,
    ask_json,
    retry_delay,
)
from providers.dialects import DIALECTS
from providers.errors import (
    AuthenticationError,
    BalanceEmptyError,
    ContextTooLongError,
    CutError,
    EmptyAnswerError,
    FormatRefusedError,
    InvalidRequestError,
    LeakedMarkupError,
    OverloadedError,
    RateLimitedError,
    ServerFaultError,
    StalledError,
)
from providers.repairs import repaired
from tests.providers.asking import KEY, QUESTION, Answer, Asking, read
from tests.upstream import MARKUP, Gate, Recorded, Script

MODEL = "deepseek-flash"
BLINK = 0.15  # seconds: long for a loopback, short for a test
DATE, SEARCH = Tool("get_date", "Today"), Tool("search", "Search")
TALK = (
    ChatMessage("system", "Be kind."),
    ChatMessage("user", "a"),
    ChatMessage("assistant", "b", reasoning="thought of b"),
    ChatMessage("user", "c"),
)
WITH_TOOLS = ChatRequest(MODEL, QUESTION.messages, tools=(DATE, SEARCH))
PIXEL = Image("image/png", b"\x89PNG", "cat.png")


def test_every_number_has_its_test() -> None:
    docs = [test.__doc__ or "" for name, test in globals().items() if name.startswith("test_")]
    numbers = [int(number) for doc in docs for number in re.findall(r"^(\d+) · \S", doc)]
    assert sorted(numbers) == list(range(1, 49))


def chunk(delta: Any, finish: str | None = None, **others: Any) -> dict[str, Any]:
    return {"model": MODEL, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **others}


def asked(*messages: ChatMessage, **others: Any) -> ChatRequest:
    return ChatRequest(MODEL, messages or QUESTION.messages, **others)


async def sent(ask: Asking, request: ChatRequest) -> dict[str, Any]:
    """The body that this request becomes."""
    await ask(Script.text("a"), request)
    return ask.upstream.requests[-1].body


async def asked_otherwise(ask: Asking, request: ChatRequest) -> Answer:
    """Asked again after every refusal that we know how to repair, as the floor above does."""
    while True:
        answer = await ask(None, request)
        otherwise = repaired(request, answer.error) if answer.error else None
        if otherwise is None:
            return answer
        request = otherwise


def refuse(ask: Asking, status: int, message: str, *unless: str) -> None:
    """A server that refuses with this message until a request has none of these in it."""

    def choose(request: Recorded) -> Script | None:
        refused = any(word in request.raw.decode() for word in unless)
        return Script.error(status, message) if refused else Script.text("fine")

    ask.upstream.answer_with(choose)


def in_deltas_of_any_size(text: str, finish: str) -> Iterator[tuple[int, Script]]:
    for size in range(1, len(text) + 1):
        deltas = (text[start : start + size] for start in range(0, len(text), size))
        yield size, Script().text_delta(*deltas).finish(finish).done()


# Usage


async def test_a_chunk_without_choices_is_read_for_its_usage(ask: Asking) -> None:
    """1 · XSpoonAi/spoon-core#179, langchain-azure#23: IndexError on the usage chunk."""
    script = Script().role().text_delta("a").finish(usage=False).usage(prompt=9, completion=4).done()
    answer = await ask.however_cut(script)
    assert (answer.text, answer.usage, answer.finished) == ("a", Usage(9, 4, cache_miss=9), Finished("stop"))


async def test_usage_is_taken_from_the_chunk_that_finishes(ask: Asking) -> None:
    """2 · brainlid/langchain#288: it was only looked for in a chunk of its own."""
    answer = await ask.however_cut(Script().role().text_delta("a").finish(prompt=9, completion=4).done())
    assert answer.usage == Usage(9, 4, cache_miss=9)


async def test_usage_may_be_null_on_every_chunk(ask: Asking) -> None:
    """3 · CLIProxyAPI#3076: null was taken for an object."""
    script = Script.text("a", "b")
    assert script.body().count(b'"usage":null') == 3
    answer = await ask.however_cut(script)
    assert (answer.text, answer.usage) == ("ab", Usage(1, 2, cache_miss=1))


async def test_the_last_usage_counts_and_running_totals_are_not_added_up(ask: Asking) -> None:
    """4 · neuron-ai#223, ragflow#17756: token counts of zero, or doubled."""
    running = Script()
    for count, text in enumerate("abc"):
        running = running.data(
            chunk({"content": text}, usage={"prompt_tokens": 9, "completion_tokens": count, "total_tokens": 9 + count})
        )
    answer = await ask.however_cut(running.finish(usage=False).usage(prompt=9, completion=3).done())
    assert answer.usage == Usage(9, 3, cache_miss=9)


async def test_done_ends_the_answer_without_waiting_for_a_usage_chunk(ask: Asking) -> None:
    """5 · dxos#13015: it waited for a chunk without choices that never came."""
    for script in (Script.text("a"), Script().text_delta("a").done()):
        answer = await ask(script.stall(), clocks=Clocks(idle=BLINK))
        assert (answer.text, bool(answer.finished)) == ("a", True)
        await ask.upstream.requests[-1].closed()


async def test_cached_tokens_are_told_apart_from_those_at_full_price(ask: Asking) -> None:
    """42 · Codeep 3.3.2: cached tokens were billed at full price."""
    spellings: list[dict[str, Any]] = [
        {"prompt_cache_hit_tokens": 256, "prompt_cache_miss_tokens": 27},
        {"prompt_tokens_details": {"cached_tokens": 256}},
    ]
    for spelling in spellings:
        usage = {"prompt_tokens": 283, "completion_tokens": 69, **spelling}
        answer = await ask.however_cut(Script().data(chunk({"content": "a"}, "stop", usage=usage)).done())
        assert answer.usage == Usage(283, 69, cache_hit=256, cache_miss=27)


# Keep-alives, queues and silence


async def test_comments_are_no_data(ask: Asking) -> None:
    """6 · CopilotChat.nvim#944, langchaingo#942, langchaingo#1171, openai4j#86: `: keep-alive` was parsed as JSON."""
    many = Script().raw(b": keep-alive\n\n:\n:no space\n\n" * 10)
    script = many + Script().role() + many + Script().text_delta("a").comment().finish().done()
    answer = await ask.however_cut(script)
    assert (answer.text, answer.finished) == ("a", Finished("stop"))


@pytest.mark.parametrize("body", [b"", b"\n", b"\n\n\n\n", b"\r\n\r\n", b": keep-alive\n\n" * 3])
async def test_a_blank_body_is_an_overload_that_can_be_tried_again(ask: Asking, body: bytes) -> None:
    """7 · DeepSeek-V3#599, DeepSeek-R1#91, DeepSeek-R1#430: "Expecting value: line 1 column 1"."""
    for script in (Script().raw(body), Script().head(Content_Type="application/json").raw(body)):
        for size in (0, 1):
            error = (await ask(script.in_pieces(size))).error
            assert isinstance(error, OverloadedError)
            assert (error.retryable, error.sentence) == (True, "The provider is overloaded right now.")


async def test_a_place_in_the_queue_is_kept_by_comments_but_not_for_ever(ask: Asking) -> None:
    """8 · new-api#1276: the connection was dropped while the request was queued."""
    queued = sum((Script().comment().pause(BLINK / 10) for _ in range(20)), Script())
    assert (await ask(queued + Script.text("a"), clocks=Clocks(idle=BLINK))).text == "a"
    error = (await ask(queued.stall(), clocks=Clocks(first_event=BLINK))).error
    assert isinstance(error, StalledError)
    assert (error.clock, error.retryable) == ("first_event", True)


async def test_silence_in_the_middle_of_a_thought_is_noticed_and_the_thought_is_kept(ask: Asking) -> None:
    """9 · DeepSeek-V3#1608, oh-my-pi#9741, openseek#343, codegraff#544: silent for ever, the socket open."""
    answer = await ask(Script().role(reasoning=True).reasoning("Let me", " see").stall(), clocks=Clocks(idle=BLINK))
    assert isinstance(answer.error, StalledError)
    assert (answer.reasoning, answer.error.clock, answer.error.retryable) == ("Let me see", "idle", True)
    await ask.upstream.requests[0].closed()


# How an answer ends


async def test_an_end_without_finish_and_done_is_no_success(ask: Asking) -> None:
    """10 · agenc-core#2492, DeepSeek-V3#1534, DeepSeek-V3#1046: half an answer was stored as a whole one."""
    answer = await ask.however_cut(Script().role().text_delta("half an"))
    assert (answer.text, type(answer.error)) == ("half an", CutError)


async def test_done_without_a_reason_is_a_stop_that_says_so(ask: Asking) -> None:
    """11 · openai-node#1292: finish_reason never came."""
    answer = await ask.however_cut(Script().role().text_delta("a").done())
    assert answer.finished == Finished("stop", assumed=True)


async def test_a_finish_without_done_is_a_success(ask: Asking) -> None:
    """12 · pig-mesh/deepseek4j#96: a wrapper sent no [DONE]."""
    answer = await ask.however_cut(Script().role().text_delta("a").finish())
    assert answer.finished == Finished("stop")


async def test_a_budget_that_went_into_thinking_is_told_from_an_empty_answer(ask: Asking) -> None:
    """36 · bsod-analyzer#88, DeepTutor#1331: an empty answer and no reason."""
    answer = await ask.however_cut(Script().role(reasoning=True).reasoning("hm", "…").finish("length").done())
    assert (answer.reasoning, answer.text, answer.finished) == ("hm…", "", Finished("length"))
    assert answer.usage
    assert answer.usage.reasoning == answer.usage.completion == 2


@pytest.mark.parametrize("end", [Script().cut(), Script().reset()])
async def test_every_word_before_a_lost_connection_is_handed_out_as_it_comes(ask: Asking, end: Script) -> None:
    """37 · deer-flow#1923, BettaFish#232: a disconnect lost all that had been written.

    That they are stored meanwhile is shown in tests/conversations/test_worker_processes.py, by
    test_a_killed_workers_answer_is_ended_by_another_and_keeps_every_stored_word.
    """
    gate, deltas = Gate(), list[Delta]()
    ask.upstream.play(Script().role().text_delta("one ", "two").gate(gate) + end)
    with pytest.raises(CutError):
        async for delta in ask.open():
            deltas.append(delta)
            if len(deltas) == 3:
                gate.open()
    assert Answer(deltas).text == "one two"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (b'data: {"error":{"message":"no capacity","type":"server_error"}}\n\n', ServerFaultError),
        (b'data: {"error":"no capacity"}\n\n', ServerFaultError),
        (b'data: {"error":{"message":"x","code":503},"choices":[{"delta":{"content":"no"}}]}\n\n', OverloadedError),
        (b'{"error":"no capacity"}\n', ServerFaultError),
    ],
)
async def test_an_error_inside_a_stream_is_an_error(ask: Asking, event: bytes, kind: type[ProviderError]) -> None:
    """38 · Bamboo-agent#98, odysseus#736, rocketmq-dashboard#2178: it was swallowed."""
    answer = await ask.however_cut(Script().role().text_delta("a").raw(event))
    assert (answer.text, type(answer.error)) == ("a", kind)


async def test_an_error_field_is_read(ask: Asking) -> None:
    """39 · coddy-agent#106, llama.cpp#14268, llama.cpp#16109: `error: {…}` is no `data:`."""
    event = b'error: {"code":400,"message":"the request exceeds the available context size","type":"invalid"}\n\n'
    answer = await ask.of("llamacpp").however_cut(Script().role().text_delta("a").raw(event))
    assert (answer.text, type(answer.error)) == ("a", ContextTooLongError)


async def test_openrouters_comments_are_skipped_and_its_failures_are_failures(ask: Asking) -> None:
    """43 · OpenRouter's docs: `: OPENROUTER PROCESSING`, finish_reason "error"."""
    begun = Script().comment("OPENROUTER PROCESSING").role().text_delta("a")
    routed = ask.of("openrouter")
    assert type((await routed.however_cut(begun.finish("error").done())).error) is ServerFaultError
    failed = begun.data({"error": {"code": 502, "message": "upstream"}, **chunk({"content": ""}, "error")})
    assert type((await routed.however_cut(failed)).error) is OverloadedError
    assert (await routed.however_cut(begun.finish().done())).text == "a"


async def test_a_complaint_is_not_taken_for_an_empty_answer(ask: Asking) -> None:
    """45 · deeperseeker#33: a rate limit inside the stream was reported as "empty"."""
    limited = b'event: error\ndata: {"message":"rate_limit_exceeded: slow down"}\n\n'
    answer = await ask.however_cut(Script().role().raw(limited).finish().done())
    assert type(answer.error) is RateLimitedError
    assert type((await ask.however_cut(Script().role().finish().done())).error) is EmptyAnswerError


async def test_the_model_that_answered_is_named_and_not_the_one_that_was_asked(ask: Asking) -> None:
    """47 · Live probes of 2026-07-27: the two differ."""
    aliased = {"model": "deepseek-v4-flash", "system_fingerprint": "fp_1"}
    answer = await ask.however_cut(Script().data(chunk({"content": "a"}, "stop") | aliased).done())
    assert ask.upstream.requests[0].body["model"] == MODEL
    assert replace(answer.started, trace_id="") == Started("deepseek-v4-flash", "fp_1", "")


# What was thought


async def test_stored_reasoning_goes_back_when_there_are_tools(ask: Asking) -> None:
    """13 · earendil-works/pi#3635, LibreChat#13366, LibreChat#12836, openclaude#878, Adnify#193, codex-router#680."""
    body = await sent(ask, asked(*TALK, tools=(DATE,), effort=Effort.HIGH))
    assert [message.get("reasoning_content") for message in body["messages"]] == [None, None, "thought of b", None]


async def test_hosts_that_refuse_reasoning_never_get_it_and_roles_alternate(ask: Asking) -> None:
    """14 · DeepSeek-R1#21, aider#2960, open-webui#9266, litellm#8018: 400 for reasoning, or for two turns of a role."""
    messages = (*TALK, ChatMessage("user", "d"))
    body = await sent(ask.of("openai"), asked(*messages, tools=(DATE,), effort=Effort.HIGH))
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert "thought of b" not in json.dumps(body)
    refuse(ask, 400, "reasoning_content is not allowed in messages", "thought of b")
    assert (await asked_otherwise(ask, asked(*messages, tools=(DATE,), effort=Effort.HIGH))).text == "fine"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("aborted", ["", " \n"])
async def test_an_answer_that_was_stopped_at_once_leaves_no_two_questions_in_a_row(
    ask: Asking, dialect: str, aborted: str
) -> None:
    """15 · cherry-studio#5051: two user turns in a row broke R1."""
    messages = (ChatMessage("user", "a"), ChatMessage("assistant", aborted), ChatMessage("user", "b"))
    body = await sent(ask.of(dialect), asked(*messages))
    assert body["messages"] == [{"role": "user", "content": "a\n\nb"}]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_system_prompt_is_never_a_developers(ask: Asking, dialect: str) -> None:
    """16 · decolua/9router#773: the role `developer` is a 400."""
    body = await sent(ask.of(dialect), asked(*TALK, effort=Effort.HIGH))
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize("choice", ["required", "get_date"])
async def test_no_tool_is_forced_upon_a_model_that_thinks(ask: Asking, choice: str) -> None:
    """17 · opencode-mem#253, langchain#40769, open-ace#2412, codex-router#106: 400."""
    thinking = await sent(ask, asked(tools=(DATE,), tool_choice=choice, effort=Effort.HIGH))
    assert (thinking["thinking"]["type"], thinking.get("tool_choice", "auto")) == ("enabled", "auto")
    forced = await sent(ask, asked(tools=(DATE,), tool_choice=choice))
    assert (forced["thinking"]["type"], forced["tool_choice"]) == (
        "disabled",
        choice if choice == "required" else {"type": "function", "function": {"name": choice}},
    )
    refuse(ask, 400, "Thinking mode does not support this tool_choice", '"tool_choice"')
    assert (await asked_otherwise(ask, asked(tools=(DATE,), tool_choice=choice))).text == "fine"


@pytest.mark.parametrize(
    ("written", "starts_thinking", "reasoning", "text"),
    [
        ("<think>\nhm\n</think>\n\nyes", False, "hm\n", "yes"),
        ("hm\n</think>\n\nyes", True, "hm\n", "yes"),
        ("<think>hm", False, "hm", ""),
        ("yes:\n```\n<think>hm</think>\n```", False, "", "yes:\n```\n<think>hm</think>\n```"),
        ("<think>a < b</think>yes </think>", False, "a < b", "yes </think>"),
    ],
)
async def test_thoughts_between_tags_are_told_from_the_answer_wherever_a_tag_is_cut(
    ask: Asking, written: str, starts_thinking: bool, reasoning: str, text: str
) -> None:
    """18 · DeepSeek-R1#352, vllm#13125, xinference#3029, open-webui#9192, open-webui#8706, continue#3832, ds4#13."""
    request = asked(starts_thinking=starts_thinking)
    for size, script in in_deltas_of_any_size(written, "length"):
        answer = read(script.body(), 64, "vllm", request)
        assert (answer.reasoning, answer.text) == (reasoning, text), size
    await ask.of("vllm").however_cut(Script().text_delta(written[:3], written[3:]).finish("length"), request)


async def test_what_was_thought_comes_back_to_the_provider_as_it_was_received(ask: Asking) -> None:
    """44 · crewAI#7013, everywhere#287, Newelle#404: lost between the layers."""
    thought = ' 狐狸 "quoted"\n\n\ttabbed 🚀 '
    call = Script().reasoning(thought[:4], thought[4:]).call(0, "call_7", "get_date", "{}").finish("tool_calls")
    answer = await ask.however_cut(call.done(), replace(WITH_TOOLS, effort=Effort.HIGH))
    assert answer.reasoning == thought
    [called] = answer.calls
    turn = ChatMessage("assistant", answer.text, answer.reasoning, tool_calls=(ToolUse(called.id, called.name, "{}"),))
    messages = (*QUESTION.messages, turn, ChatMessage("tool", "Saturday", tool_call_id=called.id))
    body = await sent(ask, replace(WITH_TOOLS, messages=messages, effort=Effort.HIGH))
    assert body["messages"][1]["reasoning_content"] == thought


async def test_a_missing_thinking_block_is_repaired_like_missing_reasoning(ask: Asking) -> None:
    """48 · VicBilibily/GCMP#26: the Anthropic format's words for it."""
    refuse(ask, 400, "Missing thinking block in the assistant message at message index 2", '"enabled"', "thought of b")
    answer = await asked_otherwise(ask, asked(*TALK, tools=(DATE,), effort=Effort.HIGH))
    assert answer.text == "fine"
    assert [request.body["thinking"]["type"] for request in ask.upstream.requests] == ["enabled", "disabled"]


# Tool calls


def fragments(*rows: dict[str, Any]) -> Script:
    script = Script().role()
    for row in rows:
        script = script.fragments(row)
    return script.finish("tool_calls").done()


def fragment(arguments: str = "", **others: Any) -> dict[str, Any]:
    name = {"name": others.pop("name")} if "name" in others else {}
    return {**others, "function": {**name, "arguments": arguments}}


async def test_null_never_replaces_a_known_id_or_name(ask: Asking) -> None:
    """19 · xintaofei/deepseek-acp#4."""
    later = fragment('"UTC"}', index=0, id=None, name=None, type=None)
    script = fragments(fragment('{"zone":', index=0, id="call_1", name="get_date"), later)
    [call] = (await ask.however_cut(script, WITH_TOOLS)).calls
    assert (call.id, call.name, call.arguments, call.problem) == ("call_1", "get_date", '{"zone":"UTC"}', "")


async def test_nothing_never_replaces_a_known_id_or_name(ask: Asking) -> None:
    """20 · Wei-Shaw/sub2api#6080, dshcode#36: the same with empty strings."""
    later = fragment('"UTC"}', index=0, id="", name="", type="")
    script = fragments(fragment('{"zone":', index=0, id="call_1", name="get_date"), later)
    [call] = (await ask.however_cut(script, WITH_TOOLS)).calls
    assert (call.id, call.name, call.arguments) == ("call_1", "get_date", '{"zone":"UTC"}')


async def test_fragments_without_an_index_belong_to_their_id_or_to_the_call_before(ask: Asking) -> None:
    """21 · AstrBot#6692."""
    expected = [("call_1", "get_date", '{"zone":"UTC"}'), ("call_2", "search", '{"words":"fox"}')]
    by_id = fragments(
        fragment('{"zone"', id="call_1", name="get_date"),
        fragment(":"),
        fragment('{"words":', id="call_2", name="search"),
        fragment('"UTC"}', id="call_1"),
        fragment('"fox"}', id="call_2"),
    )
    by_place = Script().fragments(
        fragment('{"zone":', id="call_1", name="get_date"), fragment('{"words":', id="call_2", name="search")
    )
    by_place = by_place.fragments(fragment('"UTC"}'), fragment('"fox"}')).finish("tool_calls").done()
    for script in (by_id, by_place):
        calls = (await ask.however_cut(script, WITH_TOOLS)).calls
        assert [(call.id, call.name, call.arguments) for call in calls] == expected


async def test_null_is_never_text(ask: Asking) -> None:
    """22 · vllm-ascend#14501: "None" or "null" was shown beside a tool call."""
    script = Script().role(reasoning=True)
    script = script.fragments(fragment("{}", index=0, id="call_1", name="get_date"), content=None, reasoning=None)
    answer = await ask.of("vllm").however_cut(script.finish("tool_calls").done(), WITH_TOOLS)
    assert (answer.text, answer.reasoning, len(answer.calls)) == ("", "", 1)


@pytest.mark.parametrize(
    "markup",
    [
        MARKUP,
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_date\n```json\n{}\n```",
        "<|DSML|function_calls><|DSML|invoke>",
    ],
)
async def test_the_models_own_notation_is_hidden_and_the_call_is_tried_once_more(ask: Asking, markup: str) -> None:
    """23 · vllm#53227, xagent#790, aiope#119, DeepSeek-V3#1244: tool markup in the text, or in the arguments."""
    for size, script in in_deltas_of_any_size(f"Let me look. {markup}", "stop"):
        assert read(script.body(), 64, request=WITH_TOOLS).text == "Let me look. ", size
    answer = await ask.however_cut(Script().text_delta("Let me look. <", markup[1:]).finish().done(), WITH_TOOLS)
    assert answer.text == "Let me look. "
    assert isinstance(answer.error, LeakedMarkupError)
    assert [retry_delay(answer.error, attempt, chance=lambda: 0.0) for attempt in (1, 2)] == [0.5, None]
    within = Script().call(0, "call_1", "get_date", json.dumps({"zone": markup}))
    assert type((await ask.however_cut(within.finish("tool_calls").done(), WITH_TOOLS)).error) is LeakedMarkupError


@pytest.mark.parametrize("arguments", ['{"zone: "UTC"}', '{"zone": "UT', "[]", '"UTC"', "NaN"])
async def test_arguments_that_are_no_json_object_are_a_result_for_the_model_and_no_crash(
    ask: Asking, arguments: str
) -> None:
    """24 · DeepSeek-V3#1069: a quote was missing in strict mode."""
    script = Script().role().call(0, "call_1", "get_date", *arguments).finish("tool_calls").done()
    answer = await ask.however_cut(script, WITH_TOOLS)
    [call] = answer.calls
    assert (call.arguments, answer.finished) == (arguments, Finished("tool_calls"))
    assert "JSON" in call.problem


# Bytes


async def test_a_character_of_several_bytes_survives_any_cut(ask: Asking) -> None:
    """25 · api7/aisix#111, Fabric#2203, vllm#38732, opencode#39694, utopia#764: U+FFFD between two reads."""
    text = "é 狐狸 🚀 👩🏽‍💻"
    answer = await ask.however_cut(Script().data(chunk({"content": text}, "stop")).done())
    assert answer.text == text


async def test_unusual_line_separators_do_not_split_a_line(ask: Asking) -> None:
    """26 · dify#39008, httpx-sse#34, httpx-sse#37, codex-lb#1010, kagent#1480: U+2028 broke the JSON."""
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\x1dh\x1ei"
    answer = await ask.however_cut(Script().data(chunk({"content": text}, "stop")).done())
    assert answer.text == text


async def test_several_events_in_one_read_are_all_read(ask: Asking) -> None:
    """27 · tt-studio#936: the second was lost."""
    answer = await ask.however_cut(Script().raw(Script.text(*"abcdef").body()))
    assert answer.text == "abcdef"


@pytest.mark.parametrize("ending", [b"\r\n", b"\r"])
async def test_any_line_ending_reads_like_a_line_feed(ask: Asking, ending: bytes) -> None:
    """28 · httpx-sse's tests: CRLF, a lone CR, CR and LF in two reads."""
    in_two_lines = b'data: {"choices":\ndata: [{"delta":{"content":"c"}}]}\n\n'
    script = Script().comment().text_delta("a", "b").raw(in_two_lines).finish().done()
    other = Script().raw(script.body().replace(b"\n", ending))
    answer = await ask.however_cut(other)
    assert (answer.text, answer.finished) == ("abc", Finished("stop"))


async def test_events_without_data_are_no_events(ask: Asking) -> None:
    """29 · theopenco/llmgateway#2334, openai-python#2722: a ping with an id failed to parse."""
    ping = b"id: 1\nevent: ping\n\nid: 2\n\nretry: 3\n\n" * 10
    answer = await ask.however_cut(Script().raw(ping).role().text_delta("a").raw(ping).finish().raw(ping).done())
    assert (answer.text, answer.finished) == ("a", Finished("stop"))


# JSON


LIKE = {"answer": 42}
JSON_REQUEST = asked(format=Format.JSON)


async def in_json(ask: Asking) -> dict[str, Any]:
    return await ask_json(ask.open, JSON_REQUEST, LIKE, lambda found: found)


async def test_no_schema_is_sent_and_where_json_mode_is_refused_words_ask_for_it(ask: Asking) -> None:
    """30 · dify#13068, dify#12705, deep-research#22, browser-use#215: json_schema is refused."""
    body = await sent(ask, JSON_REQUEST)
    assert body["response_format"] == {"type": "json_object"}
    refuse(ask, 400, "This response_format type is unavailable now", "response_format")
    answer = await asked_otherwise(ask, JSON_REQUEST)
    assert answer.text == "fine"
    assert "json" in ask.upstream.requests[-1].says("system").lower()


@pytest.mark.parametrize("question", ["hi", "Give me JSON."])
async def test_json_mode_always_speaks_of_json(ask: Asking, question: str) -> None:
    """31 · vercel/ai#7913, vercel/ai#7946, trading-gpt#77: 400 without the word."""
    body = await sent(ask, asked(ChatMessage("user", question), format=Format.JSON))
    prompts = [message["content"].lower() for message in body["messages"] if message["role"] in ("system", "user")]
    assert any("json" in prompt for prompt in prompts)


async def test_nothing_in_json_mode_is_asked_for_again_and_then_without_it(ask: Asking) -> None:
    """32 · upstream-radar#119."""
    empty = Script().role().finish().done()
    ask.upstream.play(empty, Script().role().text_delta(" " * 500, "\n" * 2000).stall(), Script.text('{"answer": 7}'))
    assert await in_json(ask) == {"answer": 7}
    modes = [request.body.get("response_format") for request in ask.upstream.requests]
    assert modes == [{"type": "json_object"}, {"type": "json_object"}, None]


# What a model does not take


async def test_images_are_words_for_a_model_that_cannot_see(ask: Asking) -> None:
    """33 · Reasonix#7859, hermes-webui#2297, chatbox#1740, DeepSeek-V3#337: 400, or 422."""
    look = ChatMessage("user", "What is this?", images=(PIXEL,))
    blind = await sent(ask, asked(look, abilities=frozenset(Ability) - {Ability.VISION}))
    assert [message["content"] for message in blind["messages"]] == [
        "What is this?\n\n[image: cat.png, not shown to this model]"
    ]
    seeing = await sent(ask, asked(look))
    assert seeing["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    for message in ("This model does not support image", "unknown variant `image_url`, expected `text`"):
        refuse(ask, 400, message, "image_url")
        assert (await asked_otherwise(ask, asked(look))).text == "fine"


async def test_an_answer_is_never_asked_to_be_longer_than_the_model_can_write(ask: Asking) -> None:
    """34 · mnfst/llm-gateway#1177, DeepSeek-V3#69: 400."""
    assert (await sent(ask, asked(max_tokens=10**6, output_limit=393_216)))["max_tokens"] == 393_216
    assert (await sent(ask, asked(max_tokens=0, output_limit=393_216)))["max_tokens"] == 1
    refuse(ask, 400, "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", "1000000")
    assert (await asked_otherwise(ask, asked(max_tokens=10**6))).text == "fine"
    assert ask.upstream.requests[-1].body["max_tokens"] == 8192


async def test_a_conversation_that_is_too_long_is_an_error_of_its_own(ask: Asking) -> None:
    """35 · fast-agent#621, OpenManus#79: unhandled. Whoever holds the conversation shortens it and asks once more."""
    message = (
        "This model's maximum context length is 1048576 tokens. However, you requested 1100000 tokens (1099000 in the "
        "messages, 1000 in the completion). Please reduce the length of the messages or completion."
    )
    error = (await ask(Script.error(400, message))).error
    assert isinstance(error, ContextTooLongError)
    assert (error.retryable, error.sentence) == (False, "This conversation is longer than the model can read.")
    assert repaired(QUESTION, error) is None


# Refusals


@pytest.mark.parametrize(
    "message",
    [
        "Your current concurrency is 40, which exceeds your concurrency limit of 39 based on your remaining balance. "
        "Please top up.",
        "Rate limit reached for TPM",
    ],
)
async def test_too_many_at_once_is_waited_out_and_not_blamed_on_the_text(ask: Asking, message: str) -> None:
    """40 · jobfetcher#42, Reasonix#1526, Reasonix#2387: 429 for concurrency, told as "too many tokens"."""
    error = (await ask(Script.error(429, message))).error
    assert isinstance(error, RateLimitedError)
    assert error.sentence == "The provider asks us to slow down: too many questions at once."
    assert [retry_delay(error, attempt, chance=lambda: 0.0) for attempt in (1, 2, 3)] == [0.5, 1.0, 2.0]

    gate, two = Gate(), replace(ask, concurrency=2)
    ask.upstream.forget()
    ask.upstream.answer_with(lambda _: Script().role().text_delta("a").gate(gate).finish().done())
    answers = [two.start() for _ in range(5)]
    await ask.upstream.requested(2)
    await gate.reached()
    assert len(ask.upstream.requests) == 2
    gate.open()
    assert [answer.text for answer in await asyncio.gather(*answers)] == ["a"] * 5


async def test_an_empty_balance_says_so_and_ends_all_calls_there(ask: Asking) -> None:
    """41 · continue#9942: 402 meant nothing to people."""
    for script in (
        Script.error(402, "Insufficient Balance", "unknown_error"),
        Script.reply(402),
        Script.reply(200, '{"error":{"message":"Insufficient Balance"}}'),
    ):
        error = (await ask(script)).error
        assert isinstance(error, BalanceEmptyError)
        assert error.sentence == "The balance at the provider is used up. An administrator needs to top it up."
        assert (error.retryable, error.is_fatal, error.code) == (False, True, "balance_empty")


@pytest.mark.parametrize(
    ("status", "content_type", "body", "kind"),
    [
        (401, "", "Authentication Fails (governor)", AuthenticationError),
        (400, "application/octet-stream", "Failed to parse the request body as JSON: EOF", InvalidRequestError),
        (
            415,
            "text/plain; charset=utf-8",
            "Expected request with `Content-Type: application/json`",
            InvalidRequestError,
        ),
        (
            400,
            "application/octet-stream",
            '{"error":{"message":"This response_format type is unavailable now","type":"invalid_request_error"}}',
            FormatRefusedError,
        ),
    ],
)
async def test_a_refusal_is_read_whatever_its_content_type(
    ask: Asking, status: int, content_type: str, body: str, kind: type[ProviderError]
) -> None:
    """46 · Live probes of 2026-07-27, confirmed by hash: plain text, and JSON as octet-stream."""
    script = Script.reply(status, body, {"Content-Type": content_type} if content_type else {})
    for size in (0, 1):
        error = (await ask(script.in_pieces(size))).error
        assert type(error) is kind
        assert error.status == status
        assert KEY not in error.sentence
