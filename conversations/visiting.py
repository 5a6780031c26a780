"""Who has opened a link, and whether they may look at what it shows: by their cookies, which only we can make.

And where they come from, to be counted by: no address is kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User
from conversations.models import Share
from conversations.shared import LinkFace
from conversations.sharing import network

VISIT_SECONDS = 3600  # in which the same browser looks again, at images too, without being counted anew
UNLOCKED, VISIT = "unlocked", "visit"  # cookies; each is for one link's address alone


@dataclass(frozen=True)
class Visitor:
    """Somebody of a link's audience."""

    share: Share
    member: User | None
    is_unlocked: bool
    is_visiting: bool  # counted already; its maker never is

    @property
    def may_look(self) -> bool:
        """At what belongs to the page: of a link that is opened only so often, to those who have opened it."""
        return self.is_unlocked and (self.is_visiting or self.share.most_visits is None)

    @property
    def face(self) -> LinkFace:
        return LinkFace.of(self.share)


def visitor(share: Share, member: User | None, cookies: Mapping[str, str]) -> Visitor:
    is_maker = member is not None and member.pk == share.maker_id
    has_password = constant_time_compare(cookies.get(UNLOCKED, ""), share.seal(UNLOCKED))
    return Visitor(
        share,
        member,
        is_unlocked=not share.password or is_maker or has_password,
        is_visiting=is_maker or _is_visiting(share, cookies.get(VISIT, "")),
    )


def begun(share: Share) -> str:
    """The cookie of a visit that begins now."""
    now = str(int(time.time()))
    return f"{now}.{share.seal(f'{VISIT} {now}')}"


def _is_visiting(share: Share, cookie: str) -> bool:
    began, _, seal = cookie.partition(".")
    if not constant_time_compare(seal, share.seal(f"{VISIT} {began}")):
        return False
    return began.isascii() and began.isdigit() and time.time() - int(began) < VISIT_SECONDS


def whence(request: HttpRequest) -> bytes:
    """A digest of the network that it comes from. All of whom that is not known are one."""
    try:
        address = get_adapter().get_client_ip(request)
    except PermissionDenied:
        address = ""
    return salted_hmac("conversations.visiting", network(address), algorithm="sha256").digest()
