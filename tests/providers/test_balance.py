"""What a provider says is left of the money."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from providers import Clients, Endpoint
from providers.balance import Balance, read_balance
from providers.dialects import DIALECTS
from providers.errors import AuthenticationError, InvalidRequestError, MalformedStreamError, ProviderError
from providers.messages import Secret
from tests.upstream import Script, Upstream

ROW = {"currency": "USD", "total_balance": "12.34", "granted_balance": "2.34", "topped_up_balance": "10.00"}


def read(script: Script, dialect: str = "deepseek") -> list[Balance]:
    async def ask() -> list[Balance]:
        async with Clients() as clients:
            return await read_balance(
                Endpoint("deepseek", dialect, upstream.base_url, Secret("sk-0123456789abcdef")), clients=clients
            )

    with Upstream() as upstream:
        upstream.owe(script=script)
        return asyncio.run(ask())


def told(**fields: Any) -> Script:
    return Script.reply(200, json.dumps({"is_available": True, "balance_infos": [ROW | fields]}))


def test_amounts_are_read_as_they_are_written() -> None:
    assert read(told()) == [Balance("USD", Decimal("12.34"), Decimal("2.34"), Decimal("10.00"), is_available=True)]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e99", "much", None, {}])
def test_what_is_no_amount_is_not_believed(amount: object) -> None:
    with pytest.raises(MalformedStreamError):
        read(told(total_balance=amount))


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"is_available": true}', "nothing", "[" * 100_000])
def test_what_is_no_balance_is_not_believed(body: str) -> None:
    with pytest.raises(ProviderError):
        read(Script.reply(200, body))


def test_a_refusal_is_the_one_it_is() -> None:
    with pytest.raises(AuthenticationError):
        read(Script.error(401, "no"))


def test_servers_without_one_are_not_asked() -> None:
    with pytest.raises(InvalidRequestError):
        read(told(), "openai")


@pytest.mark.parametrize("version", ["", "/v1", "/beta"])
def test_it_stands_beside_every_version(version: str) -> None:
    assert (
        DIALECTS["deepseek"].url(f"https://api.deepseek.com{version}", "/user/balance")
        == "https://api.deepseek.com/user/balance"
    )
