"""Summing up the ledger by day: a worker adds to the totals what was charged since it last did.

Which charges that is stands in a table that a trigger writes in the transaction of the charge. So nothing is counted
twice or forgotten, in whatever order transactions end; and who reads Total sees what is not added up yet all the same.
"""

from __future__ import annotations

from django.conf import settings
from django.db import connection, transaction

from usage.models import TotalsCalendar

BATCH = 20_000  # charges in one transaction, of some 0.2 s
TOTALS = 0x746F74616C73  # the advisory lock of who adds up: two at once would wait for each other's rows in a circle


def add_up(batch: int = BATCH) -> int:
    """Add so many charges to the totals of their days. How many; 0 when somebody else is at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [TOTALS])
        if not cursor.fetchone()[0]:
            return 0
        if not TotalsCalendar.objects.filter(zone=settings.TEAM_ZONE.key).exists():
            cursor.execute(_BEGIN_ANEW, [settings.TEAM_ZONE.key])
        cursor.execute(_ADD, [batch])
        return int(cursor.fetchone()[0])


def begin_anew() -> None:
    """Forget all totals. Until a worker has added up the whole ledger again, who reads them reads the ledger."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TOTALS])
        cursor.execute(_BEGIN_ANEW, [settings.TEAM_ZONE.key])


_BEGIN_ANEW = """
    SET LOCAL statement_timeout = 0;  -- some seconds for a million charges
    DELETE FROM usage_daytotal;
    DELETE FROM usage_totalscalendar;
    INSERT INTO usage_totalscalendar (id, zone) VALUES (1, %s);
    INSERT INTO usage_unsummed (charge_id) SELECT id FROM usage_charge ON CONFLICT DO NOTHING
"""
# What is taken out of the list is still seen in the view by the rest of the statement, as it was when it began.
_ADD = """
    WITH taken AS (
        DELETE FROM usage_unsummed
         WHERE charge_id IN (SELECT charge_id FROM usage_unsummed ORDER BY charge_id LIMIT %s)
        RETURNING charge_id
    ), added AS (
        INSERT INTO usage_daytotal AS kept
               (of, day, model, price_id, member_id, group_ids, conversation_id,
                cost, cache_hit_tokens, cache_miss_tokens, output_tokens, charges, estimates, priceless, answers)
        SELECT of, day, model, price_id, member_id, group_ids, conversation_id,
               sum(cost), sum(cache_hit_tokens), sum(cache_miss_tokens), sum(output_tokens),
               sum(charges), sum(estimates), sum(priceless), sum(answers)
          FROM usage_unsummed_total JOIN taken USING (charge_id) GROUP BY 1, 2, 3, 4, 5, 6, 7
            ON CONFLICT (of, day, model, price_id, member_id, group_ids, conversation_id) DO UPDATE
           SET cost = kept.cost + excluded.cost,
               cache_hit_tokens = kept.cache_hit_tokens + excluded.cache_hit_tokens,
               cache_miss_tokens = kept.cache_miss_tokens + excluded.cache_miss_tokens,
               output_tokens = kept.output_tokens + excluded.output_tokens,
               charges = kept.charges + excluded.charges,
               estimates = kept.estimates + excluded.estimates,
               priceless = kept.priceless + excluded.priceless,
               answers = kept.answers + excluded.answers
    )
    SELECT count(*) FROM taken
"""
