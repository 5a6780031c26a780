"""What a link shows of a conversation: its face, and the page that is made of it.

A template of it is given a SharedMessage, which has nothing but what may be shown: no row, no id of ours, no address of
the chat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import override
from uuid import UUID

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from conversations import showing
from conversations.models import Attachment, Conversation, Message, Share, path
from conversations.models.path import Path
from conversations.showing import GrowingAnswer, News, Thread


@dataclass(frozen=True)
class SharedImage:
    address: str
    name: str
    width: int
    height: int


@dataclass(frozen=True)
class SharedMessage:
    dom_id: str
    below: str  # the DOM id of the one above it
    role: str
    is_answer: bool
    who: str
    phase: str
    status: str
    thought_for: str
    reasoning: SafeString
    text: SafeString
    images: tuple[SharedImage, ...]
    hidden_images: int


@dataclass(frozen=True, slots=True)
class LinkFace:
    """What readers of a link see. Those of one edition of it are equal, and share what is rendered."""

    token: str
    disguise: int  # of the ids that a page needs; no lock, every address is asked for its right
    shows_thinking: bool
    shows_names: bool
    shows_images: bool

    @classmethod
    def of(cls, share: Share) -> LinkFace:
        salt, said = "conversations.shared.disguise", f"{share.pk}.{share.version}"
        disguise = int.from_bytes(salted_hmac(salt, said, algorithm="sha256").digest()[:16])
        return cls(share.token, disguise, share.shows_thinking, share.shows_names, share.shows_images)

    def disguised(self, pk: UUID) -> str:
        return f"{pk.int ^ self.disguise:032x}"

    def undisguised(self, hidden: str) -> UUID | None:
        """The id that was hidden so; None for what we never wrote."""
        try:
            pk = UUID(int=int(hidden, 16) ^ self.disguise)
        except ValueError:
            return None
        return pk if self.disguised(pk) == hidden else None

    def short_id(self, shown: Message) -> str:
        return self.disguised(shown.pk)[:8]

    def dom_id(self, shown: Message) -> str:
        return f"m-{self.disguised(shown.pk)}"

    def image_address(self, image: Attachment) -> str:
        return reverse("shared_image", args=[self.token, self.disguised(image.pk)])

    def message(self, shown: Message, phase: str, reasoning: SafeString, text: SafeString) -> str:
        images = () if shown.is_answer else tuple(shown.images)
        thought_for = showing.thought_for(shown.generation) if shown.is_answer and reasoning else ""
        it = SharedMessage(
            dom_id=self.dom_id(shown),
            below=f"m-{self.disguised(shown.parent_id)}" if shown.parent_id else "",
            role=shown.role,
            is_answer=shown.is_answer,
            who=self._who(shown),
            phase=phase,
            status=_status(shown, phase),
            thought_for=thought_for,
            reasoning=reasoning,
            text=text,
            images=tuple(self._image(it) for it in images) if self.shows_images else (),
            hidden_images=0 if self.shows_images else len(images),
        )
        return render_to_string("conversations/_shared_message.html", {"message": it})

    def frame(self, told: News, growing: Mapping[UUID, GrowingAnswer]) -> str:
        window = showing.thread(*told.window, growing, self) if told.window else None
        return render_to_string(
            "conversations/shared_frames.html",
            {
                "messages": [showing.message(m, growing, self) for m in told.messages],
                "thread": window,
                "earlier": self.earlier(window),
                "is_anew": told.is_anew,
                "stands_at": told.conversation.seq,
            },
        )

    def earlier(self, thread: Thread | None) -> str:
        """Where a reader finds what stands above."""
        above = thread.earlier_than if thread else None
        return f"?before={self.disguised(above.pk)}" if above else ""

    def _who(self, shown: Message) -> str:
        if shown.is_answer:
            route = shown.generation.route
            return str(route.title) if route else _("Answer")
        if not self.shows_names:
            return _("Question")
        # A member without a name is known by their address elsewhere; it is nobody's here.
        return (shown.author.name if shown.author else "") or _("A member")

    def _image(self, image: Attachment) -> SharedImage:
        return SharedImage(self.image_address(image), image.name, image.width, image.height)


@dataclass(frozen=True, slots=True)
class PreviewFace(LinkFace):
    """The same, for its maker, before there is a link to ask for images."""

    @override
    def image_address(self, image: Attachment) -> str:
        return image.get_absolute_url()


def _status(shown: Message, phase: str) -> str:
    """How an answer ended, or why there is nothing of it yet. Not why it failed: that is its member's."""
    if not shown.is_answer:
        return ""
    said = {
        "queued": _("Waiting for its turn…"),
        "running": _("Waiting for the model…"),
        "stopped": _("Stopped."),
        "failed": _("This answer was broken off."),
        "interrupted": _("This answer was broken off."),
    }
    if phase == "done" and shown.generation.finish_reason == "length":
        return _("The answer reached its longest length.")
    return said.get(phase, "")


@dataclass(frozen=True)
class SharedPage:
    """What a reader is given to look at."""

    title: str  # as the maker chose it, or a general one
    note: str
    address: str
    continues_at: str  # "" if it may not be continued
    is_live: bool
    is_end: bool  # of the path; otherwise it is what stands above some message
    messages: list[SafeString]
    earlier: str
    stands_at: int  # in the conversation's log, read before its messages


def conversation_of(share: Share) -> Conversation:
    """Its conversation, whose path ends where the share's does. Never to be saved."""
    shown = share.conversation
    if not share.is_live:
        shown.leaf = share.leaf
    return shown


def page(share: Share, face: LinkFace, before: UUID | None = None) -> SharedPage:
    """The end of its path, or what stands above one of its messages."""
    conversation = conversation_of(share)
    window = _above(conversation, before) if before else None
    shown = window or path.newest(conversation)
    messages = shown.messages()
    if not share.is_live:
        messages = [share.as_frozen(message) for message in messages]
    growing = showing.growing_answers(messages, face) if share.is_live else {}
    thread = showing.thread(shown, messages, growing, face)
    return SharedPage(
        title=share.title or _("A shared conversation"),
        note=share.note,
        address=share.get_absolute_url(),
        continues_at=reverse("fork", args=[share.token]) if share.may_fork else "",
        is_live=share.is_live,
        is_end=window is None,
        messages=thread.messages,
        earlier=face.earlier(thread),
        stands_at=conversation.seq,
    )


def _above(conversation: Conversation, before: UUID) -> Path | None:
    """What stands above a message of its path; None if it is no such message."""
    below = _on_path(conversation, before)
    return path.before(below) if below else None


def _on_path(conversation: Conversation, message: UUID) -> Message | None:
    found = path.found({conversation: (False, [message])})[conversation.pk]
    return next(iter(found.messages()), None)


def image_of(share: Share, pk: UUID) -> Attachment | None:
    """An image, if the link shows images and its question stands on the path that it shows."""
    if not share.shows_images:
        return None
    found = Attachment.objects.filter(pk=pk, conversation=share.conversation_id).first()
    return found if found and _on_path(conversation_of(share), found.message_id) else None
