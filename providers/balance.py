"""What is left of the money at a provider, by its own account."""

import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from providers.body import Body
from providers.connections import Clients
from providers.dialects import DIALECTS
from providers.errors import InvalidRequestError, MalformedStreamError
from providers.messages import Clocks, Endpoint
from providers.sending import answered, question
from providers.watch import Watch

MOST = Decimal(10**8)
CURRENCIES = 10  # of one account


@dataclass(frozen=True)
class Balance:
    """In one currency. `granted` is used before `topped_up`; the total is both."""

    currency: str
    total: Decimal
    granted: Decimal
    topped_up: Decimal
    is_available: bool  # whether it is enough for a request


async def read_balance(endpoint: Endpoint, *, clients: Clients, seconds: float = 10.0) -> list[Balance]:
    """One for each currency. Raises a ProviderError; InvalidRequestError where a server has no such thing.

    Does not wait for a turn.
    """
    dialect = DIALECTS[endpoint.dialect]
    if not dialect.balance_path:
        raise InvalidRequestError("This provider does not tell its balance.")
    clocks = Clocks(connect=seconds, first_event=seconds, idle=seconds, total=seconds)
    http = clients.of(endpoint)
    with Watch(clocks) as watch:
        url = dialect.url(endpoint.base_url, dialect.balance_path)
        async with answered(http, question(http, "GET", url, clocks), endpoint.api_key, watch) as (body, trace):
            document = await watch.wait(_whole(body))
    try:
        return _balances(json.loads(document))
    except (ValueError, KeyError, TypeError, InvalidOperation, RecursionError):
        raise MalformedStreamError(trace_id=trace) from None


async def _whole(body: Body) -> str:
    while await body.read():
        pass
    return body.document()


def _balances(found: Any) -> list[Balance]:
    return [
        Balance(
            currency=_currency(row["currency"]),
            total=_amount(row["total_balance"]),
            granted=_amount(row["granted_balance"]),
            topped_up=_amount(row["topped_up_balance"]),
            is_available=bool(found["is_available"]),
        )
        for row in found["balance_infos"][:CURRENCIES]
    ]


def _currency(said: Any) -> str:
    if not (isinstance(said, str) and len(said) == 3 and said.isascii() and said.isupper()):
        raise ValueError
    return said


def _amount(said: Any) -> Decimal:
    """DeepSeek sends amounts as strings, and owes nobody: but may be owed."""
    amount = Decimal(said if isinstance(said, str) else str(said))
    if not amount.is_finite() or abs(amount) >= MOST:
        raise ValueError
    return amount
