"""Asking a provider for its models: what is new gets a row, what is gone keeps it."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from catalog import discovering
from catalog.models import LanguageModel, Provider
from providers.messages import Secret
from tests.catalog.conftest import KEY, model
from tests.upstream import Script, Upstream

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(provider: Provider, upstream: Upstream) -> Provider:
    """A provider that the scripted upstream plays."""
    provider.base_url = upstream.base_url
    provider.save(update_fields=["base_url"])
    return provider


def discover(name: str = "somewhere") -> str:
    out = io.StringIO()
    call_command("catalog", "discover", name, stdout=out)
    return out.getvalue()


def test_new_models_get_rows_and_old_ones_keep_theirs(server: Provider, upstream: Upstream) -> None:
    old = model(server, "old", context_tokens=100_000)
    model(Provider.objects.create(name="elsewhere"), "not-ours")
    upstream.offer("new", "newer")
    assert discover() == ("New: new, newer. Add them to a route to offer them. Not named any more, and kept: old.\n")
    assert set(server.models.values_list("name", flat=True)) == {"old", "new", "newer"}
    assert LanguageModel.objects.get(pk=old.pk).context_tokens == 100_000
    upstream.offer("new", "newer", "old")
    assert discover() == "Nothing is new and nothing has gone.\n"
    assert LanguageModel.objects.count() == 4


def test_a_list_of_names_promises_little(server: Provider, upstream: Upstream) -> None:
    upstream.offer("new")
    discover()
    new = server.models.get()
    new.full_clean()
    assert not new.abilities
    assert new.context_tokens == 8192


def test_names_that_no_row_could_hold_are_left_out(server: Provider, upstream: Upstream) -> None:
    upstream.offer("good", "x" * 121, "two\nlines")
    assert discovering.discover(server).new == ["good"]


def test_many_names_do_not_fill_the_page(server: Provider, upstream: Upstream) -> None:
    upstream.offer(*(f"m{number:03}" for number in range(300)))
    assert "m019 and 280 more. Add them" in discover()
    assert server.models.count() == 300


def test_its_key_is_sent_and_not_shown(server: Provider, upstream: Upstream) -> None:
    server.keep_key(Secret(KEY))
    upstream.offer(script=Script.error(401, f"Authentication Fails, Your api key: {KEY} is invalid"))
    with pytest.raises(CommandError) as refused:
        discover()
    assert str(refused.value).startswith("somewhere: The provider did not accept our API key.")
    assert KEY not in str(refused.value)
    assert upstream.listings[-1].headers["authorization"] == f"Bearer {KEY}"


def test_one_that_is_not_ready_is_not_asked(server: Provider, upstream: Upstream) -> None:
    Provider.objects.update(enabled=False)
    with pytest.raises(CommandError, match="somewhere: It is switched off"):
        discover()
    assert not upstream.listings


def test_an_unknown_provider_is_told_the_known_ones(server: Provider) -> None:
    with pytest.raises(CommandError, match="There are: somewhere"):
        discover("nowhere")
