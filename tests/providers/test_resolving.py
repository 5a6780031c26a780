"""A name must not lead into our own network, however it is spelled and whatever it says later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.connections import Clients
from providers.errors import ConnectionFailedError
from providers.messages import Endpoint
from providers.models_list import list_models
from providers.resolving import is_public, literal
from tests.upstream import Upstream

INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1%eth0",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_an_address_of_the_open_internet_is(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0x7f.0.0.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0xa9fea9fe", "169.254.169.254"),
        ("0", "0.0.0.0"),
        ("::1", "::1"),
        ("0:0:0:0:0:ffff:7f00:1", "::ffff:127.0.0.1"),
        ("api.example.com", ""),
        ("3com.com", ""),
        ("cafe", ""),
    ],
)
def test_an_address_is_known_in_every_spelling_that_connects(host: str, address: str) -> None:
    assert literal(host) == address


@pytest.mark.parametrize("name", ["localhost", "0x7f000001", "127.0.0.1", "[::ffff:127.0.0.1]"])
async def test_an_address_that_leads_inside_reaches_nobody_unless_it_may(name: str) -> None:
    with Upstream() as upstream:
        upstream.offer("a-model")
        inside = Endpoint("a", "openai", upstream.base_url.replace("127.0.0.1", name))
        async with Clients() as clients:
            with pytest.raises(ConnectionFailedError):
                await list_models(replace(inside, public_only=True), clients=clients)
            assert not upstream.listings
            assert await list_models(inside, clients=clients) == ["a-model"]
