"""The forms, by the ordinary test client: with script and without, twice, too long, signed out, from elsewhere."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings as site
from django.db import connection, transaction
from django.test import Client

from accounts.models import User
from catalog.models import Provider, Route
from conversations import asking
from conversations.models import Conversation, Generation, Message
from tests.workers import at_once, in_thread, wait_for_waiters

HTMX = {"HX-Request": "true"}
LIMIT = 200_000


@pytest.fixture(params=[{}, HTMX], ids=["without script", "with script"])
def headers(request: pytest.FixtureRequest) -> dict[str, str]:
    return dict(request.param)


def draft(html: str) -> str:
    """What stands in the composer."""
    found = re.search(r'<textarea id="question"[^>]*>\n(.*?)</textarea>', html, re.DOTALL)
    assert found, html
    return unescape(found[1])


def key_in(html: str) -> str:
    found = re.search(r'name="key" value="([^"]*)"', html)
    assert found, html
    return found[1]


def refusals(html: str) -> str:
    found = re.search(r'<div id="refusal" role="alert">(.*?)</div>', html, re.DOTALL)
    assert found, html
    return unescape(found[1])


def browser_of(member: User) -> Client:
    browser = Client()
    browser.force_login(member)
    return browser


def rows() -> tuple[int, int, int]:
    return Conversation.objects.count(), Message.objects.count(), Generation.objects.count()


def form(text: str, **more: object) -> dict[str, Any]:
    return {"text": text, "key": str(uuid4()), "route": "quick", **more}


# A question is posted.


def test_without_script_a_first_question_leads_to_its_page(browser_of_alice: Client, route: Route) -> None:
    posted = form("What is a monad?")
    response = browser_of_alice.post("/c/", posted)
    conversation = Conversation.objects.get()
    assert (response.status_code, response["Location"]) == (303, f"/c/{conversation.pk}/#m-{posted['key']}")
    shown = browser_of_alice.get(response["Location"]).content.decode()
    assert f'<article class="message user" id="m-{posted["key"]}">' in shown
    assert "What is a monad?" in shown
    assert draft(shown) == ""


def test_with_script_a_first_question_brings_the_chat_and_its_address(browser_of_alice: Client, route: Route) -> None:
    response = browser_of_alice.post("/c/", form("What is a monad?"), headers=HTMX)
    conversation = Conversation.objects.get()
    html = response.content.decode()
    assert (response.status_code, response["HX-Push-Url"]) == (200, f"/c/{conversation.pk}/")
    assert f'hx-ws:connect="/ws/c/{conversation.pk}/"' in html
    assert "What is a monad?" in html
    assert "<html" not in html


def test_the_next_question_gets_a_fresh_key(
    browser_of_alice: Client, conversation: Conversation, route: Route, headers: dict[str, str]
) -> None:
    posted = form("Why?")
    response = browser_of_alice.post(f"/c/{conversation.pk}/ask/", posted, headers=headers)
    if headers:
        html = response.content.decode()
        assert response.status_code == 200
        assert "<html" not in html
        assert refusals(html) == ""
        assert UUID(key_in(html)) != UUID(posted["key"])
    else:
        assert (response.status_code, response["Location"]) == (303, f"/c/{conversation.pk}/#m-{posted['key']}")
    assert Message.objects.get(pk=posted["key"]).parent == conversation.leaf


def test_other_words_are_posted_where_the_question_stands(
    browser_of_alice: Client, conversation: Conversation, question: Message, headers: dict[str, str]
) -> None:
    address = f"/c/{conversation.pk}/m/{question.pk}/edit/"
    assert draft(browser_of_alice.get(address, headers=headers).content.decode()) == "What is a monad?"
    response = browser_of_alice.post(address, form("What is a monoid?"), headers=headers)
    assert response.status_code == (200 if headers else 303)
    assert Message.objects.get(text="What is a monoid?").parent is None
    if headers:
        assert f'action="/c/{conversation.pk}/ask/"' in response.content.decode()  # the composer asks anew from here


def test_an_answer_has_no_other_words(
    browser_of_alice: Client, conversation: Conversation, generation: Generation
) -> None:
    address = f"/c/{conversation.pk}/m/{generation.message_id}/edit/"
    assert browser_of_alice.get(address).status_code == 404
    assert browser_of_alice.post(address, form("Hm")).status_code == 404


@pytest.mark.parametrize(("name", "picked"), [("quick", "quick"), ("gone", "quick"), ("", "quick"), ("slow", "slow")])
def test_the_picked_model_answers_or_the_first_one_if_it_is_gone(
    browser_of_alice: Client, route: Route, name: str, picked: str
) -> None:
    Route.objects.through(route.steps.get().model, name="slow", label="Slow", position=99)
    browser_of_alice.post("/c/", form("Hello", route=name))
    assert getattr(Generation.objects.get().route, "name", None) == picked


# Buttons.


def test_stop_ends_the_answer_and_nothing_else(
    browser_of_alice: Client, conversation: Conversation, generation: Generation, headers: dict[str, str]
) -> None:
    response = browser_of_alice.post(f"/c/{conversation.pk}/stop/", headers=headers)
    assert response.status_code == (204 if headers else 303)
    generation.refresh_from_db()
    assert generation.state == "stopped"
    assert "Stopped." in browser_of_alice.get(f"/c/{conversation.pk}/").content.decode()


def test_try_again_queues_another_answer(
    browser_of_alice: Client, conversation: Conversation, generation: Generation, headers: dict[str, str]
) -> None:
    asking.stop(conversation)
    address = f"/c/{conversation.pk}/m/{generation.message_id}/again/"
    assert browser_of_alice.post(address, headers=headers).status_code == (204 if headers else 303)
    assert Generation.objects.live().count() == 1
    assert "<span>2/2</span>" in browser_of_alice.get(f"/c/{conversation.pk}/").content.decode()


def test_what_cannot_be_answered_again_is_said_in_a_sentence(
    browser_of_alice: Client, conversation: Conversation, question: Message, headers: dict[str, str]
) -> None:
    response = browser_of_alice.post(f"/c/{conversation.pk}/m/{question.pk}/again/", headers=headers)
    if headers:
        assert response.status_code == 422
        assert "There is no question here" in refusals(response.content.decode())
    else:
        assert "There is no question here" in browser_of_alice.get(response["Location"]).content.decode()


def test_the_other_version_is_shown(
    browser_of_alice: Client, conversation: Conversation, question: Message, route: Route, headers: dict[str, str]
) -> None:
    browser_of_alice.post(f"/c/{conversation.pk}/m/{question.pk}/edit/", form("What is a monoid?"))
    assert "<span>2/2</span>" in browser_of_alice.get(f"/c/{conversation.pk}/").content.decode()
    address = f"/c/{conversation.pk}/m/{question.pk}/show/"
    assert browser_of_alice.post(address, headers=headers).status_code == (204 if headers else 303)
    assert "<span>1/2</span>" in browser_of_alice.get(f"/c/{conversation.pk}/").content.decode()


def test_renaming_takes_a_title_and_refuses_none(browser_of_alice: Client, conversation: Conversation) -> None:
    address = f"/c/{conversation.pk}/rename/"
    assert browser_of_alice.post(address, {"title": "  About \n monads "}).status_code == 303
    conversation.refresh_from_db()
    assert (conversation.title, conversation.named_by) == ("About monads", "member")
    for title in ("", "   ", "x" * 121, "a\0b"):
        assert browser_of_alice.post(address, {"title": title}).status_code == 422
    conversation.refresh_from_db()
    assert conversation.title == "About monads"


def test_deleting_asks_first_and_then_leads_home(browser_of_alice: Client, conversation: Conversation) -> None:
    address = f"/c/{conversation.pk}/delete/"
    assert "Delete this conversation?" in browser_of_alice.get(address).content.decode()
    response = browser_of_alice.post(address)
    assert (response.status_code, response["Location"]) == (303, "/")
    assert browser_of_alice.get(f"/c/{conversation.pk}/").status_code == 404
    assert browser_of_alice.post(address).status_code == 404


# What can't be asked is refused where it was typed.


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Type a question first."),
        (" \r\n\t ", "Type a question first."),
        ("x" * (LIMIT + 1), "A question may have 200,000 characters; this one has 200001."),
        ("🚀" * (LIMIT + 1), "A question may have 200,000 characters; this one has 200001."),
        ("a\0b", "Null characters are not allowed."),
    ],
    ids=["empty", "blank", "too long", "too long in emoji", "NUL"],
)
def test_what_cannot_be_asked_stays_in_the_form_with_the_reason(
    browser_of_alice: Client,
    conversation: Conversation,
    question: Message,
    headers: dict[str, str],
    text: str,
    sentence: str,
) -> None:
    before = rows()
    for address in ("/c/", f"/c/{conversation.pk}/ask/", f"/c/{conversation.pk}/m/{question.pk}/edit/"):
        posted = form(text)
        response = browser_of_alice.post(address, posted, headers=headers)
        html = response.content.decode()
        assert response.status_code == 422
        assert sentence in refusals(html)
        assert key_in(html) == posted["key"]
        if headers:
            assert "textarea" not in html  # the page keeps what it has
        else:
            assert draft(html) == text
            assert f'action="{address}"' in html
    assert rows() == before


@pytest.mark.parametrize(
    "text",
    ["x" * LIMIT, "🚀" * LIMIT, "界" * LIMIT, "line\r\n" * (LIMIT // 5 - 1) + "lines"],
    ids=["ASCII", "emoji", "Chinese", "many lines, which a browser ends with two characters"],
)
def test_a_question_of_exactly_the_limit_is_asked(browser_of_alice: Client, route: Route, text: str) -> None:
    response = browser_of_alice.post("/c/", form(text))
    assert response.status_code == 303
    asked = Message.objects.get(role="user").text
    assert len(asked) == LIMIT
    assert asked == text.replace("\r\n", "\n")


def test_a_question_keeps_its_spaces_and_loses_only_the_empty_lines_around_it(
    browser_of_alice: Client, route: Route
) -> None:
    browser_of_alice.post("/c/", form("\r\n    indented\r\n\r\n  text \r\n\r\n"))
    assert Message.objects.get(role="user").text == "    indented\n\n  text "


@pytest.mark.parametrize("key", ["", "None", "not-a-key", "a\0b", "../../etc"])
def test_a_form_whose_key_is_broken_gets_a_new_one_and_keeps_the_draft(
    browser_of_alice: Client, route: Route, headers: dict[str, str], key: str
) -> None:
    response = browser_of_alice.post("/c/", {"text": "What is a monad?", "key": key}, headers=headers)
    html = response.content.decode()
    assert response.status_code == 422
    assert refusals(html).strip()
    fresh = key_in(html)
    assert browser_of_alice.post("/c/", {"text": "What is a monad?", "key": fresh}).status_code == 303


def test_without_any_model_the_draft_stays_and_a_sentence_says_so(
    browser_of_alice: Client, route: Route, headers: dict[str, str]
) -> None:
    Provider.objects.update(enabled=False)
    response = browser_of_alice.post("/c/", form("What is a monad?"), headers=headers)
    assert response.status_code == 422
    assert "No model is set up yet." in refusals(response.content.decode())
    assert rows() == (0, 0, 0)


# A second click asks once.


def test_twenty_posts_of_one_form_show_one_page(alice: User, conversation: Conversation, route: Route) -> None:
    browsers = [browser_of(alice) for _ in range(20)]
    posted, address = form("Why?"), f"/c/{conversation.pk}/ask/"
    responses = at_once(20, lambda n: browsers[n].post(address, posted))
    assert {(r.status_code, r["Location"]) for r in responses} == {(303, f"/c/{conversation.pk}/#m-{posted['key']}")}
    assert rows() == (1, 4, 2)


def test_twenty_posts_of_one_first_question_make_one_conversation(alice: User, route: Route) -> None:
    browsers = [browser_of(alice) for _ in range(20)]
    posted = form("What is a monad?")
    responses = at_once(20, lambda n: browsers[n].post("/c/", posted, headers=HTMX if n % 2 else {}))
    conversation = Conversation.objects.get()
    assert {r.status_code for r in responses} == {200, 303}
    assert {r.get("HX-Push-Url") or r["Location"] for r in responses} == {
        f"/c/{conversation.pk}/",
        f"/c/{conversation.pk}/#m-{posted['key']}",
    }
    assert rows() == (1, 2, 1)


def test_other_words_under_a_used_key_are_refused_with_a_new_key(
    browser_of_alice: Client, conversation: Conversation, question: Message, headers: dict[str, str]
) -> None:
    before = rows()
    response = browser_of_alice.post(
        f"/c/{conversation.pk}/ask/", form("Other words", key=question.pk), headers=headers
    )
    html = response.content.decode()
    assert response.status_code == 409
    assert rows() == before
    assert UUID(key_in(html)) != question.pk
    if not headers:
        assert draft(html) == "Other words"
    again = browser_of_alice.post(f"/c/{conversation.pk}/ask/", form("Other words", key=key_in(html)), headers=headers)
    assert again.status_code == (200 if headers else 303)


@pytest.mark.parametrize("text", ["What is a monad?", "Other words"])
def test_another_members_key_reveals_nothing(
    question: Message, charlie: User, headers: dict[str, str], text: str
) -> None:
    before = rows()
    response = browser_of(charlie).post("/c/", form(text, key=question.pk), headers=headers)
    html = response.content.decode()
    assert response.status_code == 409
    assert rows() == before
    assert str(question.conversation_id) not in html
    assert str(question.pk) not in html
    if text != question.text:
        assert question.text not in html


def test_a_question_that_crosses_the_conversations_deletion_finds_nothing_there(
    browser_of_alice: Client, conversation: Conversation, question: Message, route: Route
) -> None:
    """Deleted in another tab between the look at it and the lock: a 404, no fault of ours."""
    posts = {
        f"/c/{conversation.pk}/ask/": form("Still there?"),
        f"/c/{conversation.pk}/m/{question.pk}/edit/": form("Still there?"),
        f"/c/{conversation.pk}/m/{question.pk}/show/": {},
        f"/c/{conversation.pk}/rename/": {"title": "Still there?"},
        f"/c/{conversation.pk}/delete/": {},
    }
    with ThreadPoolExecutor(len(posts)) as pool:
        with transaction.atomic():
            asking.delete(conversation)
            started = [
                in_thread(pool, lambda to=to, data=data: browser_of_alice.post(to, data).status_code)  # type: ignore[misc]
                for to, data in posts.items()
            ]
            wait_for_waiters(len(posts))
        assert [each.result(20) for each in started] == [404] * len(posts)
    connection.close()


# Signed out, or from elsewhere.


def test_a_signed_out_post_hands_the_draft_back(client: Client, route: Route) -> None:
    posted = form("My long <b>draft</b>\n\nof an hour")
    response = client.post("/c/", posted)
    html = response.content.decode()
    assert response.status_code == 401
    assert draft(html) == "My long <b>draft</b>\n\nof an hour"
    assert "<b>draft" not in html
    assert key_in(html) == posted["key"]
    assert 'action="/c/"' in html
    assert rows() == (0, 0, 0)


def test_a_signed_out_post_with_script_leaves_the_draft_where_it_is(client: Client, conversation: Conversation) -> None:
    before = rows()
    response = client.post(f"/c/{conversation.pk}/ask/", form("My draft"), headers=HTMX)
    html = response.content.decode()
    assert response.status_code == 401
    assert "You are signed out." in refusals(html)
    assert "textarea" not in html
    assert rows() == before


def test_what_was_handed_back_can_be_sent_after_signing_in(client: Client, alice: User, route: Route) -> None:
    html = client.post("/c/", form("My draft")).content.decode()
    client.force_login(alice)
    assert client.post("/c/", {"text": draft(html), "key": key_in(html)}).status_code == 303
    assert Message.objects.get(role="user").text == "My draft"


def test_a_signed_out_member_is_sent_to_sign_in_and_back(client: Client, conversation: Conversation) -> None:
    response = client.get(f"/c/{conversation.pk}/")
    assert response.status_code == 302
    assert response["Location"] == f"/accounts/login/?next=/c/{conversation.pk}/"


@pytest.mark.parametrize("signed_in", [True, False])
def test_a_post_without_our_token_is_refused_and_changes_nothing(
    alice: User, conversation: Conversation, headers: dict[str, str], signed_in: bool
) -> None:
    browser = Client(enforce_csrf_checks=True)
    if signed_in:
        browser.force_login(alice)
    before = rows()
    here = f"/c/{conversation.pk}/"
    for address in ("/c/", f"{here}ask/", f"{here}stop/", f"{here}delete/"):
        for extra in ({}, {"_method": "GET"}, {"csrfmiddlewaretoken": "x" * 64}):
            response = browser.post(address, form("Evil") | extra, headers=headers)
            assert response.status_code == 403
            assert "Evil" not in response.content.decode()
        assert browser.post(address, b'{"text": "Evil"}', content_type="text/plain", headers=headers).status_code == 403
    assert rows() == before
    assert Conversation.objects.visible_to(alice).count() == 1
    assert Generation.objects.live().count() == 1


def test_another_sites_form_is_refused_even_with_our_token(alice: User, route: Route) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    browser.get("/")
    token = browser.cookies["csrf"].value
    posted = form("Evil", csrfmiddlewaretoken=token)
    for origin in ("https://evil.example", "null", site.PUBLIC_ORIGIN.replace("http:", "https:")):
        response = browser.post("/c/", posted, headers={"Origin": origin})
        assert response.status_code == 403
        assert "Evil" not in response.content.decode()
    assert rows() == (0, 0, 0)
    assert browser.post("/c/", posted, headers={"Origin": "http://testserver"}).status_code == 303


def test_our_own_page_with_an_old_token_gets_its_draft_back(alice: User, route: Route) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    response = browser.post("/c/", form("My draft"), headers={"Origin": site.PUBLIC_ORIGIN})
    assert response.status_code == 403
    assert draft(response.content.decode()) == "My draft"
