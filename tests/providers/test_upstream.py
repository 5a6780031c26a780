"""The scripted upstream itself, where other tests lean on it."""

import json
import subprocess
import sys
import urllib.request

import pytest

from providers import ChatMessage, ChatRequest
from tests.providers.asking import Asking
from tests.upstream import COMMANDS, DEMO, Gate, Script, Upstream, tokenized


def said(*texts: str) -> ChatRequest:
    return ChatRequest("deepseek-flash", tuple(ChatMessage("user", text) for text in texts))


async def test_scripts_are_played_in_order_then_chosen_then_spoken(ask: Asking) -> None:
    ask.upstream.answer_with(lambda request: Script.text("chosen") if request.says("user") == "choose" else None)
    ask.upstream.play(Script.text("one"), Script.text("two"))
    texts = [(await ask(None, said(text))).text for text in ("choose", "choose", "choose", "hi")]
    assert texts == ["one", "two", "chosen", "Hello! You said: hi"]


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"stall", "silence", "cut", "reset", "status", "empty"}))
async def test_every_command_answers(ask: Asking, name: str) -> None:
    answer = await ask(None, said("earlier", f"!{name} 2000 50"))
    assert answer.text
    assert answer.finished


async def test_a_status_can_be_asked_for(ask: Asking) -> None:
    for status, code in ((401, "authentication"), (402, "balance_empty"), (429, "rate_limited"), (503, "overloaded")):
        answer = await ask(None, said(f"!status {status}"))
        assert answer.error
        assert answer.error.code == code


async def test_titles_are_short(ask: Asking) -> None:
    messages = (ChatMessage("system", "Write a title for this."), ChatMessage("user", "!demo"))
    assert (await ask(None, ChatRequest("m", messages))).text == "A short title"


def test_tokens_add_up_to_the_text() -> None:
    assert "".join(tokenized(DEMO)) == DEMO


async def test_what_was_sent_is_recorded(ask: Asking) -> None:
    gate = Gate()
    ask.upstream.play(Script().role().text_delta("a", "b").gate(gate).finish().done())
    task = ask.start()
    await gate.reached()
    request = ask.upstream.requests[0]
    assert (request.events_sent, request.finished_at, request.closed_at) == (3, None, None)
    gate.open()
    await task
    request.wait_finished()
    assert (request.events_sent, request.hung_up) == (4, False)
    assert request.arrived < request.event_times[0]


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "tests.upstream", "--port", "0", "--script", "slow 1000 5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            question = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
            with urllib.request.urlopen(f"{url}/v1/chat/completions", question) as response:
                assert response.read().endswith(b"data: [DONE]\n\n")
            with urllib.request.urlopen(f"{url}/requests") as response:
                recorded = json.load(response)
            assert len(recorded[0]["event_times"]) == 7
        finally:
            process.terminate()


def test_it_goes_home_while_answers_are_running() -> None:
    with Upstream() as upstream:
        upstream.play(Script().head().stall())
        request = urllib.request.Request(f"{upstream.base_url}/chat/completions", b"{}")
        response = urllib.request.urlopen(request)
    assert response.status == 200
    response.close()
