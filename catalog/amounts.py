"""Sums and counts as people read them, in the language of the page; money in the reporting currency. Pure."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.utils.formats import number_format

CENTS = 2  # places
DIGITS = 2  # that an amount below a cent is worth


def money(amount: Decimal | None) -> str:
    """“1,234.50 USD”; “?” for what has no price: unknown is not nothing."""
    return "?" if amount is None else f"{figure(amount)} {settings.CURRENCY}"


def figure(amount: Decimal) -> str:
    """“1.84”; of less than ten cents two digits that count, “0.0012”: an answer costs that little."""
    places = max(CENTS, DIGITS - 1 - amount.adjusted()) if amount else CENTS
    return number_format(round(amount, places), decimal_pos=places, force_grouping=True)


def grouped(number: int) -> str:
    """65,536."""
    return number_format(number, force_grouping=True)
