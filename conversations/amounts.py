"""Sums and counts as members read them, in the language of the page. Pure."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format

CENTS = 2  # places
DIGITS = 2  # that an amount below a cent is worth


def money(amount: Decimal, currency: str) -> str:
    """“1.84 USD”; of less than ten cents two digits that count, “0.0012 USD”: an answer costs that little."""
    places = max(CENTS, DIGITS - 1 - amount.adjusted()) if amount else CENTS
    return f"{number_format(round(amount, places), decimal_pos=places, force_grouping=True)} {currency}"


def grouped(number: int) -> str:
    """65,536."""
    return number_format(number, force_grouping=True)
