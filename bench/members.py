"""Rows that a measurement needs, made with Django (see bench.inside)."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone

from accounts.models import User
from catalog.models import Provider, Route
from conversations.models import Conversation, Generation, Message
from tests.upstream import CODE, LIST, STORY, TABLE

ANSWERS = (STORY, CODE, STORY, LIST, STORY, TABLE)


def sign_in(first: int, count: int) -> list[str]:
    """So many new members, numbered from `first` on; their session keys."""
    Provider.objects.update(concurrency=1000)  # what is measured is ours, not how long the provider's queue is
    return [_session(User.objects.create_user(f"member{number}@example.org")) for number in range(first, first + count)]


def _session(member: User) -> str:
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(member.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = member.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def long_conversation(count: int) -> tuple[str, str]:
    """One member's conversation of so many messages; their session key and its path."""
    member = User.objects.create_user("historian@example.org")
    conversation = Conversation.objects.create(owner=member, title="A long one", named_by="member", seq=1)
    messages = [_message(conversation, member, number) for number in range(count)]
    for above, below in pairwise(messages):
        below.parent = above
    Message.objects.bulk_create(messages)
    route, now = Route.objects.get(name="quick"), timezone.now()
    Generation.objects.bulk_create(
        Generation(
            conversation=conversation,
            message=it,
            member=member,
            route=route,
            state="done",
            epoch=1,
            started_at=now,
            ended_at=now,
        )
        for it in messages
        if it.is_answer
    )
    Conversation.objects.filter(pk=conversation.pk).update(leaf=messages[-1])
    return _session(member), conversation.get_absolute_url()


def _message(conversation: Conversation, member: User, number: int) -> Message:
    if number % 2:
        return Message(conversation=conversation, role="assistant", text=ANSWERS[number // 2 % len(ANSWERS)])
    return Message(conversation=conversation, role="user", author=member, text=f"Question {number}: what about it?")
