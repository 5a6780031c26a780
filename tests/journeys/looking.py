"""How a page is looked at: what shuts somebody out of it, what sticks out of it, and a picture to look at oneself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

type Theme = Literal["light", "dark"]

PICTURES = Path(__file__).resolve().parents[1] / "screenshots"  # git ignores it
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
NARROW: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SIZES = {"wide": WIDE, "narrow": NARROW}
# With what axe-core looks in each: what the dark one changes are colours.
THEMES: dict[Theme, list[str]] = {"light": [], "dark": ["color-contrast"]}


def look(page: Page, name: str, part: str | None = None) -> None:
    """Nothing sticks out, nothing shuts anybody out of the page, or of the only part that can be reached; pictures."""
    assert sideways(page) == 0, name
    assert not (found := small_targets(page)), (name, found)
    for theme, rules in THEMES.items():
        page.emulate_media(color_scheme=theme)
        page.screenshot(path=PICTURES / f"{name}-{theme}.png")
        assert not (found := barriers(page, part, rules)), (name, theme, found)


def sideways(page: Page) -> int:
    """By how many pixels the page can be pushed to the side."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def barriers(page: Page, part: str | None = None, rules: Sequence[str] = ()) -> list[str]:
    """What axe-core finds, by these rules, or by every one it has: WCAG 2.2 A and AA, and good practice."""
    wait_for_tending(page)
    found = Axe().run(page, part, {"resultTypes": ["violations"], **({"runOnly": [*rules]} if rules else {})})
    return [
        f"{it['id']}: {re.sub(r'\s+', ' ', node['html'])[:200]} {node['failureSummary']}"
        for it in found.response["violations"]
        for node in it["nodes"]
    ]


def wait_for_tending(page: Page) -> None:
    """Boxes that are too wide can be scrolled by keys a moment after they came."""
    boxes = page.locator(".message pre, .message .table, .message p:has(> math), .thinking > .md")
    for box in boxes.all():
        if box.evaluate("(it) => it.scrollWidth > it.clientWidth || it.scrollHeight > it.clientHeight + 1"):
            expect(box).to_have_attribute("tabindex", "0")


# What is pressed: 44 px for fingers, 24 px for a mouse; links within sentences may be as small as their words.
TARGETS = """() => {
  const least = matchMedia("(pointer: coarse)").matches ? 43.9 : 24;
  const found = [];
  for (const it of document.querySelectorAll("a[href], button, select, summary, textarea, input:not([type=hidden])")) {
    const isBox = it.labels?.length && /checkbox|radio/.test(it.type);
    const { width, height } = (isBox ? it.labels[0] : it).getBoundingClientRect();
    const isShown = it.checkVisibility({ visibilityProperty: true }) && width > 1 && height > 1;
    if (!isShown || it.closest(".hidden") || getComputedStyle(it).display === "inline") continue;
    if (height < least || width < 24) found.push(`${it.outerHTML.slice(0, 120)}: ${width} × ${height}`);
  }
  return found;
}"""


def small_targets(page: Page) -> list[str]:
    found: list[str] = page.evaluate(TARGETS)
    return found
