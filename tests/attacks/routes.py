"""Every route there is, who asks, and what there is to ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts import links
from accounts.models import User
from catalog.models import Band, BilledAs, LanguageModel, Price, Provider, Rate, Route, Rule
from conversations import asking, joining
from conversations.attachments import prepare
from conversations.models import Generation, Message, Role, Share, SharingRules
from conversations.models.generation import MOST_AT_ONCE
from conversations.shared import LinkFace
from tests.images import upload
from tests.shares import live, make
from usage import raising
from usage.models import Act, AtOnce, Balance, Call, Hold, Limit, Raise, Reading
from usage.spending import close_call
from usage.tokens import Tokens

WHO = ("anonymous", "disabled", "stranger", "owner", "staff", "administrator")
HTMX = {"HX-Request": "true"}


def walk(patterns: Iterable[Any], prefix: str = "") -> Iterator[str]:
    """The paths of all patterns as they are written, whoever included them."""
    for it in patterns:
        path = prefix + str(it.pattern)
        if isinstance(it, URLResolver):
            yield from walk(it.url_patterns, path)
        else:
            assert isinstance(it, URLPattern)
            yield path


def all_routes() -> list[str]:
    return list(walk(get_resolver().url_patterns))


@dataclass(frozen=True)
class World:
    """Alice owns a conversation. Charlie is a stranger to it, as is Root, who may do everything in the admin."""

    people: Mapping[str, User | None]
    sessions: Mapping[str, str]  # the cookies of those who are signed in, or were when they were disabled
    question: Message
    parameters: Mapping[str, str]  # of the patterns, and what stands there
    objects: Mapping[str, str]  # a model's part of the admin, and the id of a row in it

    def address(self, route: str, **instead: str) -> str:
        """The path of a route, with what there is to ask for in it."""
        object_id = self.objects.get("/".join(route.split("/")[:3]), "")
        path = route
        for parameter, value in {**self.parameters, "<path:object_id>": object_id, **instead}.items():
            path = path.replace(parameter, value)
        return f"/{path}"

    def browser(self, who: str, **options: Any) -> Client:
        client = Client(raise_request_exception=False, **options)
        if who in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[who]
        return client


def build_world() -> World:
    member = User.objects.create_user
    people: dict[str, User | None] = {
        "anonymous": None,
        "disabled": member("dora@example.org", "correct horse battery", name="Dora"),
        "stranger": member("charlie@example.org", "correct horse battery", name="Charlie"),
        "owner": member("alice@example.org", "correct horse battery", name="Alice"),
        "staff": member("erin@example.org", "correct horse battery", name="Erin", is_staff=True),
        "administrator": User.objects.create_superuser("root@example.org", "correct horse battery", name="Root"),
    }
    sessions = {who: _session(person) for who, person in people.items() if person}
    User.objects.filter(email="dora@example.org").update(is_active=False)
    alice = people["owner"]
    assert alice
    provider = Provider.objects.create(name="deepseek", base_url="https://provider.example", dialect="deepseek")
    model = LanguageModel.objects.create(provider=provider, name="deepseek-flash", context_tokens=100_000)
    route = Route.objects.through(model, name="quick", label="Quick")
    now = timezone.now()
    price = Price.objects.create(model=model, cache_hit=0, cache_miss=0, output=0, valid_from=now)
    question = asking.start(alice, "What is a monad?", uuid4(), route, images=prepare([upload()]))
    generation = Generation.objects.get(message__parent=question)
    Message.objects.filter(pk=generation.message_id).update(text="A monoid in")
    call = Call.objects.create(
        generation_id=generation.pk,
        conversation_id=question.conversation_id,
        member_id=alice.pk,
        number=1,
        purpose=Call.Purpose.ANSWER,
        provider=provider.name,
        model=model.name,
    )
    charge = close_call(call, Tokens(miss=1), model)
    assert charge
    membership = joining.invite(question.conversation, member("rita@example.org", name="Rita"), Role.READER)
    assert membership
    share = make(
        question.conversation, live(audience=Share.Audience.NAMED, members=[people["disabled"]], may_fork=True)
    )
    hidden = LinkFace.of(share).disguised(question.attachments.get().pk)
    link = urlsplit(links.make(member("newcomer@example.org"))).path.split("/")
    parameters = {
        "<uuid:conversation_id>": str(question.conversation_id),
        "<uuid:attachment_id>": str(question.attachments.get().pk),
        "<uuid:membership_id>": str(membership.pk),
        "<uuid:message_id>/edit": f"{question.pk}/edit",  # a question is edited, all else is done to its answer
        "<uuid:message_id>": str(generation.message_id),
        "<int:pk>": str(provider.pk),
        "<uuid:notice_id>": str(uuid4()),
        "<uuid:share_id>": str(share.pk),
        "<link_token>": share.token,
        "<hidden>": hidden,
        "<uidb64>": link[3],
        "<token>": link[4],
        "^(?P<app_label>catalog|usage|accounts|auth|conversations)/$": "accounts/",
        "(?P<url>.*)$": "nowhere",
    }
    asked = raising.ask_for_more(alice, "money", "today", "A monoid in")
    limit = Limit.objects.create(amount=1000, member=people["disabled"])
    amounts = {"total": 1, "granted": 0, "topped_up": 1, "is_available": True}
    later = now + timedelta(days=1)
    objects = {
        "admin/auth/group": str(Group.objects.create(name="Writers").pk),
        "admin/accounts/user": str(alice.pk),
        "admin/catalog/provider": str(provider.pk),
        "admin/catalog/languagemodel": str(model.pk),
        "admin/catalog/route": str(route.pk),
        "admin/catalog/price": str(price.pk),
        "admin/catalog/band": str(Band.objects.create(name="Peak", hours="Mon 09:00-12:00", zone="UTC").pk),
        "admin/catalog/billedas": str(
            BilledAs.objects.create(provider=provider, name="flash", model=model, valid_from=now).pk
        ),
        "admin/catalog/rate": str(Rate.objects.create(currency="CNY", into="USD", rate=1, valid_from=now).pk),
        "admin/catalog/rule": str(Rule.objects.create(ability="auto", is_allowed=True).pk),
        "admin/usage/call": str(call.pk),
        "admin/usage/charge": str(charge.pk),
        "admin/usage/limit": str(limit.pk),
        "admin/usage/raise": str(
            Raise.objects.create(member=alice, unit="money", window="today", amount=1, until=later).pk
        ),
        "admin/usage/raiserequest": str(asked.pk),
        "admin/usage/balance": str(
            Balance.objects.create(subject="team", window="today", starts_at=now, ends_at=later).pk
        ),
        "admin/usage/hold": str(Hold.objects.create(member_id=alice.pk, balances=[], cost=0, tokens=1, requests=1).pk),
        "admin/usage/reading": str(Reading.objects.create(provider="deepseek", currency="USD", **amounts).pk),
        "admin/usage/act": str(Act.objects.earliest("pk").pk),
        "admin/usage/atonce": str(AtOnce.objects.create(most=MOST_AT_ONCE).pk),
        "admin/conversations/generation": str(generation.pk),
        "admin/conversations/share": str(share.pk),
        "admin/conversations/sharingrules": str(SharingRules.objects.create().pk),
    }
    return World(people, sessions, question, parameters, objects)


def _session(person: User) -> str:
    client = Client()
    client.force_login(person)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


NO_LIMITS = {"limits-TOTAL_FORMS": "0", "limits-INITIAL_FORMS": "0"}


def share_form() -> dict[str, str]:
    tomorrow = timezone.localdate() + timedelta(days=1)
    return {"key": str(uuid4()), "kind": "live", "audience": "members", "expires_on": tomorrow.isoformat()}


# What a form needs to do its deed. The rest is posted empty: who is let in is shown the form again.
FORMS: dict[str, Callable[[], dict[str, str]]] = {
    "c/": lambda: {"text": "Hello", "key": str(uuid4())},
    "c/<uuid:conversation_id>/ask/": lambda: {"text": "Hello", "key": str(uuid4())},
    "c/<uuid:conversation_id>/m/<uuid:message_id>/edit/": lambda: {"text": "Hello", "key": str(uuid4())},
    "c/<uuid:conversation_id>/people/<uuid:membership_id>/": lambda: {"remove": "yes"},
    "c/<uuid:conversation_id>/share/": share_form,
    "shares/<uuid:share_id>/": share_form,
    "s/<link_token>/continue/": lambda: {"key": str(uuid4())},
    "c/<uuid:conversation_id>/rename/": lambda: {"title": "Mine now"},
    "settings/": lambda: {"name": "", "language": "en", "theme": "dark", "send_key": "ctrl-enter", "notify": "on"},
    "accounts/password/change/": lambda: {
        "oldpassword": "correct horse battery",
        "password1": "a quiet green harbour",
        "password2": "a quiet green harbour",
    },
    "admin/accounts/user/<path:object_id>/change/": lambda: NO_LIMITS,
    "admin/auth/group/<path:object_id>/change/": lambda: NO_LIMITS,
    "accounts/login/": lambda: {"login": "alice@example.org", "password": "correct horse battery"},
}


def form_of(route: str) -> dict[str, str]:
    return FORMS[route]() if route in FORMS else {"post": "yes"} if route.endswith("/delete/") else {}


def tables() -> list[str]:
    with connection.cursor() as cursor:
        return sorted(connection.introspection.table_names(cursor))


def digests(without: frozenset[str] = frozenset()) -> dict[str, str]:
    """Every table of the database, in a few letters: how many rows, and the digest of all of them. In one query."""
    each = (
        f"SELECT '{table}', count(*) || ' ' || md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), '')) "
        f'FROM "{table}" AS t'
        for table in tables()
        if table not in without
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(each))
        return dict(cursor.fetchall())


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside, afterwards it has not."""
    with transaction.atomic():
        savepoint = transaction.savepoint_create()
        try:
            yield
        finally:
            transaction.savepoint_rollback(savepoint)
