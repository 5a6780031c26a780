"""What a rule refuses is refused on every way to an answer: asked, edited, asked again, continued, down the chain."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from catalog.models import LanguageModel, NotPermittedError, Route, Rule, Step
from catalog.rules import Ability
from conversations import asking, ending
from conversations.attachments import prepare
from conversations.ending import Outcome
from conversations.models import Conversation, Generation, Message
from conversations.parameters import Parameters
from tests.conversations.conftest import working
from tests.images import upload
from tests.upstream import Script, Upstream
from tests.workers import has_ended
from usage.models import Hold, Limit

BUSY = Script.error(503, "Service is too busy.", "service_unavailable_error", Retry_After="0.01")


@pytest.fixture
def pro(route: Route) -> LanguageModel:
    first = LanguageModel.objects.get()
    return LanguageModel.objects.create(
        provider=first.provider, name="deepseek-v4-pro", context_tokens=100_000, thinks=True, unpriced_allowed=True
    )


@pytest.fixture
def deep(route: Route, pro: LanguageModel) -> Route:
    return Route.objects.through(pro, LanguageModel.objects.get(name="deepseek-flash"), name="deep", label="Deep")


@pytest.fixture
def refused(deep: Route, pro: LanguageModel, alice: User) -> Rule:
    """The model of Deep is not for Alice's group."""
    group = Group.objects.create(name="Interns")
    alice.groups.add(group)
    return Rule.objects.create(group=group, model=pro)


def broken_off(message: Message) -> None:
    """An answer of which there are some words."""
    Message.objects.filter(pk=message.pk).update(text="A monad is")
    ending.end(message.generation, Outcome(Generation.State.FAILED, "cut", "It broke."), may=lambda _: True)


def answer_of(question: Message) -> Message:
    return Message.objects.select_related("generation").get(parent=question)


DEEDS: dict[str, Callable[[Message, User, Route], object]] = {
    "start": lambda asked, member, deep: asking.start(member, "Hello", uuid4(), deep),
    "ask": lambda asked, member, deep: asking.ask(asked.conversation, member, "Hello", uuid4(), deep),
    "edit": lambda asked, member, deep: asking.edit(asked, member, "Hello", uuid4(), deep),
    "ask again": lambda asked, member, deep: asking.ask_again(answer_of(asked), member),
    "ask again by it": lambda asked, member, deep: asking.ask_again(answer_of(asked), member, deep),
    "continue": lambda asked, member, deep: asking.carry_on(answer_of(asked), member),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS.keys())
def test_no_deed_queues_an_answer_by_a_model_that_is_refused(
    alice: User, deep: Route, pro: LanguageModel, deed: Callable[[Message, User, Route], object]
) -> None:
    asked = asking.start(alice, "What is a monad?", uuid4(), deep)
    broken_off(answer_of(asked))
    before = Conversation.objects.values_list("seq", flat=True)[0]
    Rule.objects.create(model=pro)
    with pytest.raises(NotPermittedError):
        deed(asked, alice, Route.objects.get(name="deep"))
    assert not Generation.objects.live().exists()
    assert (Message.objects.count(), Conversation.objects.values_list("seq", flat=True)[0]) == (2, before)


def test_a_forged_post_is_refused_in_words_and_the_draft_kept(
    browser_of_alice: Client, deep: Route, refused: Rule
) -> None:
    page = browser_of_alice.get("/").content.decode()
    assert '<option value="quick"' in page
    assert '<option value="deep"' not in page
    forged = {"text": "What is a monad?", "key": str(uuid4()), "route": "deep"}
    answer = browser_of_alice.post("/c/", forged)
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "“Deep” is not open to you. Choose another model, or ask an administrator." in html
    assert "What is a monad?" in html
    assert not Message.objects.exists()
    assert browser_of_alice.post("/c/", forged | {"route": "quick"}).status_code == 303


def test_a_forged_try_again_is_refused_in_words(
    browser_of_alice: Client, alice: User, route: Route, deep: Route, refused: Rule
) -> None:
    answer = answer_of(asking.start(alice, "What is a monad?", uuid4(), route))
    broken_off(answer)
    path = f"{answer.conversation.get_absolute_url()}m/{answer.pk}/again/"
    said = browser_of_alice.post(path, {"route": "deep"}, headers={"HX-Request": "true"})
    assert said.status_code == 422
    assert "“Deep” is not open to you." in said.content.decode()
    assert Generation.objects.count() == 1


def test_a_conversation_whose_model_is_refused_by_now_goes_on_by_another(
    browser_of_alice: Client, alice: User, deep: Route, pro: LanguageModel
) -> None:
    asked = asking.start(alice, "What is a monad?", uuid4(), deep)
    broken_off(answer_of(asked))
    Rule.objects.create(model=pro)
    path = asked.conversation.get_absolute_url()
    assert browser_of_alice.get(path).status_code == 200
    assert browser_of_alice.post(f"{path}ask/", {"text": "And?", "key": str(uuid4()), "route": ""}).status_code == 303
    assert Generation.objects.latest("created_at").route == Route.objects.get(name="quick")


async def test_a_chain_passes_over_what_is_refused(
    upstream: Upstream, alice: User, route: Route, pro: LanguageModel
) -> None:
    await Step.objects.acreate(route=route, position=2, model=pro)
    await Rule.objects.acreate(model=pro)
    asked = await sync_to_async(asking.start)(alice, "What is a monad?", uuid4(), await Route.objects.aget())
    upstream.play(*[BUSY] * 4, Script.text("I am another."))
    async with working():
        generation = await has_ended(await Generation.objects.aget(message__parent=asked))
    assert generation.state == "failed"
    assert {request.body["model"] for request in upstream.requests} == {"deepseek-flash"}


async def test_what_is_refused_while_a_question_waits_is_not_asked(
    upstream: Upstream, alice: User, deep: Route, pro: LanguageModel
) -> None:
    asked = await sync_to_async(asking.start)(alice, "What is a monad?", uuid4(), deep)
    await Rule.objects.acreate(model=pro)
    async with working():
        generation = await has_ended(await Generation.objects.aget(message__parent=asked))
    assert (generation.state, generation.error_code) == ("failed", "not_permitted")
    assert not upstream.requests


def test_a_limit_does_not_lead_to_a_model_that_is_refused(
    alice: User, route: Route, deep: Route, refused: Rule
) -> None:
    limit = {"unit": "tokens", "amount": 10_000, "step": "route", "step_percent": 1, "step_route": deep}
    Limit.objects.create(**limit)
    first = asking.start(alice, "What is a monad?", uuid4(), route)
    asking.ask(first.conversation, alice, "And?", uuid4(), route)
    assert Hold.objects.count() == 2  # the second one is beyond its step
    assert set(Generation.objects.values_list("route__name", flat=True)) == {"quick"}
    refused.delete()
    asking.ask(first.conversation, alice, "And?", uuid4(), Route.objects.get(name="quick"))
    assert Generation.objects.latest("created_at").route == deep


# Thinking -----------------------------------------------------------------------------------------------------------


def test_who_may_not_think_is_answered_without_and_told_so(browser_of_alice: Client, alice: User, route: Route) -> None:
    Route.objects.update(effort="high")
    Rule.objects.create(ability=Ability.THINKING)
    page = browser_of_alice.get("/").content.decode()
    assert 'name="effort"' not in page
    assert 'name="temperature"' in page  # which a model takes that does not think
    forged = {"text": "What is a monad?", "key": str(uuid4()), "route": "quick", "effort": "max"}
    assert browser_of_alice.post("/c/", forged).status_code == 303
    generation = Generation.objects.get()
    assert Parameters.stored(generation.parameters).effort == "off"
    html = browser_of_alice.get(generation.conversation.get_absolute_url()).content.decode()
    assert "The answer comes without thinking, which is not open to you." in html


def test_by_the_deed_too_there_is_no_thinking_and_where_there_was_none_nothing_is_said(
    alice: User, route: Route
) -> None:
    Rule.objects.create(ability=Ability.THINKING)
    asking.start(alice, "What is a monad?", uuid4(), route, parameters=Parameters(effort="max"))
    asking.start(alice, "What is a monad?", uuid4(), route)
    said, silent = Generation.objects.order_by("created_at")
    assert (said.parameters["effort"], silent.parameters.get("effort", "")) == ("off", "")
    assert said.limit_notes
    assert not silent.limit_notes


# Images -------------------------------------------------------------------------------------------------------------


def test_images_may_be_refused(browser_of_alice: Client, alice: User, route: Route) -> None:
    asked = asking.start(alice, "What is this?", uuid4(), route, images=prepare([upload()]))
    broken_off(answer_of(asked))
    Rule.objects.create(ability=Ability.IMAGES)
    page = browser_of_alice.get("/").content.decode()
    assert "Add images" not in page
    assert "disabled" in page[page.index('<input id="images"') :].partition(">")[0]
    path = asked.conversation.get_absolute_url()
    posts = {
        "/c/": {"text": "And this?", "key": str(uuid4()), "images": upload()},
        f"{path}ask/": {"text": "And this?", "key": str(uuid4()), "images": upload()},
        f"{path}m/{asked.pk}/edit/": {
            "text": "And this?",
            "key": str(uuid4()),
            "kept": str(asked.attachments.get().pk),
        },
    }
    for to, form in posts.items():
        answer = browser_of_alice.post(to, form)
        assert answer.status_code == 422
        assert "Images are not open to you." in answer.content.decode()
        assert "And this?" in answer.content.decode()
    with pytest.raises(NotPermittedError):
        asking.ask_again(answer_of(asked), alice)
    with pytest.raises(NotPermittedError):
        asking.carry_on(answer_of(asked), alice)
    assert Message.objects.count() == 2
    assert browser_of_alice.post(f"{path}ask/", {"text": "In words?", "key": str(uuid4())}).status_code == 303
