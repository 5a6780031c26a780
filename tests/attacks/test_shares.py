"""SH, EX12, ID7: what a link gives away, and to whom. What it is for is in tests/conversations/test_shared_pages.py."""

from __future__ import annotations

import logging
import statistics
import time
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import models
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from catalog.models import Route
from chatsite.logs import Discreet
from chatsite.settings import LOGGING
from conversations import asking
from conversations.feed.flooding import Buckets
from conversations.models import Conversation, Generation, Message, Share
from conversations.shared import LinkFace
from conversations.showing import growing_answers, news
from conversations.views import shared as views
from tests.attacks.routes import digests, undone
from tests.attacks.test_exfiltration import IMAGES, LOADS
from tests.page import Page
from tests.shares import answered, illustrate, live, make, snapshot


@pytest.fixture(autouse=True)
def nobody_missed_before() -> None:
    views.misses = Buckets(**views.MISSES)


@pytest.fixture
def said(question: Message) -> Message:
    return answered(question, "A monoid in the category of endofunctors.", reasoning="Let me think.")


# What was not chosen

SHORT = 6  # characters: shorter values stand on any page by chance
OURS = {"media_type", "role", "state", "kind", "audience", "named_by", "password"}  # names of ours, and what is sealed


def canaries(rows: list[models.Model]) -> dict[str, tuple[str, str]]:
    """Every text of these rows made unique, and every id: what it is, by what would be seen of it."""
    numbers, found = count(), {}
    for row in rows:
        for field in row._meta.concrete_fields:
            value = getattr(row, field.attname)
            if isinstance(field, models.UUIDField) or (field.is_relation and isinstance(value, UUID)):
                if value:
                    found[str(value)] = found[value.hex] = (row._meta.model_name or "", field.name)
            elif isinstance(field, models.CharField | models.TextField) and field.name not in OURS:
                canary = f"zq{next(numbers)}x{row._meta.model_name}x{field.name}"[: field.max_length or 200]
                canary = f"{canary}@example.org" if field.name == "email" else canary
                row.__class__._base_manager.filter(pk=row.pk).update(**{field.name: canary})
                found[canary] = (row._meta.model_name or "", field.name)
    return found


def told(share: Share) -> bytes:
    """Everything that a reader is sent: the page, its window above, and what its socket would say."""
    client = Client()
    here = share.get_absolute_url()
    face = LinkFace.of(share)
    sent = b""
    for path in (here, f"{here}?before={face.disguised(share.conversation.leaf_id or uuid4())}"):
        response = client.get(path)
        assert response.status_code == 200
        sent += response.content + "\n".join(f"{name}: {it}" for name, it in response.headers.items()).encode()
        sent += str(response.cookies).encode()
    if share.is_live:
        conversation = Conversation.objects.get(pk=share.conversation_id)
        for item in news({conversation: [-1, 0]})[conversation.pk].values():
            sent += face.frame(item, growing_answers(item.live, face)).encode()
    return sent.replace(share.token.encode(), b"")


@settings(max_examples=24, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chosen=st.fixed_dictionaries(
        {name: st.booleans() for name in ("shows_thinking", "shows_names", "shows_images", "may_fork")}
    ),
    is_live=st.booleans(),
    titled=st.booleans(),
    noted=st.booleans(),
)
def test_no_field_outside_the_chosen_ones_appears_in_the_bytes_of_a_link(
    conversation: Conversation,
    question: Message,
    said: Message,
    alice: User,
    route: Route,
    chosen: dict[str, bool],
    is_live: bool,
    titled: bool,
    noted: bool,
) -> None:
    """Every text and id of every row that has to do with it is marked; only what the terms name may be found."""
    with undone():
        illustrate(question)
        elsewhere = asking.edit(question, alice, "On another branch", uuid4(), route)
        asking.switch(said)
        conversation.refresh_from_db()
        words = {"title": "A title of mine" * titled, "note": "A note of mine" * noted}
        terms = {**chosen, **words, "password": ""}
        share = make(conversation, live(**terms) if is_live else snapshot(said, **terms))
        generations = list(Generation.objects.filter(conversation=conversation))
        rows = [alice, conversation, question, said, elsewhere, *elsewhere.children.all(), share, *generations]
        rows += [*question.attachments.all(), route, *route.steps.all(), *(it.model for it in route.steps.all())]
        rows += [it.model.provider for it in route.steps.all()]
        marks = canaries(rows)
        if not is_live:  # the mark is longer than the answer was
            answer = Message.objects.with_answers().get(pk=said.pk)
            share.end_at(answer)
            share.save()
        share = Share.objects.select_related("conversation").get(pk=share.pk)
        sent = told(share).decode()
        allowed = {("message", "text"), ("share", "title"), ("share", "note"), ("route", "label")}
        allowed |= {("message", "reasoning")} if chosen["shows_thinking"] else set()
        allowed |= {("user", "name")} if chosen["shows_names"] else set()
        allowed |= {("attachment", "name")} if chosen["shows_images"] else set()
        found = {what for mark, what in marks.items() if mark in sent}
        assert found <= allowed
        assert ("message", "text") in found
        other = Message.objects.get(pk=elsewhere.pk).text
        assert other not in sent
        for name, what in (("shows_thinking", ("message", "reasoning")), ("shows_names", ("user", "name"))):
            assert (what in found) == chosen[name]


def test_a_mark_that_would_be_shown_is_found(conversation: Conversation, said: Message) -> None:
    """So that the test above does not pass because nothing is ever found."""
    share = make(conversation, snapshot(said, shows_names=True))
    assert "Alice" in told(share).decode()


# What a model wrote


@pytest.mark.parametrize("text", IMAGES)
def test_what_a_model_says_loads_nothing_on_the_page_of_a_link(
    conversation: Conversation, question: Message, text: str
) -> None:
    answer = answered(question, text.replace("{c}", str(conversation.pk)).replace("{i}", str(uuid4())))
    html = Client().get(make(conversation, snapshot(answer)).get_absolute_url()).content.decode()
    page = Page(html)
    [article] = [it for it in page.articles if "assistant" in it.attributes["class"]]
    assert not LOADS.search(article.html())


def test_the_page_of_a_link_has_no_form(conversation: Conversation, said: Message) -> None:
    html = Client().get(make(conversation, snapshot(said, may_fork=True)).get_absolute_url()).content.decode()
    assert "<form" not in html
    assert "csrf" not in html


def test_a_reader_of_a_link_does_nothing_to_the_conversation(
    conversation: Conversation, said: Message, charlie: User
) -> None:
    make(conversation, live(may_fork=True))
    browser = Client()
    browser.force_login(charlie)
    before = digests(frozenset({"django_session"}))
    here = f"/c/{conversation.pk}/"
    for path in ("ask/", "stop/", "rename/", "delete/", "share/", f"m/{said.pk}/delete/", f"m/{said.pk}/again/"):
        assert browser.post(here + path, {"text": "x", "title": "x", "key": str(uuid4())}).status_code == 404
    assert digests(frozenset({"django_session"})) == before


# Where an address goes


def test_the_log_holds_no_whole_address(conversation: Conversation, said: Message) -> None:
    share = make(conversation, snapshot(said))
    for message, args in (
        ("Internal Server Error: %s", (share.get_absolute_url(),)),
        (f"Forbidden: {share.get_absolute_url()}i/x/", ()),
        ("socket %s", (f"{share.get_absolute_url()}live/",)),
    ):
        record = logging.LogRecord("django.request", logging.ERROR, "", 0, message, args, None)
        assert Discreet().filter(record)
        assert share.token not in record.getMessage()
        assert share.token[8:] not in record.getMessage()
        assert f"/s/{share.token[:4]}…" in record.getMessage()


def test_nothing_is_logged_past_that_filter() -> None:
    handlers: Any = LOGGING["handlers"]
    assert [it["filters"][-1] for it in handlers.values() if "formatter" in it] == ["discreet"]


def test_a_right_and_a_wrong_address_take_the_same_time(conversation: Conversation, said: Message) -> None:
    """The middle of many tries of each, taken by turns: a wrong proof, and an id that is nobody's."""
    share = make(conversation, snapshot(said))
    raw = {"a wrong proof": share.token[:-3] + "AAA", "nobody's": Share().token, "closed": ""}
    closed = make(conversation, snapshot(said))
    Share.objects.filter(pk=closed.pk).update(closed_at=closed.created_at)
    raw["closed"] = closed.token
    taken: dict[str, list[float]] = {name: [] for name in raw}
    for _ in range(300):
        for name, token in raw.items():
            begin = time.perf_counter()
            assert Share.objects.of_token(token) is None or token == share.token
            taken[name].append(time.perf_counter() - begin)
    middles = {name: statistics.median(it) for name, it in taken.items()}
    assert max(middles.values()) < 1.5 * min(middles.values()), middles
