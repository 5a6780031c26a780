"""Money in words: never nothing for what is little, never nothing for what is unknown."""

from __future__ import annotations

from decimal import Decimal

import pytest

from catalog.amounts import money


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("0", "0.00 USD"),
        ("0.000000000001", "0.0000000000010 USD"),
        ("-0.00001", "-0.000010 USD"),
        ("0.0042", "0.0042 USD"),
        ("1.005", "1.00 USD"),
        ("1234.5", "1,234.50 USD"),
        ("-3", "-3.00 USD"),
    ],
)
def test_an_amount_is_read_as_people_read_money(amount: str, said: str) -> None:
    assert money(Decimal(amount)) == said


def test_what_has_no_price_is_unknown_and_not_nothing() -> None:
    assert money(None) == "?"
