"""The page's budgets, and what its templates must not do under our CSP."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STATIC = ROOT / "static"


def compressed(*paths: Path) -> int:
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)


def test_the_stylesheet_is_under_30_kilobytes_compressed() -> None:
    assert compressed(*STATIC.glob("css/*.css")) < 30_000


# Not on the pages of the chat, or only for who wants it.
ELSEWHERE = {"preferences.js", "offline.js", "notices.js", "lists.js", "names.js", "shared.js"}


def test_our_script_is_under_15_kilobytes_and_all_of_it_under_60() -> None:
    scripts = {it.name: it for it in STATIC.glob("js/*.js")}
    ours, vendored = [scripts[it] for it in scripts.keys() - ELSEWHERE], [*STATIC.glob("vendor/*.js")]
    assert ours
    assert vendored
    assert compressed(*ours) < 15_000
    assert compressed(*(scripts[it] for it in ELSEWHERE)) < 7_000
    assert compressed(*ours, *vendored) < 60_000


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_has_no_inline_style_script_or_handler(template: Path) -> None:
    html = re.sub(r"\{#.*?#\}", "", template.read_text())
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|hx-on|javascript:", html)
    for script in re.findall(r"<script[^>]*>", html):
        assert " src=" in script
        assert 'nonce="{{ csp_nonce }}"' in script or "{% csp_nonce_attr %}" in script


def test_the_stylesheet_loads_nothing_from_elsewhere() -> None:
    for sheet in STATIC.glob("css/*.css"):
        assert not re.search(r"@import|url\(", sheet.read_text())


def test_the_script_writes_no_html_and_no_style_attribute() -> None:
    for script in STATIC.glob("js/*.js"):
        assert not re.search(r"\.innerHTML|\.outerHTML|insertAdjacentHTML|\"style\"|\beval\b", script.read_text())
