"""Where a provider may be: an address that an administrator enters is no way into our own network."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from catalog import addresses

PUBLIC = [
    "https://api.deepseek.com",
    "https://api.example.com/v1",
    "https://api.example.com:8443/v1/",
    "http://vllm:8000/v1",
    "http://a_service/v1",
    "https://xn--bcher-kva.example/v1",
    "https://8.8.8.8/v1",
    "https://[2606:4700:4700::1111]:8443/v1",
    "HTTPS://API.EXAMPLE.COM",
]

MALFORMED = [
    "api.example.com",
    "ftp://api.example.com",
    "file:///etc/passwd",
    "gopher://api.example.com",
    "javascript:alert(1)",
    "//api.example.com",
    "https://",
    "https:///v1",
    "https://api.example.com:http/",
    "https://api.example.com:0",
    "https://api.example.com:65536",
    "https://[::1",
    "https://[api.example.com]/",
    "https://api example.com",
    "https://api.example.com\n.evil.example",
    "https://api.example.com\t",
    "https://127.0.0.1\\.example/",
    "https://127%2e0.0.1/",
    "https://bücher.example",
    "https://①②⑦.0.0.1/",
    "https://-a.example",
    "https://a..b\x00",
]

PRIVATE = [
    "http://localhost:8000/v1",
    "http://LOCALHOST./v1",
    "http://a.localhost/v1",
    "http://127.0.0.1/v1",
    "http://127.0.0.1./v1",
    "http://127.1/v1",
    "http://2130706433/v1",
    "http://017700000001/v1",
    "http://0177.0.0.1/v1",
    "http://0x7f000001/v1",
    "http://0x7f.1/v1",
    "http://0/v1",
    "http://0.0.0.0/v1",
    "http://10.0.0.5/v1",
    "http://172.16.0.1/v1",
    "http://192.168.1.1/v1",
    "http://100.64.0.1/v1",
    "https://169.254.169.254/latest/meta-data",
    "https://0xa9fea9fe/latest/meta-data",
    "https://2852039166/latest/meta-data",
    "http://[::1]/v1",
    "http://[::]/v1",
    "http://[fe80::1%25eth0]/v1",
    "http://[fc00::1]/v1",
    "http://[::ffff:127.0.0.1]/v1",
    "http://[::ffff:a9fe:a9fe]/v1",
    "http://[::127.0.0.1]/v1",
    "http://[64:ff9b::7f00:1]/v1",
    "http://[2002:7f00:1::]/v1",
]


@pytest.fixture(autouse=True)
def nothing_private(operator: Settings) -> Settings:
    return operator


@pytest.mark.parametrize("url", PUBLIC)
def test_the_open_internet_and_the_names_of_containers_are_addresses(url: str) -> None:
    assert addresses.refusal(url, has_key=False) == ""


@pytest.mark.parametrize("url", MALFORMED)
def test_what_two_readers_would_read_differently_is_none(url: str) -> None:
    assert addresses.refusal(url, has_key=False) == addresses.MALFORMED


@pytest.mark.parametrize(
    "url", ["https://user@api.example.com", "https://user:sk-1@api.example.com/v1", "https://@a.example"]
)
def test_an_address_holds_no_credentials(url: str) -> None:
    assert addresses.refusal(url, has_key=False) == addresses.CREDENTIALS


@pytest.mark.parametrize(
    "url", ["https://a.example/v1?key=sk-1", "https://a.example/#v1", "https://a.example/?", "https://a.example#"]
)
def test_an_address_ends_with_its_path(url: str) -> None:
    assert addresses.refusal(url, has_key=False) == addresses.MORE_THAN_A_PATH


@pytest.mark.parametrize("url", PRIVATE)
def test_the_private_network_is_refused_in_every_spelling(url: str) -> None:
    for has_key in (False, True):
        assert "is in a private network. The operator can allow it: PRIVATE_PROVIDERS=" in addresses.refusal(
            url, has_key=has_key
        )


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/v1"),
        ("127.0.0.1", "http://0x7f.1/v1"),
        ("localhost", "http://localhost:11434/v1"),
        ("vllm", "http://VLLM:8000/v1"),
        ("::1", "http://[0:0:0:0:0:0:0:1]/v1"),
    ],
)
def test_the_operator_allows_a_host(operator: Settings, allowed: str, url: str) -> None:
    operator.PRIVATE_PROVIDERS = frozenset({allowed})
    assert addresses.refusal(url, has_key=True) == ""
    assert addresses.is_the_operators(url)
    assert addresses.refusal("http://10.0.0.1/v1", has_key=False)


@pytest.mark.parametrize("setting", ["DEEPSEEK_BASE_URL", "LOCAL_MODEL_URL"])
def test_what_the_operator_set_as_an_address_is_allowed_and_its_neighbours_are_not(
    operator: Settings, setting: str
) -> None:
    setattr(operator, setting, "http://127.0.0.1:9000/v1")
    assert addresses.refusal("http://127.0.0.1:9000/v1", has_key=True) == ""
    assert addresses.refusal("http://127.0.0.1:9001/v1", has_key=True)


def test_a_key_does_not_travel_in_the_open(operator: Settings) -> None:
    assert addresses.refusal("http://api.example.com/v1", has_key=True).startswith("Over http everybody on the way")
    assert not addresses.refusal("https://api.example.com/v1", has_key=True)


def test_a_name_that_leads_inside_is_found_out_when_it_is_entered(operator: Settings) -> None:
    assert addresses.leads_inside("http://localhost:8000/v1").startswith("localhost leads to ")
    assert addresses.leads_inside("http://no-such-name.invalid/v1") == ""
    operator.PRIVATE_PROVIDERS = frozenset({"localhost"})
    assert addresses.leads_inside("http://localhost:8000/v1") == ""


def test_an_origin_is_the_same_however_it_is_written() -> None:
    assert addresses.origin("HTTPS://Api.Example.com/v1") == addresses.origin("https://api.example.com:443/v2")
    assert addresses.origin("http://a.example") != addresses.origin("https://a.example")
    assert addresses.origin("https://a.example") != addresses.origin("https://a.example:8443")
