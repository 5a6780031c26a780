"""Every page of the product, asked for in Chinese, says nothing in English: also what stands in code, and in forms."""

from __future__ import annotations

from itertools import product

from tests.attacks.conftest import world  # noqa: F401  # a fixture works by being here
from tests.attacks.routes import NO_LIMITS, World, all_routes, undone
from tests.languages.reading import words_of

CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9"}


def whose(route: str) -> str:
    return "administrator" if route.startswith("admin/") else "owner"


def test_a_page_in_chinese_says_nothing_in_english(world: World) -> None:  # noqa: F811  # the fixture
    said = {}
    for route in all_routes():
        address = world.address(route)
        for who, method in product(("anonymous", whose(route)), ("get", "post")):
            data = NO_LIMITS if method == "post" else {}  # else Django complains in words of programmers
            with undone():
                response = getattr(world.browser(who), method)(address, data, headers=CHINESE, follow=True)
            if response.get("Content-Type", "").startswith("text/html"):
                said[f"{method} {address} by {who}"] = words_of(response.content.decode())
    assert not {page: words for page, words in said.items() if words}
    assert len(said) > 200
