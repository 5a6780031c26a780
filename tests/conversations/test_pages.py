"""Pages: what they show, how they are sent, and what they do for a browser without script."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Route
from conversations import asking, ending, events
from conversations.events import Event
from conversations.models import Chunk, Conversation, Generation, Message

SPELL = "</title><script>alert(1)</script>"
REFRESH = re.compile(r'<noscript>\s*<meta http-equiv="refresh" content="\d+; url=/c/[0-9a-f-]+/">\s*</noscript>')


@pytest.fixture
def pages(conversation: Conversation, question: Message) -> list[str]:
    here = f"/c/{conversation.pk}/"
    return ["/", here, f"{here}rename/", f"{here}delete/", f"{here}m/{question.pk}/edit/", f"{here}news/?seq=0"]


def test_every_page_has_a_strict_policy_and_its_scripts_the_nonce(browser_of_alice: Client, pages: list[str]) -> None:
    for page in pages:
        response = browser_of_alice.get(page)
        html, policy = response.content.decode(), response["Content-Security-Policy"]
        assert response.status_code == 200
        assert "unsafe-" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        nonces = set(re.findall(r'nonce="([^"]+)"', html))
        assert len(re.findall(r"<script\b", html)) == len(re.findall(r'<script [^>]*nonce="', html))
        assert nonces == set(re.findall(r"'nonce-([^']+)'", policy))
        assert not re.search(r"<[^>]+\son\w+=|<[^>]+\shx-on|<[^>]+\sstyle=|javascript:", html)


def test_a_nonce_is_used_once(browser_of_alice: Client, conversation: Conversation) -> None:
    seen = {browser_of_alice.get("/")["Content-Security-Policy"] for _ in range(3)}
    assert len(seen) == 3
    assert all("'nonce-" in policy for policy in seen)


def test_no_page_is_kept_by_a_cache(browser_of_alice: Client, pages: list[str]) -> None:
    for page in pages:
        for headers in ({}, {"HX-Request": "true"}):
            kept = browser_of_alice.get(page, headers=headers)["Cache-Control"]
            assert "no-store" in kept, page
            assert "private" in kept, page


def test_neither_are_refusals_nor_drafts(browser_of_alice: Client, client: Client, route: Route) -> None:
    refused = browser_of_alice.post("/c/", {"text": "", "key": str(uuid4())})
    handed_back = Client().post("/c/", {"text": "My draft", "key": str(uuid4())})
    for response in (refused, handed_back):
        assert "no-store" in response["Cache-Control"]


def test_a_page_without_script_refreshes_itself_only_while_an_answer_runs(
    browser_of_alice: Client, conversation: Conversation, generation: Generation
) -> None:
    here = f"/c/{conversation.pk}/"
    assert not REFRESH.search(browser_of_alice.get("/").content.decode())
    assert REFRESH.search(browser_of_alice.get(here).content.decode())
    editing = browser_of_alice.get(f"{here}m/{generation.message.parent_id}/edit/").content.decode()
    assert not REFRESH.search(editing)  # it would take away what is being typed
    Generation.objects.claim("a worker", 1)
    assert REFRESH.search(browser_of_alice.get(here).content.decode())
    generation.refresh_from_db()
    assert ending.end(generation, ending.Outcome(Generation.State.DONE), may=lambda _: True)
    html = browser_of_alice.get(here).content.decode()
    assert not REFRESH.search(html)
    assert 'http-equiv="refresh"' not in html


def test_stop_is_offered_while_an_answer_runs_and_try_again_afterwards(
    browser_of_alice: Client, conversation: Conversation, generation: Generation
) -> None:
    here = f"/c/{conversation.pk}/"
    html = browser_of_alice.get(here).content.decode()
    assert f'formaction="{here}stop/"' in html
    assert "Try again" not in html
    asking.stop(conversation)
    html = browser_of_alice.get(here).content.decode()
    assert f'formaction="{here}stop/"' not in html
    assert f'formaction="{here}m/{generation.message_id}/again/"' in html


def test_a_page_shows_what_was_said_so_far(
    browser_of_alice: Client, conversation: Conversation, generation: Generation
) -> None:
    Generation.objects.claim("a worker", 1)
    assert "Waiting for the model" in browser_of_alice.get(f"/c/{conversation.pk}/").content.decode()
    events.append([Event(generation.pk, 1, 1, Chunk.Kind.REASONING, "Let me **think**")])
    thinking = browser_of_alice.get(f"/c/{conversation.pk}/").content.decode()
    assert "<strong>think</strong>" in thinking
    assert "<details" in thinking
    events.append([Event(generation.pk, 2, 1, Chunk.Kind.TEXT, "A monad is a *burrito*")])
    assert "<em>burrito</em>" in browser_of_alice.get(f"/c/{conversation.pk}/").content.decode()


def test_a_page_says_where_it_stands(browser_of_alice: Client, conversation: Conversation) -> None:
    for _ in range(3):
        asking.rename(conversation, "Renamed")
    assert '<data id="cursor" value="4">' in browser_of_alice.get(f"/c/{conversation.pk}/").content.decode()


def test_the_poll_says_nothing_until_there_is_something(
    browser_of_alice: Client, conversation: Conversation, generation: Generation
) -> None:
    asking.stop(conversation)
    here = f"/c/{conversation.pk}/news/"
    assert browser_of_alice.get(here, {"seq": 2}).status_code == 204
    asking.rename(conversation, "A new name")
    told = browser_of_alice.get(here, {"seq": 2})
    assert told.status_code == 200
    assert "A new name" in told.content.decode()
    assert '<data id="cursor" value="3">' in told.content.decode()


@pytest.mark.parametrize("seq", ["", "x", "-1", "9" * 40, "٣", "1.5", "1e3", "0x1"])
def test_the_poll_of_a_page_that_makes_things_up_gets_the_whole_thread(
    browser_of_alice: Client, conversation: Conversation, seq: str
) -> None:
    told = browser_of_alice.get(f"/c/{conversation.pk}/news/", {"seq": seq})
    assert told.status_code == 200
    assert 'id="thread"' in told.content.decode()


def test_words_in_titles_questions_and_names_stay_words(
    browser_of_alice: Client, alice: User, conversation: Conversation, question: Message, route: Route
) -> None:
    alice.name = SPELL
    alice.save(update_fields=["name"])
    asking.rename(conversation, SPELL)
    asked = asking.ask(conversation, alice, SPELL, uuid4(), route)
    Route.objects.update(label=SPELL[:60])
    here = f"/c/{conversation.pk}/"
    shown = [
        browser_of_alice.get(page).content.decode()
        for page in ("/", here, f"{here}rename/", f"{here}delete/", f"{here}news/?seq=0", f"{here}m/{asked.pk}/edit/")
    ]
    shown.append(browser_of_alice.get(f"{here}m/{asked.pk}/edit/", headers={"HX-Request": "true"}).content.decode())
    started = browser_of_alice.post("/c/", {"text": SPELL, "key": str(uuid4())}, headers={"HX-Request": "true"})
    shown.append(started.content.decode())
    for html in shown:
        assert "alert(1)" in html
        assert "<script>alert" not in html
        assert html.count("</title>") <= 1
