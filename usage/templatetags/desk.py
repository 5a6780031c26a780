"""What the desk's first page says of money."""

from __future__ import annotations

from decimal import Decimal

from django import template

from catalog import amounts
from usage import overview

register = template.Library()


@register.simple_tag
def waiting_requests() -> int:
    """How many requests for raises nobody has decided."""
    return overview.waiting()


@register.filter
def in_groups(number: int) -> str:
    """1,234,567"""
    return amounts.grouped(number)


@register.filter
def in_money(amount: Decimal) -> str:
    return amounts.money(amount)
