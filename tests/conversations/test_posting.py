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
from conversations import asking, ending, events
from conversations.events import Event
from conversations.models import Chunk, Conversation, Generation, Message
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


def hidden_in(html: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', html)}


def field_in(html: str, name: str) -> str:
    """One field of the settings as it is shown, with what is said at it."""
    found = re.search(rf'<div class="field">\s*<label for="id_{name}">.*?</div>', html, re.DOTALL)
    assert found, html
    return unescape(found[0])


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


def test_with_script_a_first_question_brings_its_address_and_the_way_to_hear_of_it(
    browser_of_alice: Client, route: Route
) -> None:
    response = browser_of_alice.post("/c/", form("What is a monad?"), headers=HTMX)
    conversation = Conversation.objects.get()
    html = response.content.decode()
    assert (response.status_code, response["HX-Push-Url"]) == (200, f"/c/{conversation.pk}/")
    assert f'hx-ws:connect="/ws/c/{conversation.pk}/"' in html
    assert f'data-ask="/c/{conversation.pk}/ask/"' in html
    assert not Message.objects.filter(pk=key_in(html)).exists()
    assert "<article" not in html  # messages come by that way alone
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


@pytest.fixture
def slow(route: Route) -> Route:
    return Route.objects.through(route.steps.get().model, name="slow", label="Slow", position=99)


def test_try_again_is_answered_by_the_model_that_stands_in_the_composer(
    browser_of_alice: Client, conversation: Conversation, generation: Generation, slow: Route
) -> None:
    asking.stop(conversation)
    address = f"/c/{conversation.pk}/m/{generation.message_id}/again/"
    for name, answers in (("slow", "slow"), ("", "quick"), ("gone", "quick")):
        assert browser_of_alice.post(address, {"route": name}, headers=HTMX).status_code == 204
        waiting = Generation.objects.live().select_related("route").get()
        assert waiting.route
        assert waiting.route.name == answers, name
        asking.stop(conversation)


@pytest.fixture
def broken_off(generation: Generation) -> Generation:
    """Stopped in the middle of a sentence."""
    Generation.objects.claim("a worker", 1)
    events.append([Event(generation.pk, 1, 1, Chunk.Kind.TEXT, "A monad is")])
    generation.refresh_from_db()
    assert ending.end(generation, ending.Outcome(Generation.State.STOPPED), may=lambda _: True)
    return generation


def test_continue_queues_the_same_answer_once_however_often_it_is_clicked(
    alice: User, conversation: Conversation, broken_off: Generation, headers: dict[str, str]
) -> None:
    before = rows()
    address = f"/c/{conversation.pk}/m/{broken_off.message_id}/continue/"
    browsers = [browser_of(alice) for _ in range(6)]
    responses = at_once(6, lambda n: browsers[n].post(address, headers=headers))
    assert {response.status_code for response in responses} == {204 if headers else 303}
    broken_off.refresh_from_db()
    assert broken_off.state == "queued"
    assert rows() == before
    assert Message.objects.get(pk=broken_off.message_id).text == "A monad is"


def test_what_cannot_be_continued_is_said_in_a_sentence(
    browser_of_alice: Client,
    alice: User,
    conversation: Conversation,
    question: Message,
    broken_off: Generation,
    route: Route,
    headers: dict[str, str],
) -> None:
    """A question; an answer that has been followed by another question, which would stand on changed ground."""
    asking.ask(conversation, alice, "Why?", uuid4(), route)
    for message in (question.pk, broken_off.message_id):
        address = f"/c/{conversation.pk}/m/{message}/continue/"
        response = browser_of_alice.post(address, headers=headers)
        if headers:
            assert response.status_code == 422
            said = refusals(response.content.decode())
        else:
            said = browser_of_alice.get(response["Location"]).content.decode()
        assert "Only the last answer can go on" in said
    broken_off.refresh_from_db()
    assert broken_off.state == "stopped"


def test_neither_again_nor_continue_works_without_any_model(
    browser_of_alice: Client, conversation: Conversation, broken_off: Generation
) -> None:
    Provider.objects.update(enabled=False)
    for deed in ("again", "continue"):
        address = f"/c/{conversation.pk}/m/{broken_off.message_id}/{deed}/"
        response = browser_of_alice.post(address, headers=HTMX)
        assert response.status_code == 422
        assert "No model is set up yet." in refusals(response.content.decode())


# How it is to be answered travels with the question.


def test_the_settings_travel_with_the_question_and_stand_in_the_next_form(
    browser_of_alice: Client, conversation: Conversation, question: Message, route: Route, headers: dict[str, str]
) -> None:
    settings = {"effort": "off", "temperature": "0,7", "max_tokens": "400", "stop": "END\r\n</textarea>"}
    kept = {"effort": "off", "temperature": 0.7, "max_tokens": 400, "stop": ["END", "</textarea>"]}
    here = f"/c/{conversation.pk}/"
    for address in ("/c/", f"{here}ask/", f"{here}m/{question.pk}/edit/"):
        posted = form("Why?", **settings)
        assert browser_of_alice.post(address, posted, headers=headers).status_code in (200, 303)
        asked = Message.objects.select_related("conversation").get(pk=posted["key"])
        assert Generation.objects.get(message__parent=asked).parameters == kept
        assert asked.conversation.parameters == kept
        html = browser_of_alice.get(f"/c/{asked.conversation_id}/").content.decode()
        assert '<option value="off" selected>' in html
        assert 'value="0.7"' in field_in(html, "temperature")
        assert 'value="400"' in field_in(html, "max_tokens")
        assert re.search(r">\s*END\n</textarea></textarea>", field_in(html, "stop"))
    assert 'value="0.7"' not in browser_of_alice.get("/").content.decode()  # elsewhere nothing is set


def test_what_the_model_does_not_take_is_neither_asked_for_nor_kept(
    browser_of_alice: Client, conversation: Conversation, slow: Route
) -> None:
    """Without script the fields of the model before stand there still; their values must not act unseen."""
    slow.effort = Route.Effort.HIGH
    slow.save(update_fields=["effort"])
    address = f"/c/{conversation.pk}/ask/"
    assert browser_of_alice.post(address, form("One", temperature="0.7", stop="END")).status_code == 303
    for typed in ("0.7", "nonsense"):
        posted = form("Two", route="slow", temperature=typed, stop="END")
        assert browser_of_alice.post(address, posted).status_code == 303
        conversation.refresh_from_db()
        assert conversation.parameters == {"stop": ["END"]}
    assert browser_of_alice.post(address, form("Three", route="quick")).status_code == 303
    conversation.refresh_from_db()
    assert conversation.parameters == {}


def test_a_setting_out_of_range_is_refused_at_its_field_and_nothing_is_lost(
    browser_of_alice: Client, conversation: Conversation, question: Message, headers: dict[str, str]
) -> None:
    before, here = rows(), f"/c/{conversation.pk}/"
    for address in ("/c/", f"{here}ask/", f"{here}m/{question.pk}/edit/"):
        posted = form("Why?", effort="off", temperature="3", stop="END")
        response = browser_of_alice.post(address, posted, headers=headers)
        html = response.content.decode()
        assert response.status_code == 422
        assert '<details id="settings" open>' in html
        field = field_in(html, "temperature")
        assert "The temperature is a number from 0 to 2." in field
        assert 'value="3"' in field
        assert 'aria-invalid="true"' in field
        assert 'aria-describedby="id_temperature_helptext id_temperature_error"' in field
        assert "END" in field_in(html, "stop")
        assert "look at the settings" in refusals(html)
        assert "a number from 0" not in refusals(html)
        assert key_in(html) == posted["key"]
        if not headers:
            assert draft(html) == "Why?"
            assert '<option value="off" selected>' in html
    assert rows() == before


def test_without_script_reset_sets_everything_back_and_asks_nothing(
    browser_of_alice: Client, conversation: Conversation, question: Message, slow: Route
) -> None:
    conversation.parameters = {"temperature": 0.7}
    conversation.save(update_fields=["parameters"])
    before, here = rows(), f"/c/{conversation.pk}/"
    for address in ("/c/", f"{here}ask/", f"{here}m/{question.pk}/edit/"):
        posted = form("Half a thou", route="slow", temperature="3", effort="max", stop="END", reset="1")
        response = browser_of_alice.post(address, posted)
        html = response.content.decode()
        assert response.status_code == 200
        assert (draft(html), key_in(html)) == ("Half a thou", posted["key"])
        assert '<option value="slow" selected>' in html
        assert f'action="{address}"' in html
        assert "value=" not in field_in(html, "temperature")
        assert "END" not in field_in(html, "stop")
        assert '<option value="max" selected>' not in html
    assert rows() == before


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
        f"/c/{conversation.pk}/m/{question.pk}/continue/": {},
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
    html = client.post("/c/", form("My draft", temperature="0.7", stop="END\r\n<b>")).content.decode()
    client.force_login(alice)
    assert client.post("/c/", {"text": draft(html), **hidden_in(html)}).status_code == 303
    assert Message.objects.get(role="user").text == "My draft"
    assert Generation.objects.get().parameters == {"temperature": 0.7, "stop": ["END", "<b>"]}


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
