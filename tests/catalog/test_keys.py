"""A key that was entered: encrypted, opened for its own row and address alone, and shown by nothing."""

from __future__ import annotations

import io
import traceback

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from catalog import keys
from catalog.models import LanguageModel, Provider, Route
from providers.messages import Secret
from tests.catalog.conftest import KEY, NEWER, SECRET

pytestmark = pytest.mark.django_db


@pytest.fixture
def keeper(provider: Provider) -> Provider:
    """A provider with a key of its own."""
    provider.keep_key(Secret(KEY))
    return Provider.objects.get(pk=provider.pk)


def anew(provider: Provider) -> Provider:
    return Provider.objects.get(pk=provider.pk)


def test_a_key_is_kept_encrypted_and_comes_back(keeper: Provider) -> None:
    assert keeper.key == Secret(KEY)
    assert keeper.endpoint.api_key == Secret(KEY)
    assert keeper.is_ready
    assert KEY not in str(Provider.objects.values())
    assert KEY not in repr(keeper) + str(keeper.__dict__) + repr(keeper.endpoint)


def test_an_entered_key_goes_before_the_environments(keeper: Provider, operator: Settings) -> None:
    operator.DEEPSEEK_API_KEY = "sk-of-the-environment"
    keeper.key_setting = "DEEPSEEK_API_KEY"
    assert keeper.key == Secret(KEY)
    keeper.keep_key(Secret())
    assert keeper.key == Secret("sk-of-the-environment")


def test_an_export_holds_no_key_and_nothing_that_could_be_opened(keeper: Provider) -> None:
    out = io.StringIO()
    call_command("dumpdata", "catalog", stdout=out)
    assert "somewhere" in out.getvalue()
    assert KEY not in out.getvalue()
    assert keeper.encrypted_key not in out.getvalue()


def test_a_key_copied_to_another_row_does_not_open_there(keeper: Provider) -> None:
    thief = Provider.objects.create(
        name="thief", base_url=keeper.base_url, encrypted_key=keeper.encrypted_key, key_setting=""
    )
    assert not thief.key
    assert thief.not_ready_because == "Its key was entered for another address. Enter the key again."


@pytest.mark.parametrize(
    "url", ["https://evil.example/v1", "http://api.example.com/v1", "https://api.example.com:8443"]
)
def test_a_key_is_not_sent_to_an_address_it_was_not_entered_for(keeper: Provider, url: str) -> None:
    Provider.objects.filter(pk=keeper.pk).update(base_url=url)
    assert not anew(keeper).key
    assert not anew(keeper).is_ready


def test_another_path_at_the_same_server_is_the_same_address(keeper: Provider) -> None:
    Provider.objects.filter(pk=keeper.pk).update(base_url="https://API.example.com:443/v2")
    assert anew(keeper).key == Secret(KEY)


@pytest.mark.parametrize("secrets", [(NEWER,), ()], ids=["another", "none"])
def test_without_its_secret_the_provider_is_not_ready_and_says_why(
    keeper: Provider, operator: Settings, secrets: tuple[str, ...]
) -> None:
    quick = Route.objects.through(LanguageModel.objects.create(provider=keeper, name="m"), name="quick", label="Quick")
    operator.PROVIDER_KEYS_SECRETS = secrets
    assert "the secret that encrypted it is gone" in keeper.not_ready_because
    assert not keeper.key
    assert not Route.objects.offered()
    operator.PROVIDER_KEYS_SECRETS = (SECRET,)
    assert Route.objects.offered() == [quick]


@pytest.mark.parametrize("content", ["x", "gAAAA", "é", KEY, "{}"])
def test_what_is_no_ciphertext_is_a_lost_key(provider: Provider, content: str) -> None:
    Provider.objects.update(encrypted_key=content)
    assert "can't be opened" in anew(provider).not_ready_because


def test_no_traceback_of_a_key_that_does_not_open_holds_it(keeper: Provider) -> None:
    keeper.base_url = "https://evil.example"
    with pytest.raises(keys.KeyLostError) as lost:
        _ = keeper.kept_key
    report = traceback.TracebackException.from_exception(lost.value, capture_locals=True)
    assert KEY not in "".join(report.format())
    assert "KeyLostError" in "".join(report.format())


def rotate() -> str:
    out = io.StringIO()
    call_command("catalog", "rotate", stdout=out)
    return out.getvalue()


def test_after_a_rotation_the_old_secret_is_needed_no_more(keeper: Provider, operator: Settings) -> None:
    operator.PROVIDER_KEYS_SECRETS = (NEWER, SECRET)
    assert anew(keeper).key == Secret(KEY)
    assert rotate() == "Encrypted anew: somewhere.\n"
    operator.PROVIDER_KEYS_SECRETS = (NEWER,)
    assert anew(keeper).key == Secret(KEY)


def test_a_rotation_says_which_keys_it_could_not_open(keeper: Provider, operator: Settings) -> None:
    lost = Provider.objects.create(name="lost", base_url="https://b.example", encrypted_key="gAAAA")
    operator.PROVIDER_KEYS_SECRETS = (NEWER, SECRET)
    with pytest.raises(CommandError, match="No secret opens the keys of lost"):
        rotate()
    operator.PROVIDER_KEYS_SECRETS = (NEWER,)
    assert anew(keeper).key == Secret(KEY)
    assert anew(lost).encrypted_key == "gAAAA"
