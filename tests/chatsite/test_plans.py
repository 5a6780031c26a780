"""How the database finds what pages and processes ask for: by an index, and a bounded number of rows of it.

On a database that is large enough for a table to be told from a page of it, with PostgreSQL asked to avoid sequential
scans: one that is left could not have been avoided. How long all of this takes at full size, `python -m bench.database`
measures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import override_settings
from pytest_django import DjangoDbBlocker, Settings

from bench.plans import Statement, watched
from bench.seeding.filling import Size, fill
from bench.visits import Administrators, Members, Processes, Visit
from conversations import mentioning
from conversations.models import Mention, Message, Seen

pytestmark = pytest.mark.django_db  # what a test does to the seeded rows is undone

SIZE = Size(conversations=3_000, messages=60_000, members=600)
# Rows of one large table that a step of a plan may look at: a window of the administrator's lists, the longest
# conversation (1,200 messages) beside fifteen others. All rows of any large table would be more.
BOUND = 2_000

LARGE = {  # tables that grow with every day of use
    "conversations_attachment",
    "conversations_chunk",
    "conversations_conversation",
    "conversations_generation",
    "conversations_membership",
    "conversations_mention",
    "conversations_message",
    "conversations_seen",
    "conversations_share",
    "conversations_share_groups",
    "conversations_share_members",
    "conversations_visit",
    "django_session",
    "usage_call",
    "usage_charge",
    "usage_daytotal",
    "usage_reply",
}
SMALL = {  # a few rows for each member, administrator or process, at most
    "account_emailaddress",
    "account_emailconfirmation",
    "accounts_user",
    "accounts_user_groups",
    "accounts_user_user_permissions",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "cache",  # of failed sign-ins; never above MAX_ENTRIES
    "catalog_band",
    "catalog_billedas",
    "catalog_circuit",
    "catalog_languagemodel",
    "catalog_price",
    "catalog_provider",
    "catalog_rate",
    "catalog_route",
    "catalog_rule",
    "catalog_step",
    "conversations_guess",  # wrong passwords for links, of an hour at most
    "conversations_pulse",
    "conversations_sharingrules",
    "django_admin_log",  # what administrators change
    "django_content_type",
    "django_migrations",
    "usage_act",  # what administrators change of money
    "usage_alert",  # three of a budget and its window, at most
    "usage_atonce",
    "usage_notice",  # for each of those whom an alert is told
    "usage_balance",  # a month, or a day, of a limit
    "usage_hold",  # of answers that are under way
    "usage_limit",
    "usage_raise",
    "usage_raiserequest",
    "usage_reading",  # every quarter of an hour one
    "usage_totalscalendar",  # one row
    "usage_unsummed",  # of charges since a worker last looked
}


@pytest.fixture(scope="module", autouse=True)
def seeded(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), override_settings(DEEPSEEK_API_KEY="sk-" + "0" * 32):
        fill(SIZE, say=lambda _: None)
        execute("SET enable_seqscan = off")
        yield
        execute("RESET enable_seqscan")
        call_command("flush", verbosity=0, interactive=False)


def execute(sql: str) -> list[tuple[int]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


def rows_of(table: str) -> int:
    [(rows,)] = execute(f"SELECT count(*) FROM {table}")
    return rows


def too_much(statements: Iterable[Statement]) -> list[str]:
    """What they read of large tables that they should not."""
    return [
        f"{read.step} of {read.table}, {read.rows:.0f} rows: {statement.sql[:1500]}"
        for statement in statements
        for read in statement.reads
        if read.table in LARGE and (read.is_sequential or read.rows > BOUND)
    ]


def made(visits: Iterable[Visit]) -> list[str]:
    """Make these visits; what was too much in which of them."""
    complaints = []
    for visit in visits:
        with watched() as statements:
            visit.deed()
        complaints += [f"{visit.name}: {complaint}" for complaint in too_much(statements)]
    return complaints


def test_every_table_is_known_to_be_large_or_small() -> None:
    assert set(connection.introspection.table_names()) == LARGE | SMALL
    assert [table for table in SMALL if rows_of(table) > BOUND / 2] == []
    # The log is empty by now; Processes fills it.
    assert [table for table in LARGE - {"conversations_chunk"} if rows_of(table) <= BOUND] == []


def test_a_query_that_no_index_serves_is_noticed() -> None:
    with watched() as statements:
        Message.objects.filter(text="What now?").exists()
    assert "Seq Scan of conversations_message" in too_much(statements)[0]


def test_an_index_that_is_read_from_end_to_end_is_noticed() -> None:
    with watched() as statements:
        Message.objects.order_by("pk").filter(text="What now?").first()
    assert "Index Scan of conversations_message" in too_much(statements)[0]


def test_an_administrators_pages_read_a_window_of_each_table() -> None:
    assert made(Administrators().visits()) == []


def test_a_members_pages_read_what_they_show() -> None:
    assert made(Members().visits()) == []


def test_worker_and_feed_read_what_is_under_way() -> None:
    assert made(Processes(answers=20).visits()) == []


def test_who_mails_reads_what_is_due(settings: Settings) -> None:
    settings.CAN_MAIL = True
    Seen.objects.all().delete()
    due = list(Mention.objects.values_list("pk", flat=True)[:3])
    Mention.objects.filter(pk__in=due).update(mail_at=Now() - timedelta(days=1))
    assert made([Visit("worker: mail who was named", mentioning.mail)]) == []
    assert mail.outbox
