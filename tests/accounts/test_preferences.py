"""What members have set for themselves."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts.models import User
from accounts.preferences import Preferences


@pytest.mark.django_db
def test_what_was_set_is_kept_and_what_was_not_is_the_default() -> None:
    member = User.objects.create_user("alice@example.org")
    assert member.prefers == Preferences()
    member.preferences = Preferences(language="zh-hans", theme="dark").to_store()
    member.save(update_fields=["preferences"])
    member = User.objects.get()
    assert member.preferences == {"language": "zh-hans", "theme": "dark"}
    assert member.prefers == Preferences(language="zh-hans", theme="dark")


@pytest.mark.django_db
def test_a_process_of_the_version_before_adds_members_who_have_set_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_user (id, email, name, password, is_staff, is_active, is_superuser, date_joined,"
            " link_version) VALUES (gen_random_uuid(), 'bob@example.org', '', '', false, true, false, now(), 0)"
        )
    assert User.objects.get().prefers == Preferences()


def test_what_a_later_version_stored_as_well_is_passed_over() -> None:
    assert Preferences.stored({"theme": "dark", "font": "large"}) == Preferences(theme="dark")
