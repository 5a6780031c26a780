"""What allauth asks us: nobody signs up by themselves, and nothing is taken from the Host header."""

from __future__ import annotations

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.utils import url_str_to_user_pk
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import links
from accounts.models import User

log = logging.getLogger(__name__)


class ClosedAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str) -> bool:
        """After signing in or out, only paths of ours."""
        return url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def set_password(self, user: User, password: str) -> None:
        user.set_password(password)
        # allauth's own saves every field, and so would bring back a member who is being deactivated right now.
        user.save(update_fields=["password"])

    def get_reset_password_from_key_url(self, key: str) -> str:
        """A mailed link is an administrator's link, except that it leaves theirs valid: anyone may ask for one."""
        pk, _, token = key.partition("-")
        return links.address(url_str_to_user_pk(pk), token)

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """To the address that is stored. A mail server that fails must not tell members from strangers."""
        try:
            super().send_password_reset_mail(user, user.email, context)
        except OSError:  # what smtplib and sockets raise
            log.exception("Could not mail a set-password link to member %s.", user.pk)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # allauth's own adds the Host header, whose port anyone may choose: every port would give five more guesses.
        return str(credentials.get("email", "")).lower()
