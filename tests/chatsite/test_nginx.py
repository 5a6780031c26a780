"""docs/nginx.conf: what its log keeps. That it works at all is F42 of the faults."""

from __future__ import annotations

import re

import pytest

from tests.chatsite.processes import ROOT

CONFIG = (ROOT / "docs" / "nginx.conf").read_text()
TOKEN = "x" * 43
SITE = "https://chat.example.com"


def is_logged(request: str, referer: str = "") -> bool:
    """As nginx would decide it."""
    found = re.search(r'map "(.+)" \$is_logged \{\s+"~\*(.+)" 0;\s+default +1;\s+\}', CONFIG)
    assert found
    said, pattern = found.groups()
    path = request.partition("?")[0].replace("%73", "s")
    for name, value in (("$uri", path), ("$request_uri", request), ("$http_referer", referer)):
        assert name in said
        said = said.replace(name, value)
    return re.search(pattern, said, re.IGNORECASE) is None


@pytest.mark.parametrize(
    "address",
    [
        f"/s/{TOKEN}/",
        f"/%73/{TOKEN}/",
        f"/s/{TOKEN}/continue/",
        f"/accounts/login/?next=/s/{TOKEN}/",
        f"/accounts/login/?next=%2Fs%2F{TOKEN}%2F",
        f"/accounts/login/?next=%2fs%2f{TOKEN}%2f",
        f"/accounts/login/?next=/accounts/login/%3Fnext%3D%252Fs%252F{TOKEN}",
    ],
)
def test_no_address_of_a_link_is_logged_whatever_it_stands_in(address: str) -> None:
    assert not is_logged(address)
    assert not is_logged("/static/css/chat.css", SITE + address)


@pytest.mark.parametrize("address", ["/", "/c/1/ask/", "/shares/", "/ws/c/1/", "/static/js/shared.js", "/settings/"])
def test_everything_else_is(address: str) -> None:
    assert is_logged(address, SITE + address)


def test_no_server_logs_as_nginx_does_by_itself() -> None:
    logs = re.findall(r"^server \{.+?^    access_log (.+?);", CONFIG, re.MULTILINE | re.DOTALL)
    assert len(logs) == len(re.findall(r"^server \{", CONFIG, re.MULTILINE))
    assert all(it == "off" or it.endswith(" if=$is_logged") for it in logs)
