"""Auto: the same question is always answered by the same route, and the page can say why."""

from __future__ import annotations

import time

import pytest
from pytest_django import DjangoAssertNumQueries

from catalog.choosing import Choice, choose, estimated_tokens
from catalog.models import NoRouteError, Provider, Route
from tests.catalog.conftest import model, route

Auto = Route.Auto
CODE = "Why does this fail?\n```python\nprint(x)\n```"


@pytest.fixture
def auto(provider: Provider) -> Route:
    """A house with a route for every part."""
    small, large = model(provider, "small", context_tokens=1000), model(provider, "large", context_tokens=9000)
    route(small, "quick", 20, auto=Auto.OTHERWISE)
    route(small, "code", 30, auto=Auto.CODE)
    route(model(provider, "seeing", sees=True), "vision", 40, auto=Auto.IMAGES)
    route(large, "long", 50, auto=Auto.LONG)
    return Route.objects.create(name="auto", label="Auto", auto=Auto.CHOOSER, position=1)


def chosen(auto: Route, text: str = "Hello", *, has_image: bool = False, tokens: int = 10) -> tuple[str, str]:
    choice = choose(auto, text, has_image=has_image, tokens=tokens)
    return choice.route.name, choice.reason


def test_a_route_that_a_member_chose_is_the_one_that_answers(auto: Route) -> None:
    quick = Route.objects.get(name="quick")
    assert choose(quick, CODE, has_image=True, tokens=10**6) == Choice(quick, "")


def test_an_image_wants_a_model_that_sees(auto: Route) -> None:
    assert chosen(auto, CODE, has_image=True, tokens=10**6) == ("vision", "an image")


def test_beyond_four_fifths_of_the_window_the_long_one_answers(auto: Route) -> None:
    assert chosen(auto, CODE, tokens=800) == ("code", "code in the question")
    assert chosen(auto, CODE, tokens=801) == ("long", "a long conversation")


def test_code_and_all_the_rest(auto: Route) -> None:
    assert chosen(auto, CODE) == ("code", "code in the question")
    assert chosen(auto, "What is the dress code?") == ("quick", "a general question")


@pytest.mark.parametrize("gone", ["missing", "off", "not ready"])
def test_a_route_that_cannot_answer_is_passed_over(auto: Route, gone: str) -> None:
    parts = Route.objects.filter(auto__in=[Auto.IMAGES, Auto.LONG, Auto.CODE])
    if gone == "missing":
        parts.delete()
    elif gone == "off":
        parts.update(enabled=False)
    else:
        away = model(Provider.objects.create(name="away"), "away")
        for each in parts:
            each.steps.update(model=away)
    assert chosen(auto, CODE, has_image=True, tokens=10**6) == ("quick", "a general question")


def test_a_long_route_that_holds_no_more_is_no_help(auto: Route) -> None:
    Route.objects.get(name="long").steps.update(model=Route.objects.get(name="quick").steps.get().model)
    assert chosen(auto, tokens=10**6) == ("quick", "a general question")


def test_without_a_route_for_the_rest_the_first_one_takes_it(auto: Route) -> None:
    Route.objects.filter(auto=Auto.OTHERWISE).update(auto=Auto.NONE)
    assert chosen(auto) == ("quick", "a general question")


def test_of_two_routes_for_one_thing_the_first_takes_it(auto: Route, provider: Provider) -> None:
    route(model(provider, "another"), "better", 25, auto=Auto.CODE)
    assert chosen(auto, CODE)[0] == "better"


def test_with_nothing_to_choose_from_it_says_so(auto: Route) -> None:
    Provider.objects.update(enabled=False)
    with pytest.raises(NoRouteError):
        chosen(auto)


def test_choosing_costs_a_handful_of_queries(auto: Route, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(3):
        chosen(auto)


# Estimates ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a" * 10, 3),
        ("a", 1),
        ("你好" * 5, 6),
        ("こんにちは", 3),
        ("안녕하세요", 3),
        ("，。！", 2),
        ("é" * 10, 3),
        ("🚀" * 3, 6),
    ],
)
def test_tokens_are_estimated_by_the_documented_ratios(text: str, tokens: int) -> None:
    assert estimated_tokens(text) == tokens


def test_what_was_counted_live_is_within_the_estimate() -> None:
    """DeepSeek counted 8 tokens for this question, 4 of them around it."""
    assert estimated_tokens("Return exactly: OK") >= 4


@pytest.mark.parametrize("piece", ["a word ", "中文", "a中", "🚀a"])
def test_a_megabyte_is_estimated_in_a_moment(piece: str) -> None:
    begin = time.process_time()
    estimated_tokens(piece * (1_000_000 // len(piece)))
    assert time.process_time() - begin < 0.5
