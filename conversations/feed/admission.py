"""By what right a socket is open, and whether that right still holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.models import Session
from django.http import HttpRequest, parse_cookie
from django.utils import timezone

from accounts.models import User
from accounts.sessions import SessionStore, digest
from conversations.models import Membership, Role


@dataclass(frozen=True, slots=True)
class Admission:
    """A session, and the member as they were when the socket opened."""

    member_id: UUID
    session_key: str  # as the database holds it, see accounts.sessions
    auth_hash: str  # follows the password, as the session's own does


@dataclass(frozen=True, slots=True)
class Caller:
    """Who opens a socket: None for nobody, and what they may do in the conversation; None if not even read."""

    admission: Admission | None
    role: Role | None = None


def caller(cookies: str, conversation_id: UUID) -> Caller:
    """Who a Cookie header says is there. All in one crossing; Channels' own middleware makes three."""
    session_key = parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME)
    request = HttpRequest()
    request.session = SessionStore(session_key)
    member = get_user(request)
    if not isinstance(member, User) or not request.session.session_key:
        return Caller(None)
    admission = Admission(member.pk, digest(request.session.session_key), member.get_session_auth_hash())
    return Caller(admission, Membership.objects.roles([(conversation_id, member.pk)]).get((conversation_id, member.pk)))


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
