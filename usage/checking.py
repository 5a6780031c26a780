"""Is what is kept what was spent, and what would it have cost at other prices?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import connection, transaction

from catalog.models import LanguageModel, Rate
from catalog.prices import billed_as
from usage.models import Charge


def complaints() -> list[str]:
    """What does not add up, in words; nothing when all does. While people work, too: it looks at one moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = []
        for sentence, query in _CHECKS.items():
            cursor.execute(query, {"currency": settings.CURRENCY})
            found += [sentence.format(*row) for row in cursor.fetchall()]
        return found


_CHECKS = {
    "{0}: {1} is kept for {2}, and the ledger holds {3}.": """
        SELECT b.subject, b.cost || ' with ' || b.tokens || ' tokens in ' || b.requests || ' answers', b.window,
               sums.cost || ' with ' || sums.tokens || ' tokens in ' || sums.requests || ' answers'
          FROM usage_balance AS b, LATERAL (
              SELECT coalesce(sum(cost), 0)::numeric(20, 12) AS cost,
                     coalesce(sum(cache_hit_tokens + cache_miss_tokens + output_tokens), 0)::bigint AS tokens,
                     count(*) FILTER (WHERE kind = 'charge' AND purpose = 'answer'
                                        AND cache_hit_tokens + cache_miss_tokens + output_tokens > 0) AS requests
                FROM usage_charge AS c
               WHERE c.sent_at >= b.starts_at AND c.sent_at < b.ends_at
                 AND CASE WHEN b.subject = 'team' THEN true
                          WHEN b.subject LIKE 'member:%%' THEN c.member_id = substr(b.subject, 8)::uuid
                          ELSE substr(b.subject, 7)::int = ANY(c.group_ids) END
          ) AS sums
         WHERE NOT b.is_rolling AND (b.cost, b.tokens, b.requests) <> (sums.cost, sums.tokens, sums.requests)""",
    "{0}: {1} is promised in {2}, and its holds are {3}.": """
        SELECT b.subject, b.held_cost || ' with ' || b.held_tokens || ' tokens', b.window, sums.cost || ' with '
               || sums.tokens || ' tokens'
          FROM usage_balance AS b, LATERAL (
              SELECT coalesce(sum(cost), 0)::numeric(20, 12) AS cost, coalesce(sum(tokens), 0)::bigint AS tokens,
                     coalesce(sum(requests), 0)::bigint AS requests
                FROM usage_hold WHERE b.id = ANY(balances)
          ) AS sums
         WHERE (b.held_cost, b.held_tokens, b.held_requests) <> (sums.cost, sums.tokens, sums.requests)""",
    "{0}: by {1} {2} is summed up, and the ledger holds {3}.": """
        WITH ledger AS (
            SELECT of, (sent_at AT TIME ZONE zone)::date AS day, coalesce(sum(cost), 0)::numeric(30, 12) AS cost,
                   sum(cache_hit_tokens + cache_miss_tokens + output_tokens)::bigint AS tokens,
                   count(*) FILTER (WHERE kind = 'charge') AS charges
              FROM usage_charge, usage_totalscalendar, (VALUES ('model'), ('member'), ('conversation')) AS kinds (of)
             GROUP BY 1, 2
        ), kept AS (
            SELECT of, day, sum(cost)::numeric(30, 12) AS cost,
                   sum(cache_hit_tokens + cache_miss_tokens + output_tokens)::bigint AS tokens,
                   sum(charges)::bigint AS charges
              FROM usage_total GROUP BY 1, 2
        )
        SELECT day, of, coalesce(kept.cost || ' with ' || kept.tokens || ' tokens', 'nothing'),
               coalesce(ledger.cost || ' with ' || ledger.tokens || ' tokens', 'nothing')
          FROM ledger FULL JOIN kept USING (of, day)
         WHERE (ledger.cost, ledger.tokens, ledger.charges) IS DISTINCT FROM (kept.cost, kept.tokens, kept.charges)""",
    "{0} calls have ended and are not charged once.": """
        SELECT count(*) FROM usage_call AS call JOIN usage_reply ON call_id = id
         WHERE (SELECT count(*) FROM usage_charge AS c WHERE c.call_id = call.id AND c.kind = 'charge') <> 1
        HAVING count(*) > 0""",
    "{0} charges are not what their tokens cost at their prices.": """
        SELECT count(*) FROM usage_charge
         WHERE kind = 'charge' AND amount IS NOT NULL
           AND cache_hit_tokens + cache_miss_tokens + output_tokens > 0
           AND amount <> ((cache_hit_tokens * cache_hit_price + cache_miss_tokens * cache_miss_price
                           + output_tokens * output_price) / 1000000 + call_price)::numeric(20, 12)
        HAVING count(*) > 0""",
    "{0} charges are reported in another currency than that of limits.": """
        SELECT count(*) FROM usage_charge WHERE reported_in <> %(currency)s HAVING count(*) > 0""",
}


@dataclass(frozen=True)
class Rerated:
    """A model's charges: what they cost, what they would at the prices that stand there now, how many have none."""

    model: str
    charges: int
    was: Decimal
    would_be: Decimal
    unpriced: int


def rerated(begin: datetime, end: datetime) -> Iterator[Rerated]:
    """What the ledger of these days would have cost by the prices as they are entered now. Nothing is written."""
    charged = Charge.objects.sent_within(begin, end)
    models = LanguageModel.objects.select_related("provider").prefetch_related("prices")
    for provider, name in charged.order_by("provider", "model").values_list("provider", "model").distinct():
        model = models.filter(provider__name=provider, name=name).first()
        charges, was, would_be, unpriced = 0, Decimal(0), Decimal(0), 0
        for charge in charged.filter(provider=provider, model=name).iterator(chunk_size=2_000):
            charges, was = charges + 1, was + (charge.cost or 0)
            cost = _cost(charge, model)
            unpriced, would_be = (unpriced + 1, would_be) if cost is None else (unpriced, would_be + cost)
        yield Rerated(name, charges, was, would_be, unpriced)


def _cost(charge: Charge, model: LanguageModel | None) -> Decimal | None:
    price = billed_as(model, charge.returned_model, charge.sent_at).price_at(charge.sent_at) if model else None
    rate = Rate.objects.at(price.currency, settings.CURRENCY, charge.sent_at) if price else None
    if price is None or rate is None:
        return None
    if charge.tokens == 0:
        return Decimal(0)
    per_call = price.per_call if charge.kind == Charge.Kind.CHARGE else Decimal(0)
    tokens = (charge.cache_hit_tokens, charge.cache_miss_tokens, charge.output_tokens)
    return (price.of(*tokens) - price.per_call + per_call) * rate
