"""Pages: what they show, how they are sent, and what they do for a browser without script."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from accounts.models import User
from catalog.models import Provider, Route
from conversations import asking, ending, events
from conversations.events import Event
from conversations.models import Chunk, Conversation, Generation, Message
from tests.conversations.replaying import Writer

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
        scripts = re.findall(
            r"<script\b[^>]*>", html.replace('<script id="words" type="application/json">', "")
        )  # data
        assert all(' nonce="' in script for script in scripts)
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


def test_the_poll_of_a_page_that_was_made_for_another_role_says_so(
    browser_of_alice: Client, conversation: Conversation
) -> None:
    here = f"/c/{conversation.pk}/news/"
    assert browser_of_alice.get(here, {"seq": "0", "role": "reader"}).status_code == 205
    assert browser_of_alice.get(here, {"seq": "0", "role": "owner"}).status_code == 200


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


# Who answered, and how it ended.


def answer_in(html: str) -> str:
    """The answer's HTML, the only one on the page."""
    (found,) = re.findall(r'<article class="message assistant".*?</article>', html, re.DOTALL)
    return str(found)


def head_of(html: str) -> str:
    (head,) = re.findall(r'<h2 class="who">(.*?)</h2>', answer_in(html))
    return re.sub(r"<[^>]+>", "", head)


@pytest.fixture
def ended(browser_of_alice: Client, generation: Generation) -> Callable[..., str]:
    """The page with an answer that ended so."""

    def page(text: str = "", reasoning: str = "", **columns: Any) -> str:
        Message.objects.filter(pk=generation.message_id).update(text=text, reasoning=reasoning)
        columns = {"state": "done", "ended_at": Now(), **columns}
        Generation.objects.filter(pk=generation.pk).update(**columns)
        return browser_of_alice.get(f"/c/{generation.conversation_id}/").content.decode()

    return page


def test_an_answer_says_who_answered_and_nothing_more_when_all_went_as_asked(ended: Callable[..., str]) -> None:
    html = ended("A monad", provider="deepseek", model="deepseek-flash")
    assert head_of(html) == "Quick"
    assert "status" not in answer_in(html)
    assert "Continue" not in answer_in(html)


def test_an_answer_of_another_model_than_the_first_says_of_which(ended: Callable[..., str]) -> None:
    html = ended("A monad", provider="local", model="smollm2<135m>", is_fallback=True)
    assert head_of(html) == "Quick answered by smollm2&lt;135m&gt;"


def test_what_auto_chose_is_said_with_its_reason(ended: Callable[..., str]) -> None:
    html = ended("A monad", routed_because="code in the question")
    assert head_of(html) == "Quick, chosen by Auto: code in the question"


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"text": "A mon", "state": "stopped"}, "Stopped."),
        ({"text": "A mon", "finish_reason": "length"}, "The answer reached its longest length."),
        ({"reasoning": "Hm", "finish_reason": "length"}, "All of the answer’s length went into thinking."),
        ({"text": "A mon", "state": "interrupted", "error": "Its worker stopped."}, "Its worker stopped."),
        ({"text": "A mon", "state": "failed", "error": "The connection broke."}, "The connection broke."),
    ],
    ids=["stopped", "length", "all thought", "interrupted", "cut"],
)
def test_a_broken_off_answer_says_so_and_can_go_on_or_be_tried_again(
    ended: Callable[..., str], generation: Generation, columns: dict[str, str], sentence: str
) -> None:
    html = answer_in(ended(**columns))
    here = f"/c/{generation.conversation_id}/m/{generation.message_id}"
    assert re.search(rf'<p class="status[^>]*>{re.escape(sentence)}</p>', html)
    assert f'formaction="{here}/continue/"' in html
    assert f'formaction="{here}/again/"' in html


@pytest.mark.parametrize(
    "columns",
    [{"state": "failed", "error": "All providers are down."}, {"state": "stopped"}, {"text": "A monad"}],
    ids=["failed before its first word", "stopped before its first word", "whole"],
)
def test_what_has_no_words_yet_or_all_of_them_can_only_be_tried_again(
    ended: Callable[..., str], columns: dict[str, str]
) -> None:
    html = answer_in(ended(**columns))
    assert columns.get("error", "") in html
    assert "Continue" not in html
    assert "Try again" in html


# What may be set.


def test_another_model_or_more_thinking_brings_the_settings_it_takes_with_what_was_typed(
    browser_of_alice: Client, route: Route
) -> None:
    typed = {"route": "quick", "temperature": "0.7", "stop": "END", "max_tokens": "9999999"}
    calm = browser_of_alice.get("/parameters/", typed).content.decode()
    assert calm.count("<hx-partial ") == 3  # how much to think, what may be set, what the hour costs
    assert 'name="temperature" value="0.7"' in calm
    assert 'name="max_tokens" value="9999999"' in calm
    assert "from 1 to 2,048" in calm
    thinking = browser_of_alice.get("/parameters/", typed | {"effort": "max"}).content.decode()
    assert "temperature" not in thinking
    assert "END</textarea>" in thinking
    assert '<option value="max" selected>' in thinking


def test_for_auto_only_the_thinking_is_set_and_a_sentence_says_so(browser_of_alice: Client, route: Route) -> None:
    Route.objects.update(auto=Route.Auto.OTHERWISE)
    Route.objects.through(route.steps.get().model, name="code", label="Code", auto=Route.Auto.CODE)
    Route.objects.create(name="auto", label="Auto", auto=Route.Auto.CHOOSER)
    html = browser_of_alice.get("/parameters/", {"route": "auto"}).content.decode()
    assert re.findall(r'name="(\w+)"', html) == ["effort"]
    assert "There is nothing more to set for Auto." in html


def test_every_field_of_the_composer_has_a_label(browser_of_alice: Client, route: Route) -> None:
    html = browser_of_alice.get("/").content.decode()
    composer = html[html.index('<form id="composer"') : html.index("</form>", html.index('<form id="composer"'))]
    fields = re.findall(r"<(?:input|select|textarea)\b[^>]*>", composer)
    ids = [re.findall(r'id="([^"]+)"', field)[0] for field in fields if 'type="hidden"' not in field]
    assert {"question", "route", "id_effort", "id_format", "id_temperature", "id_max_tokens", "id_stop"} <= set(ids)
    assert all(f'<label for="{it}">' in composer or f'<label class="hidden" for="{it}">' in composer for it in ids)


@pytest.mark.parametrize(
    "typed", [{}, {"route": "\0"}, {"effort": "\0", "stop": "x" * 5000}, {"temperature": "9" * 999}]
)
def test_settings_that_nobody_would_type_break_nothing(
    browser_of_alice: Client, route: Route, typed: dict[str, str]
) -> None:
    assert browser_of_alice.get("/parameters/", typed).status_code == 200


def test_without_any_model_the_page_still_stands(browser_of_alice: Client, route: Route) -> None:
    Provider.objects.update(enabled=False)
    for address in ("/", "/parameters/"):
        response = browser_of_alice.get(address)
        assert response.status_code == 200
        assert "temperature" not in response.content.decode()


def test_what_few_people_choose_stands_apart_at_the_end_of_the_list(browser_of_alice: Client, route: Route) -> None:
    model = route.steps.get().model
    Route.objects.through(model, name="deepseek-chat", label="deepseek-chat", position=1, listed=False)
    html = browser_of_alice.get("/").content.decode()
    options = re.search(r'<select class="choice" id="route".*?</select>', html, re.DOTALL)
    assert options is not None
    first, _, rest = options[0].partition('<optgroup label="By name">')
    assert re.findall(r'value="([^"]+)"', first) == ["quick"]
    assert re.findall(r'value="([^"]+)"', rest) == ["deepseek-chat"]
    Route.objects.filter(name="deepseek-chat").delete()
    assert "optgroup" not in browser_of_alice.get("/").content.decode()


def test_a_page_loaded_just_as_its_answer_ends_looks_again(
    browser_of_alice: Client, conversation: Conversation
) -> None:
    """Without script it showed half an answer for ever."""
    [writer] = Writer.claim([(Chunk.Kind.TEXT, "Half"), (Chunk.Kind.TEXT, " and whole")])
    writer.write()
    ended: list[bool] = []

    def end_after_the_log_is_read(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found = execute(sql, params, many, context)
        if "FROM conversations_chunk" in sql and not ended:
            ended.append(True)
            writer.write()
            writer.end()
        return found

    with connection.execute_wrapper(end_after_the_log_is_read):
        html = browser_of_alice.get(conversation.get_absolute_url()).content.decode()
    assert ended
    assert "whole" not in html
    assert REFRESH.search(html)
    assert not REFRESH.search(browser_of_alice.get(conversation.get_absolute_url()).content.decode())
