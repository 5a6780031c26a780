"""Workers as they run: processes that are killed, frozen, and told to go."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from accounts.models import User
from catalog.models import LanguageModel, Route
from conversations import asking
from conversations.crashing import POINTS
from conversations.models import Chunk, Conversation, Generation, Message
from tests.chatsite.processes import mentioning
from tests.upstream import Gate, Recorded, Script, Upstream
from tests.workers import (
    HASTY,
    wait_for_end,
    wait_for_waiters,
    wait_until,
    worker_process,
)
from usage.models import Call, DayTotal, Of, Unsummed

GIVEN_UP = float(HASTY["LEASE_SECONDS"]) + float(HASTY["REAPER_SECONDS"])


@pytest.fixture
def environment(process_environment: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """For worker processes, none of which outlives its test."""
    yield process_environment | {"DEEPSEEK_API_KEY": "sk-0123456789abcdef"}
    wait_until(lambda: not mentioning(str(tmp_path)), "no process is left behind")


def chunks(generation: Generation) -> list[str]:
    rows = list(Chunk.objects.filter(generation_id=generation.pk).order_by("seq"))
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    return [row.text for row in rows]


def text_of(generation: Generation) -> str:
    return Message.objects.get(generation=generation).text


def generation_of(question: Message) -> Generation:
    return Generation.objects.get(message__parent=question)


def claimed(generation: Generation) -> str:
    """The worker that has it."""

    def look() -> str:
        generation.refresh_from_db()
        return generation.owner

    return wait_until(look, "a worker claims it")


STORY = [f"{n} " for n in range(500)]
BEGINNING = Script().role().tokens(STORY[:200], 400).stall()


def telling(request: Recorded) -> Script:
    """The story from where it was broken off: a word too few or too many in between would show."""
    last = request.messages[-1]
    begun = last["content"] if last["role"] == "assistant" else ""
    return Script().role().tokens(STORY[len(begun.split()) :], 400).finish().done()


def test_a_killed_workers_answer_goes_on_with_another_and_every_word_is_there_once(
    environment: dict[str, str], tmp_path: Path, upstream: Upstream, generation: Generation
) -> None:
    Conversation.objects.update(named_by="member")
    upstream.play(BEGINNING)
    upstream.answer_with(telling)
    with worker_process(environment, tmp_path) as first:
        wait_until(lambda: len(chunks(generation)) > 5, "some words")
        with worker_process(environment, tmp_path) as second:
            assert f":{first.process.pid}:" in claimed(generation)
            first.send(signal.SIGKILL)
            before = "".join(chunks(generation))
            wait_for_end(generation)
            assert f":{second.process.pid}:" in generation.owner
    assert (generation.state, text_of(generation)) == ("done", "".join(STORY))
    assert text_of(generation).startswith(before)
    assert "".join(chunks(generation)) == "".join(STORY)
    assert len(upstream.requests) == Call.objects.count() == 2


def test_a_worker_that_is_told_twice_hands_its_answer_to_the_other_at_once(
    environment: dict[str, str], tmp_path: Path, upstream: Upstream, generation: Generation
) -> None:
    Conversation.objects.update(named_by="member")
    upstream.play(BEGINNING)
    upstream.answer_with(telling)
    unhurried = {"LEASE_SECONDS": "600"}  # nobody can wait for that
    with worker_process(environment, tmp_path, **unhurried) as first:
        wait_until(lambda: len(chunks(generation)) > 5, "some words")
        with worker_process(environment, tmp_path, **unhurried):
            first.send(signal.SIGTERM)
            first.wait_to_say("claims nothing more")
            first.send(signal.SIGTERM)
            wait_for_end(generation)
            assert first.wait(10) == 0
    assert (generation.state, text_of(generation)) == ("done", "".join(STORY))
    assert [call.reply.error_code for call in Call.objects.order_by("number")] == ["interrupted", ""]


# Where it dies; and whether what was said goes on then, or was not said yet.
DEATHS = {"after-call": False, "before-flush": False, "after-flush": True, "before-end": True, "inside-end": True}


@pytest.mark.parametrize("point", sorted(POINTS))
def test_wherever_a_worker_dies_every_stored_word_is_kept_once_and_no_call_is_doubled(
    environment: dict[str, str], tmp_path: Path, upstream: Upstream, generation: Generation, point: str
) -> None:
    Conversation.objects.update(named_by="member")
    upstream.answer_with(telling)
    with worker_process(environment, tmp_path, CRASH_AT=f"{point}:1") as dying:
        assert dying.wait(30) == 9
        before = "".join(chunks(generation))
        assert bool(before) == DEATHS[point]
        with worker_process(environment, tmp_path):
            wait_for_end(generation)
    assert text_of(generation) == "".join(chunks(generation))
    assert text_of(generation).startswith(before)
    if DEATHS[point]:
        assert (generation.state, text_of(generation)) == ("done", "".join(STORY))
    else:
        assert (generation.state, text_of(generation)) == ("interrupted", "")
    assert Call.objects.count() == (2 if DEATHS[point] else 1)
    assert len(upstream.requests) <= Call.objects.count()


def test_an_answer_that_kills_its_workers_is_at_an_end_after_the_second(
    environment: dict[str, str], tmp_path: Path, upstream: Upstream, generation: Generation
) -> None:
    Conversation.objects.update(named_by="member")
    upstream.answer_with(telling)
    for _ in range(2):
        with worker_process(environment, tmp_path, CRASH_AT="after-flush:3") as dying:
            assert dying.wait(30) == 9
    with worker_process(environment, tmp_path):
        wait_for_end(generation)
    said = text_of(generation)
    assert (generation.state, generation.deaths) == ("interrupted", 2)
    assert said == "".join(chunks(generation)) == "".join(STORY[: len(said.split())])
    assert len(upstream.requests) == Call.objects.count() == 2


def test_a_killed_workers_answer_is_ended_by_another_and_keeps_every_stored_word(
    environment: dict[str, str], tmp_path: Path, upstream: Upstream, generation: Generation
) -> None:
    LanguageModel.objects.update(continues=False)
    upstream.play(Script().role().tokens([f"{n} " for n in range(100_000)], 400).finish().done())
    with worker_process(environment, tmp_path) as first:
        wait_until(lambda: len(chunks(generation)) > 5, "some words")
        with worker_process(environment, tmp_path) as second:
            assert f":{first.process.pid}:" in claimed(generation)
            first.send(signal.SIGKILL)
            killed = time.monotonic()
            before = "".join(chunks(generation))
            wait_for_end(generation)
            assert time.monotonic() - killed < GIVEN_UP + 2  # a busy machine's share
            assert (generation.state, generation.error_code) == ("interrupted", "interrupted")
            assert text_of(generation) == "".join(chunks(generation))
            assert text_of(generation).startswith(before)
            assert text_of(generation) == "".join(f"{n} " for n in range(len(text_of(generation).split())))
            assert second.process.poll() is None
            second.wait_to_say("took over 1 answers whose worker was gone")
    assert len(upstream.requests) == 1  # nothing was asked again by itself


def test_a_frozen_worker_is_fenced_and_writes_nothing_more_when_it_thaws(
    environment: dict[str, str], tmp_path: Path, upstream: Upstream, generation: Generation
) -> None:
    LanguageModel.objects.update(continues=False)
    upstream.play(Script().role().tokens([f"{n} " for n in range(100_000)], 400).finish().done())
    with worker_process(environment, tmp_path) as frozen:
        wait_until(lambda: len(chunks(generation)) > 5, "some words")
        with worker_process(environment, tmp_path):
            frozen.send(signal.SIGSTOP)
            try:
                wait_for_end(generation)
                ended = chunks(generation), text_of(generation), generation.epoch
                assert generation.state == "interrupted"
            finally:
                frozen.send(signal.SIGCONT)
            thawed = time.monotonic()
            # It finds seconds of words in its socket, tries to write them, is refused, and hangs up.
            assert upstream.requests[0].wait_closed() - thawed < 5
            generation.refresh_from_db()
            assert (chunks(generation), text_of(generation), generation.epoch) == ended
            assert "".join(ended[0]) == ended[1]
            # It is not broken: it answers the next question, if it comes to it first.
            upstream.answer_with(lambda request: Script.text("Well again"))
            asking.ask_again(Message.objects.get(generation=generation), generation.member)
            again = Generation.objects.exclude(pk=generation.pk).get()
            wait_for_end(again)
            assert text_of(again) == "Well again"
        assert frozen.process.poll() is None


def test_a_worker_frozen_in_the_middle_of_a_flush_keeps_nobody_waiting(
    environment: dict[str, str], tmp_path: Path, upstream: Upstream, generation: Generation, database_url: str
) -> None:
    """It holds the answer's lock, and the reaper waits for that with the conversation's lock in its hand."""
    LanguageModel.objects.update(continues=False)
    upstream.play(Script().role().tokens([f"{n} " for n in range(100_000)], 400).finish().done())
    with worker_process(environment, tmp_path) as frozen:
        wait_until(lambda: len(chunks(generation)) > 5, "some words")
        with psycopg.connect(database_url) as holder:
            holder.execute("LOCK TABLE conversations_chunk IN SHARE MODE")
            wait_for_waiters(1)  # the flush has locked its answer and stands before its insert
            frozen.send(signal.SIGSTOP)
        try:
            with worker_process(environment, tmp_path):
                wait_for_end(generation)
        finally:
            frozen.send(signal.SIGCONT)
        assert generation.state == "interrupted"
        assert text_of(generation) == "".join(chunks(generation))
        assert upstream.requests[0].wait_closed()
        assert frozen.process.poll() is None


def test_a_worker_that_is_told_to_go_finishes_its_answer_and_leaves_the_queue_to_the_next(
    environment: dict[str, str], tmp_path: Path, upstream: Upstream, generation: Generation, alice: User, route: Route
) -> None:
    gate = Gate()
    upstream.play(Script().role().text_delta("Half ").gate(gate).text_delta("and whole").finish().done())
    Conversation.objects.update(named_by="member")
    with worker_process(environment, tmp_path) as worker:
        gate.wait_reached()
        worker.send(signal.SIGTERM)
        worker.wait_to_say("claims nothing more")
        other = generation_of(asking.start(alice, "For the next one", uuid4(), route))
        gate.open()
        assert worker.wait(20) == 0
    generation.refresh_from_db()
    assert (generation.state, text_of(generation)) == ("done", "Half and whole")
    other.refresh_from_db()
    assert (other.state, other.owner) == ("queued", "")
    upstream.answer_with(lambda request: Script.text("Here I am"))
    with worker_process(environment, tmp_path) as worker:
        wait_for_end(other)
        assert (other.state, text_of(other)) == ("done", "Here I am")
        worker.send(signal.SIGINT)
        assert worker.wait(20) == 0


def test_a_second_signal_ends_the_answer_at_once_with_its_text(
    environment: dict[str, str], tmp_path: Path, upstream: Upstream, generation: Generation
) -> None:
    """One that cannot go on elsewhere."""
    LanguageModel.objects.update(continues=False)
    upstream.play(Script().role().text_delta("Half ").stall())
    with worker_process(environment, tmp_path, LEASE_SECONDS="60") as worker:
        wait_until(lambda: chunks(generation) == ["Half "], "the words are stored")
        worker.send(signal.SIGTERM)
        told = time.monotonic()
        time.sleep(0.1)  # two signals of a kind that come together are one to a process
        worker.send(signal.SIGTERM)
        wait_for_end(generation)
        assert time.monotonic() - told < 3
        assert worker.wait(10) == 0
    assert (generation.state, text_of(generation)) == ("interrupted", "Half ")
    upstream.requests[0].wait_closed()


def test_what_was_charged_is_added_up_by_whichever_worker_there_is(
    environment: dict[str, str], tmp_path: Path, upstream: Upstream, generation: Generation
) -> None:
    upstream.answer_with(lambda request: Script.text("A burrito."))
    with worker_process(environment, tmp_path):
        wait_for_end(generation)
        wait_until(DayTotal.objects.filter(of=Of.CONVERSATION).exists, "the day is added up")
        wait_until(lambda: not Unsummed.objects.exists(), "nothing is left over")
