"""Mails that a worker's chores send: rows that wait for their moment, tried again later where that fails, not for ever.

Whoever writes such a row does not wait for a mail server. A mail may come twice, if we die between its sending and our
writing that down; its Message-ID tells that it is the same. The other order would lose it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import DatabaseError, connection, models
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.template.loader import render_to_string

from accounts import languages, names
from accounts.models import User

logger = logging.getLogger(__name__)

MOST_TRIES = 12  # five hours: a minute, two, four, …, then every hour


class Mailed(models.Model):
    """What is mailed to its `member`."""

    # When its mail is to be tried, also again; None: there is nothing to mail, or no more.
    mail_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    mailed_at = models.DateTimeField(null=True)

    if TYPE_CHECKING:
        member: User

    class Meta:
        abstract = True

    def end_mailing(self, **facts: Any) -> None:
        type(self)._default_manager.filter(pk=self.pk).update(mail_at=None, **facts)


@dataclass(frozen=True)
class Letter:
    """Plain text, in the language that is spoken as it is made. The template knows our `origin` besides."""

    subject: str
    template: str
    context: dict[str, Any] = field(default_factory=dict)


def may_mail(member: User) -> bool:
    return bool(settings.CAN_MAIL and member.is_active)


def send[Row: Mailed](rows: QuerySet[Row], letter: Callable[[Row], Letter | None]) -> int:
    """Send what is due; how many were sent. Any worker may, any number at once. A server that fails is left alone.

    `letter` writes each, in its reader's language; None: it is not to be mailed any more.
    """
    sent = 0
    while row := _claim(rows):
        try:
            sent += _send(row, letter)
        except DatabaseError:
            raise
        except OSError:  # what smtplib and sockets raise
            logger.warning("%s could not be mailed, try %d", _name(row), row.tries, exc_info=True)
            _give_up_in_time(row)
            break
        except Exception:  # this one can't be written; the others can
            logger.exception("%s can't be mailed, try %d", _name(row), row.tries)
            _give_up_in_time(row)
    return sent


def _claim[Row: Mailed](rows: QuerySet[Row]) -> Row | None:
    """The next one that is due. It is due again after a pause, unless it is sent by then: whoever takes it may die."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE.format(table=connection.ops.quote_name(rows.model._meta.db_table)))
        row = cursor.fetchone()
    return rows.filter(pk=row[0]).first() if row else None


_TAKE = """
    UPDATE {table}
       SET tries = tries + 1, mail_at = now() + least(interval '1 hour', interval '1 minute' * 2 ^ tries)
     WHERE id = (SELECT id FROM {table} WHERE mail_at <= now() ORDER BY mail_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
 RETURNING id
"""


def _send[Row: Mailed](row: Row, letter: Callable[[Row], Letter | None]) -> bool:
    with languages.of(row.member):
        written = letter(row) if may_mail(row.member) else None
        if written is None:
            row.end_mailing()
            return False
        _message(row, written).send()
    row.end_mailing(mailed_at=Now())
    return True


def _message(row: Mailed, letter: Letter) -> EmailMessage:
    text = render_to_string(letter.template, {**letter.context, "origin": settings.PUBLIC_ORIGIN})
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
    return EmailMessage(
        names.on_one_line(letter.subject),
        text,
        None,
        [row.member.email],
        headers={"Message-ID": f"<{_name(row)}@{host}>"},
    )


def _name(row: Mailed) -> str:
    return f"{row._meta.model_name}-{row.pk}"


def _give_up_in_time(row: Mailed) -> None:
    if row.tries >= MOST_TRIES:
        row.end_mailing()
