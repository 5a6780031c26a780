"""The first administrator of a new installation."""

from __future__ import annotations

import secrets

from django.core.validators import validate_email
from django.db import connection, transaction

from accounts.models import User

LOCK = 0x6669727374  # "first"; any number that no other advisory lock of ours has


@transaction.atomic
def first_administrator(email: str) -> str | None:
    """Make the first superuser and return their password, or None when there is any member already.

    Of many callers at once exactly one makes it. Raises ValidationError if `email` is no address.
    """
    validate_email(email)
    with connection.cursor() as cursor:
        # Held till the transaction ends: the next caller sees the member that the first one made.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    if User.objects.exists():
        return None
    password = secrets.token_urlsafe(15)
    User.objects.create_superuser(email, password)
    return password
