"""The one-time link with which a member chooses a password."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db.models import F
from django.urls import reverse
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from accounts.models import User


class LinkTokens(PasswordResetTokenGenerator):
    """Tokens that die with their first use, with a newer link, a new address, a sign-in, a deactivation, or of age."""

    key_salt = "accounts.links.LinkTokens"

    def _make_hash_value(self, user: AbstractBaseUser, timestamp: int) -> str:
        assert isinstance(user, User)
        # Django's part holds the key, the password's hash, the last sign-in and the address.
        return f"{super()._make_hash_value(user, timestamp)}|{user.is_active}|{user.link_version}"


_tokens = LinkTokens()


def make(member: User) -> str:
    """A new link for `member`; those made before stop working."""
    User.objects.filter(pk=member.pk).update(link_version=F("link_version") + 1)
    member.refresh_from_db()
    return address(member.pk, _tokens.make_token(member))


def address(pk: uuid.UUID, token: str) -> str:
    """Where a link leads. Its host comes from PUBLIC_URL: a Host header is whatever the asker says it is."""
    uidb64 = urlsafe_base64_encode(pk.bytes)
    return settings.PUBLIC_ORIGIN + reverse("welcome", args=[uidb64, token])


def member_of(uidb64: str, token: str) -> User | None:
    """Whose link this is, if it still works."""
    try:
        pk = uuid.UUID(bytes=urlsafe_base64_decode(uidb64))
        member = User.objects.get(pk=pk, is_active=True)
    except (ValueError, User.DoesNotExist):
        return None
    return member if _tokens.check_token(member, token) else None
