"""A conversation's title, given by the model after its first answer. Without one the question's first words stay."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from functools import partial
from uuid import UUID, uuid4

from django.db import Error as DatabaseError

from conversations import calling, markdown
from conversations.calling import Candidate
from conversations.crossing import Crossing
from conversations.deeds import deed
from conversations.log import storable
from conversations.models import Conversation, Generation, Message
from conversations.prompting import naming_prompt
from providers.connections import Clients
from providers.deltas import Text
from providers.errors import ProviderError
from providers.messages import ChatMessage, ChatRequest, Effort
from usage import holding
from usage.errors import LimitReachedError
from usage.models import Call

logger = logging.getLogger(__name__)

TOKENS = 40
SECONDS = 60.0
CHARACTERS = 80
READ = 2_000  # characters after which it is no title any more, and we hang up


async def name(generation: Generation, candidate: Candidate, cross: Crossing, clients: Clients) -> None:
    """Ask the model that just answered for a title, if the conversation has none yet."""
    try:
        if not (said := await cross(_to_be_named, generation)):
            return
        request = ChatRequest(
            model=candidate.request.model,
            messages=said,
            effort=Effort.OFF,
            max_tokens=TOKENS,
            user_id=candidate.request.user_id,
            abilities=candidate.request.abilities,
            starts_thinking=candidate.request.starts_thinking,
        )
        async with asyncio.timeout(SECONDS):
            call = await _opened(generation, replace(candidate, request=request), cross)
            title = await _answer(call.candidate, call, cross, clients)
        await cross(give_title, generation.conversation_id, title)
    except (ProviderError, LimitReachedError, TimeoutError, DatabaseError) as error:
        logger.info("no title for conversation %s: %s", generation.conversation_id, type(error).__name__)


async def _opened(generation: Generation, candidate: Candidate, cross: Crossing) -> calling.OpenCall:
    """Its Call. Told to go while that is being written, we wait for it: it has to have its Reply as well."""
    opening = asyncio.create_task(cross(_open, generation, candidate))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with contextlib.suppress(ProviderError, LimitReachedError, DatabaseError):
            await cross(calling.close_call, await opening, "stopped")
        raise


def _open(generation: Generation, candidate: Candidate) -> calling.OpenCall:
    """With its Hold, where limits count for this member: that is freed with its charge.

    Raises LimitReachedError and RestingError.
    """
    key = uuid4()
    hold = partial(holding.take_for, key, generation.member_id, candidate.model, candidate.prompt_tokens, TOKENS)
    is_limited = generation.output_cap is not None
    return calling.open_call(generation, key, Call.Purpose.TITLE, candidate, hold if is_limited else None)


async def _answer(candidate: Candidate, call: calling.OpenCall, cross: Crossing, clients: Clients) -> str:
    said = ""
    try:
        async with contextlib.aclosing(candidate.stream(candidate.request, clients)) as deltas:
            async for delta in deltas:
                if call.is_watched:
                    await cross(calling.has_begun, call)
                call.notice(delta)
                said += delta.text if isinstance(delta, Text) else ""
                if len(said) > READ:
                    break
    except ProviderError as error:
        await cross(calling.fail_call, call, error)
        raise
    except asyncio.CancelledError:  # it took too long, or the worker goes
        await cross(calling.close_call, call, "stopped")
        raise
    await cross(calling.close_call, call)
    return said


def _to_be_named(generation: Generation) -> tuple[ChatMessage, ...]:
    """What the model reads to give a title, or nothing when the conversation has one."""
    unnamed = {"conversation__named_by": Conversation.Named.EXCERPT, "conversation__deleted_at": None}
    answers = Message.objects.filter(pk=generation.message_id, **unnamed).exclude(text="")
    said = answers.values_list("parent__text", "text").first()
    return naming_prompt(*said) if said else ()


def give_title(conversation_id: UUID, title: str) -> None:
    """Replace the excerpt by the model's title, unless a member was quicker or the model said nothing."""
    title = _tidy(title)
    if not title:
        return
    with contextlib.suppress(Conversation.DoesNotExist), deed(Conversation(pk=conversation_id)) as conversation:
        if conversation.named_by == Conversation.Named.EXCERPT:
            conversation.title = title
            conversation.named_by = Conversation.Named.MODEL


def _tidy(title: str) -> str:
    """The first line, without the quotes, hashes and full stops that models put around a title.

    Nothing if nobody could see it, or if it is too long for a title: a small model has answered the question once more.
    """
    said = markdown.legible(storable(title))
    lines = [line.strip(" \t#*_`\"'“”«».。") for line in said.splitlines() if not line.startswith("```")]
    first = next((line for line in lines if any(it.isprintable() and not it.isspace() for it in line)), "")
    return first if len(first) <= CHARACTERS else ""
