"""What is new elsewhere, for the lists of those whose page shows another conversation.

Only whole news of shared conversations count: something was asked, an answer has ended, somebody came or left. What
comes within two seconds is told at once: three queries for all pages of this process, one if it concerns none of them.
What a page misses while its socket is away, it asks for as it comes back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseError
from django.template.loader import render_to_string
from django.utils import translation

from conversations.crossing import Crossing
from conversations.feed.admission import Admission
from conversations.feed.reader import Reader
from conversations.listing import Line, changed
from conversations.models import Membership

logger = logging.getLogger(__name__)

GATHER_SECONDS = 2.0
REMEMBER_SECONDS = 15.0  # for a page that was loaded before, and opens its socket only now

type Place = tuple[UUID, UUID | None, str]  # a conversation in the list of a member, in a language


class Lists:
    def __init__(self, cross: Crossing, readers: Callable[[], Iterable[Reader]]) -> None:
        self._cross = cross
        self._readers = readers
        self._wake = asyncio.Event()
        self._news: dict[UUID, float] = {}  # when it was last heard of each conversation
        self._left: set[tuple[UUID, int]] = set()  # conversations that a group is in no more

    def heard(self, hint: Mapping[str, Any]) -> None:
        """To be called with every hint of the bus."""
        if "c" in hint and "l" in hint:
            self._note(UUID(hint["c"][0]))
        elif "r" in hint:
            self._note(UUID(hint["r"]), hint.get("out"))

    def begin(self, reader: Reader) -> None:
        if fresh := self._fresh():
            _owe(reader, fresh)
            self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()
            try:
                await self._tell()
            except DatabaseError as error:
                logger.warning("what is new elsewhere can't be read, trying again: %s", type(error).__name__)
                self._wake.set()
            except Exception:  # one broken line must not end this for all the others
                logger.exception("what is new elsewhere could not be told")

    def _note(self, conversation_id: UUID, out: str | int | None = None) -> None:
        self._news = {**self._fresh(), conversation_id: time.monotonic()}
        for reader in self._members():
            _owe(reader, [conversation_id])
        if isinstance(out, int):
            self._left.add((conversation_id, out))
        elif out:
            self._lose(conversation_id, {UUID(out)})
        self._wake.set()

    def _fresh(self) -> dict[UUID, float]:
        since = time.monotonic() - REMEMBER_SECONDS
        return {pk: at for pk, at in self._news.items() if at > since}

    def _members(self) -> list[Reader]:
        """Who reads by a link has no list."""
        return [reader for reader in self._readers() if isinstance(reader.admission, Admission)]

    def _lose(self, conversation_id: UUID, members: set[UUID]) -> None:
        for reader in self._members():
            if reader.admission.member_id in members and conversation_id != reader.conversation_id:
                _owe(reader, [conversation_id])
                reader.left.add(conversation_id)

    async def _tell(self) -> None:
        """A line is given only to who may read its conversation at this moment."""
        await self._lose_groups()
        owed = [reader for reader in self._members() if reader.elsewhere]
        ready = [reader for reader in owed if reader.is_ready]
        if len(ready) < len(owed):
            self._wake.set()  # the others, as soon as they are
        if not ready:
            return
        # Taken before it is read: what is heard from here on is news once more.
        taken = {reader: (reader.elsewhere, reader.left) for reader in ready}
        for reader in ready:
            reader.elsewhere, reader.left = set(), set()
        try:
            lines = await self._cross(
                _lines,
                {pk for told, _ in taken.values() for pk in told},
                _members_of(ready),
                {reader.position.language for reader in ready},
            )
        except DatabaseError:
            for reader, (told, gone) in taken.items():
                reader.elsewhere |= told
                reader.left |= gone
            raise
        here = set(self._members())  # some may have left meanwhile
        for reader, (told, gone) in taken.items():
            if reader in here:
                await self._give(reader, told, gone, lines)

    async def _lose_groups(self) -> None:
        while self._left:
            conversation_id, group = left = self._left.pop()
            try:
                out = await self._cross(Membership.objects.in_group, group, _members_of(self._members()))
            except DatabaseError:
                self._left.add(left)
                raise
            self._lose(conversation_id, out)

    async def _give(self, reader: Reader, told: set[UUID], gone: set[UUID], lines: Mapping[Place, str]) -> None:
        where = reader.admission.member_id, reader.position.language
        frame = "".join(lines.get((pk, *where)) or (_gone(pk) if pk in gone else "") for pk in told)
        if not frame:
            return
        try:
            await reader.give(frame)
        except Exception:  # one broken socket must cost the others nothing; the feed finds it
            logger.exception("a reader could not be given a line")


def _owe(reader: Reader, conversations: Iterable[UUID]) -> None:
    reader.elsewhere.update(pk for pk in conversations if pk != reader.conversation_id)


def _members_of(readers: Iterable[Reader]) -> set[UUID]:
    return {pk for reader in readers if (pk := reader.admission.member_id)}


def _lines(conversations: set[UUID], members: set[UUID], languages: set[str]) -> dict[Place, str]:
    """Most members of a conversation see the same line: it is made once for each language."""
    found = changed(conversations, members)
    lines: dict[Place, str] = {}
    for language in languages:
        with translation.override(language):
            made = {line: _html(line) for line in set(found.values()) if line}
            lines |= {(pk, member, language): made[line] if line else _gone(pk) for (pk, member), line in found.items()}
    return lines


def _html(line: Line) -> str:
    return render_to_string("conversations/frames.html#line", {"line": line})


def _gone(pk: UUID) -> str:
    return render_to_string("conversations/frames.html#gone", {"gone": pk})
