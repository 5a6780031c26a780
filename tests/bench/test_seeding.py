"""A made-up team's years: the same ones every time, and never beside a real team's."""

from __future__ import annotations

import subprocess
import sys

from django.core.management import call_command
from django.db.models import Count, F

from accounts.models import User
from bench.seeding.filling import Size, fill
from conversations.models import Conversation, Generation, Message

SIZE = Size(conversations=40, messages=2_000, members=5)


def seeded() -> list[tuple[object, ...]]:
    fill(SIZE, say=lambda _: None)
    return list(Message.objects.order_by("pk").values_list("pk", "parent", "text", "changed_seq"))


def test_the_same_size_and_seed_give_the_same_rows(transactional_db: None) -> None:
    first = seeded()
    call_command("flush", verbosity=0, interactive=False)
    assert seeded() == first


def test_conversations_are_trees_whose_shown_path_ends_at_an_answer(transactional_db: None) -> None:
    seeded()
    assert not Message.objects.exclude(parent=None).exclude(parent__conversation=F("conversation")).exists()
    assert not Conversation.objects.exclude(leaf__role="assistant").exists()
    branches = Message.objects.annotate(below=Count("children")).filter(below__gt=1)
    assert {branch.role for branch in branches} == {"user", "assistant"}


def test_nothing_waits_to_be_answered(transactional_db: None) -> None:
    seeded()
    assert not Generation.objects.live().exists()
    assert set(Generation.objects.values_list("state", flat=True)) == {"done", "stopped", "failed", "interrupted"}


def test_a_database_with_members_is_left_alone(process_environment: dict[str, str]) -> None:
    User.objects.create_user("alice@example.org")
    command = [sys.executable, "-m", "bench.seeding", "--conversations", "1", "--messages", "500"]
    done = subprocess.run(command, env=process_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "has members" in done.stderr
    assert User.objects.count() == 1
