"""Is it dear to ask now, until when, and by how much?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.utils import timezone, translation

from catalog import peaks
from catalog.models import Band, LanguageModel, Price, Provider, Route
from catalog.peaks import Hours, Peak
from tests.catalog.test_calendars import beijing

pytestmark = pytest.mark.django_db


@pytest.fixture
def route(db: None, monkeypatch: pytest.MonkeyPatch) -> Route:
    """A fresh install's, with DeepSeek's prices."""
    call_command("catalog")
    Provider.objects.update(key_setting="", base_url="https://api.deepseek.com")
    return Route.objects.whole().get(name="quick")


@pytest.mark.parametrize(
    ("at", "until", "edge"),
    [
        ("2026-11-25 08:59:59", None, "2026-11-25 09:00"),
        ("2026-11-25 09:00", "2026-11-25 12:00", "2026-11-25 12:00"),
        ("2026-11-25 11:59:59", "2026-11-25 12:00", "2026-11-25 12:00"),
        ("2026-11-25 12:00", None, "2026-11-25 14:00"),
        ("2026-11-25 15:00", "2026-11-25 18:00", "2026-11-25 18:00"),
        ("2026-11-27 18:00", None, "2026-11-30 09:00"),  # over the weekend
        ("2026-10-01 10:00", None, "2026-10-08 09:00"),  # and the National Day's week
    ],
)
def test_deepseeks_peak_by_beijings_clocks(route: Route, at: str, until: str | None, edge: str) -> None:
    found = peaks.hours(route, beijing(at))
    assert found.edge == beijing(edge)
    assert found.peak == (Peak(beijing(until), Decimal(2), "Asia/Shanghai") if until else None)


def test_before_there_were_bands_nothing_was_dearer_than_later(route: Route) -> None:
    assert peaks.hours(route, beijing("2026-06-01 10:00")) == Hours()


def test_hours_that_are_cheaper_than_others_make_a_peak_of_these(route: Route) -> None:
    assert route.model
    Price.objects.all().delete()
    night = Band.objects.create(name="Night", hours="Mon-Sun 00:30-08:30", zone="Europe/Berlin")
    common = {"model": route.model, "valid_from": datetime(2026, 1, 1, tzinfo=UTC), "cache_hit": 0, "cache_miss": 1}
    Price.objects.create(**common, output=3)
    Price.objects.create(**common | {"cache_miss": Decimal("0.25")}, output=Decimal("0.75"), band=night)
    route = Route.objects.whole().get(name="quick")
    evening = datetime(2026, 11, 25, 22, tzinfo=ZoneInfo("Europe/Berlin"))
    peak = peaks.hours(route, evening).peak
    assert peak
    assert (peak.until, peak.factor) == (evening + timedelta(hours=2, minutes=30), "4")
    assert peak.until_there == "00:30 Berlin time"
    assert peaks.hours(route, evening + timedelta(hours=4)).peak is None


def test_a_price_that_ends_meanwhile_is_not_waited_for(route: Route) -> None:
    """From noon on everything is dearer than the peak was."""
    noon = beijing("2026-11-25 12:00")
    Price.objects.filter(band=None, valid_to=None).update(valid_to=noon)
    dear = {"cache_hit": 1, "cache_miss": 10, "output": 20}
    for model in LanguageModel.objects.filter(provider__name="deepseek"):
        Price.objects.create(model=model, valid_from=noon, **dear)
    assert peaks.hours(Route.objects.whole().get(name="quick"), beijing("2026-11-25 10:00")).peak is None


def test_what_is_free_afterwards_has_no_factor(route: Route) -> None:
    Price.objects.filter(band=None).update(cache_hit=0, cache_miss=0, output=0)
    peak = peaks.hours(Route.objects.whole().get(name="quick"), beijing("2026-11-25 10:00")).peak
    assert peak
    assert (peak.times, peak.factor) == (None, "")


def test_auto_looks_at_all_that_it_may_choose(route: Route) -> None:
    auto = next(it for it in Route.objects.offered() if it.is_auto)
    assert peaks.hours(auto, beijing("2026-11-25 10:00")).peak == Peak(
        beijing("2026-11-25 12:00"), Decimal(2), "Asia/Shanghai"
    )


def test_it_says_what_the_readers_own_clocks_show_if_that_is_something_else(route: Route) -> None:
    peak = Peak(beijing("2026-11-25 12:00"), Decimal("1.5"), "Asia/Shanghai")
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert (peak.until_there, peak.until_here, peak.factor) == ("12:00 Beijing time", "05:00", "1.5")
    with timezone.override(ZoneInfo("Asia/Singapore")), translation.override("zh-hans"):
        assert (peak.until_there, peak.until_here) == ("北京时间 12:00", "")
