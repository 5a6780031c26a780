"""The socket only reads: admit, catch up, follow, leave."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from conversations.feed import Feed, Reader
from conversations.feed.admission import Admission
from conversations.feed.feed import GONE, SIGNED_OUT, TOO_MANY
from conversations.feed.reader import NOWHERE, Position
from conversations.models import Conversation

NOT_UNDERSTOOD = 4400  # like SIGNED_OUT and GONE: the page does not knock again after it
LARGEST = 2**62  # a number of the slow log; beyond it a page is making things up

feed = Feed()  # one per process; its first reader starts it


class ConversationConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels ships no types
    """Frames for one open page. Its first message says where the page stands, each later one that a frame is in."""

    reader: Reader | None = None  # None until we know who it is, and again when it is refused

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels' own crosses into a thread before every message, acknowledgements too, to close idle connections.
        # We keep none here: what needs the database goes through database_sync_to_async, which sees to that.
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        # Accepted before it is refused: a refused handshake looks like a lost network, and the page would try for ever.
        await self.accept()
        member = self.scope["user"]
        if not member.is_authenticated:
            await self.close(SIGNED_OUT)
        elif not await self._may_read():
            await self.close(GONE)
        elif not feed.has_room_for(member.pk):
            await self.close(TOO_MANY)
        else:
            admission = Admission(member.pk, self.scope["session"].session_key, member.get_session_auth_hash())
            self.reader = Reader(self._conversation_id, admission, NOWHERE, self._send_frame, self._dismiss)
            feed.join(self.reader)

    async def _may_read(self) -> bool:
        mine = Conversation.objects.visible_to(self.scope["user"]).filter(pk=self._conversation_id)
        return await database_sync_to_async(mine.exists, thread_sensitive=False)()  # type: ignore[no-any-return]

    @property
    def _conversation_id(self) -> UUID:
        return UUID(str(self.scope["url_route"]["kwargs"]["conversation_id"]))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.reader is None:
            return  # sent before our refusal arrived
        if self.reader.has_begun:
            feed.acknowledged(self.reader)
        elif (seq := _stands_at(text_data)) is None:
            feed.leave(self.reader)
            await self._dismiss(NOT_UNDERSTOOD)
        else:
            feed.begin(self.reader, Position(seq))

    async def _send_frame(self, frame: str) -> None:
        await self.send(text_data=frame)

    async def _dismiss(self, code: int) -> None:
        self.reader = None
        await self.close(code)

    async def disconnect(self, code: int) -> None:
        if self.reader:
            feed.leave(self.reader)


def _stands_at(text: str | None) -> int | None:
    """The number of the slow log that a page's first message names; None if it names none."""
    try:
        message: Any = json.loads(text or "")
    except (ValueError, RecursionError):  # the latter for a thousand brackets
        return None
    seq = message.get("seq") if isinstance(message, dict) else None
    return seq if type(seq) is int and 0 <= seq <= LARGEST else None
