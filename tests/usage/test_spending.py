"""Every upstream request is a row, committed before it is sent, and outlives what it was for."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from catalog.models import LanguageModel, Provider
from usage.models import Call
from usage.spending import open_call


@pytest.fixture
def model(transactional_db: None) -> LanguageModel:
    return LanguageModel.objects.create(provider=Provider.objects.create(name="deepseek"), name="deepseek-flash")


def test_the_requests_of_a_generation_are_numbered_from_one(model: LanguageModel) -> None:
    generation, other = uuid4(), uuid4()
    for purpose in ("answer", "answer", "title"):
        open_call(uuid4(), generation, uuid4(), uuid4(), purpose, model)
    open_call(uuid4(), other, uuid4(), uuid4(), "answer", model)
    rows = Call.objects.filter(generation_id=generation).order_by("number")
    assert list(rows.values_list("number", "purpose")) == [(1, "answer"), (2, "answer"), (3, "title")]
    assert Call.objects.get(generation_id=other).number == 1
    assert {(call.provider, call.model) for call in rows} == {("deepseek", "deepseek-flash")}


def test_a_number_is_given_once(model: LanguageModel) -> None:
    call = open_call(uuid4(), uuid4(), uuid4(), uuid4(), "answer", model)
    with pytest.raises(IntegrityError, match="one_row_per_call"):
        Call.objects.create(
            generation_id=call.generation_id, number=1, conversation_id=uuid4(), member_id=uuid4(), purpose="answer"
        )


def test_a_row_that_would_not_be_committed_before_the_request_is_refused(model: LanguageModel) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        open_call(uuid4(), uuid4(), uuid4(), uuid4(), "answer", model)
    assert not Call.objects.exists()


def test_the_account_survives_its_provider_and_its_member(model: LanguageModel) -> None:
    member = User.objects.create(email="bob@example.org", name="Bob")
    open_call(uuid4(), uuid4(), uuid4(), member.pk, "answer", model)
    member_id = member.pk
    member.delete()
    Provider.objects.all().delete()
    call = Call.objects.get()
    assert (call.member_id, call.provider, call.model) == (member_id, "deepseek", "deepseek-flash")


def test_a_request_that_is_told_twice_is_one_row(model: LanguageModel) -> None:
    """As when the connection broke after the commit."""
    key, generation = uuid4(), uuid4()
    once, again = (open_call(key, generation, uuid4(), uuid4(), "answer", model) for _ in range(2))
    assert (once, once.number) == (again, again.number)
    assert Call.objects.count() == 1
