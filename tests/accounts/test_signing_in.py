from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import SESSION_KEY
from django.core import mail
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from accounts import links
from accounts.adapter import ClosedAdapter
from accounts.models import User
from tests.accounts.conftest import PASSWORD, at_once

NEW = "a quiet green harbour"
MEMBERS_PAGE = "/accounts/password/change/"  # any page that asks who is there
TOO_MANY = "Too many failed login attempts"


def sign_in(
    client: Client, email: str = "bob@example.org", password: str = PASSWORD, next: str = "", **more: Any
) -> HttpResponse:
    fields = {"login": email, "password": password} | ({"next": next} if next else {})
    return client.post("/accounts/login/", fields, **more)  # type: ignore[return-value]


def change_password(client: Client, **more: str) -> HttpResponse:
    fields = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW, **more}
    return client.post("/accounts/password/change/", fields)  # type: ignore[return-value]


def is_signed_in(client: Client) -> bool:
    return client.get(MEMBERS_PAGE).status_code == 200


@pytest.mark.parametrize("typed", ["bob@example.org", "Bob@Example.ORG", "  BOB@EXAMPLE.ORG "])
def test_bob_signs_in_with_his_address_in_any_case_and_lands_in_the_chat(client: Client, bob: User, typed: str) -> None:
    answer = sign_in(client, typed)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert is_signed_in(client)


def test_members_need_no_row_in_allauths_table_of_addresses_and_get_none(
    client: Client, bob: User, settings: Settings
) -> None:
    settings.CAN_MAIL = True
    sign_in(client)
    change_password(client)
    client.post("/accounts/logout/")
    client.post("/accounts/password/reset/", {"email": "bob@example.org"})
    assert not EmailAddress.objects.exists()


def test_after_a_change_of_address_only_the_new_one_signs_in(client: Client, bob: User) -> None:
    sign_in(Client())
    User.objects.filter(pk=bob.pk).update(email="robert@example.org")
    assert sign_in(client).status_code == 200
    assert sign_in(client, "robert@example.org").status_code == 302


def test_a_wrong_password_and_an_unknown_address_are_told_the_same(client: Client, bob: User) -> None:
    wrong = sign_in(client, password="wrong").content.decode()
    unknown = sign_in(client, "nobody@example.org", "wrong").content.decode()
    sentence = "The email address and/or password you specified are not correct."
    assert sentence in wrong
    assert sentence in unknown


@pytest.mark.django_db
def test_a_member_without_a_password_cannot_sign_in(client: Client) -> None:
    User.objects.create_user("dora@example.org")
    for password in ["", "!", "None"]:
        assert sign_in(client, "dora@example.org", password).status_code == 200
    assert not is_signed_in(client)


def test_an_inactive_member_with_the_right_password_is_told_whom_to_ask(client: Client, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    answer = client.get(sign_in(client)["Location"])
    assert "Ask your administrator" in answer.content.decode()
    assert not is_signed_in(client)


# Where one lands ----------------------------------------------------------------------------------------------------


def test_a_signed_out_member_comes_back_to_where_they_wanted_to_go(client: Client, bob: User) -> None:
    sent = client.get(MEMBERS_PAGE)
    assert sent["Location"] == f"/accounts/login/?next={MEMBERS_PAGE}"
    assert f'name="next" value="{MEMBERS_PAGE}"' in client.get(sent["Location"]).content.decode()
    assert sign_in(client, next=MEMBERS_PAGE)["Location"] == MEMBERS_PAGE


ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "http://localhost/",
    "\thttps://evil.example",
    "https://127.0.0.1:1/",
]


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_nobody_is_led_elsewhere_by_signing_in_or_out(client: Client, bob: User, elsewhere: str) -> None:
    assert sign_in(client, next=elsewhere)["Location"] == "/"
    assert client.get("/accounts/login/", {"next": elsewhere})["Location"] == "/"
    assert client.post("/accounts/logout/", {"next": elsewhere})["Location"] == "/accounts/login/"


# Sessions -----------------------------------------------------------------------------------------------------------


def test_the_session_gets_a_new_key_at_sign_in_and_the_old_one_is_dead(client: Client, bob: User) -> None:
    session = client.session
    session["seen"] = True
    session.save()
    known = session.session_key or ""
    sign_in(client)
    assert client.session.session_key != known
    assert not client.session.exists(known)


def test_a_session_key_that_somebody_chose_is_not_taken_over(client: Client, bob: User, settings: Settings) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    sign_in(client)
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != "a" * 32
    assert is_signed_in(client)


def test_signing_out_ends_the_session_for_whoever_kept_its_cookie(
    client: Client, bob: User, settings: Settings
) -> None:
    sign_in(client)
    kept = Client()
    kept.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert is_signed_in(kept)
    assert client.post("/accounts/logout/")["Location"] == "/accounts/login/"
    assert not is_signed_in(kept)


def test_opening_the_sign_out_page_does_not_sign_out(client: Client, bob: User) -> None:
    sign_in(client)
    assert '<form method="post" action="/accounts/logout/">' in client.get("/accounts/logout/").content.decode()
    assert is_signed_in(client)


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/logout/", "/accounts/password/change/"])
def test_every_form_needs_its_csrf_token(bob: User, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert client.post(path, {"login": "bob@example.org", "password": PASSWORD}).status_code == 403
    assert SESSION_KEY in client.session


def test_a_changed_password_keeps_this_device_and_signs_out_the_others(client: Client, bob: User) -> None:
    other = Client()
    sign_in(other)
    sign_in(client)
    old = client.session.session_key
    changed = change_password(client)
    assert "Your password is changed." in client.get(changed["Location"]).content.decode()
    assert client.session.session_key != old
    assert not is_signed_in(other)
    assert sign_in(Client()).status_code == 200
    assert sign_in(Client(), password=NEW).status_code == 302


def test_a_password_is_changed_only_by_who_knows_the_old_one(client: Client, bob: User) -> None:
    sign_in(client)
    assert "Please type your current password." in change_password(client, oldpassword="wrong").content.decode()
    assert "too short" in change_password(client, password1="short", password2="short").content.decode()
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


def test_a_deactivated_member_is_signed_out_with_their_next_request(client: Client, bob: User) -> None:
    sign_in(client)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert not is_signed_in(client)


def test_changing_a_password_does_not_bring_back_a_member_who_is_being_deactivated(bob: User) -> None:
    read_before = User.objects.get(pk=bob.pk)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    ClosedAdapter().set_password(read_before, NEW)
    bob.refresh_from_db()
    assert not bob.is_active


def test_no_form_sets_more_than_it_shows(client: Client, bob: User) -> None:
    smuggled = {"is_staff": "1", "is_superuser": "1", "email": "evil@example.org", "is_active": "0", "name": "System"}
    sign_in(client, QUERY_STRING="is_superuser=1")
    change_password(client, **smuggled)
    bob.refresh_from_db()
    assert (bob.is_staff, bob.is_superuser, bob.is_active) == (False, False, True)
    assert (bob.email, bob.name) == ("bob@example.org", "Bob")


# Nobody signs up ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["signup/", "email/", "confirm-email/", "confirm-email/x/", "login/code/confirm/", "reauthenticate/", "x/"]
)
def test_there_is_no_signing_up_and_no_page_we_do_not_use(client: Client, path: str) -> None:
    form = {"email": "evil@example.org", "password1": NEW, "password2": NEW, "is_superuser": "1"}
    assert client.get(f"/accounts/{path}").status_code == 404
    assert client.post(f"/accounts/{path}", form).status_code == 404
    assert not User.objects.exists()


# Guessing -----------------------------------------------------------------------------------------------------------


def test_after_five_wrong_passwords_from_anywhere_an_account_rests(client: Client, bob: User) -> None:
    for n in range(5):
        assert TOO_MANY not in sign_in(client, password="wrong", REMOTE_ADDR=f"203.0.113.{n}").content.decode()
    assert TOO_MANY in sign_in(client, REMOTE_ADDR="203.0.113.99").content.decode()
    assert TOO_MANY in sign_in(client, "BOB@example.org", REMOTE_ADDR="203.0.113.98").content.decode()


def test_a_different_host_header_gives_no_further_guesses(client: Client, bob: User) -> None:
    for port in range(5):
        sign_in(client, password="wrong", HTTP_HOST=f"localhost:{port + 1}")
    assert TOO_MANY in sign_in(client, HTTP_HOST="127.0.0.1:9").content.decode()


def test_one_visitor_guesses_ten_times_a_minute_whatever_the_account(client: Client, bob: User) -> None:
    for n in range(10):
        sign_in(client, f"member{n}@example.org", "wrong")
    assert TOO_MANY in sign_in(client).content.decode()
    assert sign_in(client, REMOTE_ADDR="203.0.113.1").status_code == 302


def test_a_successful_sign_in_does_not_wipe_the_failed_ones(client: Client, bob: User) -> None:
    for _ in range(4):
        sign_in(client, password="wrong")
    assert sign_in(Client()).status_code == 302
    sign_in(client, password="wrong")
    assert TOO_MANY in sign_in(client).content.decode()


def test_x_forwarded_for_is_the_visitors_own_word_unless_a_proxy_is_trusted(client: Client, bob: User) -> None:
    for n in range(10):
        sign_in(client, f"member{n}@example.org", "wrong", HTTP_X_FORWARDED_FOR=f"203.0.113.{n}")
    assert TOO_MANY in sign_in(client, HTTP_X_FORWARDED_FOR="203.0.113.99").content.decode()


def test_behind_a_proxy_its_last_word_in_x_forwarded_for_counts(client: Client, bob: User, settings: Settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for n in range(10):
        forwarded = f"198.51.100.{n}, 203.0.113.1"
        sign_in(client, f"member{n}@example.org", "wrong", HTTP_X_FORWARDED_FOR=forwarded)
    assert TOO_MANY in sign_in(client, HTTP_X_FORWARDED_FOR="198.51.100.99, 203.0.113.1").content.decode()
    assert sign_in(client, HTTP_X_FORWARDED_FOR="203.0.113.2").status_code == 302


def test_guessing_the_current_password_of_an_open_session_is_counted_too(client: Client, bob: User) -> None:
    sign_in(client)
    answers = [change_password(client, oldpassword="wrong").status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]


@pytest.mark.django_db(transaction=True)
def test_forty_guesses_at_once_are_five_guesses_at_most(bob: User) -> None:
    guesses = [partial(sign_in, Client(), password="wrong", REMOTE_ADDR=f"203.0.113.{n}") for n in range(40)]
    answers = at_once(guesses)
    tried = [answer for answer in answers if TOO_MANY not in answer.content.decode()]
    assert 1 <= len(tried) <= 5


def test_guesses_are_counted_in_the_database_where_every_web_process_looks(client: Client, bob: User) -> None:
    sign_in(client, password="wrong")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cache WHERE cache_key LIKE '%%login_failed%%' AND expires > now()")
        assert cursor.fetchone() == (2,)  # one count for the visitor's address, one for the account


# Forgotten passwords ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_without_a_mail_server_people_are_sent_to_their_administrator(client: Client, settings: Settings) -> None:
    settings.CAN_MAIL = False
    page = client.get("/accounts/login/").content.decode()
    assert "Forgotten your password? Ask your administrator for a new link." in " ".join(page.split())
    assert "/accounts/password/reset/" not in page
    assert client.get("/accounts/password/reset/").status_code == 404
    assert client.post("/accounts/password/reset/", {"email": "bob@example.org"}).status_code == 404


def test_a_forgotten_password_is_chosen_anew_by_a_mailed_link(client: Client, bob: User, settings: Settings) -> None:
    settings.CAN_MAIL = True
    settings.PUBLIC_ORIGIN = "https://chat.example.org"
    assert "/accounts/password/reset/" in client.get("/accounts/login/").content.decode()
    client.post("/accounts/password/reset/", {"email": "Bob@example.org"}, HTTP_HOST="localhost:666")
    (letter,) = mail.outbox
    assert letter.to == ["bob@example.org"]
    assert letter.subject == "Choose a new password"
    assert "localhost:666" not in letter.message().as_string()
    link = next(line for line in letter.body.splitlines() if line.startswith("https://chat.example.org/"))
    client.get(link.removeprefix("https://chat.example.org"), follow=True)
    address = link.removeprefix("https://chat.example.org").rsplit("/", 2)[0] + "/choose/"
    assert client.post(address, {"password1": NEW, "password2": NEW}).status_code == 302
    assert sign_in(Client(), password=NEW).status_code == 302


def test_asking_for_a_link_answers_the_same_for_strangers_and_inactive_members(
    client: Client, bob: User, alice: User, settings: Settings
) -> None:
    settings.CAN_MAIL = True
    User.objects.filter(pk=alice.pk).update(is_active=False)
    pages = {
        email: client.post("/accounts/password/reset/", {"email": email}, follow=True).content
        for email in ["bob@example.org", "alice@example.org", "nobody@example.org"]
    }
    assert len(set(pages.values())) == 1
    assert [letter.to for letter in mail.outbox] == [["bob@example.org"]]


def test_a_mail_server_that_is_away_does_not_tell_members_from_strangers(
    client: Client, bob: User, settings: Settings
) -> None:
    settings.CAN_MAIL = True
    settings.EMAIL_BACKEND = "tests.accounts.conftest.AwayBackend"
    for email in ["bob@example.org", "nobody@example.org"]:
        assert client.post("/accounts/password/reset/", {"email": email}).status_code == 302


def test_asking_for_a_mail_leaves_the_administrators_link_alone(client: Client, bob: User, settings: Settings) -> None:
    settings.CAN_MAIL = True
    link = links.make(bob)
    client.post("/accounts/password/reset/", {"email": "bob@example.org"})
    assert client.get(link.removeprefix(settings.PUBLIC_ORIGIN), follow=True).status_code == 200


def test_asking_for_links_is_counted(client: Client, bob: User, settings: Settings) -> None:
    settings.CAN_MAIL = True
    answers = [client.post("/accounts/password/reset/", {"email": "bob@example.org"}).status_code for _ in range(6)]
    assert answers == [302] * 5 + [429]


# Pages --------------------------------------------------------------------------------------------------------------


def test_the_pages_work_without_scripts_and_styles_of_their_own(
    client: Client, bob: User, signed_in: Callable[[User], Client], settings: Settings
) -> None:
    settings.CAN_MAIL = True
    pages = [
        client.get("/accounts/login/"),
        client.get("/accounts/password/reset/"),
        client.get("/accounts/password/reset/done/"),
        client.get("/accounts/inactive/"),
        client.get("/accounts/welcome/x/y/"),
        signed_in(bob).get("/accounts/password/change/"),
        signed_in(bob).get("/accounts/logout/"),
    ]
    for page in pages:
        main = page.content.decode().partition("<main")[2].partition("</main>")[0]
        assert main.startswith(' class="card">')
        assert main.count("<h1>") == 1
        assert "<script" not in main
        assert "style=" not in main
        assert main.count("<label") == main.count('<div class="field">')


def test_password_managers_know_which_field_is_which(client: Client, bob: User, signed_in: Any) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert 'autocomplete="email"' in page
    assert 'autocomplete="current-password"' in page
    assert signed_in(bob).get("/accounts/password/change/").content.decode().count('autocomplete="new-password"') == 2
