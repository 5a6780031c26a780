"""Conversations in a group's space: who finds them where, and who may begin one."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from catalog.models import Route
from conversations import asking
from conversations.errors import NotInGroupError
from conversations.listing import FEW, LISTED, spaces
from conversations.models import Conversation, Role
from tests.conversations.replaying import Follower, WebProcess, load
from tests.page import Element, Page


@pytest.fixture
def group(alice: User, bob: User) -> Group:
    group = Group.objects.create(name="Writers")
    group.user_set.add(alice, bob)
    return group


@pytest.fixture
def browser_of_bob(bob: User) -> Client:
    browser = Client()
    browser.force_login(bob)
    return browser


@pytest.fixture
def common(alice: User, group: Group, route: Route) -> Conversation:
    return asking.start(alice, "For all of us", uuid4(), route, space=group.pk).conversation


def in_space(page: Page, group: Group) -> list[str]:
    """What stands under the group's name."""
    heading = page.element(f"space-{group.pk}")
    assert heading.parent
    lines = [it for it in heading.parent.children if isinstance(it, Element) and "data-asked" in it.attributes]
    return [line.text.strip().removeprefix("New: ") for line in lines]


def shown(browser: Client, **query: str) -> Page:
    return Page(browser.get("/", query).content.decode())


def test_members_of_the_group_find_it_under_its_name_and_may_write(
    common: Conversation, group: Group, bob: User, browser_of_bob: Client, route: Route
) -> None:
    assert common.role_of(bob) == Role.WRITER
    assert in_space(shown(browser_of_bob), group) == ["For all of us"]
    assert not Conversation.objects.listed_for(bob, 10)  # not a second time among their own
    reply = browser_of_bob.post(f"/c/{common.pk}/ask/", {"text": "Me too", "key": str(uuid4())})
    assert reply.status_code == 303


def test_others_find_nothing(common: Conversation, charlie: User) -> None:
    stranger = Client()
    stranger.force_login(charlie)
    assert "For all of us" not in stranger.get("/", {"space": str(common.group_id)}).content.decode()
    assert stranger.get(common.get_absolute_url()).status_code == 404
    assert spaces(charlie, common.group_id) == []


def test_leaving_the_group_ends_it_and_whose_it_is_keeps_it(
    common: Conversation, group: Group, alice: User, bob: User, browser_of_bob: Client
) -> None:
    group.user_set.remove(alice, bob)
    assert browser_of_bob.get(common.get_absolute_url()).status_code == 404
    assert "For all of us" not in browser_of_bob.get("/").content.decode()
    assert [it.pk for it in Conversation.objects.listed_for(alice, 10)] == [common.pk]


def test_who_joins_later_sees_what_was_asked_before(common: Conversation, group: Group, charlie: User) -> None:
    group.user_set.add(charlie)
    assert common.role_of(charlie) == Role.WRITER


def test_nobody_begins_anything_in_the_space_of_a_group_that_they_are_not_in(
    group: Group, charlie: User, route: Route
) -> None:
    with pytest.raises(NotInGroupError):
        asking.start(charlie, "Let me in", uuid4(), route, space=group.pk)
    stranger = Client()
    stranger.force_login(charlie)
    for space in (group.pk, 987654321):
        reply = stranger.post("/c/", {"text": "Let me in", "key": str(uuid4()), "space": str(space)})
        assert reply.status_code == 422
        assert str(NotInGroupError.sentence) in reply.content.decode()
        assert "Let me in" in reply.content.decode()  # the draft
    assert not Conversation.objects.exists()


@pytest.mark.parametrize("space", ["", "x", "-1", "9" * 50, "²"])
def test_a_space_that_there_can_not_be_is_none(browser_of_bob: Client, group: Group, route: Route, space: str) -> None:
    assert browser_of_bob.get("/", {"space": space}).status_code == 200
    browser_of_bob.post("/c/", {"text": "Mine", "key": str(uuid4()), "space": space})
    assert Conversation.objects.get().group is None


def test_a_form_that_is_shown_again_is_still_of_its_space(browser_of_bob: Client, group: Group, route: Route) -> None:
    reply = browser_of_bob.post("/c/", {"text": "", "key": str(uuid4()), "space": str(group.pk)})
    assert reply.status_code == 422
    assert f'name="space" value="{group.pk}"' in reply.content.decode()


def test_a_few_are_listed_of_each_space_and_a_page_of_the_one_that_is_turned_to(
    group: Group, bob: User, browser_of_bob: Client, route: Route
) -> None:
    others = Group.objects.create(name="Others")
    others.user_set.add(bob)
    for it in (group, others):
        Conversation.objects.bulk_create(
            Conversation(owner=bob, title=f"{it} {number}", group=it, is_shared=True) for number in range(LISTED + 10)
        )
    page = shown(browser_of_bob)
    assert (len(in_space(page, group)), len(in_space(page, others))) == (FEW, FEW)
    page = shown(browser_of_bob, space=str(group.pk))
    assert (len(in_space(page, group)), len(in_space(page, others))) == (LISTED, FEW)
    below = next(it.listing.below for it in spaces(bob, group.pk) if it.is_open)
    rest = shown(browser_of_bob, space=str(group.pk), older=str(below))
    assert len(in_space(rest, group)) == 10
    assert not set(in_space(rest, group)) & set(in_space(page, group))


def test_what_is_asked_anew_comes_first_in_its_space_by_a_frame_as_by_a_reload(
    common: Conversation, group: Group, alice: User, bob: User, browser_of_bob: Client, route: Route
) -> None:
    asking.start(alice, "Another one", uuid4(), route, space=group.pk)
    reader, process = Follower(load(browser_of_bob, common)), WebProcess(common)
    reader.connect()
    process.catch_up([reader])
    assert in_space(reader.page, group) == ["Another one", "For all of us"]
    asking.ask(common, bob, "And now?", uuid4(), route)
    process.catch_up([reader])
    assert in_space(reader.page, group) == ["For all of us", "Another one"]
    assert in_space(load(browser_of_bob, common), group) == ["For all of us", "Another one"]
