"""Journeys of somebody who shows an image."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from catalog.models import LanguageModel, Route
from conversations.models import Attachment, Message
from tests.images import BLUE, RED, is_about, opened, painted
from tests.journeys.conftest import Visit, answer, assert_same_as_a_reload, wait_for_end
from tests.upstream import Gate, Script, Upstream

DROP = """([target, type, named]) => {
  const data = new DataTransfer();
  for (const [name, kind, base64] of named)
    data.items.add(new File([Uint8Array.from(atob(base64), (it) => it.charCodeAt())], name, { type: kind }));
  const init = { bubbles: true, cancelable: true };
  const event = type === "paste"
    ? new ClipboardEvent(type, { ...init, clipboardData: data })
    : new DragEvent(type, { ...init, dataTransfer: data });
  document.querySelector(target).dispatchEvent(event);
}"""


@pytest.fixture
def seeing(route: Route) -> Route:
    LanguageModel.objects.update(sees=True)
    return route


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    (tmp_path / "cat.png").write_bytes(painted(size=(120, 80)))
    return tmp_path / "cat.png"


def hand_over(page: Page, how: str, *files: tuple[str, str, bytes]) -> None:
    named = [[name, kind, base64.b64encode(data).decode()] for name, kind, data in files]
    page.evaluate(DROP, ["#question", how, named])


def hold(held: list[Any], route: Any) -> None:
    held.append(route)


def chosen(page: Page) -> Locator:
    return page.locator("#chosen img")


def shown(page: Page) -> Locator:
    """The images of the questions in the thread."""
    return page.locator(".message.user .images img")


def is_painted(images: Locator) -> bool:
    """Whether all of them have come, and are no broken ones."""
    return bool(images.evaluate_all("(all) => all.every((it) => it.complete && it.naturalWidth > 0)"))


def picture_sent(upstream: Upstream) -> Any:
    (request,) = [it for it in upstream.requests if "title" not in it.says("system")]
    (_, part) = request.body["messages"][-1]["content"]
    return opened(base64.b64decode(part["image_url"]["url"].partition(",")[2])).convert("RGB").getpixel((5, 5))


def test_an_image_is_chosen_sent_seen_in_the_thread_and_answered(
    visit: Visit, alice: User, seeing: Route, upstream: Upstream, cat: Path
) -> None:
    gate = Gate()
    upstream.play(Script().role().text_delta("A ").gate(gate).text_delta("red cat.").finish().done())
    window = visit(alice)
    page = window.tab()
    page.get_by_label("Add images").set_input_files(cat)
    expect(chosen(page)).to_have_attribute("alt", "cat.png")
    page.locator("#question").fill("What is this?")
    page.locator("#question").press("Enter")
    expect(answer(page)).to_contain_text("A")
    expect(page).to_have_url(re.compile(r"/c/[0-9a-f-]{36}/"))
    expect(chosen(page)).to_have_count(0)
    assert page.evaluate("document.getElementById('images').files.length") == 0
    image = shown(page)
    expect(image).to_have_attribute("src", Attachment.objects.get().get_absolute_url())
    expect(image).to_have_attribute("width", "120")
    gate.open()
    wait_for_end(page)
    assert is_about(picture_sent(upstream), RED)
    assert is_painted(image)
    assert_same_as_a_reload(window, page)
    # The browser dresses up what it shows alone, and our policy lets it have neither style nor script.
    window.expected += ["Applying inline style", "Blocked script execution"]
    with page.context.expect_page() as opening:
        image.click()
    full = opening.value
    assert full.evaluate("[document.contentType, document.images[0].naturalWidth]") == ["image/png", 120]


def test_images_are_pasted_dropped_and_taken_away_again(
    visit: Visit, alice: User, seeing: Route, upstream: Upstream
) -> None:
    page = visit(alice).tab()
    hand_over(page, "paste", ("image.png", "image/png", painted(colour=RED)))
    hand_over(page, "drop", ("b.png", "image/png", painted(colour=BLUE)), ("c.png", "image/png", painted()))
    expect(chosen(page)).to_have_count(3)
    page.get_by_role("button", name="Remove image.png").click()
    page.get_by_role("button", name="Remove c.png").click()
    page.locator("#question").fill("What is this?")
    page.get_by_role("button", name="Send").click()
    wait_for_end(page)
    assert [image.name for image in Attachment.objects.all()] == ["b.png"]
    assert is_about(picture_sent(upstream), BLUE)


def test_the_question_stands_in_the_page_with_its_images_before_the_server_has_them(
    visit: Visit, alice: User, seeing: Route, upstream: Upstream, cat: Path
) -> None:
    window = visit(alice)
    page = window.tab()
    held: list[Any] = []
    page.route("**/c/", lambda route: hold(held, route))
    page.get_by_label("Add images").set_input_files(cat)
    page.locator("#question").fill("What is this?")
    page.locator("#question").press("Enter")
    expect(page.locator(".message.sending img")).to_have_count(1)
    assert is_painted(page.locator(".message.sending img"))
    expect(chosen(page)).to_have_count(0)
    page.locator("#question").press("Enter")  # the second one
    held[0].continue_()
    wait_for_end(page)
    expect(shown(page)).to_have_count(1)
    assert (len(held), Message.objects.filter(role="user").count(), Attachment.objects.count()) == (1, 1, 1)
    assert_same_as_a_reload(window, page)


def test_what_can_not_be_sent_is_refused_where_it_was_chosen_and_nothing_is_lost(
    visit: Visit, alice: User, seeing: Route, upstream: Upstream, cat: Path, tmp_path: Path
) -> None:
    window = visit(alice)
    page = window.tab()
    refusal = page.locator("#refusal")
    page.locator("#question").fill("Typed with care")
    page.get_by_label("Add images").set_input_files(cat)
    hand_over(page, "drop", ("a.svg", "image/svg+xml", b"<svg/>"))
    expect(refusal).to_have_text("“a.svg” is no JPEG, PNG, GIF or WebP image.")
    (tmp_path / "large.png").write_bytes(bytes(10_000_001))
    page.get_by_label("Add images").set_input_files(tmp_path / "large.png")
    expect(refusal).to_have_text("“large.png” is larger than 10 MB.")
    hand_over(page, "drop", *[("a.png", "image/png", painted())] * 10)
    expect(refusal).to_have_text("A question may have 10 images; these are 11.")
    expect(chosen(page)).to_have_count(1)
    # And what only the server can find out.
    window.expected.append("422")
    hand_over(page, "drop", ("broken.png", "image/png", b"\x89PNG but not really"))
    page.get_by_role("button", name="Send").click()
    expect(refusal).to_have_text("“broken.png” is not a whole JPEG, PNG, GIF or WebP image.")
    expect(page.locator("#question")).to_have_value("Typed with care")
    expect(chosen(page)).to_have_count(2)
    page.get_by_role("button", name="Remove broken.png").click()
    page.get_by_role("button", name="Send").click()
    wait_for_end(page)
    assert [image.name for image in Attachment.objects.all()] == ["cat.png"]


def test_other_words_keep_the_images_that_stay_chosen(
    visit: Visit, alice: User, seeing: Route, upstream: Upstream, cat: Path
) -> None:
    window = visit(alice)
    page = window.tab()
    page.get_by_label("Add images").set_input_files(cat)
    hand_over(page, "drop", ("dog.png", "image/png", painted(colour=BLUE)))
    page.locator("#question").fill("What is this?")
    page.get_by_role("button", name="Send").click()
    wait_for_end(page)
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Keep cat.png").uncheck()
    page.locator("#question").fill("What is that?")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".siblings span").first).to_have_text("2/2")
    wait_for_end(page)
    expect(shown(page)).to_have_count(1)
    expect(shown(page)).to_have_attribute("alt", "dog.png")
    assert_same_as_a_reload(window, page)


def test_without_script_an_image_is_sent_too(
    visit: Visit, alice: User, seeing: Route, upstream: Upstream, cat: Path
) -> None:
    page = visit(alice, java_script_enabled=False).tab()
    expect(page.locator("#images")).to_be_visible()
    page.locator("#images").set_input_files(cat)
    page.locator("#question").fill("What is this?")
    page.get_by_role("button", name="Send").click()
    expect(shown(page)).to_have_attribute("alt", "cat.png")
    wait_for_end(page)
    assert is_about(picture_sent(upstream), RED)
