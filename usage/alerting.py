"""Telling people how far their budgets are used: at 50, 80 and 100 %, once for each window.

A budget is a limit that goes by the calendar. A worker's chore compares what is kept of them with what there is; a
question that is refused because nothing is left says so itself (`used_up`). Either writes the Alert, and with it the
notices: on people's pages, and by mail (accounts.mailing).
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts import mailing
from accounts.mailing import Letter
from accounts.models import User
from usage.errors import LimitReachedError
from usage.models import Alert, Notice
from usage.windows import is_rolling

RIGHT = "usage.view_limit"  # of those who are told of everybody's


# Finding out --------------------------------------------------------------------------------------------------------


def look() -> int:
    """Give the alerts that are due; how many. Any worker may, any number at once: each is given by one of them."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_GIVE)
            given = [pk for (pk,) in cursor.fetchall()]
        _tell(Alert.objects.filter(pk__in=given))
    return len(given)


def used_up(error: LimitReachedError) -> None:
    """A question was refused, and not only for what is held: tell that the budget is at its end.

    To be called once the refused deed is undone. A limit of nothing is no budget.
    """
    it = error.used_up
    if it is None or not it.amount or is_rolling(it.limit.window):
        return
    with transaction.atomic():
        alert, is_new = Alert.objects.get_or_create(
            subject=it.balance.subject,
            unit=it.limit.unit,
            window=it.limit.window,
            starts_at=it.balance.starts_at,
            percent=100,
            defaults={"ends_at": it.balance.ends_at, "spent": it.spent, "amount": it.amount},
        )
        if is_new:
            _tell(Alert.objects.filter(pk=alert.pk))


# Which limit counts for a balance: see holding._in_force. Of a budget that is at 100 % when we first look, nobody is
# told that it has come to 50. A limit of nothing is no budget.
_GIVE = """
    WITH standing AS (
        SELECT b.subject, l.unit, b.window, b.starts_at, b.ends_at, l.amount + coalesce(raised.more, 0) AS amount,
               CASE l.unit WHEN 'money' THEN b.cost WHEN 'tokens' THEN b.tokens ELSE b.requests END AS spent
          FROM usage_balance AS b
          CROSS JOIN LATERAL (
               SELECT CASE WHEN b.subject LIKE 'member:%%' THEN substr(b.subject, 8)::uuid END AS member_id,
                      CASE WHEN b.subject LIKE 'group:%%' THEN substr(b.subject, 7)::int END AS group_id
          ) AS whose
          JOIN LATERAL (
               SELECT DISTINCT ON (unit) unit, amount FROM usage_limit AS l
                WHERE l.window = b.window
                  AND CASE WHEN whose.member_id IS NULL THEN shared AND l.group_id IS NOT DISTINCT FROM whose.group_id
                           ELSE NOT shared AND (
                                l.member_id = whose.member_id
                                OR l.group_id IN (SELECT group_id FROM accounts_user_groups
                                                   WHERE user_id = whose.member_id)
                                OR (l.member_id IS NULL AND l.group_id IS NULL)) END
                ORDER BY unit, l.member_id IS NULL, l.group_id IS NULL, amount
          ) AS l ON true
          LEFT JOIN LATERAL (
               SELECT sum(r.amount) AS more FROM usage_raise AS r
                WHERE r.member_id = whose.member_id AND r.unit = l.unit AND r.window = b.window
                  AND r.created_at <= now() AND r.until > now()
          ) AS raised ON true
         WHERE NOT b.is_rolling AND b.starts_at <= now() AND b.ends_at > now()
    ), due AS (
        SELECT standing.*, (SELECT max(it) FROM unnest(ARRAY[50, 80, 100]) AS it WHERE 100 * spent >= amount * it)
               AS percent
          FROM standing WHERE amount > 0 AND spent > 0
    )
    INSERT INTO usage_alert (subject, label, unit, "window", starts_at, ends_at, percent, spent, amount)
    SELECT subject, '', unit, due.window, starts_at, ends_at, percent, spent, amount
      FROM due
     WHERE percent IS NOT NULL
       AND NOT EXISTS (SELECT FROM usage_alert AS a
                        WHERE (a.subject, a.unit, a.window, a.starts_at, a.percent)
                            = (due.subject, due.unit, due.window, due.starts_at, due.percent))
        ON CONFLICT DO NOTHING
 RETURNING id
"""


# Whom to tell -------------------------------------------------------------------------------------------------------


def _tell(alerts: Iterable[Alert]) -> None:
    for alert in alerts:
        owner = User.objects.filter(pk=alert.member_id, is_active=True) if alert.member_id else User.objects.none()
        alert.label = _label(alert)
        alert.save(update_fields=["label"])
        told = {member.pk: member for member in [*owner, *_watching(alert)]}
        Notice.objects.bulk_create(
            (Notice(alert=alert, member=it, mail_at=Now() if _wants_mail(it) else None) for it in told.values()),
            ignore_conflicts=True,
        )


def _watching(alert: Alert) -> QuerySet[User]:
    """Administrators: of what many have together at each threshold, of members' own at the end."""
    if alert.member_id and alert.percent < 100:
        return User.objects.none()
    allowed: QuerySet[User] = ModelBackend().with_perm(RIGHT)
    return allowed.filter(is_staff=True)


def _label(alert: Alert) -> str:
    kind, _colon, key = alert.subject.partition(":")
    match kind:
        case "member":
            return str(User.objects.filter(pk=UUID(key)).first() or "")
        case "group":
            return Group.objects.filter(pk=int(key)).values_list("name", flat=True).first() or ""
        case _:
            return ""


def _wants_mail(member: User) -> bool:
    return mailing.may_mail(member) and member.prefers.mails != "no"


# Mails --------------------------------------------------------------------------------------------------------------


def mail() -> int:
    """Send what is due; how many were sent. Any worker may, any number at once."""
    return mailing.send(Notice.objects.select_related("alert", "member"), _letter)


def _letter(notice: Notice) -> Letter | None:
    if not _wants_mail(notice.member):
        return None
    return Letter(notice.headline, "usage/email/notice.txt", {"notice": notice})
