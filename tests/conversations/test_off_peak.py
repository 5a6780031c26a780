"""Questions that wait for the cheap hours: in the queue, in sight, and free to be sent or taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from catalog.models import Band, LanguageModel, Price, Route
from conversations import asking, vitals
from conversations.errors import NotWaitingError
from conversations.models import Chunk, Conversation, Generation, Message
from tests.conversations.replaying import Follower, WebProcess, Writer, assert_same, load
from tests.images import upload
from tests.workers import at_once
from usage import checking
from usage.models import Balance, Charge, Hold, Limit

ZONE = "Asia/Shanghai"


def around_now() -> str:
    """Hours of a band that holds now and ends within three."""
    hour = datetime.now(ZoneInfo(ZONE)).hour
    return f"Mon-Sun {max(hour - 1, 0):02}:00-{min(hour + 2, 24):02}:00"


@pytest.fixture(autouse=True)
def peak(route: Route) -> Band:
    band = Band.objects.create(name="Peak", hours=around_now(), zone=ZONE)
    prices: dict[str, Any] = {"model": LanguageModel.objects.get(), "valid_from": datetime(2026, 1, 1, tzinfo=UTC)}
    Price.objects.create(**prices, cache_hit=Decimal("0.1"), cache_miss=1, output=2)
    Price.objects.create(**prices, cache_hit=Decimal("0.2"), cache_miss=2, output=4, band=band)
    return band


def ask_later(alice: User, route: Route, text: str = "What is a monad?", **more: Any) -> Generation:
    question = asking.start(alice, text, uuid4(), route, off_peak=True, **more)
    return Generation.objects.get(message__parent=question)


def next_question(generation: Generation, alice: User, route: Route, **more: Any) -> Generation:
    question = asking.ask(generation.conversation, alice, "And then?", uuid4(), route, **more)
    return Generation.objects.get(message__parent=question)


def claimed() -> list[UUID]:
    return [it.pk for it in Generation.objects.claim("a worker", 10)]


def the_hours_come() -> None:
    Generation.objects.filter(not_before__gt=Now()).update(not_before=Now())


def test_it_waits_for_the_end_of_the_peak_and_is_claimed_then(alice: User, route: Route) -> None:
    generation = ask_later(alice, route)
    assert timezone.now() < generation.not_before <= timezone.now() + timedelta(hours=3)
    assert generation.not_before.astimezone(ZoneInfo(ZONE)).strftime("%M:%S") == "00:00"
    assert claimed() == []
    the_hours_come()
    assert claimed() == [generation.pk]


def test_it_holds_up_nobody_else(alice: User, charlie: User, route: Route) -> None:
    waiting = [ask_later(alice, route) for _ in range(25)]  # more than one member may have running
    other = asking.start(alice, "Quick one", uuid4(), route)
    theirs = asking.start(charlie, "Mine", uuid4(), route)
    assert {*claimed()} == {Generation.objects.get(message__parent=it).pk for it in (other, theirs)}
    assert all(Generation.objects.get(pk=it.pk).is_waiting for it in waiting)


def test_where_it_is_cheap_already_it_is_sent_at_once(alice: User, route: Route, peak: Band) -> None:
    Price.objects.filter(band=peak).delete()
    generation = ask_later(alice, route)
    assert claimed() == [generation.pk]


def test_what_is_asked_behind_it_waits_behind_it(alice: User, route: Route) -> None:
    first = ask_later(alice, route)
    second = next_question(first, alice, route)
    assert second.is_waiting
    assert second.not_before == first.not_before
    assert claimed() == []
    the_hours_come()
    assert claimed() == [first.pk]  # one at a time, in order


def test_sent_now_it_goes_with_all_before_it_and_what_is_behind_waits_on(alice: User, route: Route) -> None:
    first = ask_later(alice, route)
    second, third = next_question(first, alice, route), next_question(first, alice, route)
    seq = Conversation.objects.get().seq
    for _click in range(2):
        asking.send_now(second.message)
    assert [Generation.objects.get(pk=it.pk).is_waiting for it in (first, second, third)] == [False, False, True]
    assert claimed() == [first.pk]
    assert Message.objects.filter(changed_seq__gt=seq).count() == 2


def test_taken_back_it_is_gone_and_cost_nothing(browser_of_alice: Client, alice: User, route: Route) -> None:
    Limit.objects.create(amount=10)
    generation = ask_later(alice, route, "What is a\nmonad?")
    assert Hold.objects.get().pk == generation.pk
    address = f"/c/{generation.conversation_id}/m/{generation.message_id}/back/"
    page = browser_of_alice.post(address)
    assert page.status_code == 200
    assert "\nWhat is a\nmonad?</textarea>" in page.content.decode()
    assert browser_of_alice.post(address).status_code == 404
    assert (Message.objects.count(), Generation.objects.count(), Hold.objects.count(), Charge.objects.count()) == (
        0,
        0,
        0,
        0,
    )
    assert Balance.objects.get().held_cost == 0
    assert checking.complaints() == []


def test_its_images_have_to_be_chosen_again_and_the_page_says_so(
    browser_of_alice: Client, alice: User, route: Route
) -> None:
    posted = {"text": "What is it?", "key": str(uuid4()), "when": "off-peak", "images": upload()}
    assert browser_of_alice.post("/c/", posted).status_code == 303
    generation = Generation.objects.get()
    address = f"/c/{generation.conversation_id}/m/{generation.message_id}/back/"
    assert "Its images have to be chosen again." in browser_of_alice.post(address).content.decode()


def test_in_other_words_only_the_other_words_are_taken_back(alice: User, route: Route) -> None:
    first = asking.start(alice, "What is a monad?", uuid4(), route)
    conversation = first.conversation
    asking.stop(conversation)
    asking.edit(first, alice, "What is it, really?", uuid4(), route, off_peak=True)
    waiting = Generation.objects.waiting().get()
    assert asking.take_back(waiting.message, alice).text == "What is it, really?"
    assert [it.text for it in Message.objects.filter(role="user")] == ["What is a monad?"]
    conversation.refresh_from_db()
    assert conversation.leaf
    assert conversation.leaf.parent_id == first.pk


def test_what_is_under_way_or_has_something_below_it_or_is_anothers_stays(
    alice: User, charlie: User, route: Route
) -> None:
    first = ask_later(alice, route)
    second = next_question(first, alice, route)
    for member, generation in ((alice, first), (charlie, second)):
        with pytest.raises(NotWaitingError):
            asking.take_back(generation.message, member)
    the_hours_come()
    assert claimed() == [first.pk]
    with pytest.raises(NotWaitingError):
        asking.take_back(second.message, alice)  # next in the queue, and not waiting for hours any more
    assert Generation.objects.count() == 2


@pytest.mark.parametrize("attempt", range(5))
def test_taken_back_while_it_is_sent_and_claimed_only_one_comes_true(alice: User, route: Route, attempt: int) -> None:
    generation = ask_later(alice, route)

    def back() -> str:
        try:
            asking.take_back(Message.objects.select_related("parent").get(pk=generation.message_id), alice)
        except (NotWaitingError, Message.DoesNotExist):
            return "not"
        return "back"

    def send() -> str:
        try:
            asking.send_now(Message.objects.select_related("conversation").get(pk=generation.message_id))
        except ObjectDoesNotExist:
            return "gone"
        return "sent" if claimed() else "not"

    told = at_once(2, lambda number: (back, send)[number]())
    assert ("back" in told) != ("sent" in told)
    assert Generation.objects.count() == (0 if "back" in told else 1)


def test_stop_leaves_it_waiting_and_deleting_ends_it(alice: User, route: Route) -> None:
    Limit.objects.create(amount=10)
    first, second = ask_later(alice, route), ask_later(alice, route)
    for it in (first, second):
        asking.stop(it.conversation)
    assert Generation.objects.waiting().count() == 2
    asking.delete(first.conversation)
    question = second.message.parent
    assert question
    asking.remove(question)
    assert not Generation.objects.live().exists()
    assert not Hold.objects.exists()
    assert checking.complaints() == []


def test_who_is_made_inactive_has_nothing_waiting(alice: User, route: Route) -> None:
    ask_later(alice, route)
    asking.stop_for(alice)
    assert not Generation.objects.live().exists()


def test_the_page_says_until_when_and_what_can_be_done_and_nothing_is_to_be_stopped(
    browser_of_alice: Client, alice: User, route: Route
) -> None:
    generation = ask_later(alice, route)
    process, follower = WebProcess(generation.conversation), Follower(load(browser_of_alice, generation.conversation))
    follower.connect()
    page = browser_of_alice.get(generation.conversation.get_absolute_url()).content.decode()
    hour = generation.not_before.astimezone(ZoneInfo(ZONE)).strftime("%H:%M")
    assert f"Waits for the cheap hours, from {hour} Beijing time." in page
    assert 'data-state="waiting"' in page
    for button in ("Send now", "Take back"):
        assert f">{button}</button>" in page
    for gone in ('class="stop"', 'http-equiv="refresh"'):
        assert gone not in page
    next_question(generation, alice, route)
    process.catch_up([follower])
    assert_same(follower.page, load(browser_of_alice, generation.conversation))
    asking.send_now(generation.message)
    process.catch_up([follower])
    assert_same(follower.page, load(browser_of_alice, generation.conversation))
    [writer] = Writer.claim([(Chunk.Kind.TEXT, "A burrito.")])
    writer.write()
    process.catch_up([follower])
    writer.end()
    process.catch_up([follower])
    assert_same(follower.page, load(browser_of_alice, generation.conversation))


def test_it_is_not_counted_among_those_that_wait_for_a_worker(alice: User, route: Route) -> None:
    first = ask_later(alice, route)
    next_question(first, alice, route)
    with connection.cursor() as cursor:
        cursor.execute(vitals.QUEUE, [15])
        queued, oldest, _running, _workers = cursor.fetchone()
    assert (queued, oldest) == (0, 0)


def test_without_script_it_is_a_button_beside_the_question(browser_of_alice: Client, alice: User, route: Route) -> None:
    page = browser_of_alice.get("/").content.decode()
    assert 'name="when" value="off-peak"' in page
    assert "answers cost 2 × as much." in page
    posted = {"text": "What is a monad?", "key": str(uuid4()), "when": "off-peak"}
    assert browser_of_alice.post("/c/", posted).status_code == 303
    generation = Generation.objects.get()
    assert generation.is_waiting
    assert browser_of_alice.post("/c/", posted).status_code == 303  # the second click
    back = browser_of_alice.post(f"/c/{generation.conversation_id}/m/{generation.message_id}/now/")
    assert back.status_code == 303
    assert not Generation.objects.get().is_waiting


def test_whoever_is_signed_out_meanwhile_still_sends_it_off_peak(client: Client, route: Route) -> None:
    page = client.post("/c/", {"text": "What is a monad?", "key": str(uuid4()), "when": "off-peak"})
    assert '<input type="hidden" name="when" value="off-peak">' in page.content.decode()


def test_where_nothing_is_dear_there_is_no_word_of_it(browser_of_alice: Client, route: Route, peak: Band) -> None:
    Price.objects.filter(band=peak).delete()
    page = browser_of_alice.get("/").content.decode()
    assert "off-peak" not in page
    assert "data-edge" not in page


def test_a_forged_time_is_none(browser_of_alice: Client, route: Route) -> None:
    page = browser_of_alice.post("/c/", {"text": "What?", "key": str(uuid4()), "when": "2100-01-01"})
    assert page.status_code == 422
    assert not Generation.objects.exists()


def test_what_it_may_cost_is_held_by_the_dearest_of_its_prices_all_the_while(
    alice: User, route: Route, settings: Settings
) -> None:
    Limit.objects.create(amount=10)
    generation = ask_later(alice, route)
    hold = Hold.objects.get()
    assert generation.output_cap == 2048
    assert hold.cost == ((hold.tokens - 2048) * Decimal(2) + 2048 * Decimal(4)) / 1_000_000
