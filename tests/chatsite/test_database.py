"""The fixtures of tests/conftest.py: what they promise to every other test."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import connection

COUNT = "import django; django.setup(); from django.contrib.auth.models import Group; print(Group.objects.count())"


@pytest.mark.django_db
def test_tests_have_a_database_of_their_own() -> None:
    assert connection.settings_dict["NAME"].startswith("test_chat")  # one for each process that runs tests
    assert Group.objects.count() == 0


@pytest.mark.django_db(transaction=True)
async def test_async_tests_reach_it_too() -> None:
    await Group.objects.acreate(name="readers")
    assert await sync_to_async(Group.objects.count)() == 1


def test_another_process_sees_what_a_test_commits(process_environment: dict[str, str], database_url: str) -> None:
    Group.objects.create(name="readers")
    with psycopg.connect(database_url) as other:
        assert other.execute("SELECT name FROM auth_group").fetchall() == [("readers",)]
    command = [sys.executable, "-c", COUNT]
    environment = process_environment | {"DJANGO_SETTINGS_MODULE": "chatsite.settings"}
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == "1\n"
