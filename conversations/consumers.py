"""The socket only reads: admit, catch up, follow, leave."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any
from uuid import UUID

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.core.handlers.asgi import ASGIRequest

from accounts import languages
from conversations import metrics, visiting
from conversations.crossing import Crossing
from conversations.feed import Feed, Reader, admission
from conversations.feed.feed import CHANGED, GONE, MOST_FOLLOWERS, MOST_SOCKETS, SIGNED_OUT, TOO_MANY
from conversations.feed.flooding import Bucket, Buckets
from conversations.feed.reader import NOWHERE, Position

# Like SIGNED_OUT and GONE: the page does not knock again after it.
NOT_UNDERSTOOD, NOT_FOR_YOU = 4400, 4403
# What a page says after its first words.
IS_IN, TYPES, PAUSES = "1", "typing", "paused"
LARGEST = 2**62  # a number of the slow log; beyond it a page is making things up

MESSAGES = {"rate": 100, "burst": 1_000}  # of one socket: a page says one thing for each frame, 60 a second at most
OPENS = {"rate": 2, "burst": 2 * MOST_SOCKETS}  # of one member: all their tabs come back at once after a restart
KNOCKS = {"rate": 5, "burst": 2 * MOST_FOLLOWERS}  # at links, of one address: a whole house may read them

feed = Feed()  # one per process; its first reader starts it
opens, knocks = Buckets(**OPENS), Buckets(**KNOCKS)  # one per process, too
cross = Crossing(4, "admission")  # many come at once after a restart; the pages need the database as well


class FollowingConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels ships no types
    """Frames for one open page. Its first message says where the page stands, each later one that a frame is in, or
    that its member is typing.
    """

    reader: Reader | None = None  # None until we know who it is, and again when it is refused

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._may_speak = Bucket(**MESSAGES)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # Channels' own makes a task for every message, and crosses into a thread before it to close idle connections.
        # We keep none here: what needs the database crosses as a whole.
        self.scope, self.base_send = scope, send
        try:
            with metrics.SOCKETS.track_inprogress(), suppress(StopConsumer):
                while True:
                    message = await receive()
                    await getattr(self, get_handler_name(message))(message)
        finally:
            if self.reader:
                feed.leave(self.reader)

    async def connect(self) -> None:
        # Accepted before it is refused: a refused handshake looks like a lost network, and the page would try for ever.
        await self.accept()
        await self.admit()

    async def admit(self) -> None:
        """Join the feed, or close."""
        raise NotImplementedError

    @property
    def _cookies(self) -> str:
        return "; ".join(value.decode("latin-1") for name, value in self.scope["headers"] if name == b"cookie")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.reader is None:
            return  # sent before our refusal arrived
        if not self._may_speak.take():
            await self._send_away(TOO_MANY)
        elif self.reader.has_begun:
            await self._hear(self.reader, text_data)
        elif (said := _object(text_data)) is None or (position := _stands_at(said)) is None:
            await self._send_away(NOT_UNDERSTOOD)
        elif said.get("role", self.reader.role.word) != self.reader.role.word:
            await self._send_away(CHANGED)
        else:
            feed.begin(self.reader, position)

    async def _hear(self, reader: Reader, said: str | None) -> None:
        if said in {TYPES, PAUSES}:
            feed.types(reader, is_typing=said == TYPES)
        elif said == IS_IN or _object(said) is not None:  # of a later version, whose page says more than ours
            feed.acknowledged(reader)
        else:
            await self._send_away(NOT_UNDERSTOOD)

    async def _send_frame(self, frame: str) -> None:
        await self.base_send({"type": "websocket.send", "text": frame})
        metrics.FRAMES.inc()
        metrics.FRAME_CHARACTERS.inc(len(frame))

    async def _send_away(self, code: int) -> None:
        if self.reader:
            feed.leave(self.reader)
        await self._dismiss(code)

    async def _dismiss(self, code: int) -> None:
        self.reader = None
        await self.close(code)


class ConversationConsumer(FollowingConsumer):
    """For a member whose conversation it is."""

    async def admit(self) -> None:
        conversation_id: UUID = self.scope["url_route"]["kwargs"]["conversation_id"]
        found = await cross(admission.caller, self._cookies, conversation_id)
        if found.admission is None:
            await self.close(SIGNED_OUT)
        elif not opens.take(found.admission.member_id):
            await self.close(TOO_MANY)
        elif found.role is None:
            await self.close(GONE)
        else:
            await feed.make_room_for(found.admission.member_id)
            self.reader = Reader(
                conversation_id, found.admission, NOWHERE, self._send_frame, self._dismiss, role=found.role
            )
            feed.join(self.reader)


class LinkConsumer(FollowingConsumer):
    """For whoever may look at a link that goes on."""

    async def admit(self) -> None:
        # Before anything is looked up: members are counted by name, these may be anybody, and guessing.
        whence = visiting.whence(ASGIRequest({**self.scope, "method": "GET"}, io.BytesIO()))
        if not knocks.take(whence):
            await self.close(TOO_MANY)
            return
        found = await cross(admission.follower, self._cookies, self.scope["url_route"]["kwargs"]["link_token"])
        if found is None:
            await self.close(NOT_FOR_YOU)
        elif feed.is_full(found.passage.share_id, whence):
            await self.close(TOO_MANY)
        else:
            self.reader = Reader(
                found.conversation_id, found.passage, NOWHERE, self._send_frame, self._dismiss, found.face, whence
            )
            feed.join(self.reader)


def _object(text: str | None) -> dict[str, Any] | None:
    """What a page says of itself when it connects. None if it is no JSON object."""
    try:
        message: Any = json.loads(text or "")
    except (ValueError, RecursionError):  # the latter for a thousand brackets
        return None
    return message if isinstance(message, dict) else None


def _stands_at(message: dict[str, Any]) -> Position | None:
    """Where a page says that it stands, and in which language it is; None if it says nothing of it.

    The page knows its language, whatever its member chose since it was loaded.
    """
    seq = message.get("seq")
    if type(seq) is not int or not 0 <= seq <= LARGEST:
        return None
    language: Any = message.get("language")
    return Position(seq, language=language) if languages.is_known(language) else Position(seq)
