"""What an answer cost, below it, and what its conversation did, in its menu: as the ledger has it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.amounts import money
from catalog.models import LanguageModel, Price, Route
from conversations import asking, calling, ending
from conversations.calling import Candidate
from conversations.models import Chunk, Conversation, Generation, Message
from providers.deltas import Usage
from providers.messages import ChatMessage, ChatRequest, Clocks, Endpoint
from tests.conversations.replaying import Writer, assert_same, load
from tests.usage.conftest import opened
from usage.models import Call
from usage.spending import close_call, correct
from usage.tokens import Tokens

COUNTED = Tokens(hit=1_000, miss=234, output=567, reasoning=300)


@pytest.fixture(autouse=True)
def price(route: Route) -> Price:
    prices = {"cache_hit": Decimal("0.003"), "cache_miss": Decimal("0.15"), "output": Decimal("0.60")}
    return Price.objects.create(
        model=LanguageModel.objects.get(), valid_from=datetime(2026, 1, 1, tzinfo=UTC), **prices
    )


def asked_upstream(generation: Generation, purpose: str = "answer") -> Call:
    ids = {"generation_id": generation.pk, "conversation_id": generation.conversation_id}
    return opened(LanguageModel.objects.get(), generation.member_id, purpose=purpose, prompt_tokens=100, **ids)


def charge(generation: Generation, tokens: Tokens = COUNTED, purpose: str = "answer") -> Call:
    call = asked_upstream(generation, purpose)
    close_call(call, tokens)
    return call


def ended(generation: Generation) -> str:
    Generation.objects.filter(pk=generation.pk).update(state="done", ended_at=datetime.now(UTC))
    return generation.conversation.get_absolute_url()


def test_an_answer_says_what_it_cost_as_it_ends_and_after_a_reload(
    browser_of_alice: Client, conversation: Conversation
) -> None:
    page = load(browser_of_alice, conversation)
    [writer] = Writer.claim([(Chunk.Kind.TEXT, "A burrito.")])
    writer.write()
    charge(writer.generation)
    assert "cost" not in load(browser_of_alice, conversation).articles[-1].html()
    writer.end()
    page.apply(browser_of_alice.get(f"{conversation.get_absolute_url()}news/?seq={page.cursor}").content.decode())
    shown = page.articles[-1].html()
    for words in ("0.00038 USD", "1,234, 1,000 of them cached", "567, 300 of them thinking"):
        assert words in shown
    assert "deepseek-flash: 0.003 / 0.15 / 0.60 USD for a million tokens" in shown
    assert_same(page, load(browser_of_alice, conversation))


def test_of_a_retry_and_a_fallback_all_is_counted_and_of_a_refusal_nothing(
    browser_of_alice: Client, generation: Generation
) -> None:
    charge(generation)
    charge(generation)
    charge(generation, Tokens())
    shown = browser_of_alice.get(ended(generation)).content.decode()
    assert "0.00076 USD" in shown
    assert "<dt>Requests</dt><dd>2</dd>" in shown


def test_what_was_refused_alone_shows_nothing(browser_of_alice: Client, generation: Generation) -> None:
    charge(generation, Tokens())
    assert "What this answer cost" not in browser_of_alice.get(ended(generation)).content.decode()


def test_an_estimate_says_so_until_its_provider_tells(browser_of_alice: Client, generation: Generation) -> None:
    call = asked_upstream(generation)
    close_call(call, Tokens(miss=1_000, output=1_000, is_estimated=True))
    estimate = browser_of_alice.get(ended(generation)).content.decode()
    assert "Estimated: its provider did not count." in estimate
    assert "0.00075 USD" in estimate
    close_call(call, COUNTED)  # told late
    counted = browser_of_alice.get(ended(generation)).content.decode()
    assert "Estimated" not in counted
    assert "0.00038 USD" in counted


def test_a_page_that_shows_an_estimate_is_given_what_was_told_late(
    browser_of_alice: Client, conversation: Conversation
) -> None:
    """By a worker that was taken for dead, and had its answer whole."""
    [writer] = Writer.claim([(Chunk.Kind.TEXT, "A burrito.")])
    writer.write()
    model = LanguageModel.objects.select_related("provider").get()
    request = ChatRequest(model.name, (ChatMessage("user", "What is a monad?"),))
    candidate = Candidate(model, Endpoint("deepseek", "deepseek", "https://api.example.com"), request, Clocks(), 1)
    call = calling.open_call(writer.generation, uuid4(), "answer", candidate)
    ending.end(writer.generation, replace(ending.ABANDONED, may_go_on=False), may=lambda _: True)
    page = load(browser_of_alice, conversation)
    assert "Estimated: its provider did not count." in page.articles[-1].html()
    call.notice(Usage(prompt=1_234, completion=567, reasoning=300, cache_hit=1_000, cache_miss=234))
    calling.close_call(call)
    page.apply(browser_of_alice.get(f"{conversation.get_absolute_url()}news/?seq={page.cursor}").content.decode())
    assert "0.00038 USD" in page.articles[-1].html()
    assert_same(page, load(browser_of_alice, conversation))


def test_a_correction_counts(browser_of_alice: Client, generation: Generation) -> None:
    correct(charge(generation).charges.get(), Decimal("-0.0001"), "a gift")
    assert "0.00028 USD" in browser_of_alice.get(ended(generation)).content.decode()


def test_what_has_no_price_is_never_shown_as_free(browser_of_alice: Client, generation: Generation) -> None:
    Price.objects.all().delete()
    charge(generation)
    shown = browser_of_alice.get(ended(generation)).content.decode()
    assert "1,801 tokens</summary>" in shown
    assert "It has no price, so nobody knows what it cost." in shown
    assert "USD" not in shown


def test_a_conversation_says_what_all_of_it_cost_its_title_and_other_branches_too(
    browser_of_alice: Client, alice: User, route: Route, question: Message, generation: Generation
) -> None:
    charge(generation)
    charge(generation, Tokens(miss=1_000), "title")
    ended(generation)
    asking.edit(question, alice, "In other words?", uuid4(), route)
    address = f"{generation.conversation.get_absolute_url()}"
    for page in (browser_of_alice.get(address), browser_of_alice.get(f"{address}cost/")):
        assert "0.00053 USD so far<small>2,801 tokens</small>" in page.content.decode()


def test_all_costs_of_a_page_are_one_statement(browser_of_alice: Client, alice: User, route: Route) -> None:
    counts = set()
    for turns in (1, 12):
        conversation = asking.start(alice, "What is a monad?", uuid4(), route).conversation
        for _ in range(turns - 1):
            asking.ask(conversation, alice, "And then?", uuid4(), route)
        for generation in Generation.objects.filter(conversation=conversation):
            charge(generation)
            address = ended(generation)
        with CaptureQueriesContext(connection) as queries:
            shown = browser_of_alice.get(address).content.decode()
        assert shown.count('<details class="cost">') == turns
        counts.add(len([it for it in queries if "usage_charge" in it["sql"]]))
    assert counts == {2}  # of the answers, and of the whole conversation


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "0.00"),
        ("1.836", "1.84"),
        ("1234.5", "1,234.50"),
        ("0.1", "0.10"),
        ("0.0996", "0.100"),
        ("0.012345", "0.012"),
        ("0.000000123", "0.00000012"),
        ("-0.00042", "-0.00042"),
    ],
)
def test_small_sums_are_said_in_two_digits_that_count(amount: str, words: str) -> None:
    assert money(Decimal(amount)) == f"{words} USD"
