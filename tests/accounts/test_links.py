from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from accounts import links
from accounts.models import User
from tests.accounts.conftest import PASSWORD, at_once

NEW = "a quiet green harbour"
GONE = "This link is no longer valid. Ask your administrator for a new one."


@pytest.fixture
def newcomer(db: None) -> User:
    """Dora was added a minute ago."""
    return User.objects.create_user("dora@example.org", name="Dora")


def follow(client: Client, link: str) -> HttpResponse:
    """The page behind a link, after the redirect that takes the token away."""
    return client.get(urlsplit(link).path, follow=True)  # type: ignore[return-value]


def choose(client: Client, link: str, password: str = NEW, **more: str) -> HttpResponse:
    address = urlsplit(link).path.rsplit("/", 2)[0] + "/choose/"
    return client.post(address, {"password1": password, "password2": password, **more})  # type: ignore[return-value]


def is_gone(response: HttpResponse) -> bool:
    return response.status_code == 404 and GONE in response.content.decode()


def test_a_newcomer_follows_the_link_chooses_a_password_and_lands_in_the_chat(client: Client, newcomer: User) -> None:
    link = links.make(newcomer)
    page = follow(client, link)
    assert "dora@example.org" in page.content.decode()
    landed = choose(client, link)
    assert (landed.status_code, landed["Location"]) == (302, "/")
    assert client.session["_auth_user_id"] == str(newcomer.pk)
    newcomer.refresh_from_db()
    assert newcomer.check_password(NEW)


def test_the_token_leaves_the_address_before_a_page_is_shown(client: Client, newcomer: User) -> None:
    link = links.make(newcomer)
    first = client.get(urlsplit(link).path)
    assert first.status_code == 302
    token = urlsplit(link).path.rsplit("/", 2)[1]
    assert token not in first["Location"]
    page = client.get(first["Location"])
    assert token not in page.content.decode()
    assert "no-store" in page["Cache-Control"]


def test_the_link_begins_with_our_public_origin_whatever_the_host_header_says(
    settings: Settings, newcomer: User
) -> None:
    settings.PUBLIC_ORIGIN = "https://chat.example.org"
    assert links.make(newcomer).startswith("https://chat.example.org/accounts/welcome/")


def test_looking_at_a_link_does_not_use_it_up(client: Client, newcomer: User) -> None:
    link = links.make(newcomer)
    for _ in range(3):
        assert follow(Client(), link).status_code == 200
    client.head(urlsplit(link).path)
    follow(client, link)
    assert choose(client, link).status_code == 302


def test_a_weak_password_is_explained_at_its_field_and_the_link_still_works(client: Client, newcomer: User) -> None:
    link = links.make(newcomer)
    follow(client, link)
    for weak, why in [("short", "too short"), ("password123", "too common"), ("dora@example.org1", "too similar")]:
        refused = choose(client, link, weak)
        assert refused.status_code == 422
        html = refused.content.decode()
        assert why in html.partition('id="id_password1_error"')[2].partition("</div>")[0]
        assert f'value="{weak}"' not in html
    newcomer.refresh_from_db()
    assert not newcomer.has_usable_password()
    assert choose(client, link).status_code == 302


def test_two_different_passwords_are_refused(client: Client, newcomer: User) -> None:
    link = links.make(newcomer)
    follow(client, link)
    refused = choose(client, link, password2="another green harbour")
    assert refused.status_code == 422
    assert 'id="id_password2_error"' in refused.content.decode()


def test_a_used_link_is_gone_in_every_browser(client: Client, newcomer: User) -> None:
    link = links.make(newcomer)
    late = Client()
    follow(late, link)
    follow(client, link)
    choose(client, link)
    assert is_gone(follow(Client(), link))
    assert is_gone(choose(late, link, "an entirely other one"))
    assert is_gone(choose(client, link, "an entirely other one"))


def test_a_newer_link_replaces_the_older_ones(newcomer: User) -> None:
    older = links.make(newcomer)
    newer = links.make(newcomer)
    assert is_gone(follow(Client(), older))
    assert follow(Client(), newer).status_code == 200


@pytest.mark.parametrize(("days", "status"), [(2.9, 200), (3.1, 404)])
def test_a_link_lives_three_days(client: Client, newcomer: User, days: float, status: int) -> None:
    class Earlier(links.LinkTokens):
        def _now(self) -> datetime:
            return super()._now() - timedelta(days=days)

    link = links.address(newcomer.pk, Earlier().make_token(newcomer))
    assert follow(client, link).status_code == status


def _new_address(member: User) -> None:
    User.objects.filter(pk=member.pk).update(email="dorothy@example.org")


def _inactive(member: User) -> None:
    User.objects.filter(pk=member.pk).update(is_active=False)


def _another_password(member: User) -> None:
    member.set_password("some other password")
    member.save(update_fields=["password"])


def _signed_in(member: User) -> None:
    Client().force_login(member)


@pytest.mark.parametrize("happens", [_new_address, _inactive, _another_password, _signed_in])
def test_a_link_dies_with_what_it_vouched_for(newcomer: User, happens: Callable[[User], None]) -> None:
    link = links.make(newcomer)
    late = Client()
    follow(late, link)
    happens(newcomer)
    assert is_gone(follow(Client(), link))
    assert is_gone(choose(late, link))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "token", ["choose", "x", "a-b", "c2v1kx-0123456789abcdef0123456789abcdef", "%00", "é", "-" * 500]
)
@pytest.mark.parametrize("who", ["member", "nobody", "!!!", "%00", "x" * 500, "AAAA"])
def test_an_invented_link_says_the_same_whether_the_member_exists_or_not(
    client: Client, newcomer: User, who: str, token: str
) -> None:
    known = urlsplit(links.make(newcomer)).path.split("/")[3]
    unknown = urlsplit(links.address(User().pk, "x")).path.split("/")[3]
    answer = client.get(f"/accounts/welcome/{ {'member': known, 'nobody': unknown}.get(who, who) }/{token}/")
    assert is_gone(answer)  # type: ignore[arg-type]
    assert "dora" not in answer.content.decode()
    assert not client.session.keys()


def test_one_members_token_opens_nobody_elses_page(client: Client, newcomer: User, bob: User) -> None:
    token = urlsplit(links.make(newcomer)).path.split("/")[4]
    assert is_gone(follow(client, links.address(bob.pk, token)))
    follow(client, links.make(newcomer))
    assert is_gone(choose(client, links.address(bob.pk, "x")))
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


def test_a_link_sets_a_password_and_nothing_else(client: Client, newcomer: User) -> None:
    link = links.make(newcomer)
    follow(client, link)
    choose(client, link, is_superuser="1", is_staff="1", email="evil@example.org", name="System", user=str(newcomer.pk))
    newcomer.refresh_from_db()
    assert (newcomer.is_superuser, newcomer.is_staff, newcomer.email) == (False, False, "dora@example.org")
    assert newcomer.name == "Dora"


def test_choosing_needs_the_pages_own_csrf_token(newcomer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    link = links.make(newcomer)
    follow(client, link)
    assert choose(client, link).status_code == 403


def test_following_anothers_link_ends_ones_own_session_once_the_password_is_chosen(
    newcomer: User, alice: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(alice)
    client.session["secret_of_alice"] = 1
    old = client.session.session_key
    link = links.make(newcomer)
    follow(client, link)
    choose(client, link)
    assert client.session["_auth_user_id"] == str(newcomer.pk)
    assert client.session.session_key != old
    assert "secret_of_alice" not in client.session


def test_a_link_for_somebody_who_has_a_password_signs_their_other_devices_out(
    bob: User, signed_in: Callable[[User], Client]
) -> None:
    old_device, new_device = signed_in(bob), Client()
    bob.refresh_from_db()
    link = links.make(bob)
    follow(new_device, link)
    choose(new_device, link)
    assert old_device.get("/accounts/password/change/").status_code == 302
    assert new_device.get("/accounts/password/change/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_twenty_uses_of_one_link_at_once_exactly_one_wins(newcomer: User) -> None:
    link = links.make(newcomer)
    clients = [Client() for _ in range(20)]
    for client in clients:
        follow(client, link)
    passwords = [f"a quiet green harbour {n}" for n in range(20)]
    answers = at_once([partial(choose, *use) for use in zip(clients, [link] * 20, passwords, strict=True)])
    won = [n for n, answer in enumerate(answers) if answer.status_code == 302]
    assert len(won) == 1
    assert sum(map(is_gone, answers)) == 19
    newcomer.refresh_from_db()
    assert newcomer.check_password(passwords[won[0]])
    assert ["_auth_user_id" in client.session for client in clients].count(True) == 1
