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
from conversations import visiting
from conversations.models import Membership, Role, Share
from conversations.shared import LinkFace


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


@dataclass(frozen=True, slots=True)
class Passage:
    """A link, as it was when the socket opened, and who follows it, if they are signed in."""

    share_id: UUID
    edition: int  # any change of what it shows, and to whom, is another one
    is_named: bool  # it is for named members, and this one is not its maker
    member: Admission | None

    @property
    def member_id(self) -> UUID | None:
        return self.member.member_id if self.member else None


@dataclass(frozen=True, slots=True)
class Follower:
    """Who opens a socket with a live link, and what of which conversation they are shown."""

    passage: Passage
    conversation_id: UUID
    face: LinkFace


def caller(cookies: str, conversation_id: UUID) -> Caller:
    """Who a Cookie header says is there. All in one crossing; Channels' own middleware makes three."""
    member, admission = _member(parse_cookie(cookies))
    if member is None:
        return Caller(None)
    return Caller(admission, Membership.objects.roles([(conversation_id, member.pk)]).get((conversation_id, member.pk)))


def follower(cookies: str, token: str) -> Follower | None:
    """Who may follow a link: whoever may look at its page, if it goes on."""
    found = parse_cookie(cookies)
    member, admission = _member(found)
    share = Share.objects.of_token(token, member)
    if share is None or not share.is_live or not share.is_for(member):
        return None
    visitor = visiting.visitor(share, member, found)
    if not visitor.may_look:
        return None
    is_named = share.audience == Share.Audience.NAMED and share.maker_id != (member.pk if member else None)
    passage = Passage(share.pk, share.edition, is_named, admission)
    return Follower(passage, share.conversation_id, visitor.face)


def _member(cookies: dict[str, str]) -> tuple[User, Admission] | tuple[None, None]:
    request = HttpRequest()
    request.session = SessionStore(cookies.get(settings.SESSION_COOKIE_NAME))
    member = get_user(request)
    if not isinstance(member, User) or not request.session.session_key:
        return None, None
    return member, Admission(member.pk, digest(request.session.session_key), member.get_session_auth_hash())


def withdrawn(rights: Iterable[Admission | Passage]) -> set[Admission | Passage]:
    """Those that hold no more. Two queries for all members, and one for all links, or three if some name members."""
    asked = set(rights)
    passages = {it for it in asked if isinstance(it, Passage)}
    members = {it.member if isinstance(it, Passage) else it for it in asked}
    ended = _ended({it for it in members if it})
    closed = _closed(passages)
    return {it for it in asked if it in closed or (it.member if isinstance(it, Passage) else it) in ended}


def _ended(asked: set[Admission]) -> set[Admission]:
    """Those whose session has ended, or whose member was deactivated or has another password."""
    if not asked:
        return set()
    sessions = Session.objects.filter(
        session_key__in={it.session_key for it in asked}, expire_date__gt=timezone.now()
    ).values_list("session_key", flat=True)
    members = User.objects.filter(pk__in={it.member_id for it in asked}, is_active=True).only("password")
    going_on = set(sessions)
    hashes = {member.pk: member.get_session_auth_hash() for member in members}
    return {it for it in asked if it.session_key not in going_on or hashes.get(it.member_id) != it.auth_hash}


def _closed(asked: set[Passage]) -> set[Passage]:
    """Those whose link opens nothing any more, shows something else, or is not for them any more."""
    if not asked:
        return set()
    links = Share.objects.filter(pk__in={it.share_id for it in asked})
    editions = dict(links.open().values_list("pk", "edition"))
    members = {it.member_id for it in asked if it.is_named}
    named = links.named_pairs(members) if members else set()
    return {
        it
        for it in asked
        if editions.get(it.share_id) != it.edition or (it.is_named and (it.share_id, it.member_id) not in named)
    }
