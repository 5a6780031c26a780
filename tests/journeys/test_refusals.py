"""Journeys on bad days: what went wrong is said in sentences, and what was typed is kept."""

from __future__ import annotations

import psycopg
import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from accounts.models import User
from catalog.models import Route
from conversations.models import Message
from tests.journeys.conftest import PATIENCE, Visit, answer, ask, assert_same_as_a_reload, wait_for_end
from tests.upstream import Script, Upstream

STATUS = "Failed to load resource: the server responded with a status of "  # Chromium says so of every 4xx


@pytest.mark.parametrize(
    ("script", "kept"),
    [
        (Script.error(400, "Content Exists Risk"), ""),
        (Script().role().text_delta("Half of it").finish("out_of_ink").done(), "Half of it"),
    ],
    ids=["refused", "broken off"],
)
def test_a_failed_answer_says_why_and_keeps_what_was_said_and_can_be_tried_again(
    visit: Visit, alice: User, route: Route, upstream: Upstream, script: Script, kept: str
) -> None:
    upstream.play(script)
    window = visit(alice)
    page = window.tab()
    ask(page, "Will it work?")
    wait_for_end(page, "failed")
    expect(answer(page).locator(".status.error")).to_have_text(r := answer(page).locator(".status").inner_text())
    assert r.endswith(".")
    assert len(r.split()) > 3, "a sentence"
    expect(answer(page)).to_contain_text(kept)
    assert_same_as_a_reload(window, page)
    upstream.play(Script.text("It does"))
    answer(page).get_by_role("button", name="Try again").click()
    expect(answer(page)).to_contain_text("It does")
    wait_for_end(page)


def test_who_was_signed_out_meanwhile_keeps_the_draft_and_can_send_it_after_signing_in(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    window = visit(alice)
    window.expected += [STATUS]
    page = window.tab()
    ask(page, "First?")
    wait_for_end(page)
    expect(page.locator("#title")).to_have_text("A short title")
    Session.objects.all().delete()
    ask(page, "A long and precious thought")
    expect(page.locator("#refusal")).to_contain_text("signed out")
    expect(page.locator("#question")).to_have_value("A long and precious thought")
    expect(page.locator("#connection")).to_contain_text("signed out")
    assert Message.objects.filter(role=Message.Role.USER).count() == 1


def test_a_question_that_is_too_long_is_refused_in_a_sentence_and_kept(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    window = visit(alice)
    window.expected += [STATUS]
    page = window.tab()
    text = "x" * 200_001
    page.locator("#question").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#refusal")).to_contain_text("200,000 characters")
    assert page.locator("#question").input_value() == text
    page.locator("#question").fill(text[:-1])
    page.get_by_role("button", name="Send").click()
    wait_for_end(page)
    expect(page.locator("#refusal")).to_be_empty()


def test_while_the_database_is_in_trouble_a_question_stays_where_it_was_typed(
    visit: Visit, alice: User, route: Route, upstream: Upstream, database_url: str
) -> None:
    window = visit(alice)
    window.expected += [STATUS]
    page = window.tab()
    sockets: list[object] = []
    page.on("websocket", lambda opened: sockets.append(opened))  # noqa: PLW0108  # Playwright marks the function
    ask(page, "First?")
    wait_for_end(page)
    with psycopg.connect(database_url) as holder:
        holder.execute("LOCK TABLE conversations_message")
        ask(page, "A long and precious thought")
        expect(page.locator("#refusal")).to_contain_text("Nothing is lost; try again", timeout=3 * PATIENCE)
        expect(page.locator("#question")).to_have_value("A long and precious thought")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("article.message.user").nth(1)).to_contain_text("A long and precious thought")
    wait_for_end(page)
    assert len(sockets) == 1  # it stayed open all the time
