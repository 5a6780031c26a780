"""What servers really send, byte for byte, read in pieces of every size.

The examples are those of DeepSeek's docs of 2026-09-18 and of bodies confirmed by their hash, with the envelope
written out where print leaves it away; the other servers' are from their documentation as of November 2026.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from providers import ChatRequest, Delta, Finished, ProviderError, Reasoning, Started, Text, Usage
from providers.deltas import Alternative, Logprobs, TokenLogprob, ToolCall, ToolCallBegun
from providers.errors import (
    AuthenticationError,
    BalanceEmptyError,
    ContentRefusedError,
    ContextTooLongError,
    CutError,
    InvalidRequestError,
    ModelMissingError,
    OutputCapRefusedError,
    OverloadedError,
    ParameterRefusedError,
    RateLimitedError,
    ServerFaultError,
)
from providers.messages import Tool
from tests.providers.asking import QUESTION, Answer, Asking
from tests.upstream import Script

MODEL, FINGERPRINT = "deepseek-flash", "fp_a49d71b8a1"
STARTED = Started(MODEL, FINGERPRINT, "")
THINKING_USAGE = (
    '{"prompt_tokens":283,"completion_tokens":69,"total_tokens":352,"prompt_tokens_details":{"cached_tokens":256},'
    '"completion_tokens_details":{"reasoning_tokens":24},"prompt_cache_hit_tokens":256,"prompt_cache_miss_tokens":27}'
)
TOOLS = ChatRequest(MODEL, QUESTION.messages, tools=(Tool("get_weather", "Weather"), Tool("get_date", "Today")))


def chunk(delta: str, finish: str = "null", usage: str = "null") -> str:
    return (
        '{"id":"1f633d8bfc032625086f14113c411638","object":"chat.completion.chunk","created":1718345013,'
        f'"model":"{MODEL}","system_fingerprint":"{FINGERPRINT}",'
        f'"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}],"usage":{usage}}}'
    )


def stream(*chunks: str, done: bool = True, before: str = "") -> Script:
    events = "".join(f"data: {each}\n\n" for each in (*chunks, *(["[DONE]"] if done else [])))
    return Script().raw((before + events).encode())


def body(text: str, status: int = 200, content_type: str = "application/json") -> Script:
    return Script.reply(status, text, {"Content-Type": content_type} if content_type else {})


def said(answer: Answer) -> list[Delta]:
    assert answer.error is None
    return answer.outcome[0]


# DeepSeek


THINKING_OFF = stream(
    chunk('{"role":"assistant","content":""}'),
    chunk('{"content":"Hello"}'),
    chunk(
        '{"content":"","role":null}',
        '"stop"',
        '{"prompt_tokens":11,"completion_tokens":11,"total_tokens":22,"prompt_tokens_details":{"cached_tokens":0},'
        '"prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":11}',
    ),
)
THINKING_ON = stream(
    chunk('{"role":"assistant","content":null,"reasoning_content":""}'),
    chunk('{"content":null,"reasoning_content":"First"}'),
    chunk('{"content":null,"reasoning_content":", compare"}'),
    chunk('{"content":"9.8","reasoning_content":null}'),
    chunk('{"content":" is greater.","reasoning_content":null}'),
    chunk('{"content":"","reasoning_content":null}', '"stop"', THINKING_USAGE),
    before=": keep-alive\n\n",
)
TWO_CALLS = stream(
    chunk(
        '{"content":null,"tool_calls":[{"index":0,"id":"call_00_H2SCW6136vWJGq9SQlBuhVt4","type":"function",'
        '"function":{"name":"get_weather","arguments":""}}]}'
    ),
    chunk(r'{"tool_calls":[{"index":0,"function":{"arguments":"{\"location\":"}}]}'),
    chunk(r'{"tool_calls":[{"index":0,"function":{"arguments":" \"Hangzhou\"}"}}]}'),
    chunk(
        '{"tool_calls":[{"index":1,"id":"call_01_8URkLt5NjmNkVKhDmMcNq9Mo","type":"function",'
        '"function":{"name":"get_date","arguments":""}}]}'
    ),
    chunk('{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}'),
    chunk('{"content":""}', '"tool_calls"', THINKING_USAGE),
)


async def test_an_answer_without_thinking(ask: Asking) -> None:
    assert said(await ask.however_cut(THINKING_OFF)) == [
        STARTED,
        Text("Hello"),
        Usage(prompt=11, completion=11, cache_miss=11),
        Finished("stop"),
    ]


@pytest.mark.parametrize(
    "odd",
    [
        ('{"content":"Hello"}', '{"role":"assistant","content":"Hello"}'),
        ('"content":"","role":null', '"content":""'),
        ('"content":"","role":null', '"role":null'),
        ('"logprobs":null,', ""),
        (',"usage":null', ""),
    ],
)
async def test_its_variants_say_the_same(ask: Asking, odd: tuple[str, str]) -> None:
    usual = THINKING_OFF.body()
    varied = usual.replace(odd[0].encode(), odd[1].encode())
    assert varied != usual
    assert (await ask.however_cut(Script().raw(varied))).outcome == (await ask(THINKING_OFF)).outcome


async def test_an_answer_with_thinking(ask: Asking) -> None:
    assert said(await ask.however_cut(THINKING_ON)) == [
        STARTED,
        Reasoning("First"),
        Reasoning(", compare"),
        Text("9.8"),
        Text(" is greater."),
        Usage(prompt=283, completion=69, reasoning=24, cache_hit=256, cache_miss=27),
        Finished("stop"),
    ]


async def test_two_tool_calls(ask: Asking) -> None:
    weather, date = "call_00_H2SCW6136vWJGq9SQlBuhVt4", "call_01_8URkLt5NjmNkVKhDmMcNq9Mo"
    assert said(await ask.however_cut(TWO_CALLS, TOOLS)) == [
        STARTED,
        ToolCallBegun(weather, "get_weather"),
        ToolCallBegun(date, "get_date"),
        ToolCall(weather, "get_weather", '{"location": "Hangzhou"}'),
        ToolCall(date, "get_date", "{}"),
        Usage(prompt=283, completion=69, reasoning=24, cache_hit=256, cache_miss=27),
        Finished("tool_calls"),
    ]


async def test_usage_in_a_chunk_of_its_own(ask: Asking) -> None:
    usage = '{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":2,"total_tokens":13}}'
    script = stream(chunk('{"content":"Hello"}', '"stop"'), usage)
    assert said(await ask.however_cut(script))[2:] == [Usage(11, 2, cache_miss=11), Finished("stop")]


WHOLE = (
    '{"id":"930c60df-bf64-41c9-a88e-3ec75f81e00e","object":"chat.completion","created":1785141045,'
    '"model":"deepseek-v4-flash","choices":[{"index":0,"message":{"role":"assistant","content":"OK"},'
    '"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":8,"completion_tokens":1,"total_tokens":9,'
    '"prompt_tokens_details":{"cached_tokens":0},"prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":8},'
    '"system_fingerprint":"fp_9954b31ca7_prod0820_fp8_kvcache_20260402"}'
)
WHOLE_CALL = (
    '{"id":"…","object":"chat.completion","created":1785141050,"model":"deepseek-flash","choices":[{"index":0,'
    '"message":{"role":"assistant","content":"","reasoning_content":"I need the date first.","tool_calls":[{"index":0,'
    '"id":"call_00_kw66qNnNto11bSfJVIdlV5Oo","type":"function","function":{"name":"get_date","arguments":"{}"}}]},'
    f'"logprobs":null,"finish_reason":"tool_calls"}}],"usage":{THINKING_USAGE},"system_fingerprint":"fp_…"}}'
)


@pytest.mark.parametrize("waiting", ["", "\n\n\n", "\r\n" * 50])
async def test_a_whole_body_instead_of_a_stream(ask: Asking, waiting: str) -> None:
    assert said(await in_any_piece(ask, body(waiting + WHOLE))) == [
        Started("deepseek-v4-flash", "fp_9954b31ca7_prod0820_fp8_kvcache_20260402", ""),
        Text("OK"),
        Usage(prompt=8, completion=1, cache_miss=8),
        Finished("stop"),
    ]


async def test_a_whole_body_that_thinks_and_calls(ask: Asking) -> None:
    id = "call_00_kw66qNnNto11bSfJVIdlV5Oo"
    assert said(await in_any_piece(ask, body(WHOLE_CALL), TOOLS)) == [
        Started("deepseek-flash", "fp_…", ""),
        Reasoning("I need the date first."),
        ToolCallBegun(id, "get_date"),
        ToolCall(id, "get_date", "{}"),
        Usage(prompt=283, completion=69, reasoning=24, cache_hit=256, cache_miss=27),
        Finished("tool_calls"),
    ]


async def test_log_probabilities(ask: Asking) -> None:
    entry = (
        '{"token":"Hello","logprob":-0.25,"bytes":[72,101,108,108,111],"top_logprobs":'
        '[{"token":"Hello","logprob":-0.25,"bytes":null},{"token":"Hi","logprob":-9999.0,"bytes":[72,105]}]}'
    )
    sure = chunk('{"content":"Hello"}', '"stop"').replace(
        '"logprobs":null', f'"logprobs":{{"content":[{entry}],"reasoning_content":null}}'
    )
    request = ChatRequest(MODEL, QUESTION.messages, logprobs=2)
    alternatives = (Alternative("Hello", -0.25), Alternative("Hi", None))
    assert (await ask.however_cut(stream(sure), request)).logprobs == [
        Logprobs(text=(TokenLogprob("Hello", -0.25, alternatives),))
    ]


# DeepSeek's refusals


def refused(message: str, kind: str = "invalid_request_error", code: str = "invalid_request_error") -> str:
    return f'{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":"{code}"}}}}'


JSON, OCTETS = "application/json", "application/octet-stream"
NOT_JSON = "Failed to parse the request body as JSON: model: EOF while parsing a value at line 1 column 9"
NOT_THE_TYPE = "Failed to deserialize the JSON body into the target type: "
REFUSALS = [
    (401, "", "Authentication Fails (governor)", AuthenticationError),
    (
        401,
        JSON,
        refused("Authentication Fails, Your api key: ****0000 is invalid", "authentication_error"),
        AuthenticationError,
    ),
    (400, OCTETS, NOT_JSON, InvalidRequestError),
    (400, JSON, refused(f"{NOT_THE_TYPE}missing field `messages` at line 1 column 2"), InvalidRequestError),
    (
        400,
        JSON,
        refused(f"{NOT_THE_TYPE}messages: invalid type: map, expected a sequence at line 1 column 40"),
        InvalidRequestError,
    ),
    (
        400,
        JSON,
        refused(
            f"{NOT_THE_TYPE}messages[0].role: unknown variant `developer`, expected one of `system`, `user`, "
            "`assistant`, `tool`, `latest_reminder` at line 1 column 60"
        ),
        InvalidRequestError,
    ),
    (
        400,
        OCTETS,
        refused("The supported API model names are deepseek-v4-pro or deepseek-v4-flash, but you passed X."),
        ModelMissingError,
    ),
    (
        400,
        OCTETS,
        refused("Invalid temperature value, the valid range of temperature is [0, 2]"),
        ParameterRefusedError,
    ),
    (
        400,
        OCTETS,
        refused(
            "Invalid 'user_id': string too long. Expected a string with maximum length 512, but got a string with "
            "length 513 instead"
        ),
        ParameterRefusedError,
    ),
    (
        415,
        "text/plain; charset=utf-8",
        "Expected request with `Content-Type: application/json`",
        InvalidRequestError,
    ),
    (404, "", "", InvalidRequestError),
    (405, "", "", InvalidRequestError),
    (404, JSON, '{"error_msg":"Not Found. Please check the configuration."}', InvalidRequestError),
    (402, JSON, refused("Insufficient Balance", "unknown_error"), BalanceEmptyError),
    (
        400,
        JSON,
        refused("Invalid max_tokens value, the valid range of max_tokens is [1, 393216]"),
        OutputCapRefusedError,
    ),
    (
        400,
        JSON,
        refused(
            "This model's maximum context length is 1048576 tokens. However, you requested 1048600 tokens (1048500 in "
            "the messages, 100 in the completion). Please reduce the length of the messages or completion."
        ),
        ContextTooLongError,
    ),
    (400, JSON, refused("Content Exists Risk"), ContentRefusedError),
    (
        429,
        JSON,
        refused(
            "Your current concurrency is 40, which exceeds your concurrency limit of 39 based on your remaining "
            "balance. Please top up your account.",
            "rate_limit_error",
        ),
        RateLimitedError,
    ),
    (429, JSON, refused("Rate limit reached for TPM", "rate_limit_error"), RateLimitedError),
    (
        503,
        JSON,
        refused(
            "Service is too busy. We advise users to temporarily switch to alternative LLM API service providers.",
            "service_unavailable_error",
            "service_unavailable_error",
        ),
        OverloadedError,
    ),
]


@pytest.mark.parametrize(("status", "content_type", "text", "kind"), REFUSALS, ids=lambda value: str(value)[:60])
async def test_a_refusal_is_understood(
    ask: Asking, status: int, content_type: str, text: str, kind: type[ProviderError]
) -> None:
    answer = await in_any_piece(ask, body(text, status, content_type))
    assert type(answer.error) is kind
    assert (answer.error.status, answer.deltas) == (status, [])
    assert "0000" not in answer.error.sentence


REPAIRED = [
    "The `reasoning_content` in the thinking mode must be passed back to the API.",
    "Missing `reasoning_content` field in the assistant message at message index 1",
    "Thinking mode does not support this tool_choice",
    "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.",
    "This response_format type is unavailable now",
    "This model does not support image",
    f"{NOT_THE_TYPE}messages[1]: unknown variant `image_url`, expected `text` at line 1 column 99",
]


@pytest.mark.parametrize("message", REPAIRED)
async def test_what_cannot_be_repaired_is_said_in_the_providers_own_words(ask: Asking, message: str) -> None:
    """A plain question has nothing in it that these complain about."""
    ask.upstream.answer_with(lambda _: body(refused(message), 400))
    error = (await ask()).error
    assert isinstance(error, InvalidRequestError)
    assert message in error.sentence


# Elsewhere


OTHERS: list[tuple[str, str, Sequence[str], list[Delta]]] = [
    (
        "OpenAI",
        "openai",
        [
            '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-5.2","service_tier":"default",'
            '"system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant","content":"",'
            '"refusal":null},"logprobs":null,"finish_reason":null}],"obfuscation":"Xk2"}',
            '{"model":"gpt-5.2","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}],'
            '"obfuscation":"a8FQ01"}',
            '{"model":"gpt-5.2","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"obfuscation":""}',
            '{"model":"gpt-5.2","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,'
            '"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},"completion_tokens_details":'
            '{"reasoning_tokens":3,"audio_tokens":0}}}',
        ],
        [
            Started("gpt-5.2", "fp_1", ""),
            Text("Hi"),
            Usage(9, 4, reasoning=3, cache_hit=8, cache_miss=1),
            Finished("stop"),
        ],
    ),
    (
        "vLLM",
        "vllm",
        [
            '{"id":"chatcmpl-2","model":"qwen","choices":[{"index":0,"delta":{"role":"assistant","content":""},'
            '"logprobs":null,"finish_reason":null,"token_ids":null}],"prompt_logprobs":null,'
            '"usage":{"prompt_tokens":5,"total_tokens":5,"completion_tokens":0}}',
            '{"model":"qwen","choices":[{"index":0,"delta":{"reasoning":"hm"},"finish_reason":null}],'
            '"usage":{"prompt_tokens":5,"total_tokens":6,"completion_tokens":1}}',
            '{"model":"qwen","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop","stop_reason":null}],'
            '"usage":{"prompt_tokens":5,"total_tokens":7,"completion_tokens":2}}',
            '{"model":"qwen","choices":[],"usage":{"prompt_tokens":5,"total_tokens":7,"completion_tokens":2}}',
        ],
        [Started("qwen", "", ""), Reasoning("hm"), Text("Hi"), Usage(5, 2, cache_miss=5), Finished("stop")],
    ),
    (
        "Ollama",
        "ollama",
        [
            '{"model":"r1","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant",'
            '"content":"","reasoning":"hm"},"finish_reason":null}]}',
            '{"model":"r1","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant",'
            '"content":"Hi"},"finish_reason":null}]}',
            '{"model":"r1","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant",'
            '"content":""},"finish_reason":"stop"}]}',
            '{"model":"r1","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}',
        ],
        [Started("r1", "fp_ollama", ""), Reasoning("hm"), Text("Hi"), Usage(5, 2, cache_miss=5), Finished("stop")],
    ),
    (
        "llama.cpp",
        "llamacpp",
        [
            '{"model":"smol","system_fingerprint":"b1","choices":[{"finish_reason":null,"index":0,"delta":'
            '{"role":"assistant","content":null}}],"prompt_progress":{"total":9,"cache":0,"processed":9,"time_ms":4}}',
            '{"model":"smol","choices":[{"finish_reason":null,"index":0,"delta":{"reasoning_content":"hm"}}]}',
            '{"model":"smol","choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hi"}}]}',
            '{"model":"smol","choices":[{"finish_reason":"stop","index":0,"delta":{}}]}',
            '{"model":"smol","choices":[],"usage":{"completion_tokens":2,"prompt_tokens":9,"total_tokens":11,'
            '"prompt_tokens_details":{"cached_tokens":8}},"timings":{"cache_n":8,"prompt_n":1,"prompt_ms":1.5,'
            '"predicted_n":2,"predicted_ms":20.25,"predicted_per_second":98.7}}',
        ],
        [
            Started("smol", "b1", ""),
            Reasoning("hm"),
            Text("Hi"),
            Usage(9, 2, cache_hit=8, cache_miss=1),
            Finished("stop"),
        ],
    ),
    (
        "OpenRouter",
        "openrouter",
        [
            '{"id":"gen-1","provider":"DeepInfra","model":"deepseek/deepseek-v4","choices":[{"index":0,"delta":'
            '{"role":"assistant","content":"","reasoning":"hm","reasoning_details":[{"type":"reasoning.text",'
            '"text":"hm","format":"unknown","index":0}]},"finish_reason":null,"native_finish_reason":null}]}',
            '{"model":"deepseek/deepseek-v4","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},'
            '"finish_reason":"stop","native_finish_reason":"stop"}]}',
            '{"model":"deepseek/deepseek-v4","choices":[{"index":0,"delta":{"role":"assistant","content":""},'
            '"finish_reason":null}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,'
            '"cost":0.00012,"is_byok":false,"cost_details":{"upstream_inference_cost":null}}}',
        ],
        [
            Started("deepseek/deepseek-v4", "", ""),
            Reasoning("hm"),
            Text("Hi"),
            Usage(5, 2, cache_miss=5),
            Finished("stop"),
        ],
    ),
    (
        "LiteLLM",
        "litellm",
        [
            '{"model":"claude","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning_content":"hm",'
            '"thinking_blocks":[{"type":"thinking","thinking":"hm","signature":null}]},"finish_reason":null}]}',
            '{"model":"claude","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}',
            '{"model":"claude","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
            '{"model":"claude","choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":5,"completion_tokens":2}}',
        ],
        [Started("claude", "", ""), Reasoning("hm"), Text("Hi"), Usage(5, 2, cache_miss=5), Finished("stop")],
    ),
    (
        "Anthropic",
        "anthropic",
        [
            '{"model":"claude","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},'
            '"finish_reason":null}]}',
            '{"model":"claude","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
            '{"model":"claude","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,'
            '"prompt_tokens_details":{},"completion_tokens_details":{}}}',
        ],
        [Started("claude", "", ""), Text("Hi"), Usage(5, 2, cache_miss=5), Finished("stop")],
    ),
]


@pytest.mark.parametrize(("dialect", "chunks", "expected"), [pytest.param(*row[1:], id=row[0]) for row in OTHERS])
async def test_other_servers_have_shapes_of_their_own(
    ask: Asking, dialect: str, chunks: Sequence[str], expected: list[Delta]
) -> None:
    before = ": OPENROUTER PROCESSING\n\n" if dialect == "openrouter" else ""
    assert said(await ask.of(dialect).however_cut(stream(*chunks, before=before))) == expected


async def test_ollama_sends_a_call_in_one_chunk(ask: Asking) -> None:
    delta = (
        r'{"role":"assistant","content":"","tool_calls":[{"id":"call_x1","index":0,"type":"function","function":'
        r'{"name":"get_date","arguments":"{\"zone\":\"UTC\"}"}}]}'
    )
    answer = await ask.of("ollama").however_cut(stream(chunk(delta), chunk('{"content":""}', '"stop"')), TOOLS)
    assert answer.calls == [ToolCall("call_x1", "get_date", '{"zone":"UTC"}')]
    assert answer.finished


OTHER_REFUSALS: list[tuple[str, int, str, type[ProviderError]]] = [
    (
        "openai",
        429,
        '{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,'
        '"code":"insufficient_quota"}}',
        BalanceEmptyError,
    ),
    (
        "openai",
        429,
        '{"error":{"message":"Rate limit reached","type":"tokens","param":null,"code":"rate_limit_exceeded"}}',
        RateLimitedError,
    ),
    (
        "openai",
        400,
        '{"error":{"message":"Too long","type":"invalid_request_error","param":"messages",'
        '"code":"context_length_exceeded"}}',
        ContextTooLongError,
    ),
    ("vllm", 400, '{"error":{"message":"bad","type":"BadRequestError","param":null,"code":400}}', InvalidRequestError),
    (
        "vllm",
        400,
        '{"object":"error","message":"bad","type":"BadRequestError","param":null,"code":400}',
        InvalidRequestError,
    ),
    (
        "ollama",
        404,
        '{"error":{"message":"model \\"x\\" not found, try pulling it first","type":"not_found_error","param":null,'
        '"code":null}}',
        ModelMissingError,
    ),
    (
        "llamacpp",
        503,
        '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
        OverloadedError,
    ),
    (
        "llamacpp",
        400,
        '{"error":{"code":400,"message":"the request exceeds the available context size","type":'
        '"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":8192}}',
        ContextTooLongError,
    ),
    ("openrouter", 402, '{"error":{"code":402,"message":"Insufficient credits"}}', BalanceEmptyError),
    ("openrouter", 408, '{"error":{"code":408,"message":"Timed out"}}', OverloadedError),
    ("openrouter", 502, '{"error":{"code":502,"message":"Provider returned error"}}', OverloadedError),
    ("openrouter", 503, '{"error":{"code":503,"message":"No instances available"}}', OverloadedError),
    (
        "litellm",
        400,
        '{"error":{"message":"litellm.BadRequestError: DeepseekException - Insufficient Balance","type":null,'
        '"param":null,"code":"400"}}',
        BalanceEmptyError,
    ),
]


@pytest.mark.parametrize(("dialect", "status", "text", "kind"), OTHER_REFUSALS)
async def test_other_servers_refuse_in_their_own_way(
    ask: Asking, dialect: str, status: int, text: str, kind: type[ProviderError]
) -> None:
    assert type((await in_any_piece(ask.of(dialect), body(text, status))).error) is kind


BROKEN = [
    ("openai", 'data: {"error":{"message":"x","type":"server_error","param":null,"code":null}}\n\n', ServerFaultError),
    (
        "vllm",
        'data: {"error":{"message":"x","type":"E","param":null,"code":400}}\n\ndata: [DONE]\n\n',
        InvalidRequestError,
    ),
    ("ollama", '{"error":"an error was encountered while running the model"}\n', ServerFaultError),
    ("ollama", "", CutError),
    ("llamacpp", 'error: {"code":500,"message":"x","type":"server_error"}\n\n', ServerFaultError),
    ("llamacpp", 'data: {"error":{"code":500,"message":"x","type":"server_error"}}\n\n', ServerFaultError),
    (
        "openrouter",
        'data: {"error":{"code":429,"message":"x"},"choices":[{"index":0,"delta":{"content":""},'
        '"finish_reason":"error"}]}\n\n',
        RateLimitedError,
    ),
    ("litellm", 'data: {"error":{"message":"x","type":"None","param":"None","code":"503"}}\n\n', OverloadedError),
]


@pytest.mark.parametrize(("dialect", "end", "kind"), BROKEN)
async def test_other_servers_fail_in_the_middle_in_their_own_way(
    ask: Asking, dialect: str, end: str, kind: type[ProviderError]
) -> None:
    script = stream(chunk('{"content":"Hel"}'), done=False).raw(end.encode())
    answer = await ask.of(dialect).however_cut(script)
    assert (answer.text, type(answer.error)) == ("Hel", kind)


async def in_any_piece(ask: Asking, script: Script, request: Any = QUESTION) -> Answer:
    """The answer to a body that is no stream: over HTTP in pieces of several sizes."""
    answer = await ask(script, request)
    for size in (1, 2, 3, 7, 64):
        assert (await ask(script.in_pieces(size), request)).outcome == answer.outcome, size
    return answer
