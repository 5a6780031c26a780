"""SH5: whatever its maker chose, no byte that a link sends through any of its doors holds what was not chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import models
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from catalog.models import Route
from conversations import asking, joining, sharing
from conversations.attachments import prepare
from conversations.feed.flooding import Buckets
from conversations.feed.reader import Position
from conversations.feed.turn import Asked, Room, take_turn
from conversations.models import Attachment, Chunk, Conversation, Generation, Message, Role, Share
from conversations.shared import LinkFace
from conversations.views import shared as views
from tests.attacks.routes import undone
from tests.conversations.replaying import Writer
from tests.images import upload
from tests.shares import answered, illustrate, live, make, snapshot

PASSWORD = "a green harbour"
SHORT = 8  # characters: shorter marks stand on any page by chance
OURS = {"media_type", "role", "state", "kind", "audience", "named_by", "password"}  # names of ours, and what is sealed

type What = tuple[str, str]  # whose field, and which


@pytest.fixture(autouse=True)
def nobody_missed_before() -> None:
    views.misses = Buckets(rate=1, burst=100_000)


@dataclass(frozen=True)
class Chosen:
    """What a maker may choose of a link, and what may be seen by it then."""

    shows_thinking: bool
    shows_names: bool
    shows_images: bool
    may_fork: bool
    is_live: bool
    is_titled: bool
    is_noted: bool
    has_password: bool
    is_counted: bool
    audience: str

    def made(self, conversation: Conversation, leaf: Message, members: list[User], group: Group) -> Share:
        is_named = self.audience == Share.Audience.NAMED
        terms: dict[str, Any] = {
            **{name: getattr(self, name) for name in ("shows_thinking", "shows_names", "shows_images", "may_fork")},
            "title": "A title" if self.is_titled else "",
            "note": "A note" if self.is_noted else "",
            "password": PASSWORD if self.has_password else None,
            "most_visits": 100 if self.is_counted else None,
            "audience": self.audience,
            "members": members if is_named else [],
            "groups": [group] if is_named else [],
        }
        return make(conversation, live(**terms) if self.is_live else snapshot(leaf, **terms))

    @property
    def may_be_seen(self) -> set[What]:
        """Beside the questions and answers themselves."""
        asked, answers = ["question"], ["answer"]
        if self.is_live:
            asked, answers = [*asked, "later question"], [*answers, "growing answer"]
        seen = {(it, "text") for it in (*asked, *answers)} | {("route", "label")}
        seen |= {("link", "title")} if self.is_titled else set()
        seen |= {("link", "note")} if self.is_noted else set()
        seen |= {(it, "reasoning") for it in answers} if self.shows_thinking else set()
        seen |= {(f"author of the {it}", "name") for it in asked} if self.shows_names else set()
        seen |= {(f"image of the {it}", "name") for it in asked} if self.shows_images else set()
        return seen

    @property
    def must_be_seen(self) -> set[What]:
        """On its page. Nothing is proved by a page that says nothing."""
        growing = {("growing answer", "text"), ("growing answer", "reasoning")}
        return {it for it in self.may_be_seen if it not in growing}


class Scene:
    """A conversation that has whatever a conversation can have, and each text and id of it marked."""

    def __init__(self, question: Message, said: Message, chosen: Chosen, reader: User) -> None:
        conversation, alice, route = question.conversation, question.conversation.owner, Route.objects.get()
        illustrate(question)
        elsewhere = asking.edit(question, alice, "On another branch", uuid4(), route, images=prepare([upload()]))
        beside = answered(elsewhere, "An answer elsewhere.", reasoning="Other thoughts.")
        asking.switch(said)
        bob, dora = User.objects.create_user("bob@example.org"), User.objects.create_user("dora@example.org")
        joining.invite(conversation, bob, Role.WRITER)
        later = asking.ask(conversation, bob, "And a functor?", uuid4(), route, images=prepare([upload()]))
        Generation.objects.update(not_before="2026-01-01T00:00Z")  # in a transaction now() is when that began
        thoughts = (Chunk.Kind.REASONING, "zqthoughts ")
        [self.writer] = Writer.claim([thoughts, thoughts, (Chunk.Kind.TEXT, "zqwords ")])
        group = Group.objects.create(name="Some")
        share = chosen.made(conversation, said, [reader, dora], group)
        sharing.count_visit(share, dora)
        step = route.steps.get()
        self.marks = marked(
            {
                "author of the question": alice,
                "author of the later question": bob,
                "another reader": dora,
                "group": group,
                "conversation": conversation,
                "question": question,
                "answer": said,
                "question elsewhere": elsewhere,
                "answer elsewhere": beside,
                "later question": later,
                "growing answer": later.children.get(),
                "image of the question": question.attachments.get(),
                "image of the question elsewhere": elsewhere.attachments.get(),
                "image of the later question": later.attachments.get(),
                **{f"run {it.message_id}": it for it in Generation.objects.all()},
                "link": share,
                "route": route,
                "step": step,
                "model": step.model,
                "provider": step.model.provider,
            }
        )
        self.marks |= {"zqthoughts": ("growing answer", "reasoning"), "zqwords": ("growing answer", "text")}
        if not chosen.is_live:  # the mark is longer than the answer was
            share.end_at(Message.objects.with_answers().get(pk=said.pk))
            share.save(update_fields=["leaf", "ending"])
        unchosen = {"title": chosen.is_titled, "note": chosen.is_noted}
        Share.objects.filter(pk=share.pk).update(edition=1, **{it: "" for it, is_set in unchosen.items() if not is_set})
        self.share = Share.objects.select_related("conversation").get(pk=share.pk)

    def found(self, text: str) -> set[What]:
        return {what for mark, what in self.marks.items() if mark in text}


def marked(rows: Mapping[str, models.Model]) -> dict[str, What]:
    """Every text of these rows is made unique, and every id known: what it is, by what would be seen of it."""
    found = {}
    for whose, row in rows.items():
        for field in row._meta.concrete_fields:
            value = getattr(row, field.attname)
            if isinstance(value, UUID):
                if not field.is_relation:
                    found[str(value)] = found[value.hex] = (whose, field.name)
            elif isinstance(field, models.CharField | models.TextField) and field.name not in OURS:
                if (field.max_length or SHORT) < SHORT:
                    continue
                mark = f"zq{len(found)}x{field.name}"[: field.max_length or 200]
                mark = f"{mark}@example.org" if field.name == "email" else mark
                row.__class__._base_manager.filter(pk=row.pk).update(**{field.name: mark})
                found[mark] = (whose, field.name)
    return found


class Doors:
    """Everything that a link's reader can ask for, and what it said: body, headers and cookies."""

    def __init__(self, share: Share, reader: Client) -> None:
        self.share, self.reader = share, reader
        self.here, self.face = share.get_absolute_url(), LinkFace.of(share)
        self.said: dict[str, str] = {}

    def note(self, door: str, *responses: Any) -> None:
        for it in responses:
            headers = "\n".join(f"{name}: {value}" for name, value in it.headers.items())
            said = f"{headers}\n{it.cookies}\n{it.content.decode(errors='replace')}"
            self.said[door] = self.said.get(door, "") + said.replace(self.share.token, "")

    def knock(self) -> None:
        """Where a password is asked for."""
        if self.share.password:
            paths = ("", f"?before={self.face.disguised(uuid4())}", "continue/", "i/0/")
            self.note("locked", *(self.reader.get(self.here + path) for path in paths))
            self.note("locked", self.reader.post(self.here, {"password": "wrong"}))
            assert self.reader.post(self.here, {"password": PASSWORD}).status_code == 302

    def read(self) -> None:
        """Its page, what stands above any message, and any image: also of those that it does not show."""
        self.note("page", self.reader.get(self.here), self.reader.head(self.here))
        for message in Message.objects.all():
            self.note("above", self.reader.get(f"{self.here}?before={self.face.disguised(message.pk)}"))
        for image in Attachment.objects.all():
            self.note("images", self.reader.get(f"{self.here}i/{self.face.disguised(image.pk)}/"))

    def follow(self, writer: Writer) -> None:
        """What its socket says while an answer is written, to pages that stand anywhere."""
        room, frames = Room(self.face), list[str]()
        positions = [Position(-1), Position(0), Position(self.share.conversation.seq)]
        for _ in range(4):
            asked = Asked(room, positions, is_hinted=True)
            take_turn({(self.share.conversation_id, self.face): asked}, seconds=60)
            frames += [told.frame for told in asked.told]
            positions = [told.position for told in asked.told]
            writer.write()
        self.said["frames"] = "".join(frames).replace(self.share.token, "")

    def go_on(self) -> None:
        """Its form, and the copy."""
        key = str(uuid4())
        self.note("form", self.reader.get(f"{self.here}continue/"))
        self.note("form", self.reader.post(f"{self.here}continue/", {"key": key}))
        if self.share.may_fork:
            self.note("copy", self.reader.get(f"/c/{key}/"))

    def close(self) -> None:
        sharing.close([self.share])
        self.note("closed", *(self.reader.get(self.here + path) for path in ("", "continue/", "i/0/", "?before=0")))


SHOWING = {"page", "above", "images", "frames", "copy"}  # all other doors show nothing of it
IN_ANY_CHAT = {"route", "step", "model", "provider"}  # stand beside the reader's copy: they may ask them, too


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.builds(Chosen, audience=st.sampled_from(Share.Audience.values)))
def test_no_field_outside_the_chosen_ones_appears_in_the_bytes_of_a_link(
    question: Message, said: Message, charlie: User, chosen: Chosen
) -> None:
    with undone():
        scene = Scene(question, said, chosen, charlie)
        reader = Client()
        if chosen.audience != Share.Audience.ANYONE or chosen.may_fork:
            reader.force_login(charlie)
        doors = Doors(scene.share, reader)
        doors.knock()
        doors.read()
        if chosen.is_live:
            doors.follow(scene.writer)
        doors.go_on()
        doors.close()
        found = {door: scene.found(text) for door, text in doors.said.items()}
        found["copy"] = {it for it in found.get("copy", ()) if it[0] not in IN_ANY_CHAT}
        for door, what in found.items():
            assert what <= (chosen.may_be_seen if door in SHOWING else set()), door
        assert found["page"] >= chosen.must_be_seen
        if chosen.is_live:
            growing = {what for what in found["frames"] if what[0] == "growing answer"}
            assert growing == {it for it in chosen.may_be_seen if it[0] == "growing answer"}
        assert bool(found["copy"]) == chosen.may_fork


def test_a_copy_names_nobody_by_their_address(
    conversation: Conversation, said: Message, alice: User, charlie: User
) -> None:
    """Who has no name is known by it among members; the link said "A member"."""
    User.objects.filter(pk=alice.pk).update(name="")
    copy = sharing.fork(make(conversation, snapshot(said, shows_names=True)), charlie, uuid4()).conversation
    reader = Client()
    reader.force_login(charlie)
    assert "alice" not in reader.get(copy.get_absolute_url()).content.decode()
