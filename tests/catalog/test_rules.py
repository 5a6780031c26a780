"""Who may ask which model, and use which ability: by the rules of their groups, else by everybody's."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from catalog.choosing import choose
from catalog.models import LanguageModel, NoRouteError, NotPermittedError, Provider, Route, Rule
from catalog.rules import Ability, permits_of
from tests.catalog.conftest import model, route


@pytest.fixture
def writers(db: None) -> Group:
    return Group.objects.create(name="Writers")


@pytest.fixture
def interns(db: None) -> Group:
    return Group.objects.create(name="Interns")


@pytest.fixture
def dora(db: None) -> User:
    return User.objects.create_user("dora@example.org", name="Dora")


@pytest.fixture
def flash(provider: Provider) -> LanguageModel:
    return model(provider, "flash")


@pytest.fixture
def pro(provider: Provider) -> LanguageModel:
    return model(provider, "pro")


def offered(member_id: UUID) -> list[str]:
    return [it.name for it in Route.objects.offered_to(member_id)]


@pytest.mark.parametrize(
    ("rules", "groups", "may"),
    [
        ([], [], True),
        ([], ["Writers"], True),
        ([("", False)], [], False),
        ([("", True)], ["Writers"], True),
        ([("", False), ("Writers", True)], ["Writers"], True),
        ([("", False), ("Writers", True)], ["Interns"], False),
        ([("Interns", False)], [], True),
        ([("Interns", False)], ["Writers"], True),
        ([("Interns", False)], ["Interns"], False),
        ([("Interns", False)], ["Interns", "Writers"], False),
        ([("Interns", False), ("Writers", True)], ["Interns", "Writers"], True),  # what any of them allows
        ([("", True), ("Interns", False)], ["Interns"], False),  # a group's rule comes before everybody's
    ],
)
@pytest.mark.parametrize("what", ["a model", *Ability])
def test_what_a_member_may(
    dora: User,
    flash: LanguageModel,
    writers: Group,
    interns: Group,
    what: str,
    rules: list[tuple[str, bool]],
    groups: list[str],
    may: bool,
) -> None:
    about: dict[str, Any] = {"model": flash} if what == "a model" else {"ability": what}
    for name, is_allowed in rules:
        Rule.objects.create(group=Group.objects.filter(name=name).first(), is_allowed=is_allowed, **about)
    dora.groups.set(Group.objects.filter(name__in=groups))
    permits = permits_of(dora.pk)
    assert (permits.may_ask(flash.pk) if what == "a model" else permits.may_use(Ability(what))) == may


def test_rules_of_others_and_about_others_say_nothing(
    dora: User, flash: LanguageModel, pro: LanguageModel, interns: Group
) -> None:
    Rule.objects.create(group=interns, model=flash)
    Rule.objects.create(model=pro)
    permits = permits_of(dora.pk)
    assert (permits.may_ask(flash.pk), permits.may_ask(pro.pk)) == (True, False)
    assert all(permits.may_use(ability) for ability in Ability)


def test_a_route_is_offered_with_its_first_model_and_without_those_that_are_refused(
    dora: User, flash: LanguageModel, pro: LanguageModel
) -> None:
    route(flash, "quick", 10)
    Route.objects.through(pro, flash, name="deep", label="Deep", position=20)
    Route.objects.through(flash, pro, name="max", label="Max", position=30)
    Rule.objects.create(model=pro)
    offer = Route.objects.offered_to(dora.pk)
    assert [it.name for it in offer] == ["quick", "max"]
    assert [step.model for step in offer.named("max").ready_steps] == [flash]
    assert list(offer.refused) == ["deep"]
    with pytest.raises(NotPermittedError) as error:
        offer.named("deep")
    assert "“Deep” is not open to you" in str(error.value.sentence)
    assert [it.name for it in Route.objects.offered()] == ["quick", "deep", "max"]  # to nobody in particular


def test_a_first_model_that_is_refused_is_not_silently_another(
    dora: User, flash: LanguageModel, pro: LanguageModel
) -> None:
    """Also while its provider is switched off, and the next one of its chain would answer everybody else."""
    away = Provider.objects.create(name="away", base_url="https://away.example.com/v1", enabled=False)
    LanguageModel.objects.filter(pk=pro.pk).update(provider=away)
    deep = Route.objects.through(pro, flash, name="deep", label="Deep")
    assert offered(dora.pk) == ["deep"]
    Rule.objects.create(model=pro)
    with pytest.raises(NotPermittedError):
        deep.bind(dora.pk)
    assert offered(dora.pk) == []


def test_where_everything_is_refused_that_is_said(dora: User, flash: LanguageModel) -> None:
    with pytest.raises(NoRouteError) as nothing:
        Route.objects.offered_to(dora.pk).named("")
    assert "set up" in str(nothing.value.sentence)
    route(flash, "quick")
    Rule.objects.create(model=flash)
    with pytest.raises(NotPermittedError) as error:
        Route.objects.offered_to(dora.pk).named("")
    assert "No model is open to you" in str(error.value.sentence)


def test_auto_chooses_among_what_is_allowed(dora: User, flash: LanguageModel, pro: LanguageModel) -> None:
    route(flash, "quick", 20, auto=Route.Auto.OTHERWISE)
    route(pro, "code", 30, auto=Route.Auto.CODE)
    route(flash, "vision", 40, auto=Route.Auto.IMAGES)
    Route.objects.create(name="auto", label="Auto", auto=Route.Auto.CHOOSER, position=1)
    code = "```python\nprint(x)\n```"
    auto = Route.objects.offered_to(dora.pk).named("auto")
    assert choose(auto, code, has_image=False, tokens=10).route.name == "code"
    Rule.objects.create(model=pro)
    auto = Route.objects.get(name="auto")
    auto.bind(dora.pk)
    assert choose(auto, code, has_image=False, tokens=10).route.name == "quick"


def test_auto_itself_may_be_refused(dora: User, flash: LanguageModel) -> None:
    route(flash, "quick", 20, auto=Route.Auto.OTHERWISE)
    route(flash, "code", 30, auto=Route.Auto.CODE)
    auto = Route.objects.create(name="auto", label="Auto", auto=Route.Auto.CHOOSER, position=1)
    Rule.objects.create(ability=Ability.AUTO)
    assert offered(dora.pk) == ["quick", "code"]
    with pytest.raises(NotPermittedError):
        auto.bind(dora.pk)


def test_a_route_that_was_offered_is_not_looked_up_again(
    dora: User, flash: LanguageModel, django_assert_num_queries: Any
) -> None:
    route(flash, "quick")
    with django_assert_num_queries(4):
        quick = Route.objects.offered_to(dora.pk).named("quick")
        quick.bind(dora.pk)
    with django_assert_num_queries(1):
        quick.bind(uuid4())


# What can't be entered ----------------------------------------------------------------------------------------------


def test_a_rule_is_about_one_thing_and_there_is_one(flash: LanguageModel, writers: Group) -> None:
    Rule.objects.create(group=writers, model=flash)
    twice = ({"group": writers, "model": flash, "is_allowed": True}, {"ability": "", "model": None})
    for fields in (*twice, {"model": flash, "ability": Ability.AUTO}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Rule.objects.create(**fields)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Choose a model or an ability, one of them."),
        ({"model": "flash", "ability": "auto"}, "Choose a model or an ability, one of them."),
        ({"ability": "flying"}, "Select a valid choice."),
        ({"ability": "thinking"}, "There is such a rule already. Change that one."),
    ],
)
def test_a_rule_that_is_none_is_told_in_words(
    alice: Client, flash: LanguageModel, fields: dict[str, str], sentence: str
) -> None:
    Rule.objects.create(ability=Ability.THINKING)
    entered = {"group": "", "model": "", "ability": "", **fields}
    if fields.get("model"):
        entered["model"] = str(flash.pk)
    for to in ("add", f"{Rule.objects.create(model=flash).pk}/change"):
        page = alice.post(f"/admin/catalog/rule/{to}/", entered)
        assert page.status_code == 200
        assert sentence in page.content.decode()
    assert Rule.objects.count() == 2


def test_an_administrator_refuses_a_model_to_a_group(alice: Client, flash: LanguageModel, interns: Group) -> None:
    entered = {"group": str(interns.pk), "model": str(flash.pk), "ability": ""}
    assert alice.post("/admin/catalog/rule/add/", entered).status_code == 302
    html = alice.get("/admin/catalog/rule/").content.decode()
    assert "Interns" in html
    assert str(flash) in html
