"""Journeys with JavaScript switched off: forms and a page that refreshes itself."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from accounts.models import User
from catalog.models import Route
from tests.journeys.conftest import PASSWORD, Visit, answer, wait_for_end
from tests.upstream import Gate, Script, Upstream


def test_without_script_a_member_signs_in_asks_and_reads_as_the_page_refreshes_itself(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    gate = Gate()
    upstream.play(Script().role().text_delta("Half. ").gate(gate).text_delta("**Whole.**").finish().done())
    page = visit(java_script_enabled=False).tab()
    page.get_by_label(re.compile("e-?mail|address", re.I)).fill("alice@example.org")
    page.get_by_label(re.compile("^password", re.I)).fill(PASSWORD)
    page.get_by_role("button", name=re.compile("sign in", re.I)).click()
    page.locator("#question").fill("What is a monad?")
    page.get_by_role("button", name="Send").click()
    expect(page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}/"))
    expect(answer(page)).to_contain_text("Half.")
    gate.open()
    expect(answer(page).locator("strong")).to_have_text("Whole.")
    wait_for_end(page)
    expect(page.locator("noscript meta[http-equiv=refresh], head meta[http-equiv=refresh]")).to_have_count(0)


def test_without_script_stop_and_try_again_work(visit: Visit, alice: User, route: Route, upstream: Upstream) -> None:
    upstream.play(Script().role().text_delta("Half of ").stall())
    page = visit(alice, java_script_enabled=False).tab()
    page.locator("#question").fill("Count to a million")
    page.get_by_role("button", name="Send").click()
    expect(answer(page)).to_contain_text("Half of")
    page.locator("#live button").click()
    upstream.wait_for_request().wait_closed()
    wait_for_end(page, "stopped")
    expect(answer(page)).to_contain_text("Half of")
    upstream.play(Script.text("All of it"))
    answer(page).get_by_role("button", name="Try again").click()
    expect(answer(page)).to_contain_text("All of it")
    wait_for_end(page)
    expect(answer(page).locator(".siblings")).to_contain_text("2/2")
    answer(page).get_by_role("button", name="Previous version").click()
    expect(answer(page)).to_contain_text("Half of")
