"""Encrypting the kept keys anew, under the newest secret."""

from __future__ import annotations

from catalog import keys
from catalog.models import Provider


def rotate() -> tuple[list[str], list[str]]:
    """The providers whose keys are now under the first secret, and those whose keys none of the secrets opens."""
    done, lost = [], []
    for provider in Provider.objects.exclude(encrypted_key="").order_by("name"):
        try:
            anew = keys.resealed(provider.encrypted_key)
        except keys.KeyLostError:
            lost.append(provider.name)
            continue
        # A key that was entered meanwhile is under the first secret already.
        Provider.objects.filter(pk=provider.pk, encrypted_key=provider.encrypted_key).update(encrypted_key=anew)
        done.append(provider.name)
    return done, lost
