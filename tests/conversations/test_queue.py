"""How many answers are written at once, and what those are told that wait."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.models import Route
from conversations import asking, ending
from conversations.models import Conversation, Generation, Message
from conversations.models.generation import MOST_AT_ONCE
from conversations.showing import find_places
from tests.conversations.conftest import working
from tests.conversations.replaying import Follower, WebProcess, Writer, assert_same, load
from tests.upstream import Gate, Script, Upstream
from tests.workers import at_once, has_ended
from usage.models import Act, AtOnce


def asked(member: User, route: Route, count: int) -> list[UUID]:
    """So many questions, each in a conversation of its own, oldest first."""
    questions = [asking.start(member, f"What is {number}?", uuid4(), route) for number in range(count)]
    return [Generation.objects.get(message__parent=question).pk for question in questions]


def claimed(limit: int = 100) -> list[UUID]:
    return [generation.pk for generation in Generation.objects.claim("a worker", limit)]


def end(pk: UUID) -> None:
    assert ending.end(Generation.objects.get(pk=pk), ending.Outcome(Generation.State.DONE), may=lambda _: True)


def wait() -> None:
    """As if all that is queued had waited for a while."""
    Generation.objects.filter(state="queued").update(not_before=Now() - timedelta(seconds=10))


# How many at once ---------------------------------------------------------------------------------------------------


def test_what_is_asked_beyond_it_waits_and_is_answered_in_its_turn(alice: User, route: Route) -> None:
    AtOnce.objects.create(most=2)
    ids = asked(alice, route, 4)
    assert claimed() == ids[:2]
    assert claimed() == []
    end(ids[1])
    assert claimed() == ids[2:3]
    assert Generation.objects.get(pk=ids[3]).state == "queued"


@pytest.mark.parametrize(
    ("rows", "most"),
    [
        ({}, MOST_AT_ONCE),
        ({"everybody": 3}, 3),
        ({"everybody": 25}, 25),
        ({"everybody": 3, "Writers": 5}, 5),
        ({"Writers": 5, "Editors": 4}, 4),  # the tightest of the groups'
        ({"everybody": 3, "Writers": 5, "Alice": 7}, 7),
        ({"Strangers": 1}, MOST_AT_ONCE),
        ({"Charlie": 1}, MOST_AT_ONCE),
        ({"together": 6}, 6),
        ({"together": 6, "Alice": 7}, 6),
        ({"together": 6, "Alice": 2}, 2),
    ],
)
def test_whose_number_counts(alice: User, charlie: User, route: Route, rows: dict[str, int], most: int) -> None:
    alice.groups.set([Group.objects.create(name="Writers"), Group.objects.create(name="Editors")])
    Group.objects.create(name="Strangers")
    for name, number in rows.items():
        AtOnce.objects.create(
            most=number,
            shared=name == "together",
            member=User.objects.filter(name=name).first(),
            group=Group.objects.filter(name=name).first(),
        )
    ids = asked(alice, route, 30)
    assert claimed() == ids[:most]
    assert claimed() == []


def test_all_together_have_so_many_and_members_take_turns(alice: User, charlie: User, route: Route) -> None:
    AtOnce.objects.create(shared=True, most=3)
    charlies, alices = asked(charlie, route, 5), asked(alice, route, 5)
    assert set(claimed()) == {charlies[0], charlies[1], alices[0]}
    assert claimed() == []
    end(charlies[1])
    assert claimed() == charlies[2:3]  # each has one running: the older question


def test_several_workers_take_no_more_between_them(alice: User, charlie: User, route: Route) -> None:
    AtOnce.objects.create(most=4)
    AtOnce.objects.create(shared=True, most=6)
    asked(alice, route, 10), asked(charlie, route, 10)
    shares = at_once(8, lambda _: claimed(3))
    taken = [pk for share in shares for pk in share]
    assert len(taken) == len(set(taken)) == 6
    for member in (alice, charlie):
        assert Generation.objects.filter(member=member, state="running").count() <= 4


async def test_the_next_one_begins_as_soon_as_one_has_ended(upstream: Upstream, alice: User, route: Route) -> None:
    await AtOnce.objects.acreate(most=1)
    first, second = await sync_to_async(asked)(alice, route, 2)
    await Conversation.objects.aupdate(named_by="member")
    gate = Gate()
    upstream.play(Script().role().gate(gate).text_delta("One.").finish().done(), Script.text("Two."))
    async with working(2):
        await gate.reached()
        assert (await Generation.objects.aget(pk=second)).state == "queued"
        gate.open()
        await has_ended(await Generation.objects.aget(pk=second))
    assert len(upstream.requests) == 2
    rows = {row.pk: row async for row in Generation.objects.all()}
    ended, started = rows[first].ended_at, rows[second].started_at
    assert ended and started
    assert ended <= started


# The place in the queue ---------------------------------------------------------------------------------------------


def places(*ids: UUID) -> list[int | None]:
    found = Generation.objects.places(ids)
    return [found.get(pk) for pk in ids]


def test_the_place_is_how_many_are_taken_before(alice: User, charlie: User, route: Route) -> None:
    a, b, c = asked(alice, route, 3)
    (d,) = asked(charlie, route, 1)
    assert places(a, b, c, d) == [1, 3, 4, 2]  # members take turns
    assert [claimed(1) for _ in range(4)] == [[a], [d], [b], [c]]
    assert places(a, b, c, d) == [None] * 4


def test_who_waits_for_an_hour_or_for_the_answer_before_is_not_in_this_queue(alice: User, route: Route) -> None:
    AtOnce.objects.create(most=1)
    later, first, second = asked(alice, route, 3)
    Generation.objects.filter(pk=later).update(not_before=Now() + timedelta(hours=1))
    conversation = Conversation.objects.get(generations=first)
    asking.ask(conversation, alice, "And then?", uuid4(), route)
    below = Generation.objects.get(conversation=conversation, message__parent__text="And then?").pk
    assert places(later, first, second, below) == [None, 1, 2, None]


def status(page_html: str) -> str:
    return page_html.partition('<p class="status"')[2].partition(">")[2].partition("</p>")[0]


def html_of(client: Client, pk: UUID, language: str = "en") -> str:
    path = Conversation.objects.get(generations=pk).get_absolute_url()
    return client.get(path, headers={"Accept-Language": language}).content.decode()


def test_a_page_says_the_place_once_it_has_taken_a_moment(browser_of_alice: Client, alice: User, route: Route) -> None:
    AtOnce.objects.create(most=1)
    first, second = asked(alice, route, 2)
    assert status(html_of(browser_of_alice, second)) == "Waiting for its turn…"
    wait()
    assert status(html_of(browser_of_alice, second)) == "Waiting for its turn, number 2 in the queue…"
    assert "第 2 位" in status(html_of(browser_of_alice, second, "zh-hans"))
    assert claimed() == [first]
    assert status(html_of(browser_of_alice, second)) == "Waiting for its turn, number 1 in the queue…"


def test_an_open_page_sees_the_queue_move(browser_of_alice: Client, alice: User, route: Route) -> None:
    AtOnce.objects.create(most=1)
    *_, third = asked(alice, route, 3)
    wait()
    conversation = Conversation.objects.get(generations=third)
    process, follower = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    follower.connect()
    process.serve([follower])
    for number in (2, 1):
        [writer] = Writer.claim([])
        find_places(process.room.growing.values())
        follower.frames.clear()
        process.serve([follower])
        sentence = f"Waiting for its turn, number {number} in the queue…"
        assert status(follower.page.html("thread")) == sentence
        assert [len(it) < 200 for it in follower.frames] == [True]  # the sentence alone
        assert status(html_of(browser_of_alice, third)) == sentence
        writer.end()
    assert [writer.generation.pk for writer in Writer.claim([])] == [third]
    process.serve([follower])
    assert "Waiting for its turn" not in follower.page.html("thread")
    assert_same(follower.page, load(browser_of_alice, conversation))


def test_where_nobody_waits_the_queue_is_not_looked_at(browser_of_alice: Client, alice: User, route: Route) -> None:
    (first,) = asked(alice, route, 1)
    with CaptureQueriesContext(connection) as queries:
        html_of(browser_of_alice, first)
    assert not [it for it in queries if "numbered" in it["sql"]]
    assert claimed() == [first]
    Message.objects.filter(generation=first).update(text="A monad")
    with CaptureQueriesContext(connection) as queries:
        html_of(browser_of_alice, first)
    assert not [it for it in queries if "numbered" in it["sql"]]


# On the administrators' desk ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"most": "0"}, "greater than or equal to 1"),
        ({"most": "-1"}, "greater than or equal to"),
        ({"most": "1001"}, "less than or equal to 1000"),
        ({"most": "NaN"}, "Enter a whole number."),
        ({"most": ""}, "This field is required."),
        ({"group": "1", "shared": "on"}, "Together means everybody."),
        ({}, "There is such a row already. Change that one."),
    ],
)
def test_a_number_that_is_none_is_told_in_words(
    client: Client, alice: User, fields: dict[str, str], sentence: str
) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client.force_login(alice)
    AtOnce.objects.create(most=5)
    entered = {"member": "", "group": "", "most": "3", **fields}
    if fields.get("group"):
        entered["group"] = str(Group.objects.create(name="Writers").pk)
    assert sentence in client.post("/admin/usage/atonce/add/", entered).content.decode()
    assert AtOnce.objects.count() == 1
    assert client.post("/admin/usage/atonce/add/", {"member": str(alice.pk), "most": "3"}).status_code == 302


def test_who_changed_it_is_noted(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client.force_login(alice)
    for to, form in (("usage/atonce", {"most": "3"}), ("catalog/rule", {"ability": "auto"})):
        assert client.post(f"/admin/{to}/add/", form).status_code == 302
    acts = Act.objects.order_by("pk").values_list("table", "deed", "by_id")
    assert list(acts) == [("usage_atonce", "insert", alice.pk), ("catalog_rule", "insert", alice.pk)]
