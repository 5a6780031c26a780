"""One socket: who reads, where its page stands, and what it has not acknowledged."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from conversations.crowd import Crowd, View
from conversations.feed.admission import Admission, Passage
from conversations.markdown import Patch
from conversations.models import Role
from conversations.showing import MEMBERS, Face, Standing

UNACKNOWLEDGED_FRAMES = 4
UNACKNOWLEDGED_CHARACTERS = 64_000
PATIENCE_SECONDS = 30.0  # for an acknowledgement


type Key = tuple[UUID, Face]  # of a room: the conversation, and how those in it see it


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page stands: in the conversation's log, and in each answer that is being written; and its language.

    `standings` is None for a page that has just connected: it is given such answers whole.
    """

    seq: int
    standings: frozenset[tuple[UUID, Standing]] | None = None
    language: str = settings.LANGUAGE_CODE


NOWHERE = Position(-1)  # of a socket that has not said yet where its page stands


@dataclass(eq=False)
class Reader:
    conversation_id: UUID
    admission: Admission | Passage
    position: Position
    send: Callable[[str], Awaitable[None]]
    close: Callable[[int], Awaitable[None]]
    face: Face = MEMBERS
    whence: bytes = b""  # who reads by a link: by that they are counted, see visiting.py
    unacknowledged: deque[tuple[float, int]] = field(default_factory=deque)  # (when it was sent, characters)
    opened_at: float = field(default_factory=time.monotonic)
    given_at: float = field(default_factory=time.monotonic)
    patience: float = PATIENCE_SECONDS
    role: Role = Role.OWNER  # as of when it opened: its page was made for that
    types_until: float = 0.0
    crowd: Crowd | None = None  # whom its page shows
    crowd_lines: tuple[Patch, ...] = ()  # and how
    elsewhere: set[UUID] = field(default_factory=set)  # conversations whose lines in its list it has to be told
    left: set[UUID] = field(default_factory=set)  # of these, those that its member is in no more

    @property
    def room(self) -> Key:
        return self.conversation_id, self.face

    @property
    def view(self) -> View | None:
        """As whom it is shown who is here. Who reads by a link is not, and is shown to nobody."""
        if not isinstance(self.admission, Admission):
            return None
        return View(self.conversation_id, self.admission.member_id, self.position.language)

    @property
    def may_type(self) -> bool:
        return isinstance(self.admission, Admission) and self.role >= Role.WRITER

    @property
    def has_begun(self) -> bool:
        return self.position is not NOWHERE

    @property
    def is_ready(self) -> bool:
        """Whether it may be given more. One that may not keeps its place, and later gets a larger difference."""
        waiting = self.unacknowledged
        return self.has_begun and (
            not waiting
            or (len(waiting) < UNACKNOWLEDGED_FRAMES and sum(size for _, size in waiting) < UNACKNOWLEDGED_CHARACTERS)
        )

    @property
    def is_too_slow(self) -> bool:
        """It keeps us waiting: for an acknowledgement, or for its first word."""
        if not self.has_begun:
            return time.monotonic() - self.given_at > self.patience
        return bool(self.unacknowledged) and time.monotonic() - self.unacknowledged[0][0] > self.patience

    def acknowledge(self) -> None:
        if self.unacknowledged:
            self.unacknowledged.popleft()

    async def give(self, text: str) -> None:
        self.given_at = time.monotonic()
        self.unacknowledged.append((self.given_at, len(text)))
        await self.send(text)
