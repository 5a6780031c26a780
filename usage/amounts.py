"""Money as people read it, in the reporting currency. The ledger has twelve places; nobody reads them. Pure."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings

LEAST = Decimal("0.0001")


def money(amount: Decimal | None) -> str:
    """“1,234.50 USD”, “0.0042 USD”, “< 0.0001 USD”; “?” for what has no price: unknown is not nothing."""
    return "?" if amount is None else f"{figure(amount)} {settings.CURRENCY}"


def figure(amount: Decimal) -> str:
    """Two places, below 1 four."""
    if amount == 0:
        return "0.00"
    if abs(amount) < LEAST:
        return f"< {LEAST}" if amount > 0 else f"> -{LEAST}"
    return f"{amount:,.2f}" if abs(amount) >= 1 else f"{amount:,.4f}"
