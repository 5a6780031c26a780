"""What answers cost, as the ledger has it.

Asked in SQL, not through usage.models: pages and sockets show it, and what a socket imports can't spend anything.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.utils.formats import number_format

from catalog.amounts import grouped, money

if TYPE_CHECKING:
    from conversations.models import Message


@dataclass(frozen=True)
class Rates:
    """At which price: for a million tokens, and for a request."""

    model: str
    currency: str
    hit: Decimal
    miss: Decimal
    output: Decimal
    call: Decimal

    def __str__(self) -> str:
        return f"{' / '.join(map(_shown, (self.hit, self.miss, self.output)))} {self.currency}"

    @property
    def each(self) -> str:
        """What every request cost besides; "" for nothing, as is usual."""
        return f"{_shown(self.call)} {self.currency}" if self.call else ""


def _shown(price: Decimal) -> str:
    """Cents, and whatever places it has beyond."""
    return number_format(price.normalize().quantize(Decimal("0.01")) if round(price, 2) == price else price.normalize())


@dataclass
class Cost:
    """Of one answer or of many. amount: in the currency of limits, of what has a price."""

    amount: Decimal = Decimal(0)
    hit: int = 0
    miss: int = 0
    output: int = 0
    reasoning: int = 0
    requests: int = 0
    estimated: int = 0  # requests whose tokens nobody counted
    unpriced: int = 0  # requests of which nobody knows what they cost
    rates: list[Rates] = field(default_factory=list)

    def add(self, row: dict[str, Any], rates: Rates | None) -> None:
        for name in ("amount", "hit", "miss", "output", "reasoning", "requests", "estimated", "unpriced"):
            setattr(self, name, getattr(self, name) + row[name])
        if rates and rates not in self.rates:
            self.rates.append(rates)

    @property
    def tokens(self) -> int:
        return self.hit + self.miss + self.output

    @property
    def is_known(self) -> bool:
        """Whether any of it has a price."""
        return self.requests > self.unpriced

    @property
    def said(self) -> str:
        return money(self.amount)

    @property
    def counts(self) -> dict[str, str]:
        """As they are written in the reader's language."""
        numbers = {"input": self.hit + self.miss, "hit": self.hit, "output": self.output, "reasoning": self.reasoning}
        return {name: grouped(number) for name, number in {**numbers, "tokens": self.tokens}.items()}


def of_conversation(conversation_id: uuid.UUID) -> Cost:
    """All that was asked in it, its titles and what stands on other branches too. One query."""
    cost = Cost()
    for row, rates in _rows("NULL::uuid", "conversation_id = %(of)s", conversation_id):
        cost.add(row, rates)
    return cost


def find_costs(messages: Iterable[Message]) -> None:
    """Set `cost` on those that are answers and have ended. One query for all, none where there are none."""
    ended = {it.generation.pk: it for it in messages if it.is_answer and not it.generation.is_live}
    if not ended:
        return
    for row, rates in _rows("generation_id", "generation_id = ANY(%(of)s) AND purpose = 'answer'", list(ended)):
        message = ended[row["generation_id"]]
        message.cost = message.cost or Cost()
        message.cost.add(row, rates)


def _rows(by: str, which: str, of: Any) -> list[tuple[dict[str, Any], Rates | None]]:
    with connection.cursor() as cursor:
        cursor.execute(_COSTS.format(by=by, which=which), {"of": of, "currency": settings.CURRENCY})
        names = [it.name for it in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [(row, _rates(row)) for row in rows]


def _rates(row: dict[str, Any]) -> Rates | None:
    if row["output_price"] is None:
        return None
    prices = (row[name] for name in ("cache_hit_price", "cache_miss_price", "output_price", "call_price"))
    return Rates(row["model"], row["currency"], *prices)


# Requests that were refused cost nothing and are left out. What was told late replaces an estimate.
_COSTS = """
    SELECT {by} AS generation_id, model, currency, cache_hit_price, cache_miss_price, output_price, call_price,
           coalesce(sum(cost) FILTER (WHERE reported_in = %(currency)s), 0) AS amount,
           sum(cache_hit_tokens)::bigint AS hit, sum(cache_miss_tokens)::bigint AS miss,
           sum(output_tokens)::bigint AS output, sum(reasoning_tokens)::bigint AS reasoning,
           count(*) FILTER (WHERE kind = 'charge') AS requests,
           count(*) FILTER (WHERE kind = 'charge' AND is_estimated)
               - count(*) FILTER (WHERE kind = 'late') AS estimated,
           count(*) FILTER (WHERE kind = 'charge' AND (cost IS NULL OR reported_in <> %(currency)s)) AS unpriced
      FROM usage_charge
     WHERE {which} AND (cache_hit_tokens + cache_miss_tokens + output_tokens <> 0 OR coalesce(cost, 0) <> 0)
     GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY min(sent_at)"""
