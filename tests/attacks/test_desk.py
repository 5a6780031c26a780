"""AU18, AU19, RD4: the admin for those who may do little there, and for whoever types strange things into it.

AU20 (the last superuser, rights beyond one's own) stands in tests/accounts/test_admin.py; that no page, history, export
or report holds a key in tests/catalog/test_admin.py and test_keys.py there.
"""

from __future__ import annotations

import json

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.models import LanguageModel, Provider, Route, Step
from tests.attacks.pages import whole
from tests.attacks.routes import World, digests
from tests.attacks.test_routes import MATRIX, NOT_LOOKED_AT

KEY = "sk-0123456789abcdef0123456789abcdef"
SECRETS = ("password", "sealed_key", "encrypted_key", "session_key", "session_data")


def staff(world: World, *rights: str) -> Client:
    erin = world.people["staff"]
    assert erin
    erin.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return world.browser("staff")


def test_who_may_only_look_at_routes_changes_none_and_no_step_of_theirs(world: World) -> None:
    route, model = Route.objects.get(), LanguageModel.objects.get()
    erin, before = staff(world, "view_route", "view_step", "view_languagemodel"), digests(NOT_LOOKED_AT)
    form = {
        "name": "evil",
        "label": "Evil",
        "position": "0",
        "_save": "Save",
        "_saveasnew": "1",
        "_popup": "1",
        "steps-TOTAL_FORMS": "1",
        "steps-INITIAL_FORMS": "0",
        "steps-0-model": str(model.pk),
        "steps-0-position": "5",
        "steps-0-attempts": "3",
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "1",
        "form-0-id": str(route.pk),
        "form-0-label": "Evil",
    }
    for to in (f"{route.pk}/change/", "add/", "add/?_popup=1", f"{route.pk}/change/?_to_field=name&_popup=1"):
        assert erin.post(f"/admin/catalog/route/{to}", form).status_code in {400, 403}
    for action in ("delete_selected", "discover_models", "close_circuits", "mail_new_links"):
        erin.post("/admin/catalog/route/", {"action": action, "_selected_action": str(route.pk), "post": "yes"} | form)
    assert digests(NOT_LOOKED_AT) == before


def test_who_may_change_routes_but_no_steps_changes_no_steps(world: World) -> None:
    """An inline is asked for its own permission, row by row."""
    route, model = Route.objects.get(), LanguageModel.objects.get()
    steps = list(Step.objects.values())
    form = {
        "name": route.name,
        "label": "Quicker",
        "position": "0",
        "effort": route.effort,
        "listed": "on",
        "enabled": "on",
        "steps-TOTAL_FORMS": "2",
        "steps-INITIAL_FORMS": "1",
        "steps-0-id": str(steps[0]["id"]),
        "steps-0-route": str(route.pk),
        "steps-0-DELETE": "on",
        "steps-1-model": str(model.pk),
        "steps-1-route": str(route.pk),
        "steps-1-position": "9",
        "steps-1-attempts": "3",
    }
    answer = staff(world, "view_route", "change_route").post(f"/admin/catalog/route/{route.pk}/change/", form)
    assert answer.status_code == 302, answer.content.decode()
    assert Route.objects.get().label == "Quicker"
    assert list(Step.objects.values()) == steps


@pytest.mark.parametrize(
    "query",
    [
        "_to_field=password&_popup=1",
        "_to_field=link_version&_popup=1",
        "_to_field=id__startswith&_popup=1",
        "password__startswith=pbkdf2",
        "conversations__title__contains=monad",
        "conversations__messages__text__contains=monad",
    ],
)
def test_an_address_asks_for_no_column_that_is_not_shown(world: World, query: str) -> None:
    """Neither a popup's nor a filter's: answers to one letter after the other would tell all of it."""
    answer = world.browser("administrator").get(f"/admin/accounts/user/?{query}")
    assert answer.status_code in {302, 400}
    assert "alice@example.org" not in answer.content.decode()


def test_suggestions_are_for_those_who_may_look(world: World) -> None:
    ask = "/admin/autocomplete/?app_label=catalog&model_name=step&field_name=model&term="
    assert staff(world, "view_step").get(ask).status_code == 403
    shown = world.browser("administrator").get(ask)
    assert [it["text"] for it in json.loads(shown.content)["results"]] == [str(LanguageModel.objects.get())]
    for field in ("route", "nothing", "password"):
        assert world.browser("administrator").get(ask.replace("=model&", f"={field}&")).status_code in {403, 404}


def test_no_secret_is_a_field_of_any_form_list_or_search() -> None:
    """The key that an administrator enters is a field of its own, that only takes."""
    for model_admin in site._registry.values():
        options = [*model_admin.list_display, *model_admin.search_fields, *model_admin.list_filter]
        options += [*(model_admin.fields or ()), str(model_admin.fieldsets)]
        assert not [it for it in options for secret in SECRETS if secret in str(it)], model_admin


def test_an_administrator_sees_no_key_anywhere(world: World) -> None:
    """AU19: every page of the admin that there is, after a key was entered."""
    root, provider = world.browser("administrator"), Provider.objects.get()
    shown = {
        "name": "deepseek",
        "dialect": "deepseek",
        "base_url": "https://provider.example",
        "concurrency": "5",
        "currency": "USD",
    }
    assert root.post(f"/admin/catalog/provider/{provider.pk}/change/", {**shown, "new_key": KEY}).status_code == 302
    provider.refresh_from_db()
    assert provider.kept_key.reveal() == KEY
    for route in MATRIX:
        if route.startswith("/admin/"):
            page = whole(root.get(world.address(route[1:]), follow=True)).decode()
            assert KEY not in page
            assert KEY[-8:] not in page
            assert KEY[:12] not in page


STRANGE = [
    "(a+)+$",
    "%" * 1000,
    "\\",
    "a' OR 1=1 --",
    "a & | ! <-> :*",
    "(" * 500,
    "x" * 5000,
    "\u202e",
    "𝒶",
    "{{7*7}}",
]


@pytest.mark.parametrize("typed", STRANGE, ids=lambda typed: typed[:12])
def test_what_is_searched_for_is_text_and_no_pattern(world: World, typed: str) -> None:
    """RD4: one statement, bound by a limit of words; a percent sign finds percent signs."""
    root = world.browser("administrator")
    with CaptureQueriesContext(connection) as queries:
        answer = root.get("/admin/accounts/user/", {"q": typed})
    assert answer.status_code == 200
    assert "alice@example.org" not in answer.content.decode().partition('id="result_list"')[2]
    assert not [it for it in queries if " ~ " in it["sql"] or " ~* " in it["sql"] or "SIMILAR TO" in it["sql"]]


def test_a_search_for_nul_or_for_nothing_breaks_nothing(world: World) -> None:
    for typed in ("\x00", "", " "):
        assert world.browser("administrator").get("/admin/accounts/user/", {"q": typed}).status_code < 500


def test_members_are_found_by_what_was_typed(world: World) -> None:
    User.objects.create_user("hundred@example.org", name="100% (a+)+$")
    root = world.browser("administrator")
    for typed in ("100%", "(a+)+$"):
        found = root.get("/admin/accounts/user/", {"q": typed}).content.decode().partition('id="result_list"')[2]
        assert "hundred@example.org" in found
        assert "alice@example.org" not in found
