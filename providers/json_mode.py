"""One JSON object from a model that only writes text.

JSON mode alone is not enough. DeepSeek's docs of 2026-09-18 admit that it may say nothing at all; a prompt that does
not ask for JSON gets endless white space; thinking eats the tokens; other servers wrap the object in words, or have no
such mode.
"""

import json
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

from providers.deltas import Delta, Text
from providers.errors import EmptyAnswerError, FormatRefusedError, NoObjectError
from providers.messages import ChatMessage, ChatRequest, Effort, Format
from providers.turns import with_instruction

LEAST_TOKENS = 8_000  # more than any object we ask for: one that is cut off is worth nothing
LONGEST = 1_000_000  # characters that are read
LONGEST_SHOWN = 8_000  # characters of a wrong answer that the model is shown again

THOUGHT = re.compile(r"\A.*?</think>", re.DOTALL)
FENCED = re.compile(r"```(?:json)?\s*(\{.*\})\s*```", re.DOTALL | re.IGNORECASE)

type Ask = Callable[[ChatRequest], AsyncGenerator[Delta]]


async def ask_json[T](
    ask: Ask, request: ChatRequest, like: Mapping[str, Any], validate: Callable[[dict[str, Any]], T]
) -> T:
    """What `validate` makes of the object that the model answers with.

    `like` is an example of the object, or its JSON schema. `validate` raises ValueError with a sentence that tells the
    model what to do better.

    Asks at most three times: in JSON mode, again with what was wrong, and without JSON mode. Every request is one call
    of `ask`, which is `stream` with all but the request filled in: whoever pays writes it down there, before it is
    sent, and reads its usage. Raises NoObjectError after the third; other ProviderErrors rise at once.
    """
    request = _in_json(request, like)
    asked = request
    formats = [Format.JSON, Format.JSON, Format.TEXT]
    while formats:
        said = ""
        try:
            said = await _text(ask, replace(asked, format=formats.pop(0)))
            return validate(parsed(said))
        except ValueError as error:
            asked = _corrected(request, said, str(error))
        except FormatRefusedError:
            if not formats:
                raise
            formats = [Format.TEXT]
    raise NoObjectError


def parsed(said: str) -> dict[str, Any]:
    """The object in an answer, out of thoughts and fences. Raises ValueError, which says what is wrong."""
    problem = ""
    for reading in dict.fromkeys(_readings(said)):
        try:
            return _object(reading)
        except ValueError as error:
            problem = str(error)
    raise ValueError(problem)


def _readings(said: str) -> Iterator[str]:
    """The least touched first: an object may hold fences and tags of its own."""
    for text in (said, THOUGHT.sub("", said, count=1)):
        yield text
        # Only the first fence: looking behind each of very many takes for ever.
        if fenced := FENCED.match(text, max(0, text.find("```"))):
            yield fenced[1]


def _object(text: str) -> dict[str, Any]:
    if not text.strip():
        raise ValueError("There was no answer at all.")
    try:
        found = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("It was nested too deeply.") from None
    except ValueError as error:
        raise ValueError(f"It was no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise ValueError("It was JSON, but no object.")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _in_json(request: ChatRequest, like: Mapping[str, Any]) -> ChatRequest:
    kind = "this JSON schema describes it" if "properties" in like else "it looks like this example"
    instruction = (
        "Answer with one JSON object and nothing else: no words around it, no code fence. "
        f"As to its form, {kind}:\n{json.dumps(like, ensure_ascii=False)}"
    )
    return replace(
        request,
        messages=tuple(with_instruction(request.messages, instruction)),
        effort=Effort.OFF,
        max_tokens=max(request.max_tokens or 0, LEAST_TOKENS),
        stop=(),
        tools=(),
        tool_choice="auto",
        logprobs=None,
        prefix=False,
    )


def _corrected(request: ChatRequest, said: str, problem: str) -> ChatRequest:
    """Told once what was wrong: only the latest attempt is shown, and all of it costs tokens."""
    shown = (ChatMessage("assistant", said[:LONGEST_SHOWN]),) if said.strip() else ()
    wish = f"This was not what I asked for. {problem} Answer again, with the whole JSON object and nothing else."
    return replace(request, messages=(*request.messages, *shown, ChatMessage("user", wish)))


async def _text(ask: Ask, request: ChatRequest) -> str:
    said = ""
    # White space without end is an empty answer too, and the object may have been whole before it.
    with suppress(EmptyAnswerError):
        async with aclosing(ask(request)) as deltas:
            async for delta in deltas:
                said += delta.text if isinstance(delta, Text) else ""
                if len(said) > LONGEST:
                    break
    return said
