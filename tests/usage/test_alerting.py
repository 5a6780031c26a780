"""Alerts at 50, 80 and 100 %: once for each window, to whom it concerns, on pages and by mail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts import mailing
from accounts.models import User
from catalog.models import LanguageModel
from tests.usage.conftest import opened
from tests.workers import at_once
from usage import alerting, holding
from usage.errors import LimitReachedError
from usage.models import Alert, Balance, Limit, Notice, Raise
from usage.spending import close_call
from usage.tokens import Tokens


@pytest.fixture(autouse=True)
def mails(settings: Settings) -> None:
    settings.CAN_MAIL = True


@pytest.fixture
def root(alice: User) -> User:
    return User.objects.create_superuser("root@example.org", "correct horse battery", name="Root")


@pytest.fixture
def spend(model: LanguageModel) -> Callable[[User, int], None]:
    """So many answers, of a thousand tokens each."""

    def spend(member: User, answers: int) -> None:
        for _ in range(answers):
            call = opened(model, member.pk)
            close_call(call, Tokens(miss=1000), model)

    return spend


type Spend = Callable[[User, int], None]


def counted(member: User, **limit: Any) -> Limit:
    """A limit whose balance is kept from now on."""
    made = Limit.objects.create(**{"unit": "requests", "window": "this_month", "amount": 10, **limit})
    _kept(member)
    return made


def _kept(member: User) -> None:
    limits = holding.limits_of(member.pk)
    holding._make([holding._new(it, member.pk, timezone.now()) for it in limits])


def told() -> list[tuple[str, int]]:
    notices = Notice.objects.select_related("alert", "member").order_by("alert_id", "member__name")
    return [(it.member.name, it.alert.percent) for it in notices]


def test_a_member_is_told_at_each_threshold_once_and_administrators_at_the_end(
    alice: User, root: User, spend: Spend
) -> None:
    counted(alice)
    given = []
    for _ in range(11):
        spend(alice, 1)
        given.append((alerting.look(), alerting.look()))
    assert given == [(0, 0)] * 4 + [(1, 0)] + [(0, 0)] * 2 + [(1, 0)] + [(0, 0)] + [(1, 0), (0, 0)]
    assert told() == [("Alice", 50), ("Alice", 80), ("Alice", 100), ("Root", 100)]


def test_who_comes_to_the_end_at_once_is_told_of_the_end_alone(alice: User, root: User, spend: Spend) -> None:
    counted(alice)
    spend(alice, 12)
    assert alerting.look() == 1
    assert alerting.look() == 0
    assert told() == [("Alice", 100), ("Root", 100)]


def test_the_next_window_is_told_of_anew(alice: User, spend: Spend) -> None:
    counted(alice)
    spend(alice, 10)
    alerting.look()
    balance = Balance.objects.get()
    earlier = {"starts_at": balance.starts_at - timedelta(days=31), "ends_at": balance.starts_at}
    Alert.objects.update(**earlier)
    assert alerting.look() == 1


@pytest.mark.parametrize("shared_by", ["team", "group"])
def test_of_what_many_have_together_administrators_are_told(
    alice: User, root: User, spend: Spend, shared_by: str
) -> None:
    group = Group.objects.create(name="Writers")
    alice.groups.add(group)
    helper = User.objects.create_user("helper@example.org", name="Helper", is_staff=True)
    looker = User.objects.create_user("looker@example.org", name="Looker", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_limit"))
    User.objects.create_superuser("gone@example.org", name="Gone", is_active=False)
    counted(alice, shared=True, group=group if shared_by == "group" else None)
    spend(alice, 8)
    assert alerting.look() == 1
    assert set(told()) == {("Root", 80), ("Looker", 80)}
    notice = Notice.objects.get(member=root)
    whose = "of the group Writers" if shared_by == "group" else "of the team"
    assert notice.headline == f"80 % of the budget {whose} is used."
    assert not Notice.objects.filter(member=helper).exists()


def test_twenty_workers_at_once_tell_it_once(alice: User, root: User, spend: Spend) -> None:
    counted(alice)
    spend(alice, 10)
    assert sum(at_once(8, lambda _: alerting.look())) == 1
    assert (Alert.objects.count(), Notice.objects.count()) == (1, 2)


def test_a_raise_is_part_of_what_there_is(alice: User, spend: Spend) -> None:
    counted(alice)
    later = timezone.now() + timedelta(days=1)
    Raise.objects.create(member=alice, unit="requests", window="this_month", amount=10, until=later)
    spend(alice, 9)
    assert alerting.look() == 0
    spend(alice, 1)
    assert alerting.look() == 1
    assert Alert.objects.get().amount == 20


@pytest.mark.parametrize("fields", [{"amount": 0}, {"window": "hour"}, {"window": "month"}])
def test_of_a_limit_of_nothing_and_of_rates_nobody_is_told(alice: User, spend: Spend, fields: dict[str, Any]) -> None:
    counted(alice, **fields)
    spend(alice, 3)
    assert alerting.look() == 0


def test_the_limit_that_counts_is_the_one_that_counts_for_questions(alice: User) -> None:
    """The database finds it as `holding` does, whatever limits there are: at random."""
    chance = Random(6)
    members = [alice, *(User.objects.create_user(f"m{number}@example.org") for number in range(3))]
    groups = [Group.objects.create(name=f"g{number}") for number in range(3)]
    for round_ in range(12):
        Limit.objects.all().delete(), Alert.objects.all().delete(), Balance.objects.all().delete()
        for member in members:
            member.groups.set(chance.sample(groups, chance.randint(0, 3)))
        for _ in range(10):
            nobody: dict[str, Any] = {"member": None, "group": None}
            whose: dict[str, Any] = chance.choice(
                [{}, {"member": chance.choice(members)}, {"group": chance.choice(groups)}]
            )
            kind = {"unit": chance.choice(["requests", "tokens"]), "window": chance.choice(["today", "this_month"])}
            shared, amount = "member" not in whose and chance.random() < 0.4, chance.randint(1, 5) * 1000
            Limit.objects.get_or_create(**nobody | whose, **kind, shared=shared, defaults={"amount": amount})
        for member in members:
            _kept(member)
            kept = Balance.objects.filter(subject=f"member:{member.pk}")
            kept.update(requests=chance.randint(0, 5000), tokens=chance.randint(0, 5000))
        Balance.objects.exclude(subject__startswith="member").update(tokens=chance.randint(0, 5000), requests=4999)
        expected = set()
        for member in members:
            for it in holding.standings(member.pk):
                reached = [p for p in (50, 80, 100) if it.spent and 100 * it.spent >= it.amount * p]
                if reached:
                    expected.add((it.balance.subject, it.limit.unit, it.limit.window, max(reached), it.amount))
        alerting.look()
        found = Alert.objects.values_list("subject", "unit", "window", "percent", "amount")
        assert set(found) == expected, f"round {round_}"


# Used up ------------------------------------------------------------------------------------------------------------


def _ask(member: User, model: LanguageModel, prompt: int = 100) -> None:
    try:
        holding.take_for(uuid4(), member.pk, model, prompt, 256)
    except LimitReachedError as error:
        alerting.used_up(error)


def test_who_is_refused_because_nothing_is_left_has_come_to_the_end(
    alice: User, root: User, model: LanguageModel
) -> None:
    Limit.objects.create(unit="tokens", amount=1000)
    _ask(alice, model)
    _ask(alice, model)
    Balance.objects.update(tokens=900)
    _ask(alice, model, prompt=5000)
    _ask(alice, model, prompt=5000)
    assert told() == [("Alice", 100), ("Root", 100)]
    assert Alert.objects.get().spent == 900


def test_who_is_refused_for_a_long_question_or_for_what_is_held_has_not(alice: User, model: LanguageModel) -> None:
    Limit.objects.create(unit="tokens", amount=1000)
    _ask(alice, model, prompt=5000)
    for _ in range(4):
        _ask(alice, model)
    assert Balance.objects.get().held_tokens > 700
    assert not Alert.objects.exists()


# Mails --------------------------------------------------------------------------------------------------------------


def test_each_is_mailed_in_their_language_and_once(alice: User, root: User, spend: Spend) -> None:
    User.objects.filter(pk=root.pk).update(preferences={"language": "zh-hans"})
    counted(alice)
    spend(alice, 10)
    alerting.look()
    assert mail.outbox == []  # whoever looks does not wait for a mail server
    assert sum(at_once(4, lambda _: alerting.mail())) == 2
    assert alerting.mail() == 0
    sent = {it.to[0]: it for it in mail.outbox}
    ours, theirs = sent["alice@example.org"], sent["root@example.org"]
    assert ours.subject == "100 % of your budget is used."
    assert "10 answers of 10 answers a month is used." in ours.body
    assert "/settings/" in ours.body
    assert "Alice" in theirs.subject
    assert "预算已用 100%" in theirs.subject
    assert len({it.extra_headers["Message-ID"] for it in mail.outbox}) == 2
    assert Notice.objects.filter(mailed_at__isnull=False, mail_at=None).count() == 2


def test_who_turned_mails_off_gets_none_and_is_told_on_the_page(alice: User, spend: Spend) -> None:
    User.objects.filter(pk=alice.pk).update(preferences={"mails": "no"})
    counted(alice)
    spend(alice, 10)
    alerting.look()
    assert alerting.mail() == 0
    assert Notice.objects.shown_to(alice.pk).count() == 1


def test_also_who_turns_them_off_or_is_gone_before_it_is_sent(alice: User, root: User, spend: Spend) -> None:
    counted(alice)
    spend(alice, 10)
    alerting.look()
    User.objects.filter(pk=alice.pk).update(preferences={"mails": "no"})
    User.objects.filter(pk=root.pk).update(is_active=False)
    alerting.mail()
    assert mail.outbox == []
    assert not Notice.objects.exclude(mail_at=None).exists()


def test_without_a_mail_server_there_is_nothing_to_mail(alice: User, spend: Spend, settings: Settings) -> None:
    settings.CAN_MAIL = False
    counted(alice)
    spend(alice, 10)
    alerting.look()
    assert Notice.objects.get().mail_at is None


class Away(BaseEmailBackend):
    """A mail server that does not answer."""

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        raise ConnectionRefusedError


def test_what_could_not_be_mailed_is_tried_again_later_and_not_for_ever(
    alice: User, root: User, spend: Spend, settings: Settings
) -> None:
    counted(alice)
    spend(alice, 10)
    alerting.look()
    here = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.Away"
    assert alerting.mail() == 0
    assert sorted(Notice.objects.values_list("tries", flat=True)) == [0, 1]  # one was tried: the server is away
    waits = []
    for _ in range(20):
        due = Notice.objects.filter(tries__gt=0).exclude(mail_at=None)
        waits += [round((it.mail_at - timezone.now()).total_seconds() / 60) for it in due if it.mail_at]
        due.update(mail_at=Now() - timedelta(days=1))
        alerting.mail()
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    settings.EMAIL_BACKEND = here
    Notice.objects.exclude(mail_at=None).update(mail_at=Now())
    assert alerting.mail() == 1
    assert Notice.objects.get(mailed_at=None).tries == mailing.MOST_TRIES


# On the page --------------------------------------------------------------------------------------------------------


def test_a_notice_of_a_window_that_is_over_is_shown_no_more(alice: User, spend: Spend) -> None:
    counted(alice)
    spend(alice, 10)
    alerting.look()
    assert Notice.objects.shown_to(alice.pk).count() == 1
    Alert.objects.update(ends_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert Notice.objects.shown_to(alice.pk).count() == 0
    assert Decimal(Alert.objects.get().spent) == 10
