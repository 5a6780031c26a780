"""By what right a socket is open, and whether that right still holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import User


@dataclass(frozen=True, slots=True)
class Admission:
    """A session, and the member as they were when the socket opened."""

    member_id: UUID
    session_key: str
    auth_hash: str  # follows the password, as the session's own does


def withdrawn(admissions: Iterable[Admission]) -> set[Admission]:
    """Those whose session has ended, or whose member was deactivated or has another password. Two queries for all."""
    asked = set(admissions)
    if not asked:
        return set()
    sessions = Session.objects.filter(
        session_key__in={it.session_key for it in asked}, expire_date__gt=timezone.now()
    ).values_list("session_key", flat=True)
    members = User.objects.filter(pk__in={it.member_id for it in asked}, is_active=True).only("password")
    going_on = set(sessions)
    hashes = {member.pk: member.get_session_auth_hash() for member in members}
    return {it for it in asked if it.session_key not in going_on or hashes.get(it.member_id) != it.auth_hash}
