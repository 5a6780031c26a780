"""What DeepSeek has billed since the end of 2025: rows of a fresh install, which an administrator then keeps.

From its pricing page as of 2026-11-15 and the changes it announced. A day begins in Beijing; at which hour a change
took effect was never said.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from catalog.models import Band, BilledAs, LanguageModel, Price, Provider
from catalog.prices import Currency

BEIJING = ZoneInfo("Asia/Shanghai")
PEAK = {"hours": "Mon-Fri 09:00-12:00\nMon-Fri 14:00-18:00", "zone": "Asia/Shanghai", "holidays": "CN"}


@dataclass(frozen=True)
class Listed:
    """Cache hit, cache miss and output, for a million tokens; at peak hours `times` as much."""

    begin: str
    end: str
    amounts: tuple[str, str, str]
    note: str
    times: int = 1
    currency: str = Currency.USD


FLASH = (
    Listed("2025-12-01", "2026-04-24", ("0.028", "0.28", "0.42"), "DeepSeek-V3.2; not verified"),
    Listed("2026-04-24", "2026-08-16", ("0.0028", "0.14", "0.28"), "DeepSeek-V4-Flash"),
    Listed("2026-08-16", "2026-09-10", ("0.007", "0.22", "0.66"), "peak prices begin", times=2),
    Listed("2026-09-10", "", ("0.003", "0.15", "0.60"), "DeepSeek-V4.1-Flash, as of 2026-11-15", times=2),
    Listed("2026-09-10", "", ("0.02", "1", "4"), "as of 2026-11-15", times=2, currency=Currency.CNY),
)
PRO = (
    Listed("2026-04-24", "2026-08-16", ("0.003625", "0.435", "0.87"), "DeepSeek-V4-Pro"),
    Listed("2026-08-16", "", ("0.022", "0.66", "1.98"), "peak prices begin; as of 2026-11-15", times=2),
    Listed("2026-08-16", "", ("0.15", "4.5", "13.5"), "as of 2026-11-15", times=2, currency=Currency.CNY),
)
# Which names its answers carry or carried. deepseek-v4-pro was to be answered by Flash from 2026-09-14 on; that was
# cancelled. Should it ever be: a row with its date.
NAMES = ("deepseek-chat", "deepseek-reasoner", "deepseek-v4-flash", "deepseek-v4-flash-vision-exp")


def ensure(flash: LanguageModel, pro: LanguageModel, local: LanguageModel) -> None:
    """Prices for those of these models that have none, whoever entered them."""
    for model, listed in ((flash, FLASH), (pro, PRO)):
        if not model.prices.exists():
            Price.objects.bulk_create([row for it in listed for row in _rows(model, it)])
    if not local.prices.exists():
        nothing = dict.fromkeys(("cache_hit", "cache_miss", "output"), Decimal(0))
        note = "runs on this machine: free"
        Price.objects.create(model=local, valid_from=_midnight("2025-12-01"), note=note, **nothing)
    if not flash.provider.aliases.exists():
        BilledAs.objects.bulk_create([_alias(flash.provider, name, flash) for name in NAMES])


def _rows(model: LanguageModel, listed: Listed) -> list[Price]:
    common: dict[str, Any] = {
        "model": model,
        "currency": listed.currency,
        "valid_from": _midnight(listed.begin),
        "valid_to": _midnight(listed.end) if listed.end else None,
        "note": listed.note,
    }
    rows = [Price(**common, **_amounts(listed, 1))]
    if listed.times > 1:
        band, _ = Band.objects.get_or_create(name="DeepSeek's peak hours", defaults=PEAK)
        rows.append(Price(**common, band=band, **_amounts(listed, listed.times)))
    return rows


def _amounts(listed: Listed, times: int) -> dict[str, Decimal]:
    names = ("cache_hit", "cache_miss", "output")
    return {name: Decimal(amount) * times for name, amount in zip(names, listed.amounts, strict=True)}


def _alias(provider: Provider, name: str, model: LanguageModel) -> BilledAs:
    return BilledAs(provider=provider, name=name, model=model, valid_from=_midnight("2025-12-01"))


def _midnight(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=BEIJING)
