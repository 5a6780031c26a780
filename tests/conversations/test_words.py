"""What the page's script says, in the language of the page."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from accounts.models import User
from tests.page import Page


@pytest.mark.parametrize(("language", "said"), [("", None), ("en", None), ("zh-hans", "已复制")])
def test_a_page_tells_its_script_the_words_of_its_language(
    browser_of_alice: Client, alice: User, language: str, said: str | None
) -> None:
    User.objects.filter(pk=alice.pk).update(preferences={"language": language})
    page = browser_of_alice.get("/").content.decode()
    words = json.loads(Page(page).element("words").children[0])  # type: ignore[arg-type]  # its only child is text
    assert words.get("Copied") == said
