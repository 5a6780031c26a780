"""Keys that administrators enter: kept encrypted, and opened only for the row and the address they were entered for.

The secret is one of its own, so that whoever learns SECRET_KEY still opens none. Several make a rotation: the first
encrypts, all of them open, and `manage.py catalog rotate` encrypts everything anew.
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils.translation import gettext, gettext_noop

from providers.messages import Secret


class KeyLostError(Exception):
    """A kept key can't be opened. `sentence` is for the administrator."""

    GONE = gettext_noop(
        "Its key can't be opened: the secret that encrypted it is gone. "
        "Set PROVIDER_KEYS_SECRET as it was, or enter the key again."
    )
    ELSEWHERE = gettext_noop("Its key was entered for another address. Enter the key again.")

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self._sentence = sentence

    @property
    def sentence(self) -> str:
        return gettext(self._sentence)


def can_keep() -> bool:
    """Whether there is a secret to encrypt keys with."""
    return bool(settings.PROVIDER_KEYS_SECRETS)


# Below, nothing is raised where a local variable holds a key: an error report shows them.


def sealed(key: Secret, place: str) -> str:
    """The key, encrypted so that it opens for this `place` alone. There must be a secret: see can_keep."""
    return _locks(settings.PROVIDER_KEYS_SECRETS).encrypt(f"{place}\n{key.reveal()}".encode()).decode()


def opened(token: str, place: str) -> Secret:
    """The key that was sealed for this place. Raises KeyLostError."""
    if (content := _content(token, settings.PROVIDER_KEYS_SECRETS)) is None:
        raise KeyLostError(KeyLostError.GONE)
    was_for, _, key = content.reveal().partition("\n")
    if was_for == place:
        return Secret(key)
    del content, key
    raise KeyLostError(KeyLostError.ELSEWHERE)


def resealed(token: str) -> str:
    """The same under the first of the secrets. Raises KeyLostError."""
    try:
        return _locks(settings.PROVIDER_KEYS_SECRETS).rotate(token.encode()).decode()
    except InvalidToken:
        raise KeyLostError(KeyLostError.GONE) from None


@lru_cache(maxsize=64)  # every page asks it of every route
def _content(token: str, secrets: tuple[str, ...]) -> Secret | None:
    try:
        return Secret(_locks(secrets).decrypt(token.encode()).decode())
    except InvalidToken:
        return None


def _locks(secrets: tuple[str, ...]) -> MultiFernet:
    if not secrets:
        raise KeyLostError(KeyLostError.GONE)
    return MultiFernet([_lock(secret) for secret in secrets])


@lru_cache(maxsize=8)
def _lock(secret: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"catalog: keys of providers").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
