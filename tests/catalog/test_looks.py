"""The catalog's admin pages in a real browser, wide and narrow: quiet, whole, and usable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from catalog import circuits
from catalog.models import Provider, Route
from providers.messages import Secret
from tests.catalog.conftest import KEY
from tests.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
SIZES = [(1280, 800), (390, 844)]


@pytest.fixture(params=SIZES, ids=["wide", "narrow"])
def page(browser: Browser, request: pytest.FixtureRequest, live_server: LiveServer, alice: Client) -> Iterator[Page]:
    """Alice's browser. Nothing may be refused by the content security policy, and no script may fail."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=live_server.url)
    cookie = alice.cookies["session"].value
    context.add_cookies([{"name": "session", "value": cookie, "url": live_server.url}])
    opened, complaints = context.new_page(), []
    opened.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert not complaints


def is_complaint(said: ConsoleMessage) -> bool:
    return said.type == "error" and not said.location["url"].endswith("/favicon.ico")  # the admin has none


@pytest.fixture
def catalog(live_server: LiveServer, operator: Settings, upstream: Upstream) -> None:
    """A house with something of everything: ready, without a key, without an address, failing, entered by hand."""
    operator.DEEPSEEK_API_KEY = KEY
    operator.ALLOWED_HOSTS = ["*"]
    call_command("catalog")
    entered = Provider.objects.create(name="gateway", dialect="openai", base_url=upstream.base_url)
    entered.keep_key(Secret(KEY))
    circuits.failed(entered.pk, "overloaded", at_once=True)
    upstream.offer("a-model", "another-model")


def is_whole(page: Page) -> bool:
    """Whether nothing sticks out to the right."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("PICTURES"):
        assert page.viewport_size is not None  # the fixture sets one
        page.screenshot(path=str(Path(folder) / f"{name}-{page.viewport_size['width']}.png"), full_page=True)


def test_health_is_read_and_a_provider_asked(page: Page, catalog: None) -> None:
    page.goto("/admin/catalog/provider/health/")
    expect(page.get_by_text("open (overloaded); tries again after")).to_be_visible()
    assert is_whole(page)
    page.get_by_role("button", name="Ask gateway now").click()
    expect(page.get_by_text("a-model, another-model.")).to_be_visible()
    picture(page, "health")


def test_a_key_is_entered_and_not_shown_again(page: Page, catalog: None) -> None:
    page.goto(f"/admin/catalog/provider/{Provider.objects.get(name='gateway').pk}/change/")
    expect(page.get_by_text("A key is stored; ends in …cdef.")).to_be_visible()
    page.get_by_label("Key:", exact=True).fill("sk-another-key-of-many-characters")
    picture(page, "provider")
    assert is_whole(page)
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("A key is stored; ends in …ters.")).to_be_visible()
    assert page.get_by_label("Key:", exact=True).input_value() == ""
    page.get_by_label("Address:").fill("http://10.0.0.1/v1")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("10.0.0.1 is in a private network.")).to_be_visible()
    picture(page, "refused")


def test_the_list_leads_to_health_and_closes_a_circuit(page: Page, catalog: None) -> None:
    page.goto("/admin/catalog/provider/")
    picture(page, "providers")
    page.get_by_role("checkbox", name="Select this object for an action - gateway").check()
    page.get_by_label("Action:").select_option("Close circuit now")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Closed. 1 of 1 circuits were open.")).to_be_visible()
    page.get_by_role("link", name="Health").click()
    expect(page.get_by_role("heading", name="Health of the providers")).to_be_visible()


def test_a_route_gets_another_model_in_its_chain(page: Page, catalog: None) -> None:
    page.goto("/admin/catalog/route/")
    picture(page, "routes")
    page.goto(f"/admin/catalog/route/{Route.objects.get(name='quick').pk}/change/")
    picture(page, "route")
    page.get_by_role("combobox").filter(has_not_text="deepseek-flash").last.click()
    page.get_by_role("searchbox").last.fill("pro")
    page.get_by_role("option", name="deepseek-v4-pro (deepseek)").click()
    page.locator("#id_steps-1-position").fill("2")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert [step.model.name for step in Route.objects.get(name="quick").ready_steps] == [
        "deepseek-flash",
        "deepseek-v4-pro",
    ]
