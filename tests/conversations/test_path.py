"""A conversation of any length: a page holds a piece of its path, and costs what that piece does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from bench.plans import watched
from catalog.models import Route
from conversations import asking, showing
from conversations.models import Conversation, Generation, Message, path
from conversations.prompting import Told, prompt
from tests.conversations.replaying import Follower, More, WebProcess, Writer, assert_same, load
from tests.page import Page

ANSWER = """Here is **how** it works, in `code` and in words:

1. First, *read* the question.
2. Then answer it.

```python
def answer(question: str) -> str:
    return question[::-1]
```
"""


def talk(member: User, route: Route, count: int, answer: str = ANSWER) -> Conversation:
    """A conversation of so many messages that were answered long ago."""
    conversation = Conversation.objects.create(owner=member, title="Long", route=route, seq=count)
    begun, above, rows = timezone.now() - timedelta(days=30), None, []
    for number in range(count):
        is_answer = number % 2 == 1
        rows.append(
            Message(
                conversation=conversation,
                parent=above,
                role=Message.Role.ASSISTANT if is_answer else Message.Role.USER,
                author=None if is_answer else member,
                text=answer if is_answer else f"Question {number}?",
                changed_seq=number,
                created_at=begun + timedelta(seconds=number),
            )
        )
        above = rows[-1]
    Message.objects.bulk_create(rows)
    Generation.objects.bulk_create(
        Generation(
            conversation=conversation, message=it, member=member, route=route, state="done", ended_at=it.created_at
        )
        for it in rows
        if it.is_answer
    )
    conversation.leaf = above
    conversation.save(update_fields=["leaf"])
    with connection.cursor() as cursor:  # as the database does by itself, soon
        cursor.execute("ANALYZE conversations_message, conversations_generation")
    return conversation


def cost(deed: Callable[[], object]) -> tuple[int, float]:
    """Statements, and the rows of messages that the database looked at."""
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")  # a table of a hundred rows is read whole, and rightly so
        with watched() as statements:
            deed()
        cursor.execute("RESET enable_seqscan")
    reads = [read for it in statements for read in it.reads if read.table == "conversations_message"]
    assert not [read for read in reads if read.is_sequential]
    return len(statements), sum(read.rows for read in reads)


def shown(page: Page) -> list[str]:
    return [article.attributes["id"].removeprefix("m-") for article in page.articles]


def all_of(conversation: Conversation) -> list[str]:
    rows = Message.objects.filter(conversation=conversation).order_by("created_at", "pk")
    return [str(pk) for pk in rows.values_list("pk", flat=True)]


def test_a_conversation_of_ten_thousand_messages_costs_what_one_of_a_hundred_does(
    alice: User, route: Route, browser_of_alice: Client, settings: Settings
) -> None:
    """In statements, in rows that are read, and in bytes."""
    most, costs = settings.PAGE_MESSAGES, {}
    for count in (100, 1_000, 10_000):
        conversation = talk(alice, route, count)
        here, [*_, last] = conversation.get_absolute_url(), all_of(conversation)
        page = browser_of_alice.get(here)
        assert len(page.content) < 300_000
        assert shown(Page(page.content.decode())) == all_of(conversation)[-most:]
        earlier = f"{here}m/{shown(Page(page.content.decode()))[0]}/earlier/"
        assert len(browser_of_alice.get(earlier).content) < 300_000
        asked = asking.ask(conversation, alice, "And now?", uuid4(), route)
        # Else, on a slow machine, it has waited for so long by now that its place in the queue is looked up.
        Generation.objects.live().update(not_before=Now() + timedelta(hours=1))
        costs[count] = [
            cost(lambda here=here: browser_of_alice.get(here)),  # type: ignore[misc]  # mypy can't type a default
            cost(lambda at=earlier: browser_of_alice.get(at)),  # type: ignore[misc]  # the same
            cost(lambda at=f"{here}news/?seq={count}": browser_of_alice.get(at)),  # type: ignore[misc]  # the same
            cost(lambda at=f"{here}news/?seq=0": browser_of_alice.get(at)),  # type: ignore[misc]  # the same
            cost(lambda pk=last, of=conversation: asking.switch(_message(pk, of))),  # type: ignore[misc]  # the same
        ]
        asking.stop(conversation)
        assert asked.conversation == conversation
    statements = [[count for count, _ in it] for it in costs.values()]
    assert statements[0] == statements[1] == statements[2]
    assert max(statements[0]) <= 20
    assert max(rows for it in costs.values() for _, rows in it) <= 8 * most, costs


def _message(pk: str, of: Conversation) -> Message:
    return Message.objects.select_related("conversation").get(pk=pk, conversation=of)


def test_long_messages_are_fewer_and_the_last_question_stands_there_with_its_answer(
    alice: User, route: Route, browser_of_alice: Client, settings: Settings
) -> None:
    html = browser_of_alice.get(talk(alice, route, 1_000, ANSWER * 30).get_absolute_url()).content
    assert 4 <= len(Page(html.decode()).articles) < settings.PAGE_MESSAGES
    assert len(html) < 300_000
    longest = talk(alice, route, 100, "word " * 40_000)
    assert [it.attributes["class"] for it in load(browser_of_alice, longest).articles] == [
        "message user", "message assistant"
    ]  # fmt: skip


@pytest.mark.parametrize("most", [1, 2, 7, 49])
def test_links_lead_up_to_the_first_question_and_each_message_stands_there_once(
    alice: User, route: Route, browser_of_alice: Client, settings: Settings, most: int
) -> None:
    conversation = talk(alice, route, 50, "An answer")
    settings.PAGE_MESSAGES = most
    reader = Follower(load(browser_of_alice, conversation))
    assert len(reader.page.articles) == most
    reader.take_all(browser_of_alice)
    assert shown(reader.page) == all_of(conversation)
    settings.PAGE_MESSAGES = 50
    assert_same(reader.page, load(browser_of_alice, conversation))


@pytest.mark.parametrize("number", [0, 1, 25, 48, 49])
def test_a_link_to_a_message_opens_there_with_messages_around_it_and_ways_on_in_both_directions(
    alice: User, route: Route, browser_of_alice: Client, settings: Settings, number: int
) -> None:
    conversation = talk(alice, route, 50, "An answer")
    settings.PAGE_MESSAGES = 10
    wanted = all_of(conversation)[number]
    address = f"{conversation.get_absolute_url()}m/{wanted}/"
    opened = browser_of_alice.get(address)
    assert opened["Location"] == f"{conversation.get_absolute_url()}?at={wanted}#m-{wanted}"
    reader = Follower(Page(browser_of_alice.get(opened["Location"]).content.decode()))
    at = shown(reader.page).index(wanted)
    assert at == min(number, 4)
    assert len(shown(reader.page)) - at - 1 == min(49 - number, 5)
    reader.take_all(browser_of_alice)
    assert shown(reader.page) == all_of(conversation)


def test_without_script_the_same_links_open_a_page_around_the_last_message_that_was_shown(
    alice: User, route: Route, browser_of_alice: Client, settings: Settings
) -> None:
    conversation = talk(alice, route, 50, "An answer")
    settings.PAGE_MESSAGES = 10
    page, seen = load(browser_of_alice, conversation), set()
    for _ in range(30):
        seen |= set(shown(page))
        [link, *_] = page.links_to_more
        if "later" in link.attributes["class"]:
            break
        page = Page(browser_of_alice.get(link.attributes["href"]).content.decode())
    assert seen == set(all_of(conversation))


def test_a_message_of_another_branch_is_not_shown_but_a_way_to_it_is(
    alice: User, route: Route, browser_of_alice: Client, question: Message, conversation: Conversation
) -> None:
    asking.stop(conversation)
    asking.edit(question, alice, "In other words?", uuid4(), route)
    here = conversation.get_absolute_url()
    html = browser_of_alice.get(here, {"at": str(question.pk)}).content.decode()
    assert shown(Page(html)) == [str(pk) for pk in path.newest(Conversation.objects.get()).ids]
    assert "another version" in html
    assert f'formaction="{here}m/{question.pk}/show/"' in html
    led = browser_of_alice.post(f"{here}m/{question.pk}/show/")
    assert led["Location"] == f"{here}?at={question.pk}#m-{question.pk}"
    html = browser_of_alice.get(here, {"at": str(question.pk)}).content.decode()
    assert shown(Page(html))[0] == str(question.pk)
    assert "another version" not in html


@pytest.mark.parametrize("at", ["", "x", "\0", str(UUID(int=0)), "9" * 5000])
def test_an_address_that_names_no_message_of_ours_opens_the_end(
    conversation: Conversation, browser_of_alice: Client, at: str
) -> None:
    reply = browser_of_alice.get(conversation.get_absolute_url(), {"at": at})
    assert reply.status_code == 200
    assert len(shown(Page(reply.content.decode()))) == 2


def test_a_message_of_somebody_elses_conversation_is_not_found_nor_opened_in_mine(
    alice: User, charlie: User, route: Route, browser_of_alice: Client, conversation: Conversation
) -> None:
    his = asking.start(charlie, "A secret?", uuid4(), route)
    here = conversation.get_absolute_url()
    for address in (f"{here}m/{his.pk}/", f"{here}m/{his.pk}/earlier/", f"{here}m/{his.pk}/later/"):
        assert browser_of_alice.get(address).status_code == 404
    html = browser_of_alice.get(here, {"at": str(his.pk)}).content.decode()
    assert "secret" not in html
    assert "another version" not in html


def test_a_page_that_is_far_behind_is_given_the_end_alone_and_one_that_is_near_only_what_is_new(
    alice: User, route: Route, browser_of_alice: Client, settings: Settings
) -> None:
    conversation = talk(alice, route, 50, "An answer")
    settings.PAGE_MESSAGES = 10
    process = WebProcess(conversation)
    pages = [Follower(load(browser_of_alice, conversation)) for _ in range(2)]
    far, near = pages
    near.connect()
    process.catch_up([near])
    for _ in range(8):
        asking.ask(conversation, alice, "And?", uuid4(), route)
        process.catch_up([near])
    asking.stop(conversation)
    far.connect()
    process.catch_up(pages)
    assert len(shown(far.page)) == 10
    assert len(far.frames[0]) < 2 * len(near.page.html("thread"))
    assert len(shown(near.page)) == 26
    for follower in pages:
        follower.take_all(browser_of_alice)
        assert shown(follower.page) == [str(pk) for pk in all_ids(conversation)]


def all_ids(conversation: Conversation) -> list[UUID]:
    leaf = Conversation.objects.get(pk=conversation.pk).leaf
    assert leaf
    return path.down_to(leaf, 1e9)


def test_who_scrolled_up_keeps_what_stands_above_when_the_branch_is_changed_below(
    alice: User, route: Route, browser_of_alice: Client, settings: Settings
) -> None:
    conversation = talk(alice, route, 50, "An answer")
    settings.PAGE_MESSAGES = 10
    process, reader = WebProcess(conversation), Follower(load(browser_of_alice, conversation))
    reader.connect()
    [link] = reader.page.links_to_more
    reader.take_more(More.ask(browser_of_alice, link))
    process.catch_up([reader])
    assert len(shown(reader.page)) == 20
    last = conversation.leaf
    assert last
    assert last.parent
    asking.edit(last.parent, alice, "In other words?", uuid4(), route)
    asking.stop(conversation)
    process.catch_up([reader])
    assert len(shown(reader.page)) == 20
    assert "In other words?" in reader.page.articles[-2].text
    assert 'id="thread"' not in "".join(reader.frames)
    reader.take_all(browser_of_alice)
    settings.PAGE_MESSAGES = 50
    assert_same(reader.page, load(browser_of_alice, conversation))


def test_whoever_chooses_a_branch_far_above_its_end_is_led_there(
    alice: User, route: Route, browser_of_alice: Client, settings: Settings
) -> None:
    conversation = talk(alice, route, 50, "An answer")
    first = Message.objects.select_related("conversation", "parent").get(pk=all_of(conversation)[0])
    asking.edit(first, alice, "From the beginning?", uuid4(), route)
    settings.PAGE_MESSAGES = 10
    show = f"{conversation.get_absolute_url()}m/{first.pk}/show/"
    led = browser_of_alice.post(show, headers={"HX-Request": "true"})
    assert led["HX-Redirect"] == first.address
    settings.PAGE_MESSAGES = 50
    assert "HX-Redirect" not in browser_of_alice.post(show, headers={"HX-Request": "true"}).headers


def test_a_page_that_was_read_before_the_answer_grew_says_that_it_has_to_be_heard(
    alice: User, route: Route, browser_of_alice: Client, settings: Settings
) -> None:
    conversation = talk(alice, route, 50, "An answer")
    settings.PAGE_MESSAGES = 10
    at = Message.objects.get(pk=all_of(conversation)[44])
    asking.ask(conversation, alice, "And now?", uuid4(), route)
    [writer] = Writer.claim([])
    page = load(browser_of_alice, conversation, at=at)
    [_, later] = page.links_to_more
    assert More.ask(browser_of_alice, later).has_live
    writer.end()
    assert not More.ask(browser_of_alice, later).has_live


def test_a_model_reads_no_more_of_a_long_conversation_than_its_window_holds(alice: User, route: Route) -> None:
    conversation = talk(alice, route, 10_000, "word " * 100)
    asked = asking.ask(conversation, alice, "And now?", uuid4(), route)
    question = Message.objects.select_related("conversation").get(pk=asked.pk)
    with watched() as statements:
        told = Told(question, 4_000)
    assert sum(read.rows for it in statements for read in it.reads) < 300
    assert prompt(told, 4_000, 1_000) == prompt(Told(question, 1_000_000), 4_000, 1_000)
    assert 4 < len(prompt(told, 4_000, 1_000)) < 60


def test_news_of_many_rooms_cost_four_queries(alice: User, route: Route) -> None:
    rooms = [talk(alice, route, 20) for _ in range(5)]
    with watched() as statements:
        showing.news({it: [0, it.seq] for it in rooms})
    assert len(statements) == 4
