from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.forms import modelform_factory
from django.http import HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts import links
from accounts.admin import MemberAdmin, MemberForm
from accounts.models import User
from tests.accounts.conftest import PASSWORD, at_once, beside

SignedIn = Callable[[User], Client]
MEMBERS = "/admin/accounts/user/"
READONLY_LINK = re.compile(r'<input id="set-password-link"[^>]* readonly value="([^"]+)"')


def edit(client: Client, member: User, **fields: Any) -> HttpResponse:
    """Post the change form: what it shows, with `fields` laid over."""
    shown: dict[str, Any] = {
        "email": member.email,
        "name": member.name,
        "groups": [group.pk for group in member.groups.all()],
        "user_permissions": [permission.pk for permission in member.user_permissions.all()],
    }
    for box in ["is_active", "is_staff", "is_superuser"]:
        if getattr(member, box):
            shown[box] = "on"
    posted = {name: value for name, value in (shown | fields).items() if value is not None}
    page = f"{MEMBERS}{member.pk}/change/"
    return client.post(page, beside(client, page) | posted)  # type: ignore[return-value]


def make_link(client: Client, member: User) -> HttpResponse:
    return client.post(f"{MEMBERS}{member.pk}/link/")  # type: ignore[return-value]


def link_on(page: HttpResponse) -> str:
    found = READONLY_LINK.search(page.content.decode())
    assert found
    return found[1]


def permission(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


# Adding and inviting ------------------------------------------------------------------------------------------------


def test_alice_adds_dora_and_copies_a_link_with_which_dora_gets_in(
    alice: User, signed_in: SignedIn, settings: Settings
) -> None:
    settings.PUBLIC_ORIGIN = "https://chat.example.org"
    client = signed_in(alice)
    team = Group.objects.create(name="Writers")
    added = client.post(f"{MEMBERS}add/", {"email": "Dora@Example.org", "name": "Dora", "groups": [team.pk]})
    dora = User.objects.get(email="dora@example.org")
    assert added["Location"] == f"{MEMBERS}{dora.pk}/change/"
    assert "Make a new set-password link" in client.get(added["Location"]).content.decode()
    assert not dora.has_usable_password()
    assert list(dora.groups.all()) == [team]

    link = link_on(make_link(client, dora))
    assert link.startswith("https://chat.example.org/accounts/welcome/")
    browser = Client()
    page = browser.get(link.removeprefix("https://chat.example.org"))
    landed = browser.post(page["Location"], {"password1": PASSWORD, "password2": PASSWORD})
    assert landed["Location"] == "/"


def test_the_form_for_a_new_member_asks_for_no_password_and_takes_no_rights(alice: User, signed_in: SignedIn) -> None:
    client = signed_in(alice)
    page = client.get(f"{MEMBERS}add/").content.decode()
    assert 'name="password' not in page
    assert 'name="is_superuser"' not in page
    smuggled = {"email": "dora@example.org", "is_superuser": "on", "password": "x", "password1": PASSWORD, "id": "1"}
    client.post(f"{MEMBERS}add/", smuggled)
    dora = User.objects.get(email="dora@example.org")
    assert not dora.is_superuser
    assert not dora.has_usable_password()


def test_an_address_belongs_to_one_member_in_any_case(alice: User, bob: User, signed_in: SignedIn) -> None:
    refused = signed_in(alice).post(f"{MEMBERS}add/", {"email": "BOB@example.org"})
    assert "Member with this Address already exists." in refused.content.decode()


def test_a_link_is_shown_once_and_only_on_the_answer(alice: User, bob: User, signed_in: SignedIn) -> None:
    client = signed_in(alice)
    shown = make_link(client, bob)
    link = link_on(shown)
    assert "no-store" in shown["Cache-Control"]
    assert link not in client.get(f"{MEMBERS}{bob.pk}/change/").content.decode()
    entry = LogEntry.objects.get(object_id=str(bob.pk))
    assert entry.get_change_message() == "Made a new set-password link."
    assert client.get(f"{MEMBERS}{bob.pk}/link/").status_code == 405


def test_an_inactive_member_gets_no_link(alice: User, bob: User, signed_in: SignedIn) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    client = signed_in(alice)
    assert "Make a new set-password link" not in client.get(f"{MEMBERS}{bob.pk}/change/").content.decode()
    assert make_link(client, bob).status_code == 302


def test_links_can_be_mailed_where_there_is_a_mail_server(
    alice: User, bob: User, charlie: User, signed_in: SignedIn, settings: Settings
) -> None:
    chosen = {"action": "mail_new_links", "_selected_action": [str(bob.pk), str(alice.pk)]}
    settings.CAN_MAIL = False
    signed_in(alice).post(MEMBERS, chosen)
    assert mail.outbox == []
    settings.CAN_MAIL = True
    answer = signed_in(charlie).post(MEMBERS, chosen, follow=True)
    assert [letter.to for letter in mail.outbox] == [["bob@example.org"]]
    assert f"{settings.PUBLIC_ORIGIN}/accounts/welcome/" in mail.outbox[0].body
    assert "Mailed 1 of 2 members" in answer.content.decode()


def test_a_mail_server_that_is_away_is_told_to_the_administrator(
    alice: User, bob: User, signed_in: SignedIn, settings: Settings
) -> None:
    settings.CAN_MAIL = True
    settings.EMAIL_BACKEND = "tests.accounts.conftest.AwayBackend"
    chosen = {"action": "mail_new_links", "_selected_action": [str(bob.pk)]}
    answer = signed_in(alice).post(MEMBERS, chosen, follow=True)
    assert "Mailed 0 of 1 members" in answer.content.decode()


# What is shown ------------------------------------------------------------------------------------------------------


def test_nobody_sees_a_password_not_even_its_hash(alice: User, bob: User, signed_in: SignedIn) -> None:
    client = signed_in(alice)
    for path in [MEMBERS, f"{MEMBERS}{bob.pk}/change/", f"{MEMBERS}{bob.pk}/history/", f"{MEMBERS}add/"]:
        html = client.get(path).content.decode()
        assert bob.password not in html
        assert bob.password.split("$")[-1] not in html
        assert "md5" not in html


@pytest.mark.parametrize("lookup", ["password__startswith=md5", "password=x", "groups__user__password=x"])
def test_the_list_cannot_be_asked_about_passwords(alice: User, bob: User, signed_in: SignedIn, lookup: str) -> None:
    assert signed_in(alice).get(f"{MEMBERS}?{lookup}").status_code in {302, 400}


def test_no_administrator_types_another_members_password(alice: User, bob: User, signed_in: SignedIn) -> None:
    client = signed_in(alice)
    client.post(f"{MEMBERS}{bob.pk}/password/", {"password1": "x" * 12, "password2": "x" * 12}, follow=True)
    edit(client, bob, password="md5$evil$0")
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


def test_the_list_finds_members_by_name_and_address(alice: User, bob: User, signed_in: SignedIn) -> None:
    Group.objects.create(name="Writers").user_set.add(bob)
    html = signed_in(alice).get(f"{MEMBERS}?q=bob").content.decode()
    assert "bob@example.org" in html
    assert "Writers" in html
    assert "alice@example.org" not in html.partition('id="result_list"')[2]


def test_the_pages_hold_no_inline_script_or_style(alice: User, bob: User, signed_in: SignedIn) -> None:
    client = signed_in(alice)
    page = make_link(client, bob)
    html = page.content.decode() + client.get(f"{MEMBERS}{bob.pk}/change/").content.decode()
    assert "unsafe-inline" not in page["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\b(src|type=\"application/json\"))", html)
    assert "<style" not in html
    assert " style=" not in html


def test_saving_a_member_undoes_no_password_and_no_link_made_meanwhile(bob: User, rf: RequestFactory) -> None:
    read_before = User.objects.get(pk=bob.pk)
    form = modelform_factory(User, form=MemberForm, fields=["name"])({"name": "Robert"}, instance=read_before)
    assert form.is_valid()
    links.make(bob)
    bob.choose_password("a quiet green harbour")
    MemberAdmin(User, site).save_model(rf.post("/"), form.instance, form, change=True)
    bob.refresh_from_db()
    assert (bob.name, bob.link_version) == ("Robert", 1)
    assert bob.check_password("a quiet green harbour")


# Who may do what ----------------------------------------------------------------------------------------------------


def test_a_member_does_not_get_into_the_admin(bob: User, signed_in: SignedIn) -> None:
    client = signed_in(bob)
    assert client.get(MEMBERS, follow=True).status_code == 403
    assert make_link(client, bob).status_code == 302
    assert make_link(Client(), bob)["Location"].startswith("/admin/login/")


def test_the_admins_doors_lead_to_the_sign_in_page_that_counts_guesses(alice: User, signed_in: SignedIn) -> None:
    client = Client()
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/login/?next=%2Fadmin%2F"
    assert client.post("/admin/login/", {"username": alice.email, "password": PASSWORD}).status_code == 302
    assert "_auth_user_id" not in client.session
    assert signed_in(alice).get("/admin/password_change/")["Location"] == "/accounts/password/change/"


def test_an_administrator_without_rights_can_look_at_nobody(bob: User, alice: User, signed_in: SignedIn) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    client = signed_in(bob)
    assert client.get("/admin/").status_code == 200
    assert client.get(MEMBERS).status_code == 403
    assert client.get(f"{MEMBERS}{alice.pk}/change/").status_code == 403
    assert client.post(f"{MEMBERS}add/", {"email": "dora@example.org"}).status_code == 403
    assert edit(client, bob, is_superuser="on").status_code == 403
    assert make_link(client, bob).status_code == 403
    assert make_link(client, alice).status_code == 403


def test_who_may_only_add_members_adds_none(bob: User, signed_in: SignedIn) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    bob.user_permissions.add(permission("add_user"))
    assert signed_in(bob).post(f"{MEMBERS}add/", {"email": "dora@example.org"}).status_code == 403


def test_charlie_looks_after_members_but_not_after_superusers(
    alice: User, bob: User, charlie: User, signed_in: SignedIn
) -> None:
    client = signed_in(charlie)
    assert link_on(make_link(client, bob))
    assert edit(client, bob, name="Robert").status_code == 302
    assert make_link(client, alice).status_code == 403
    assert edit(client, alice, email="evil@example.org").status_code == 403
    alice.refresh_from_db()
    assert (alice.email, alice.link_version) == ("alice@example.org", 0)


def test_charlie_does_not_get_hold_of_a_superuser_who_is_inactive(
    alice: User, charlie: User, signed_in: SignedIn
) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert edit(signed_in(charlie), alice, is_active="on", email="evil@example.org").status_code == 403


@pytest.mark.parametrize("active", [True, False])
def test_charlie_does_not_get_hold_of_somebody_who_may_do_more(
    bob: User, charlie: User, signed_in: SignedIn, active: bool
) -> None:
    keepers = Group.objects.create(name="Keepers")
    keepers.permissions.add(permission("delete_session"))
    bob.groups.add(keepers)
    User.objects.filter(pk=bob.pk).update(is_active=active)
    assert make_link(signed_in(charlie), bob).status_code == 403
    assert edit(signed_in(charlie), bob, email="evil@example.org").status_code == 403


def test_charlie_makes_nobody_a_superuser(bob: User, charlie: User, signed_in: SignedIn) -> None:
    client = signed_in(charlie)
    assert 'name="is_superuser"' not in client.get(f"{MEMBERS}{bob.pk}/change/").content.decode()
    for member in [bob, charlie]:
        edit(client, member, is_superuser="on")
        member.refresh_from_db()
        assert not member.is_superuser


def test_charlie_gives_only_permissions_and_groups_that_he_has(bob: User, charlie: User, signed_in: SignedIn) -> None:
    keepers = Group.objects.create(name="Keepers")
    keepers.permissions.add(permission("delete_session"))
    writers = Group.objects.create(name="Writers")
    writers.permissions.add(permission("view_user"))
    client = signed_in(charlie)
    for member in [bob, charlie]:
        refused = edit(client, member, user_permissions=[permission("delete_user").pk])
        assert "is not one of the available choices" in refused.content.decode()
        refused = edit(client, member, groups=[keepers.pk])
        assert "is not one of the available choices" in refused.content.decode()
        assert "delete_user" not in {p.codename for p in member.user_permissions.all()}
    assert edit(client, bob, groups=[writers.pk], user_permissions=[permission("view_group").pk]).status_code == 302
    assert list(bob.groups.all()) == [writers]
    unadded = client.post(f"{MEMBERS}add/", {"email": "dora@example.org", "groups": [keepers.pk]})
    assert "is not one of the available choices" in unadded.content.decode()


def test_charlie_cannot_outgrow_himself_through_a_group(bob: User, charlie: User, signed_in: SignedIn) -> None:
    writers = Group.objects.create(name="Writers")
    charlie.groups.add(writers)
    keepers = Group.objects.create(name="Keepers")
    keepers.permissions.add(permission("delete_session"))
    client = signed_in(charlie)
    more = {"name": "Writers", "permissions": [permission("delete_session").pk]}
    assert "is not one of" in client.post(f"/admin/auth/group/{writers.pk}/change/", more).content.decode()
    assert "is not one of" in client.post("/admin/auth/group/add/", more | {"name": "New"}).content.decode()
    assert client.post(f"/admin/auth/group/{keepers.pk}/change/", {"name": "Mine"}).status_code == 403
    assert client.post(f"/admin/auth/group/{writers.pk}/change/", {"name": "Authors"}).status_code == 302


@pytest.mark.django_db
def test_nobody_lends_a_member_a_second_address(alice: User, signed_in: SignedIn) -> None:
    assert signed_in(alice).get("/admin/account/emailaddress/").status_code == 404


# The last superuser -------------------------------------------------------------------------------------------------

LAST = "This is the last active superuser"


@pytest.mark.parametrize("right", ["is_active", "is_staff", "is_superuser"])
def test_the_last_active_superuser_stays(alice: User, bob: User, signed_in: SignedIn, right: str) -> None:
    User.objects.create_superuser("erin@example.org", PASSWORD, is_active=False)
    client = signed_in(alice)
    assert LAST in edit(client, alice, **{right: None}).content.decode()
    alice.refresh_from_db()
    assert alice.is_active
    assert alice.is_superuser
    edit(client, bob, is_superuser="on", is_staff="on")
    assert edit(client, alice, **{right: None}).status_code == 302
    alice.refresh_from_db()
    assert not getattr(alice, right)


def test_nobody_deletes_members(alice: User, bob: User, signed_in: SignedIn) -> None:
    client = signed_in(alice)
    assert client.post(f"{MEMBERS}{bob.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [str(bob.pk), str(alice.pk)], "post": "yes"}
    client.post(MEMBERS, chosen)
    assert User.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_superusers_who_demote_each_other_at_once_leave_one(alice: User, signed_in: SignedIn) -> None:
    for n in range(5):
        User.objects.filter(is_superuser=True).exclude(pk=alice.pk).delete()
        erin = User.objects.create_superuser(f"erin{n}@example.org", PASSWORD)
        User.objects.filter(pk=alice.pk).update(is_superuser=True)
        alice.refresh_from_db()
        doings = [partial(edit, signed_in(alice), erin, is_superuser=None)]
        doings += [partial(edit, signed_in(erin), alice, is_superuser=None)]
        at_once(doings)
        assert User.objects.filter(is_superuser=True, is_active=True).count() == 1
