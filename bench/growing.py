"""Answers that grow, through turns of the feed in this process; for bench.lengths, inside Django."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from itertools import batched
from statistics import median
from uuid import uuid4

from django.core.management import call_command

from accounts.models import User
from bench.figures import Record
from bench.words import tokens as words
from catalog.models import Route
from conversations import asking
from conversations.feed.reader import Position
from conversations.feed.turn import Asked, Room, take_turn
from conversations.models import Chunk, Conversation, Share
from conversations.shared import LinkFace
from conversations.showing import MEMBERS
from tests.conversations.replaying import Writer

A_TURN = 8  # tokens; 500 a second at the shortest turn
THOUSAND = 1_000 // A_TURN  # turns


def grow(length: int, shapes: list[str]) -> list[Record]:
    """An answer of each shape, on a fresh database."""
    call_command("migrate", verbosity=0)
    call_command("catalog")
    _grown(shapes[0], 1_000)  # what is done once in a process is no cost of the first that comes
    return [_record(shape, length) for shape in shapes]


def _record(shape: str, length: int) -> Record:
    firsts = [_grown(shape, 1_000) for _ in range(3)]
    grown = _grown(shape, length)
    first = median(sum(each.cpu) for each in firsts)
    # On a busy machine single turns are dear: of the last few thousands the middle one.
    ends = range(len(grown.cpu) - THOUSAND, max(len(grown.cpu) - 6 * THOUSAND, -1), -THOUSAND)
    last = median(sum(grown.cpu[at : at + THOUSAND]) for at in ends)
    return {
        "tokens": length,
        "shape": shape,
        "first 1,000, CPU ms": first * 1e3,
        "last 1,000, CPU ms": last * 1e3,
        "last over first": last / first,
        "bytes of frames per token": sum(grown.sizes) / length,
        "bytes, last over first": sum(grown.sizes[-THOUSAND:]) / sum(firsts[0].sizes),
        "last frame, CPU ms": grown.end_cpu * 1e3,
        "last frame, kB": grown.end_size / 1e3,
    }


@dataclass
class Grown:
    """One answer, turn by turn."""

    cpu: list[float] = field(default_factory=list)  # seconds
    sizes: list[int] = field(default_factory=list)  # bytes of the frame
    end_cpu: float = 0.0  # of the last frame, which shows the whole message anew
    end_size: int = 0


def _grown(shape: str, length: int) -> Grown:
    member, _ = User.objects.get_or_create(email="member@example.org")
    conversation = asking.start(member, shape, uuid4(), Route.objects.get(name="quick")).conversation
    [writer] = Writer.claim([])
    writer.pieces = [
        (Chunk.Kind.TEXT, "".join(batch)) for batch in batched(words(shape, 0, length), A_TURN, strict=False)
    ]
    reader, grown = Reader(conversation), Grown()
    reader.turn()  # the page as it joins
    while writer.write():
        cpu, size = reader.turn()
        grown.cpu.append(cpu)
        grown.sizes.append(size)
    writer.end()
    grown.end_cpu, grown.end_size = reader.turn()
    return grown


def rendered(length: int, readers: list[int]) -> list[Record]:
    """What turns cost for one member's page, beside so many readers of a live link."""
    call_command("migrate", verbosity=0)
    call_command("catalog")
    _followed(1_000, 1)
    alone = median(_followed(length, 0) for _ in range(3))
    return [
        {"readers by link": count, "turns, CPU ms": cpu * 1e3, "over one member's": cpu / alone}
        for count in readers
        for cpu in [median(_followed(length, count) for _ in range(3))]
    ]


def _followed(length: int, by_link: int) -> float:
    """CPU seconds of all turns of an answer of so many tokens."""
    member, _ = User.objects.get_or_create(email="member@example.org")
    conversation = asking.start(member, "prose", uuid4(), Route.objects.get(name="quick")).conversation
    [writer] = Writer.claim([])
    pieces = batched(words("prose", 0, length), A_TURN, strict=False)
    writer.pieces = [(Chunk.Kind.TEXT, "".join(batch)) for batch in pieces]
    link = LinkFace.of(Share(conversation=conversation, maker=member))
    asked = {(conversation.pk, MEMBERS): Asked(Room(), [Position(0)], True)}
    if by_link:
        asked[conversation.pk, link] = Asked(Room(link), [Position(0)] * by_link, True)
    spent = 0.0
    while True:
        begin = time.process_time()
        take_turn(asked, seconds=60)
        spent += time.process_time() - begin
        asked = {key: Asked(it.room, [told.position for told in it.told], True) for key, it in asked.items()}
        if not writer.write():
            writer.end()
            return spent


class Reader:
    """One page, always in step."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._room = Room()
        self._position = Position(0)

    def turn(self) -> tuple[float, int]:
        """CPU seconds, and bytes of the frame."""
        asked = {(self._conversation.pk, MEMBERS): Asked(self._room, [self._position], True)}
        begin = time.process_time()
        take_turn(asked)
        seconds = time.process_time() - begin
        [told] = asked[self._conversation.pk, MEMBERS].told
        self._position = told.position
        return seconds, len(told.frame.encode())
