"""Alice runs the place, Bob may look at the catalog, Charlie may change it and is no superuser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from catalog.models import LanguageModel, Provider, Route
from tests.upstream import Upstream

KEY = "sk-0123456789abcdef0123456789abcdef"
SECRET, NEWER = "an old secret of forty characters or more", "a newer secret of forty characters or more"


@pytest.fixture(autouse=True)
def operator(settings: Settings) -> Settings:
    """What the operator set: a secret for keys, nothing private, no key, DeepSeek's own address."""
    settings.PROVIDER_KEYS_SECRETS = (SECRET,)
    settings.PRIVATE_PROVIDERS = frozenset()
    settings.DEEPSEEK_API_KEY, settings.LOCAL_MODEL_URL = "", ""
    settings.DEEPSEEK_BASE_URL = "https://api.deepseek.com"
    return settings


def member(name: str, *rights: str) -> User:
    user = User.objects.create_user(f"{name}@example.org", "correct horse battery", name=name.title(), is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights, content_type__app_label="catalog"))
    return user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def alice(db: None) -> Client:
    return signed_in(User.objects.create_superuser("alice@example.org", "correct horse battery", name="Alice"))


@pytest.fixture
def bob(db: None) -> Client:
    return signed_in(member("bob", "view_provider"))


@pytest.fixture
def charlie(db: None) -> Client:
    models = ("provider", "languagemodel", "route", "step")
    return signed_in(member("charlie", *(f"{deed}_{it}" for deed in ("view", "add", "change") for it in models)))


@pytest.fixture
def upstream(operator: Settings) -> Iterator[Upstream]:
    operator.PRIVATE_PROVIDERS = frozenset({"127.0.0.1"})
    with Upstream() as server:
        yield server


@pytest.fixture
def provider(db: None) -> Provider:
    return Provider.objects.create(name="somewhere", base_url="https://api.example.com/v1")


def model(provider: Provider, name: str = "a-model", **fields: object) -> LanguageModel:
    return LanguageModel.objects.create(provider=provider, name=name, **fields)


def route(model: LanguageModel, name: str, position: int = 50, **fields: object) -> Route:
    return Route.objects.through(model, name=name, label=name.title(), position=position, **fields)
