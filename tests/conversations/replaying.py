"""A conversation and its readers without processes: every instant is the test's to choose.

A `Writer` appends an answer to the log in the cuts it is given. A `Follower` is a page with a place in the log; a
`WebProcess` takes turns for its followers, with nothing but what a real one knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.test import Client

from conversations import briefing, ending, events
from conversations.events import Event
from conversations.feed.reader import Position
from conversations.feed.turn import Asked, Room, Told, take_turn
from conversations.models import Chunk, Conversation, Generation, Message
from conversations.showing import MEMBERS
from tests.page import Element, Page

type Piece = tuple[Chunk.Kind, str]


def words(count: int, first: int = 0) -> list[Piece]:
    return [(Chunk.Kind.TEXT, f"word{number}. ") for number in range(first, first + count)]


@dataclass
class Writer:
    """What a worker does to the log with one claimed answer, without a model."""

    generation: Generation
    pieces: list[Piece]
    seq: int = 0

    @classmethod
    def claim(cls, pieces: list[Piece]) -> list[Writer]:
        claimed = Generation.objects.claim("a test", 50)
        for generation in claimed:
            briefing.begin(generation)
        return [cls(generation, list(pieces), generation.folded_seq) for generation in claimed]

    def write(self, count: int = 1) -> bool:
        """One flush of so many events. False when there is nothing left, or the log refuses: the answer is over."""
        Generation.objects.mark_asked(self.generation)
        flush = []
        for kind, text in self.pieces[:count]:
            self.seq += 1
            flush.append(Event(self.generation.pk, self.seq, self.generation.epoch, kind, text))
        del self.pieces[:count]
        return bool(flush) and not events.append(flush)

    def end(self, state: Generation.State = Generation.State.DONE) -> bool:
        epoch = self.generation.epoch
        self.generation.refresh_from_db(fields=["stop_requested"])
        if self.generation.stop_requested:
            state = Generation.State.STOPPED
        return ending.end(self.generation, ending.Outcome(state), may=lambda row: row.epoch == epoch)

    def leave(self) -> bool:
        """Its worker goes: the next one goes on with it, the first time, and otherwise it is interrupted."""
        epoch = self.generation.epoch
        return ending.end(self.generation, ending.HANDED_BACK, may=lambda row: row.epoch == epoch)


def load(client: Client, conversation: Conversation, language: str = "en", at: Message | None = None) -> Page:
    query = {"at": str(at.pk)} if at else {}
    reply = client.get(conversation.get_absolute_url(), query, headers={"Accept-Language": language})
    assert reply.status_code == 200
    return Page(reply.content.decode())


@dataclass(frozen=True)
class More:
    """The reply to a link to earlier or later messages, and where in the log it was read."""

    html: str
    seq: int
    has_live: bool

    @classmethod
    def ask(cls, client: Client, link: Element, language: str = "en") -> More:
        headers = {"HX-Request": "true", "Accept-Language": language}
        reply = client.get(link.attributes["hx-get"], headers=headers)
        assert reply.status_code == 200
        seq, _, live = reply["Stands-At"].partition(" ")
        return cls(reply.content.decode(), int(seq), live == "live")


@dataclass(eq=False)
class Follower:
    """A page that is open; connected or not."""

    page: Page
    position: Position | None = None  # None while it has no socket
    frames: list[str] = field(default_factory=list)

    def connect(self) -> None:
        self.position = Position(self.page.cursor, language=self.page.language)

    def disconnect(self) -> None:
        self.position = None

    def take_more(self, more: More) -> None:
        """What static/js/chat.js does with it: not what is older than the page; and answers in it are heard anew."""
        if more.seq < self.page.cursor:
            return
        self.page.apply(more.html)
        if more.has_live:
            self.disconnect()

    def take_all(self, client: Client) -> None:
        """Scroll up to the first question, and down to the end."""
        while links := self.page.links_to_more:
            self.take_more(More.ask(client, links[0], self.page.language))

    def take(self, told: Told) -> None:
        self.position = told.position
        if told.frame:
            self.frames.append(told.frame)
            self.page.apply(told.frame)


class WebProcess:
    """The rooms of one process, without its clock and its bus."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.room = Room()

    def turn(self, followers: Iterable[Follower], *, hinted: bool = True) -> list[Told]:
        """A turn for those who are connected; what each was told, not yet applied."""
        there = [it for it in followers if it.position is not None]
        share = Asked(self.room, [it.position for it in there if it.position is not None], hinted)
        take_turn({(self.conversation.pk, MEMBERS): share})
        return share.told

    def serve(self, followers: Iterable[Follower], *, hinted: bool = True) -> None:
        there = [it for it in followers if it.position is not None]
        for follower, told in zip(there, self.turn(there, hinted=hinted), strict=True):
            follower.take(told)

    def catch_up(self, followers: Iterable[Follower]) -> None:
        """Turns until nobody is told anything more."""
        there = list(followers)
        for _ in range(5):
            before = sum(len(it.frames) for it in there)
            self.serve(there)
            if sum(len(it.frames) for it in there) == before:
                return
        raise AssertionError("it never comes to rest")


def finish(writers: Iterable[Writer]) -> None:
    """Write what is left and end every answer of the house."""
    for writer in writers:
        while writer.write(50):
            pass
        writer.end()


def finish_all(writers: list[Writer], pieces: list[Piece]) -> None:
    """Also those that were still queued, one after the other."""
    finish(writers)
    while more := Writer.claim(pieces):
        finish(more)


def assert_same(page: Page, fresh: Page, identities: Iterable[str] = ("thread", "title", "live")) -> None:
    """Byte for byte, but for the place in the queue: that is as of when somebody looked."""
    for identity in identities:
        assert PLACE.sub("", page.html(identity)) == PLACE.sub("", fresh.html(identity)), identity
    assert page.title == fresh.title


PLACE = re.compile(r'(?<=<p class="status" id="q)[^<]*')

# Markers: numbers within the text that survive Markdown, so that a page can be asked how far it has come. ------------

MARK = re.compile(r"q(\d+)z")


def assert_shows_a_prefix(page: Page) -> None:
    """Every answer on the page shows its marks from the first on, each once, and none that the log has not."""
    for article in page.articles:
        if "assistant" not in article.attributes["class"]:
            continue
        message = Message.objects.select_related("generation").get(pk=article.attributes["id"].removeprefix("m-"))
        live = message.generation.is_live
        more, thought, _ = events.beyond(message.generation) if live else ("", "", 0)
        text, reasoning = message.text + more, message.reasoning + thought
        for body in article.of_class("md"):
            written = text if body.parent is article else reasoning
            marks = [int(it) for it in MARK.findall(body.text)]
            assert marks == list(range(len(marks))), f"doubled, lost or out of order: {marks}"
            assert len(marks) <= len(MARK.findall(written)), "shown before it was stored"
