"""Where links lead: to the web and to mail, and nothing in an address can be taken for markup."""

import pytest

from conversations.markdown.links import image, link


@pytest.mark.parametrize(
    "url", ["http://x", "HTTPS://x.y/z?a=1#b", "mailto:a@b.c", "http://[::1]/", "http://例子.cn/中"]
)
def test_web_and_mail_addresses_are_links(url: str) -> None:
    assert link(url, "a").startswith("<a href=")


@pytest.mark.parametrize(
    "url", ["", "x", "//x", "/x", "?x", "http:/x", "http://", "http:///x", "http://a b", "ftp://x", "java\nscript:x"]
)
def test_others_are_not(url: str) -> None:
    assert link(url, "a") == "a"


def test_an_address_holds_no_brackets() -> None:
    for shown in (link("http://x/<hx-a>", ""), image("http://x/<hx-a>", "", is_in_link=False)):
        assert 'href="http://x/%3Chx-a%3E"' in shown


@pytest.mark.parametrize("url", ["http://[", "http://[x]/", "mailto:a@b.c", "javascript:x"])
def test_an_image_without_a_host_is_its_alt_text(url: str) -> None:
    assert image(url, "alt", is_in_link=False) == "alt"
