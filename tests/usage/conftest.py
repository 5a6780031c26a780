"""A model with a price, a request under way, and members to ask."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from accounts.models import User
from catalog.models import LanguageModel, Price, Provider
from usage.models import Call
from usage.spending import open_call

ADDRESS = "https://api.example.com/v1"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HIT, MISS, OUTPUT = Decimal("0.003"), Decimal("0.15"), Decimal("0.60")


@pytest.fixture
def unpriced(transactional_db: None) -> LanguageModel:
    return LanguageModel.objects.create(
        provider=Provider.objects.create(name="deepseek", base_url=ADDRESS), name="deepseek-flash"
    )


@pytest.fixture
def model(unpriced: LanguageModel) -> LanguageModel:
    Price.objects.create(model=unpriced, valid_from=BEGIN, cache_hit=HIT, cache_miss=MISS, output=OUTPUT)
    return unpriced


@pytest.fixture
def alice(transactional_db: None) -> User:
    return User.objects.create(email="alice@example.org", name="Alice")


def opened(model: LanguageModel, member_id: UUID | None = None, **values: Any) -> Call:
    """A request that is about to be sent."""
    ids = {"key": uuid4(), "generation_id": uuid4(), "conversation_id": uuid4(), "member_id": member_id or uuid4()}
    return open_call(**{**ids, "purpose": "answer", "model": model, **values})


@pytest.fixture
def call(model: LanguageModel, alice: User) -> Call:
    return opened(model, alice.pk, prompt_tokens=120)
