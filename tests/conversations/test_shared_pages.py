"""The pages of a link over HTTP: what a reader gets, and what whoever should get nothing gets instead."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.models import Route
from conversations import asking, sharing
from conversations.attachments import prepare
from conversations.feed.flooding import Buckets
from conversations.models import Attachment, Conversation, Generation, Message, Share, SharingRules, Visit
from conversations.shared import LinkFace
from conversations.views import shared as views
from tests.images import upload
from tests.shares import answered, illustrate, live, make, snapshot

ANSWER = "A monoid in the category"


@pytest.fixture(autouse=True)
def nobody_missed_before() -> None:
    views.misses = Buckets(**views.MISSES)


def told(response: Any) -> tuple[int, bytes, dict[str, str]]:
    """All that somebody learns from an answer, but for what is another one each time."""
    headers = {name: re.sub(r"nonce-[\w-]+", "nonce", value) for name, value in response.headers.items()}
    return response.status_code, re.sub(rb'nonce="[\w-]+"', b"nonce", response.content), headers


def test_a_reader_sees_the_path_without_signing_in_and_needs_no_script(
    conversation: Conversation,
    said: Message,
    client: Client,
) -> None:
    share = make(conversation, snapshot(said, note="Have a look\nat this"))
    response = client.get(share.get_absolute_url())
    html = response.content.decode()
    assert response.status_code == 200
    assert "What is a monad?" in html
    assert ANSWER in html
    assert "Have a look<br>at this" in html
    assert settings.SESSION_COOKIE_NAME not in response.cookies
    assert settings.CSRF_COOKIE_NAME not in response.cookies


def test_every_answer_says_that_it_is_for_nobody_else(
    conversation: Conversation, question: Message, said: Message, charlie: User, client: Client
) -> None:
    """Also the refusals, what leads to signing in, and the pages with a form: those tell our host, and no address."""
    illustrate(question)
    here = make(conversation, snapshot(said, may_fork=True)).get_absolute_url()
    page = client.get(here)
    assert '<meta name="robots" content="noindex, nofollow">' in page.content.decode()
    locked = make(conversation, snapshot(said, password="a green harbour")).get_absolute_url()
    of_members = make(conversation, snapshot(said, audience=Share.Audience.MEMBERS)).get_absolute_url()
    image = image_addresses(page)[0]
    replies = [
        client.get(it) for it in (here, image, of_members, "/s/nothing/", "/s/nothing/i/1/", "/s/1/", "/s/1/continue/")
    ]
    views.misses = Buckets(rate=0.001, burst=0)
    replies += [client.get("/s/nothing/"), client.get(f"{here}continue/")]
    client.force_login(charlie)
    forms = [client.get(locked), client.post(locked, {"password": "wrong"}), client.get(f"{here}continue/")]
    assert [it.status_code for it in replies + forms] == [200, 200, 302, 404, 404, 404, 404, 429, 302, 200, 422, 200]
    for response in replies + forms:
        assert response["X-Robots-Tag"] == "noindex, nofollow"
        assert response["Cache-Control"] == "private, no-store"
        assert response["Referrer-Policy"] == ("strict-origin" if response in forms else "no-referrer")
        assert response["Cross-Origin-Resource-Policy"] == "same-origin"
        assert response["X-Frame-Options"] == "DENY"
        assert "Access-Control-Allow-Origin" not in response
        policy = response["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "sandbox" in policy or "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def image_addresses(response: Any) -> list[str]:
    return re.findall(r'<img src="(/s/[^"]+)"', response.content.decode())


# What looks like nothing


@pytest.mark.parametrize("path", ["", "i/0/", "continue/"])
def test_what_opens_nothing_is_told_apart_by_nobody_and_costs_the_same(
    conversation: Conversation,
    said: Message,
    charlie: User,
    client: Client,
    path: str,
) -> None:
    """Never made, with a slip, closed, expired, used up, for others, of a conversation that is gone."""
    dora = User.objects.create_user("dora@example.org")
    client.force_login(charlie)
    links = {name: make(conversation, snapshot(said, may_fork=True)) for name in ("closed", "expired", "renewed")}
    tokens = {name: link.token for name, link in links.items()}
    sharing.close([links["closed"]])
    Share.objects.filter(pk=links["expired"].pk).update(expires_at=timezone.now() - timedelta(days=1))
    sharing.renew(links["renewed"])
    tokens["never made"] = Share().token
    tokens["with a slip"] = tokens["renewed"][:-2] + ("AA" if tokens["renewed"][-2:] != "AA" else "QQ")
    tokens["short"] = "1"
    expected, cost = None, None
    for name, token in tokens.items():
        with CaptureQueriesContext(connection) as queries:
            response = client.get(f"/s/{token}/{path}")
        answer, count = told(response), len(queries)
        assert answer[0] == 404
        expected, cost = expected or answer, cost or count
        assert (answer, count) == (expected, cost), name
    others = make(conversation, snapshot(said, audience=Share.Audience.NAMED, members=[dora], may_fork=True))
    used_up = make(conversation, snapshot(said, most_visits=1, may_fork=True))
    assert sharing.count_visit(used_up, None)
    for token in (others.token, used_up.token):
        assert told(client.get(f"/s/{token}/{path}")) == expected


def test_who_misses_too_often_has_to_wait_and_nobody_else_does(transactional_db: None, client: Client) -> None:
    views.misses = Buckets(rate=0.001, burst=60)  # however long the test takes
    codes = [client.get("/s/nothing/").status_code for _ in range(70)]
    assert codes == [404] * 60 + [429] * 10
    assert Client(REMOTE_ADDR="192.0.2.9").get("/s/nothing/").status_code == 404


def test_who_is_not_signed_in_is_sent_to_sign_in_by_a_link_for_members(
    conversation: Conversation,
    said: Message,
    charlie: User,
    client: Client,
) -> None:
    share = make(conversation, snapshot(said, audience=Share.Audience.MEMBERS))
    response = client.get(share.get_absolute_url())
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=/s/")
    client.force_login(charlie)
    assert ANSWER in client.get(share.get_absolute_url()).content.decode()


# The password


def test_a_password_is_asked_for_and_says_nothing_of_what_is_behind_it(
    conversation: Conversation,
    question: Message,
    said: Message,
    client: Client,
) -> None:
    illustrate(question)
    share = make(conversation, snapshot(said, password="a green harbour", title="Secret plan", note="A note"))
    here = share.get_absolute_url()
    door = client.get(here)
    assert door.status_code == 200
    for secret in ("monad", ANSWER, "Secret plan", "A note", "Alice", "alice"):
        assert secret not in door.content.decode()
    image = f"{here}i/{LinkFace.of(share).disguised(Attachment.objects.get().pk)}/"
    assert client.get(image).status_code == 404
    wrong = client.post(here, {"password": "wrong"})
    assert wrong.status_code == 422
    assert "not the password" in wrong.content.decode()
    assert client.post(here, {"password": "x" * 1_000_000}).status_code == 422
    assert not Visit.objects.exists()
    right = client.post(here, {"password": "a green harbour"}, follow=True)
    assert ANSWER in right.content.decode()
    assert client.get(image).status_code == 200
    # Another password, and whoever knew the first is asked again.
    sharing.change(share, snapshot(said, password="another harbour"))
    assert ANSWER not in client.get(here).content.decode()


def test_a_password_is_tried_five_times_and_the_page_says_so(
    conversation: Conversation,
    said: Message,
    client: Client,
) -> None:
    share = make(conversation, snapshot(said, password="a green harbour"))
    codes = [client.post(share.get_absolute_url(), {"password": "wrong"}).status_code for _ in range(5)]
    assert codes == [422] * 5
    late = client.post(share.get_absolute_url(), {"password": "a green harbour"})
    assert late.status_code == 422
    assert "tried too often" in late.content.decode()


def test_the_cookie_of_one_link_opens_no_other(
    conversation: Conversation,
    said: Message,
    client: Client,
) -> None:
    one = make(conversation, snapshot(said, password="a green harbour"))
    other = make(conversation, snapshot(said, password="a green harbour"))
    client.post(one.get_absolute_url(), {"password": "a green harbour"})
    assert client.cookies["unlocked"]["path"] == one.get_absolute_url()
    stolen = Client()
    stolen.cookies["unlocked"] = client.cookies["unlocked"].value
    assert ANSWER not in stolen.get(other.get_absolute_url()).content.decode()
    assert ANSWER in stolen.get(one.get_absolute_url()).content.decode()


# Visits


def test_a_link_opens_as_often_as_it_may_and_looking_again_is_the_same_visit(
    conversation: Conversation,
    question: Message,
    said: Message,
    client: Client,
) -> None:
    illustrate(question)
    share = make(conversation, snapshot(said, most_visits=1))
    here = share.get_absolute_url()
    [image] = image_addresses(client.get(here))
    assert client.get(here).status_code == client.get(image).status_code == 200
    late = Client()
    assert late.get(here).status_code == late.get(image).status_code == 404
    assert Visit.objects.get().count == 1
    # A visit has its end, and nobody makes one up.
    forged = Client()
    forged.cookies["visit"] = f"{2**40}.{'0' * 64}"
    assert forged.get(here).status_code == 404


@pytest.mark.parametrize("verb", ["get", "head", "post"])
@pytest.mark.parametrize("password", [None, "a green harbour"])
def test_what_is_used_up_is_told_apart_by_no_verb(
    conversation: Conversation, said: Message, client: Client, verb: str, password: str | None
) -> None:
    """Not by its password's form either."""
    share = make(conversation, snapshot(said, most_visits=1, password=password))
    assert client.head(share.get_absolute_url()).status_code == 200
    assert not Visit.objects.exists()  # a HEAD is none
    assert sharing.count_visit(share, None)
    answer, nothing = (getattr(client, verb)(f"/s/{it.token}/") for it in (share, Share()))
    assert told(answer) == told(nothing)
    assert answer.status_code == 404


def test_a_visit_is_over_after_an_hour(
    conversation: Conversation,
    said: Message,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    share = make(conversation, snapshot(said))
    client.get(share.get_absolute_url())
    began, _, seal = client.cookies["visit"].value.partition(".")
    client.cookies["visit"] = f"{int(began) - 3601}.{seal}"
    client.get(share.get_absolute_url())
    assert Visit.objects.get().count == 2


def test_its_maker_looks_without_being_counted(
    browser_of_alice: Client,
    conversation: Conversation,
    said: Message,
) -> None:
    share = make(conversation, snapshot(said, most_visits=1, password="a green harbour"))
    for _ in range(3):
        assert ANSWER in browser_of_alice.get(share.get_absolute_url()).content.decode()
    assert not Visit.objects.exists()


# Images


def test_the_images_of_a_link_are_those_it_shows_and_no_others(
    conversation: Conversation,
    question: Message,
    said: Message,
    client: Client,
    route: Route,
) -> None:
    illustrate(question)
    later = asking.ask(conversation, conversation.owner, "Next?", uuid4(), route, images=prepare([upload()]))
    share = make(conversation, snapshot(said))
    response = client.get(share.get_absolute_url())
    [shown] = image_addresses(response)
    served = client.get(shown)
    assert served.status_code == 200
    assert served["Content-Type"] == "image/png"
    assert served["X-Content-Type-Options"] == "nosniff"
    hidden = LinkFace.of(share)
    beyond = f"{share.get_absolute_url()}i/{hidden.disguised(later.attachments.get().pk)}/"
    assert client.get(beyond).status_code == 404
    assert client.get(f"/c/{conversation.pk}/i/{question.attachments.get().pk}/").status_code == 302
    sharing.change(share, snapshot(said, shows_images=False))
    assert client.get(shown).status_code == 404
    html = client.get(share.get_absolute_url()).content.decode()
    assert "<img" not in html.partition("<section")[2]
    assert "One image is not shown." in html
    sharing.change(share, snapshot(said))
    sharing.close([share])
    assert client.get(shown).status_code == 404


# What stays out


def test_a_snapshot_ends_where_it_was_made(
    conversation: Conversation,
    question: Message,
    said: Message,
    client: Client,
    route: Route,
) -> None:
    share = make(conversation, snapshot(said))
    before = client.get(share.get_absolute_url()).content
    asking.ask(conversation, conversation.owner, "Something secret", uuid4(), route)
    asking.edit(question, conversation.owner, "Other words", uuid4(), route)
    asking.rename(conversation, "Another title")
    after = client.get(share.get_absolute_url())
    assert told(after)[1] == re.sub(rb'nonce="[\w-]+"', b"nonce", before)


def test_a_live_link_shows_what_was_said_since(
    conversation: Conversation,
    question: Message,
    said: Message,
    client: Client,
    route: Route,
) -> None:
    share = make(conversation, live())
    asking.ask(conversation, conversation.owner, "And a functor?", uuid4(), route)
    html = client.get(share.get_absolute_url()).content.decode()
    assert "And a functor?" in html
    assert "Waiting for its turn" in html
    asking.edit(question, conversation.owner, "Other words", uuid4(), route)
    html = client.get(share.get_absolute_url()).content.decode()
    assert "Other words" in html
    assert "And a functor?" not in html


def test_a_long_conversation_is_read_window_by_window(
    conversation: Conversation,
    said: Message,
    client: Client,
    alice: User,
) -> None:
    parent = said
    for number in range(70):
        role = "user" if number % 2 == 0 else "assistant"
        it = Message.objects.create(conversation=conversation, parent=parent, role=role, text=f"word {number}.")
        if role == "assistant":
            it.generation = make_generation(it, alice)
        parent = it
    Conversation.objects.update(leaf=parent)
    leaf = Message.objects.with_answers().select_related("conversation").get(pk=parent.pk)
    share = make(conversation, snapshot(leaf))
    pages, here = [], share.get_absolute_url()
    for _ in range(3):
        html = client.get(here).content.decode()
        pages.append(re.findall(r"word (\d+)\.|What is a (m)onad", html))
        following = re.search(r'class="more" href="(\?before=\w+)"', html)
        if following is None:
            break
        here = share.get_absolute_url() + following[1]
    assert [len(it) for it in pages] == [50, 21]
    assert client.get(share.get_absolute_url() + "?before=nothing").status_code == 200
    assert "word 69" in client.get(share.get_absolute_url() + f"?before={uuid4().hex}").content.decode()


def make_generation(message: Message, member: User) -> Generation:
    return Generation.objects.create(
        conversation_id=message.conversation_id,
        message=message,
        member=member,
        state="done",
        ended_at=timezone.now(),
    )


# Continuing


def test_a_member_continues_in_their_own_account_and_a_visitor_signs_in_first(
    conversation: Conversation,
    question: Message,
    said: Message,
    charlie: User,
    client: Client,
) -> None:
    illustrate(question)
    share = make(conversation, snapshot(said, may_fork=True, shows_images=False))
    where = f"{share.get_absolute_url()}continue/"
    assert where in client.get(share.get_absolute_url()).content.decode()
    assert client.get(where)["Location"].startswith("/accounts/login/?next=")
    assert client.post(where).status_code == 302
    client.force_login(charlie)
    key = str(uuid4())
    assert client.get(where).status_code == 200
    for _ in range(2):
        response = client.post(where, {"key": key}, follow=True)
        assert response.redirect_chain == [(f"/c/{key}/", 302)]
    html = response.content.decode()
    assert ANSWER in html
    assert "The images were not part of the link" in html
    assert charlie.conversations.count() == 1


def test_a_link_that_may_not_be_continued_is_not(
    conversation: Conversation,
    said: Message,
    charlie: User,
    client: Client,
) -> None:
    share = make(conversation, snapshot(said))
    client.force_login(charlie)
    assert "continue/" not in client.get(share.get_absolute_url()).content.decode()
    for verb in (client.get, client.post):
        assert verb(f"{share.get_absolute_url()}continue/").status_code == 404
    assert not charlie.conversations.exists()


def test_a_live_link_with_nothing_finished_says_that_there_is_nothing_to_go_on_from(
    conversation: Conversation, question: Message, charlie: User, client: Client
) -> None:
    share = make(conversation, live(may_fork=True))
    client.force_login(charlie)
    response = client.post(f"{share.get_absolute_url()}continue/", {"key": str(uuid4())})
    assert response.status_code == 422
    assert "There is no answer yet" in response.content.decode()


# The title


def test_previews_of_the_address_say_what_the_maker_chose_and_otherwise_nothing(
    conversation: Conversation,
    said: Message,
    client: Client,
) -> None:
    share = make(conversation, snapshot(said))
    html = client.get(share.get_absolute_url()).content.decode()
    head = html.partition("</head>")[0]
    assert '<meta property="og:title" content="A shared conversation">' in head
    assert "<title>A shared conversation</title>" in head
    assert "monad" not in head
    sharing.change(share, snapshot(said, title="About <monads>"))
    head = client.get(share.get_absolute_url()).content.decode().partition("</head>")[0]
    assert '<meta property="og:title" content="About &lt;monads&gt;">' in head


def test_no_rules_no_link_for_anyone(
    conversation: Conversation,
    said: Message,
    client: Client,
) -> None:
    share = make(conversation, snapshot(said))
    assert client.get(share.get_absolute_url()).status_code == 200
    SharingRules.objects.create(anonymous_allowed=False)
    assert client.get(share.get_absolute_url()).status_code == 404


def test_an_answer_of_a_writer_without_a_name_is_nobodys_address(
    conversation: Conversation,
    question: Message,
    said: Message,
    client: Client,
    alice: User,
) -> None:
    share = make(conversation, snapshot(said, shows_names=True))
    assert "Alice" in client.get(share.get_absolute_url()).content.decode()
    User.objects.update(name="")
    html = client.get(share.get_absolute_url()).content.decode()
    assert "alice" not in html
    assert "A member" in html


def test_why_an_answer_broke_off_is_its_members(conversation: Conversation, question: Message, client: Client) -> None:
    answer = answered(question, "A mon", state=Generation.State.FAILED)
    answer.generation.error = "Your limit of 5.00 USD is used up."
    answer.generation.limit_notes = "Shortened: your limit."
    answer.generation.save()
    html = client.get(make(conversation, snapshot(answer)).get_absolute_url()).content.decode()
    assert "limit" not in html
    assert "This answer was broken off." in html
