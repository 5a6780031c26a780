"""The accounts on the administrator's desk: every request, and what came of it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from usage.models import Call, Reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("alice@example.org", "correct horse battery", name="Alice"))
    return client


def call(**reply: str) -> Call:
    ids = {name: uuid4() for name in ("generation_id", "conversation_id", "member_id")}
    row = Call.objects.create(number=1, purpose="answer", provider="deepseek", model="deepseek-flash", **ids)
    if reply:
        Reply.objects.create(call=row, **reply)
    return row


def test_every_request_is_listed_with_what_came_of_it(desk: Client) -> None:
    call(finish_reason="stop"), call(error_code="overloaded"), call()
    html = desk.get("/admin/usage/call/").content.decode()
    assert '<td class="field-outcome">stop</td>' in html
    assert '<td class="field-outcome">overloaded</td>' in html
    assert '<td class="field-outcome">-</td>' in html


def test_the_list_costs_the_same_however_long_it_is(desk: Client) -> None:
    counts = set()
    for _ in range(2):
        call(finish_reason="stop"), call()
        with CaptureQueriesContext(connection) as queries:
            desk.get("/admin/usage/call/")
        counts.add(len(queries))
    assert len(counts) == 1


def test_nobody_changes_what_was_sent(desk: Client) -> None:
    row = call(finish_reason="stop")
    assert desk.post(f"/admin/usage/call/{row.pk}/change/", {"model": "another"}).status_code == 403
    assert desk.post(f"/admin/usage/call/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert desk.get("/admin/usage/call/add/").status_code == 403
