"""The catalog on the administrator's desk: keys go in and never come out, and bad input is answered at its field."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.forms import modelform_factory
from django.test import Client, RequestFactory
from django.views.debug import ExceptionReporter
from pytest_django import Settings

from catalog import circuits
from catalog.admin import ProviderAdmin
from catalog.forms import ProviderForm
from catalog.models import Circuit, Provider, Route
from providers.messages import Secret
from tests.catalog.conftest import KEY, NEWER, SECRET, member, model, route, signed_in
from tests.upstream import Script, Upstream

PROVIDERS, ROUTES, MODELS = "/admin/catalog/provider/", "/admin/catalog/route/", "/admin/catalog/languagemodel/"
HEALTH = f"{PROVIDERS}health/"
SHOWN: dict[str, Any] = {
    "name": "somewhere",
    "dialect": "openai",
    "base_url": "https://api.example.com/v1",
    "currency": "USD",
    "concurrency": "16",
    "enabled": "on",
    "key_setting": "",
    "new_key": "",
}


def post(client: Client, to: str, **fields: Any) -> str:
    """Fill in a form and send it; the page that follows."""
    posted = {name: value for name, value in fields.items() if value is not None}
    return client.post(to, posted, follow=True).content.decode()


def edit(client: Client, provider: Provider, **fields: Any) -> str:
    return post(client, f"{PROVIDERS}{provider.pk}/change/", **(SHOWN | fields))


def add(client: Client, **fields: Any) -> str:
    return post(client, f"{PROVIDERS}add/", **(SHOWN | fields))


def error_at(page: str, field: str) -> str:
    """What the page says at this field."""
    found = re.search(rf'<ul class="errorlist" id="id_{field}_error">(.*?)</ul>', page, re.DOTALL)
    return re.sub(r"<[^>]+>", "", found[1]) if found else ""


# Keys ---------------------------------------------------------------------------------------------------------------


def test_a_key_is_entered_kept_by_a_blank_field_changed_and_removed(alice: Client) -> None:
    assert "was added successfully" in add(alice, new_key=f" {KEY}\n")
    provider = Provider.objects.get()
    assert provider.key == Secret(KEY)
    edit(alice, provider, concurrency="17")
    assert Provider.objects.get().key == Secret(KEY)
    edit(alice, provider, new_key="sk-another")
    assert Provider.objects.get().key == Secret("sk-another")
    edit(alice, provider, remove_key="on")
    assert Provider.objects.get().encrypted_key == ""


def test_no_page_shows_a_key_again(alice: Client) -> None:
    pages = add(alice, new_key=KEY)
    provider = Provider.objects.get()
    pages += edit(alice, provider, new_key=KEY, concurrency="0")  # refused: the form is shown again
    for path in (
        PROVIDERS,
        HEALTH,
        f"{PROVIDERS}{provider.pk}/change/",
        f"{PROVIDERS}{provider.pk}/history/",
        "/admin/",
    ):
        pages += alice.get(path).content.decode()
    assert "A key is stored; ends in …cdef. Leave this blank to keep it." in pages
    assert KEY not in pages
    assert KEY[:-4] not in pages
    assert provider.encrypted_key not in pages


def test_of_a_short_key_not_even_the_end_is_shown(alice: Client, provider: Provider) -> None:
    provider.keep_key(Secret("0123456789abcdef"))
    assert "A key is stored. Leave" in alice.get(f"{PROVIDERS}{provider.pk}/change/").content.decode()


def test_the_history_says_that_a_key_was_changed_and_not_to_what(alice: Client, provider: Provider) -> None:
    edit(alice, provider, new_key=KEY)
    said = LogEntry.objects.get()
    assert said.get_change_message() == "Changed Key."
    assert KEY not in str(LogEntry.objects.values())


def test_a_report_of_an_error_while_a_key_is_saved_does_not_hold_it(
    alice: Client, provider: Provider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As it would be mailed to the administrators."""
    monkeypatch.setattr(LogEntry, "save", None)  # the history breaks, once the key is saved
    alice.raise_request_exception = False
    with caplog.at_level(logging.ERROR, "django.request"):
        edit(alice, provider, new_key=KEY)
    (record,) = [each for each in caplog.records if each.exc_info]
    assert record.exc_info is not None
    report = ExceptionReporter(vars(record)["request"], *record.exc_info)
    for said in (report.get_traceback_html(), report.get_traceback_text(), caplog.text):
        assert "LogEntry" in said or "NoneType" in said
        assert KEY not in said


@pytest.mark.parametrize("key", ["two words", "schlüssel", "a\x01b", "line\nline", "k" * 1001])
def test_what_cannot_be_a_key_is_refused_at_its_field(alice: Client, key: str) -> None:
    page = add(alice, new_key=key)
    assert error_at(page, "new_key")
    assert not Provider.objects.exists()


def test_without_a_secret_no_key_is_taken_and_the_page_says_what_to_set(alice: Client, operator: Settings) -> None:
    operator.PROVIDER_KEYS_SECRETS = ()
    assert "PROVIDER_KEYS_SECRET" in error_at(add(alice, new_key=KEY), "new_key")
    assert "was added successfully" in add(alice)


def test_with_a_lost_secret_the_pages_say_so_and_the_key_can_be_entered_again(
    alice: Client, provider: Provider, operator: Settings
) -> None:
    provider.keep_key(Secret(KEY))
    operator.PROVIDER_KEYS_SECRETS = (NEWER,)
    for path in (PROVIDERS, HEALTH, f"{PROVIDERS}{provider.pk}/change/"):
        assert "the secret that encrypted it is gone" in alice.get(path).content.decode()
    edit(alice, provider, new_key="sk-entered-again")
    assert Provider.objects.get().key == Secret("sk-entered-again")


def test_a_stored_key_does_not_follow_to_another_address(alice: Client, charlie: Client, provider: Provider) -> None:
    provider.keep_key(Secret(KEY))
    for client in (alice, charlie):
        page = edit(client, provider, base_url="https://8.8.4.4/v1")
        assert error_at(page, "new_key").startswith("The stored key was entered for another address.")
    edit(alice, provider, base_url="https://8.8.4.4/v1", new_key="sk-of-the-other")
    assert Provider.objects.get().key == Secret("sk-of-the-other")


def test_saving_something_else_does_not_undo_a_rotation_made_meanwhile(
    provider: Provider, operator: Settings, rf: RequestFactory
) -> None:
    provider.keep_key(Secret(KEY))
    read_before = Provider.objects.get()
    form = modelform_factory(Provider, form=ProviderForm, fields=["concurrency"])(
        {"concurrency": 3}, instance=read_before
    )
    assert form.is_valid()
    operator.PROVIDER_KEYS_SECRETS = (NEWER, SECRET)
    call_command("catalog", "rotate")
    ProviderAdmin(Provider, site).save_model(rf.post("/"), form.instance, form, change=True)
    operator.PROVIDER_KEYS_SECRETS = (NEWER,)
    assert (Provider.objects.get().concurrency, Provider.objects.get().key) == (3, Secret(KEY))


# Whose keys are sent where ------------------------------------------------------------------------------------------


def test_only_a_superuser_sends_the_environments_keys_somewhere(
    alice: Client, charlie: Client, operator: Settings
) -> None:
    operator.DEEPSEEK_API_KEY = KEY
    add(charlie, name="his", base_url="https://8.8.4.4", key_setting="DEEPSEEK_API_KEY")
    assert Provider.objects.get(name="his").key_setting == ""
    add(alice, name="hers", base_url="https://8.8.4.4", key_setting="DEEPSEEK_API_KEY")
    hers = Provider.objects.get(name="hers")
    assert hers.key == Secret(KEY)
    edit(charlie, hers, name="hers", base_url="https://8.8.8.8", key_setting="")
    hers.refresh_from_db()
    assert (hers.base_url, hers.key_setting) == ("https://8.8.4.4", "DEEPSEEK_API_KEY")


def test_addresses_that_the_environment_decides_are_shown_and_not_asked_for(alice: Client, operator: Settings) -> None:
    call_command("catalog")
    deepseek = Provider.objects.get(name="deepseek")
    page = alice.get(f"{PROVIDERS}{deepseek.pk}/change/").content.decode()
    assert "https://api.deepseek.com" in page
    assert 'name="base_url"' not in page
    assert 'name="name"' not in page
    edit(alice, deepseek, name="mine", base_url="https://8.8.4.4", dialect="deepseek", new_key=KEY)
    deepseek.refresh_from_db()
    assert (deepseek.name, deepseek.base_url, deepseek.key) == ("deepseek", "https://api.deepseek.com", Secret(KEY))


# Addresses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("api.example.com", "Enter an address like https://"),
        ("https://me:secret@api.example.com", "may hold no user name or password"),
        ("https://api.example.com?key=1", "ends with its path"),
        ("http://169.254.169.254/latest", "169.254.169.254 is in a private network"),
        ("http://0x7f.1/v1", "127.0.0.1 is in a private network"),
        ("https://localhost.", "localhost is in a private network"),
    ],
)
def test_a_bad_address_is_refused_at_its_field(alice: Client, url: str, words: str) -> None:
    assert words in error_at(add(alice, base_url=url), "base_url")
    assert not Provider.objects.exists()


def test_the_name_of_a_container_is_an_address_and_none_is_one_too(alice: Client) -> None:
    assert "was added successfully" in add(alice, base_url="http://vllm:8000/v1")
    assert "was added successfully" in add(alice, name="later", base_url="")


def test_over_http_no_key_is_taken(alice: Client) -> None:
    page = add(alice, base_url="http://8.8.4.4/v1", new_key=KEY)
    assert "Over http everybody on the way can read the key." in error_at(page, "base_url")
    page = add(alice, base_url="http://8.8.4.4/v1", key_setting="DEEPSEEK_API_KEY")
    assert "Over http everybody on the way can read the key." in error_at(page, "base_url")


def test_a_setting_that_holds_no_key_is_refused_at_its_field(alice: Client) -> None:
    assert "ending in _API_KEY" in error_at(add(alice, key_setting="SECRET_KEY"), "key_setting")


# Health, circuits, discovery ----------------------------------------------------------------------------------------


@pytest.fixture
def server(provider: Provider, upstream: Upstream) -> Provider:
    provider.base_url = upstream.base_url
    provider.save(update_fields=["base_url"])
    return provider


def act(client: Client, action: str, *providers: Provider) -> str:
    chosen = [str(it.pk) for it in providers]
    return client.post(PROVIDERS, {"action": action, "_selected_action": chosen}, follow=True).content.decode()


def test_an_open_circuit_is_seen_and_closed(alice: Client, provider: Provider) -> None:
    circuits.failed(provider.pk, "balance_empty", at_once=True)
    for path in (PROVIDERS, HEALTH):
        assert "open (balance_empty); tries again after " in alice.get(path).content.decode()
    assert "Closed. 1 of 1 circuits were open." in act(alice, "close_circuits", provider)
    assert circuits.may_call(provider.pk)
    assert LogEntry.objects.get().get_change_message() == "Closed the circuit."


def test_another_key_is_tried_at_once(alice: Client, provider: Provider) -> None:
    circuits.failed(provider.pk, "authentication", at_once=True)
    edit(alice, provider)
    assert not circuits.may_call(provider.pk)
    edit(alice, provider, new_key=KEY)
    assert circuits.may_call(provider.pk)


def test_who_may_only_look_sees_health_and_changes_nothing(bob: Client, provider: Provider) -> None:
    provider.keep_key(Secret(KEY))
    circuits.failed(provider.pk, "balance_empty", at_once=True)
    assert "balance_empty" in bob.get(HEALTH).content.decode()
    page = bob.get(f"{PROVIDERS}{provider.pk}/change/")
    assert page.status_code == 200
    assert "cdef" not in page.content.decode()
    assert "ew key" not in page.content.decode()
    act(bob, "close_circuits", provider)
    act(bob, "discover_models", provider)
    assert edit_status(bob, provider) == 403
    assert Circuit.objects.get().opened_at


def edit_status(client: Client, provider: Provider) -> int:
    return client.post(f"{PROVIDERS}{provider.pk}/change/", SHOWN).status_code


def test_strangers_see_no_health_and_ask_nobody(db: None, server: Provider, upstream: Upstream) -> None:
    for client in (signed_in(member("erin")), Client()):
        assert client.get(HEALTH).status_code in (302, 403)
        assert client.post(f"{PROVIDERS}{server.pk}/ask/").status_code in (302, 403)
    assert not upstream.listings


def test_health_says_why_a_provider_is_not_ready(alice: Client, operator: Settings) -> None:
    call_command("catalog")
    Provider.objects.create(name="off", base_url="https://a.example", enabled=False)
    page = alice.get(HEALTH).content.decode()
    for reason in ("set DEEPSEEK_API_KEY in the environment", "It has no address.", "It is switched off."):
        assert reason in page
    assert "deepseek-v4-pro" in page
    assert "Ask it now" not in page


def test_bob_asks_now_and_reads_the_answer(bob: Client, server: Provider, upstream: Upstream) -> None:
    upstream.offer("a-model", "<b>another</b>")
    assert "Ask it now" in bob.get(HEALTH).content.decode()
    page = post(bob, f"{PROVIDERS}{server.pk}/ask/")
    assert re.search(r"Somewhere answered within \d+\.\d s: a-model, &lt;b&gt;another", page)
    assert not server.models.exists()
    assert bob.get(f"{PROVIDERS}{server.pk}/ask/").status_code == 405


def test_what_nobody_can_see_in_a_models_name_is_shown_as_a_sign(
    alice: Client, server: Provider, upstream: Upstream
) -> None:
    unseen = "\u202e\u200b\u2066\x1b\n\U000e0041"  # turned around, no width, a terminal's escape, a hidden letter
    model(server, f"gone{unseen}x")
    upstream.offer(f"a{unseen}b", "c")
    asked = post(alice, f"{PROVIDERS}{server.pk}/ask/")
    discovered = act(alice, "discover_models", server)
    assert "s: a������b, c." in asked
    assert "and kept: gone������x." in discovered
    assert "gone������x" in alice.get(HEALTH).content.decode()
    for page in (asked, alice.get(HEALTH).content.decode(), LogEntry.objects.get().get_change_message()):
        assert not set(unseen) - {"\n"} & set(page)


def test_a_refusal_is_shown_as_our_sentence_without_the_key(
    alice: Client, server: Provider, upstream: Upstream
) -> None:
    server.keep_key(Secret(KEY))
    upstream.offer(script=Script.error(400, f"No such key: {KEY}"))
    page = post(alice, f"{PROVIDERS}{server.pk}/ask/")
    assert "Somewhere: " in page
    assert KEY not in page
    upstream.offer(script=Script().cut())
    assert "The provider could not be reached." in post(alice, f"{PROVIDERS}{server.pk}/ask/")


def test_models_are_discovered_from_the_list(charlie: Client, server: Provider, upstream: Upstream) -> None:
    off = Provider.objects.create(name="off", enabled=False)
    upstream.offer("a-model")
    page = act(charlie, "discover_models", server, off)
    assert "Somewhere: New: a-model. Add them to a route to offer them." in page
    assert "Off: It is switched off." in page
    assert server.models.get().name == "a-model"


# Routes and models --------------------------------------------------------------------------------------------------


def new_route(client: Client, *models: Any, **fields: Any) -> str:
    form = {"name": "new", "label": "New", "effort": "off", "auto": "", "position": "5", "enabled": "on"}
    form |= {"steps-TOTAL_FORMS": str(len(models)), "steps-INITIAL_FORMS": "0"}
    for number, it in enumerate(models):
        form |= {f"steps-{number}-position": str(9 - number), f"steps-{number}-model": str(it.pk)}
        form |= {f"steps-{number}-attempts": "2", f"steps-{number}-temperature": "0.5"}
    return post(client, f"{ROUTES}add/", **(form | fields))


def test_a_route_is_made_with_its_chain_in_order(charlie: Client, provider: Provider) -> None:
    first, second = model(provider, "first"), model(provider, "second")
    new_route(charlie, second, first)
    made = Route.objects.get()
    assert [step.model for step in made.ready_steps] == [first, second]
    assert "first → second" in charlie.get(ROUTES).content.decode()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"steps-0-attempts": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"steps-0-temperature": "2.5"}, "Ensure this value is less than or equal to 2."),
        ({"steps-0-temperature": "nan"}, "Enter a number."),
        ({"steps-0-timeout": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"steps-0-model": ""}, "This field is required."),
        ({"steps-TOTAL_FORMS": "0"}, "A route needs at least one model."),
        ({"auto": "chooser"}, "Auto has no models of its own: it takes the other routes&#x27;."),
        ({"auto": "images"}, "The first model of the route for images must be one that sees images."),
        ({"effort": "ultra"}, "Select a valid choice."),
        ({"name": "two words"}, "Enter a valid “slug”"),
    ],
    ids=str,
)
def test_a_route_that_could_not_answer_is_refused_in_words(
    alice: Client, provider: Provider, fields: dict[str, str], words: str
) -> None:
    assert words in new_route(alice, model(provider), **fields)
    assert not Route.objects.exists()


def test_auto_itself_needs_no_models(alice: Client) -> None:
    new_route(alice, auto="chooser")
    assert Route.objects.get().is_auto


def test_an_answer_longer_than_the_window_is_refused_at_its_field(alice: Client, provider: Provider) -> None:
    form = {"provider": str(provider.pk), "name": "m", "context_tokens": "100", "output_tokens": "200"}
    assert "longer than the window" in error_at(post(alice, f"{MODELS}add/", **form), "output_tokens")


def test_the_lists_cost_the_same_however_many_rows_they_have(
    alice: Client, provider: Provider, django_assert_max_num_queries: Any
) -> None:
    for number in range(15):
        it = model(Provider.objects.create(name=f"p{number}"), f"m{number}")
        route(it, f"r{number}")
    for path in (PROVIDERS, HEALTH, ROUTES, MODELS):
        with django_assert_max_num_queries(14):
            assert alice.get(path).status_code == 200


def test_the_pages_hold_no_inline_script_or_style(alice: Client, provider: Provider) -> None:
    route(model(provider), "quick")
    for path in (PROVIDERS, HEALTH, f"{PROVIDERS}{provider.pk}/change/", f"{ROUTES}{Route.objects.get().pk}/change/"):
        html = alice.get(path).content.decode()
        assert not re.search(r"<script(?![^>]*\b(src|type=\"application/json\"))", html)
        assert " style=" not in html
