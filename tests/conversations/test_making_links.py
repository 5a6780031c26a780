"""The maker's pages: the dialog and its preview, the list, a link's own page."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.models import Route
from conversations import asking, joining, sharing
from conversations.models import Conversation, Generation, Message, Role, Share, SharingRules
from conversations.views.shares import qr_code
from tests.attacks.routes import HTMX
from tests.shares import live, make, snapshot
from tests.workers import in_thread, wait_for_waiters


def form(**more: Any) -> dict[str, Any]:
    """As a browser posts it, with what stands there by itself."""
    tomorrow = timezone.localdate() + timedelta(days=1)
    usual = {"key": str(uuid4()), "kind": "snapshot", "audience": "anyone", "shows_images": "on"}
    return {**usual, "expires_on": tomorrow.isoformat(), **more}


def post(browser: Client, conversation: Conversation, **more: Any) -> Any:
    return browser.post(f"/c/{conversation.pk}/share/", form(**more))


def errors(response: Any) -> str:
    return " ".join(re.findall(r'class="errors"[^>]*>([^<]*)<', response.content.decode()))


def test_a_link_is_made_and_its_page_has_the_address_and_its_code(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
    client: Client,
) -> None:
    response = post(browser_of_alice, conversation, title="About monads", note="Read this")
    share = Share.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"/shares/{share.pk}/"
    html = browser_of_alice.get(response["Location"]).content.decode()
    assert share.address in html
    assert qr_code(share.address).path in html
    page = Client().get(share.get_absolute_url()).content.decode()
    assert "About monads" in page
    assert "Read this" in page
    assert share.leaf == said


def test_what_a_new_link_is_by_itself(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
) -> None:
    """For members, until a day the rules name, without names, thoughts or the conversation's title."""
    html = browser_of_alice.get(f"/c/{conversation.pk}/share/").content.decode()
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', html))
    in_thirty_days = (timezone.localdate() + timedelta(days=30)).isoformat()
    assert fields["expires_on"] == in_thirty_days
    assert re.search(r'<option value="members" selected>', html)
    assert re.search(r'value="snapshot"[^>]*checked', html)
    checked = re.findall(r'name="(\w+)"[^>]*checked', html)
    assert sorted(checked) == ["kind", "shows_images"]


def test_the_preview_is_what_a_reader_then_sees(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
) -> None:
    for more in (
        {},
        {"kind": "live"},
        {"shows_thinking": "on", "shows_names": "on"},
        {"title": "A title", "note": "A note"},
        {"may_fork": "on"},
    ):
        preview = post(browser_of_alice, conversation, look="1", **more).content.decode()
        assert not Share.objects.exists()
        post(browser_of_alice, conversation, **more)
        page = Client().get(Share.objects.get().get_absolute_url()).content.decode()
        assert words(messages(preview)) == words(messages(page))
        for shown in ("A title", "A note", "Alice", "Let me think", "Continue this conversation"):
            assert (shown in preface(preview)) == (shown in preface(page))
        Share.objects.all().delete()


def messages(html: str) -> list[str]:
    return re.findall(r"<article.*?</article>", html, re.DOTALL)


def words(parts: list[str]) -> list[str]:
    return [re.sub(r"<[^>]+>", "", it) for it in parts]


def preface(html: str) -> str:
    return html[html.index('class="preface"') - 200 :]


def test_with_script_a_change_shows_the_preview_alone(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
) -> None:
    to = f"/c/{conversation.pk}/share/"
    look = browser_of_alice.post(to, form(look="1", shows_names="on"), headers=HTMX).content.decode()
    assert look.startswith('<hx-partial id="preview"')
    assert "Alice" in look
    made = browser_of_alice.post(to, form(), headers=HTMX).content.decode()
    assert made.startswith('<hx-partial id="share"')
    assert Share.objects.get().address in made
    refused = browser_of_alice.post(to, form(expires_on="2001-01-01"), headers=HTMX)
    assert refused.status_code == 422
    assert "That day is over." in refused.content.decode()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"password": "x" * 1_000_000}, "A password has at most 200 characters."),
        ({"expires_on": "2001-01-01"}, "That day is over."),
        ({"expires_on": "2999-01-01"}, "A link lasts at most 365 days here."),
        ({"expires_on": ""}, "This field is required."),
        ({"audience": "named"}, "Name somebody"),
        ({"audience": "named", "people": "Nobody Atall"}, "Nobody here is called “Nobody Atall”."),
        ({"audience": "named", "people": "x" * 20_000}, "at most 10000 characters"),
        ({"audience": "everybody"}, "Select a valid choice"),
        ({"kind": "moving"}, "Select a valid choice"),
        ({"until": str(uuid4())}, "That message is being written, or is gone."),
        ({"most_visits": "0"}, "greater than or equal to 1"),
        ({"most_visits": "many"}, "Enter a whole number."),
        ({"title": "x" * 121}, "at most 120 characters"),
        ({"note": "x" * 1_001}, "at most 1000 characters"),
        ({"key": "1"}, "Enter a valid UUID."),
    ],
    ids=lambda it: next(iter(it)) if isinstance(it, dict) else "",
)
def test_what_is_not_right_is_said_where_it_was_typed_and_nothing_is_made_or_lost(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
    typed: dict[str, str],
    says: str,
) -> None:
    more = {"title": "Kept", "note": "Kept too", **typed}
    response = post(browser_of_alice, conversation, **more)
    assert response.status_code == 422
    html = response.content.decode()
    assert says in html.replace("&#x27;", "'")
    assert more["title"][:100] in html
    assert more["note"][:100] in html
    assert not Share.objects.exists()


def test_members_are_named_by_their_whole_name_or_address_and_groups_are_ones_own(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
    charlie: User,
    alice: User,
) -> None:
    dora = User.objects.create_user("dora@example.org", name="Dora")
    User.objects.create_user("gone@example.org", name="Gone", is_active=False)
    mine, others = Group.objects.create(name="Mine"), Group.objects.create(name="Others")
    alice.groups.add(mine)
    page = browser_of_alice.get(f"/c/{conversation.pk}/share/").content.decode()
    assert "Mine" in page
    assert "Others" not in page
    post(browser_of_alice, conversation, audience="named", people="charlie, DORA@example.org", groups=str(mine.pk))
    share = Share.objects.get()
    assert set(share.members.all()) == {charlie, dora}
    assert set(share.groups.all()) == {mine}
    for people in ("Char", "Gone", "gone@example.org"):
        assert post(browser_of_alice, conversation, audience="named", people=people).status_code == 422
    assert post(browser_of_alice, conversation, audience="named", groups=str(others.pk)).status_code == 422
    User.objects.create_user("another@example.org", name="Charlie")
    assert "More than one is called" in errors(post(browser_of_alice, conversation, audience="named", people="Charlie"))


def test_a_hundred_names_cost_a_query_for_names_and_one_for_addresses(
    browser_of_alice: Client, conversation: Conversation, said: Message
) -> None:
    """A form is looked at with every change of it."""
    everybody = [
        User(email=f"member{number}@example.org", name=f"Member Öz {number}", password="!") for number in range(100)
    ]
    User.objects.bulk_create(everybody)
    names = [it.email.upper() if number % 2 else it.name.lower() for number, it in enumerate(everybody)]
    costs = []
    for people in ([], names):
        with CaptureQueriesContext(connection) as queries:
            assert post(browser_of_alice, conversation, look="1", people=", ".join(people)).status_code == 200
        costs.append(len(queries))
    assert costs[1] - costs[0] <= 2
    post(browser_of_alice, conversation, audience="named", people=", ".join(names))
    assert set(Share.objects.get().members.all()) == set(everybody)


def test_what_is_being_written_or_empty_is_refused_in_words(
    browser_of_alice: Client, conversation: Conversation, generation: Generation, alice: User
) -> None:
    page = browser_of_alice.get(f"/c/{conversation.pk}/share/").content.decode()
    assert str(generation.message_id) not in page
    refused = post(browser_of_alice, conversation, until=str(generation.message_id))
    assert refused.status_code == 422
    assert "That message is being written, or is gone. Choose one that has ended." in errors(refused)
    assert not Share.objects.exists()
    post(browser_of_alice, conversation)
    assert Share.objects.get().leaf_id == generation.message.parent_id  # cut at what is finished
    Share.objects.all().delete()
    empty = Conversation.objects.create(owner=alice, title="Empty")
    assert "nothing to share" in browser_of_alice.get(f"/c/{empty.pk}/share/").content.decode()
    for kind in ("snapshot", "live"):
        response = post(browser_of_alice, empty, kind=kind)
        assert response.status_code == 422
        assert "There is nothing to share here yet." in errors(response)
    assert not Share.objects.exists()


def test_a_message_that_is_deleted_while_its_link_is_made_is_refused_in_words(
    browser_of_alice: Client, conversation: Conversation, said: Message
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            asking.remove(said)
            late = in_thread(pool, lambda: post(browser_of_alice, conversation, until=str(said.pk)))
            wait_for_waiters(1)
        refused = late.result(10)
    assert refused.status_code == 422
    assert "was deleted just now" in errors(refused)
    assert not Share.objects.exists()


def test_the_thousand_and_first_link_is_refused_in_words(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
) -> None:
    SharingRules.objects.create(most_links=2)
    codes = [post(browser_of_alice, conversation).status_code for _ in range(3)]
    assert codes == [302, 302, 422]
    assert Share.objects.count() == 2


def test_a_link_that_has_ended_opens_again_only_where_there_is_room_for_it(
    browser_of_alice: Client, conversation: Conversation, said: Message
) -> None:
    SharingRules.objects.create(most_links=1)
    ended = make(conversation, snapshot(said))
    Share.objects.update(expires_at=timezone.now())
    opened = make(conversation, snapshot(said))
    refused = browser_of_alice.post(f"/shares/{ended.pk}/", form())
    assert refused.status_code == 422
    assert "as many links open as you may" in errors(refused)
    assert browser_of_alice.post(f"/shares/{opened.pk}/", form(note="Another")).status_code == 302
    sharing.close([opened])
    assert browser_of_alice.post(f"/shares/{ended.pk}/", form()).status_code == 302
    assert set(Share.objects.open()) == {ended}


def test_with_ten_thousand_links_one_more_is_refused_in_words_and_the_list_goes_on(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
    alice: User,
    django_assert_max_num_queries: Any,
) -> None:
    """Of which as many are open as there may be: the others were open under rules of before."""
    terms: dict[str, Any] = {"conversation": conversation, "maker": alice, "kind": "live", "audience": "members"}
    Share.objects.bulk_create(Share(**terms) for _ in range(10_000))
    with django_assert_max_num_queries(20):
        refused = post(browser_of_alice, conversation, note="Kept")
    assert refused.status_code == 422
    assert "as many links open as you may" in errors(refused)
    assert "Kept" in refused.content.decode()
    assert Share.objects.count() == 10_000
    with django_assert_max_num_queries(8):
        assert browser_of_alice.get("/shares/?page=200").content.decode().count("data-copies") == 50


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"password": "x" * 1_000_000}, "A password has at most 200 characters."),
        ({"until": "being written"}, "That message is being written, or is gone."),
        ({"audience": "named", "people": "Nobody Atall"}, "Nobody here is called"),
    ],
    ids=lambda it: next(iter(it)) if isinstance(it, dict) else "",
)
def test_what_is_not_right_changes_nothing_of_a_link(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
    alice: User,
    route: Route,
    typed: dict[str, str],
    says: str,
) -> None:
    share = make(conversation, snapshot(said, password="a green harbour"))
    before = Share.objects.values().get()
    later = asking.ask(conversation, alice, "And a functor?", uuid4(), route)
    until = {"until": str(later.children.get().pk)} if "until" in typed else {}
    refused = browser_of_alice.post(f"/shares/{share.pk}/", form(**{"title": "Another", **typed, **until}))
    assert refused.status_code == 422
    assert says in errors(refused)
    assert Share.objects.values().get() == before


def test_where_administrators_forbid_links_for_anyone_none_is_offered_or_made(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
) -> None:
    SharingRules.objects.create(anonymous_allowed=False, most_days=5, default_days=10)
    page = browser_of_alice.get(f"/c/{conversation.pk}/share/").content.decode()
    assert 'value="anyone"' not in page
    assert (timezone.localdate() + timedelta(days=5)).isoformat() in page
    assert post(browser_of_alice, conversation).status_code == 422
    assert not Share.objects.exists()


def test_only_its_owner_shares_a_conversation(conversation: Conversation, said: Message, charlie: User) -> None:
    browser = Client()
    browser.force_login(charlie)
    assert browser.get(f"/c/{conversation.pk}/share/").status_code == 404
    assert post(browser, conversation).status_code == 404
    share = make(conversation, snapshot(said))
    for path in ("", "close/", "renew/"):
        assert browser.post(f"/shares/{share.pk}/{path}", form()).status_code == 404
    assert browser.get(f"/shares/{share.pk}/").status_code == 404
    assert str(share.pk) not in browser.get("/shares/").content.decode()
    share.refresh_from_db()
    assert (share.closed_at, share.version) == (None, 1)


# Afterwards


def test_the_list_says_how_each_link_is_used(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
    charlie: User,
) -> None:
    share, closed = make(conversation, snapshot(said)), make(conversation, live())
    sharing.close([closed])
    for member in (None, charlie):
        sharing.count_visit(share, member)
    html = browser_of_alice.get("/shares/").content.decode()
    assert "2 visits, the last one" in html
    assert "no visits" in html
    assert share.address in html
    assert closed.address not in html
    page = browser_of_alice.get(f"/shares/{share.pk}/").content.decode()
    assert "Charlie" in page
    assert "Somebody who was not signed in" in page


def test_the_list_costs_the_same_however_many_there_are(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
    django_assert_max_num_queries: Any,
) -> None:
    for _ in range(60):
        make(conversation, snapshot(said))
    with django_assert_max_num_queries(8):
        html = browser_of_alice.get("/shares/").content.decode()
    assert html.count("data-copies") == 50
    assert browser_of_alice.get("/shares/?page=2").content.decode().count("data-copies") == 10
    for strange in ("0", "x", "99999", "-1", "9" * 500):
        assert browser_of_alice.get(f"/shares/?page={strange}").status_code == 200


def test_any_option_is_changed_and_the_address_stays(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
    charlie: User,
) -> None:
    share = make(conversation, snapshot(said, password="a green harbour"))
    address, edition = share.address, share.edition
    here = f"/shares/{share.pk}/"
    changed = form(kind="live", audience="named", people="Charlie", note="New", most_visits="7", may_fork="on")
    assert browser_of_alice.post(here, changed).status_code == 302
    share = Share.objects.get()
    assert share.address == address
    assert share.edition == edition + 1
    assert (share.kind, share.audience, share.note, share.most_visits) == ("live", "named", "New", 7)
    assert share.may_fork
    assert not share.shows_thinking
    assert share.leaf is None
    assert set(share.members.all()) == {charlie}
    assert share.password  # empty, it stays
    browser_of_alice.post(here, form(without_password="on"))
    share.refresh_from_db()
    assert not share.password
    assert not share.members.exists()
    assert browser_of_alice.post(here, form(expires_on="2001-01-01")).status_code == 422


def test_a_link_is_closed_at_once_and_stays_in_the_list(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
) -> None:
    share = make(conversation, snapshot(said))
    assert browser_of_alice.post(f"/shares/{share.pk}/close/").status_code == 302
    assert Client().get(share.get_absolute_url()).status_code == 404
    html = browser_of_alice.get(f"/shares/{share.pk}/").content.decode()
    assert "This link is closed." in html
    assert share.address not in html


def test_another_address_is_given(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
) -> None:
    share = make(conversation, snapshot(said))
    browser_of_alice.post(f"/shares/{share.pk}/renew/")
    assert Client().get(share.get_absolute_url()).status_code == 404
    share.refresh_from_db()
    assert Client().get(share.get_absolute_url()).status_code == 200


def test_who_leaves_is_told_which_of_their_links_end(
    browser_of_alice: Client, conversation: Conversation, said: Message, bob: User
) -> None:
    share = make(conversation, snapshot(said))
    joining.invite(conversation, bob, Role.OWNER)
    sharing.make(conversation, bob, snapshot(said), uuid4())
    page = f"/c/{conversation.pk}/leave/"
    assert "1 link that you made to it will open nothing." in browser_of_alice.get(page).content.decode()
    group = Group.objects.create(name="Owners")
    joining.invite(conversation, group, Role.OWNER)
    conversation.owner.groups.add(group)
    assert "will open nothing" not in browser_of_alice.get(page).content.decode()  # by the group she stays an owner
    browser_of_alice.post(page)
    assert Client().get(share.get_absolute_url()).status_code == 200
    conversation.owner.groups.clear()
    assert Client().get(share.get_absolute_url()).status_code == 404


def test_a_deleted_conversations_links_are_listed_no_more(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
    route: Route,
) -> None:
    share = make(conversation, snapshot(said))
    asking.delete(conversation)
    assert str(share.pk) not in browser_of_alice.get("/shares/").content.decode()
    assert browser_of_alice.get(f"/shares/{share.pk}/").status_code == 404


# Administrators


def test_administrators_see_every_link_and_read_none(conversation: Conversation, said: Message, client: Client) -> None:
    share = make(conversation, snapshot(said, title="Secret title", note="Secret note", password="a green harbour"))
    client.force_login(User.objects.create_superuser("root@example.org"))
    pages = [client.get(f"/admin/conversations/share/{path}") for path in ("", f"{share.pk}/change/")]
    for page in pages:
        html = page.content.decode()
        assert page.status_code == 200
        assert "Alice" in html
        for secret in ("Secret", "monad", share.token, share.password, "/s/"):
            assert secret not in html
    assert client.get(share.get_absolute_url()).status_code == 200  # as anybody who has the address may
    members = make(conversation, snapshot(said, audience=Share.Audience.NAMED))
    assert client.get(members.get_absolute_url()).status_code == 404


def test_administrators_close_links_and_the_history_says_so(
    conversation: Conversation, said: Message, client: Client
) -> None:
    shares = [make(conversation, snapshot(said)) for _ in range(3)]
    client.force_login(User.objects.create_superuser("root@example.org"))
    chosen = {"action": "close", "_selected_action": [str(it.pk) for it in shares[:2]]}
    html = client.post("/admin/conversations/share/", chosen, follow=True).content.decode()
    assert "2 links are closed." in html
    assert set(Share.objects.open()) == {shares[2]}
    assert "Closed." in client.get(f"/admin/conversations/share/{shares[0].pk}/history/").content.decode()


def test_who_may_only_look_at_links_closes_none(conversation: Conversation, said: Message, client: Client) -> None:
    share = make(conversation, snapshot(said))
    staff = User.objects.create_user("erin@example.org", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_share"))
    client.force_login(staff)
    client.post("/admin/conversations/share/", {"action": "close", "_selected_action": [str(share.pk)]})
    assert Share.objects.open().get() == share
