"""Keys and prompts stay where they belong: in no log, no repr, and no traceback, even one that shows all variables."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from providers import (
    ChatMessage,
    ChatRequest,
    Clients,
    Clocks,
    FillRequest,
    Image,
    ProviderError,
    Secret,
    Tool,
    ToolUse,
    ask_json,
    fill,
    list_models,
    stream,
)
from providers.errors import (
    AuthenticationError,
    ConnectionFailedError,
    CutError,
    NoObjectError,
    OverloadedError,
    StalledError,
)
from tests.providers.asking import KEY, Asking
from tests.upstream import Script

PROMPT = "the-secret-of-the-house"
IN_BYTES = "dGhlLXNlY3JldC1vZi10aGUtaG91c2U"  # the same as a data URL holds it
HOLE = FillRequest("m", f"before {PROMPT}", f"after {PROMPT}")
QUESTION = ChatRequest(
    "m",
    (
        ChatMessage("system", PROMPT),
        ChatMessage("user", PROMPT, images=(Image("image/png", PROMPT.encode(), PROMPT),)),
        ChatMessage("assistant", PROMPT, reasoning=PROMPT, tool_calls=(ToolUse("call_0", "get_date", f'"{PROMPT}"'),)),
        ChatMessage("tool", PROMPT, tool_call_id="call_0"),
        ChatMessage("user", PROMPT),
    ),
    tools=(Tool("get_date", "Today"),),
)

FAILURES = [
    (Script.error(401, f"Incorrect API key provided: {KEY}", "authentication_error"), AuthenticationError),
    (Script.reply(503, f"busy {KEY}"), OverloadedError),
    (Script.reply(200, f'{{"error":{{"message":"{KEY}","code":503}}}}'), OverloadedError),
    (Script().text_delta("a").data({"error": {"message": KEY, "code": 503}}), OverloadedError),
    (Script().text_delta("a").cut(), CutError),
    (Script().text_delta("a").reset(), CutError),
    (Script().reset(), ConnectionFailedError),
    (Script().stall(), StalledError),
    (Script().text_delta("a").stall(), StalledError),
]


@pytest_asyncio.fixture
async def logged(caplog: pytest.LogCaptureFixture) -> AsyncIterator[pytest.LogCaptureFixture]:
    """What everyone has logged, down to the last detail."""
    loggers = [logging.getLogger(name) for name in (None, *logging.root.manager.loggerDict)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    yield caplog
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def is_clean(*texts: object) -> bool:
    return not [
        text for text in map(str, texts) if KEY in text or KEY[3:20] in text or PROMPT in text or IN_BYTES in text
    ]


def everything_in(records: list[logging.LogRecord]) -> list[str]:
    formatter = logging.Formatter()
    return [f"{formatter.format(record)} {record.__dict__}" for record in records]


def reported(error: BaseException) -> str:
    """What an error report shows: every frame with its variables, and what led to it."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


async def test_an_exchange_that_succeeds_tells_nothing(ask: Asking, logged: pytest.LogCaptureFixture) -> None:
    answer = await ask(Script.text("a"), QUESTION)
    assert answer.text == "a"
    assert PROMPT in ask.upstream.requests[0].raw.decode()  # or this test would prove nothing
    assert logged.records  # httpx tells of every request
    assert is_clean(*everything_in(logged.records))


@pytest.mark.parametrize(("script", "kind"), FAILURES)
async def test_an_exchange_that_fails_tells_nothing(
    ask: Asking, logged: pytest.LogCaptureFixture, script: Script, kind: type[ProviderError]
) -> None:
    answer = await ask(script, QUESTION, Clocks(first_event=0.15, idle=0.15))
    assert type(answer.error) is kind
    assert is_clean(reported(answer.error), repr(answer.error), answer.error.sentence, *everything_in(logged.records))


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:1", "nonsense", "http://a b", "ftp://a"])
async def test_an_address_that_is_none_tells_nothing(
    ask: Asking, logged: pytest.LogCaptureFixture, base_url: str
) -> None:
    endpoint = replace(ask.endpoint, base_url=base_url)
    with pytest.raises(ConnectionFailedError) as raised:
        await anext(stream(endpoint, QUESTION, clients=ask.clients))
    assert is_clean(reported(raised.value), *everything_in(logged.records))


@pytest.mark.parametrize("after", ["\u0416", "\nx"])
async def test_a_key_that_cannot_be_sent_is_not_told_either(ask: Asking, after: str) -> None:
    endpoint = replace(ask.endpoint, api_key=Secret(KEY + after))
    with pytest.raises(AuthenticationError) as raised:
        await anext(stream(endpoint, QUESTION, clients=ask.clients))
    assert is_clean(reported(raised.value))


async def test_filling_and_listing_and_json_tell_nothing(ask: Asking, logged: pytest.LogCaptureFixture) -> None:
    ask.upstream.play(Script().text_delta("a").cut(), *[Script.text("{")] * 3)
    ask.upstream.offer(script=Script.error(401, KEY))
    errors: list[BaseException] = []
    try:
        [delta async for delta in fill(ask.endpoint, HOLE, clients=ask.clients)]
    except CutError as error:
        errors.append(error)
    try:
        await list_models(ask.endpoint, clients=ask.clients)
    except AuthenticationError as error:
        errors.append(error)
    try:
        await ask_json(ask.open, QUESTION, {"a": 1}, str)
    except NoObjectError as error:
        errors.append(error)
    assert len(errors) == 3
    assert is_clean(*map(reported, errors), *everything_in(logged.records))


async def test_nothing_prints_them(ask: Asking) -> None:
    assert (await ask(Script.text("a"), QUESTION)).text == "a"
    async with ask.clients.turn(ask.endpoint) as http:
        assert is_clean(repr(QUESTION), repr(HOLE), repr(ask.endpoint), repr(Clients()), repr(http), http.headers)
