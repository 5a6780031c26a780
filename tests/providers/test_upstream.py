"""The scripted upstream itself, where other tests lean on it."""

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

from providers import ChatMessage, ChatRequest
from tests.providers.asking import Asking
from tests.upstream import COMMANDS, DEMO, FILLING, STORY, Gate, Script, Upstream, token, tokenized

CLOCK = {"type": "function", "function": {"name": "get_date", "parameters": {"type": "object", "properties": {}}}}
DATES = '{"zone": "UTC"}'


def said(*texts: str) -> ChatRequest:
    return ChatRequest("deepseek-flash", tuple(ChatMessage("user", text) for text in texts))


async def test_scripts_are_played_in_order_then_chosen_then_spoken(ask: Asking) -> None:
    ask.upstream.answer_with(lambda request: Script.text("chosen") if request.says("user") == "choose" else None)
    ask.upstream.play(Script.text("one"), Script.text("two"))
    texts = [(await ask(None, said(text))).text for text in ("choose", "choose", "choose", "hi")]
    assert texts == ["one", "two", "chosen", "Hello! You said: hi"]


WITHOUT_A_WORD = {"stall", "silence", "cut", "reset", "status", "empty", "ponder", "markup"}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - WITHOUT_A_WORD))
async def test_every_command_answers(ask: Asking, name: str) -> None:
    answer = await ask(None, said("earlier", f"!{name} 2000 50"))
    assert answer.text
    assert answer.finished


def test_pondering_uses_up_the_budget_without_a_word() -> None:
    [*thoughts, end] = chunks(COMMANDS["ponder"](0).body())
    assert not any(chunk["choices"][0]["delta"].get("content") for chunk in thoughts)
    assert end["choices"][0]["finish_reason"] == "length"


# An answer that goes on


@pytest.mark.parametrize("cut", range(0, len(STORY), 7))
def test_a_prefix_gets_what_is_missing(upstream: Upstream, cut: int) -> None:
    question = [{"role": "user", "content": "!story 0"}]
    begun = {"role": "assistant", "content": STORY[:cut], "prefix": True}
    assert text_of(asked(upstream, messages=[*question, begun])) == STORY[cut:]


@pytest.mark.parametrize(
    ("told", "again"),
    [
        ("Please continue.", "looked at the"),
        ("Go on. Begin with:\n\nriver, looked at the", "river, looked at the"),
    ],
)
def test_one_who_is_told_to_continue_says_some_words_again(upstream: Upstream, told: str, again: str) -> None:
    begun = STORY[: STORY.index(" water")]
    assert begun.endswith("looked at the")
    turns = [("user", "!length 30"), ("assistant", begun), ("user", told)]
    rest = text_of(asked(upstream, messages=[{"role": role, "content": text} for role, text in turns]))
    assert rest == again + STORY[len(begun) :]


@pytest.mark.parametrize("command", ["!cut 9", "!reset 9", "!length 9", "!stall", "!story", "!demo", "!slow 0 50"])
def test_whatever_broke_off_can_go_on(upstream: Upstream, command: str) -> None:
    name, *numbers = command[1:].split()
    begun = "".join(tokenized(COMMANDS[name](*map(float, numbers)).said)[:5])
    messages = [{"role": "user", "content": command}, {"role": "assistant", "content": begun, "prefix": True}]
    rest = text_of(asked(upstream, messages=messages))
    assert rest
    assert any(whole.startswith(begun + rest) for whole in (STORY, DEMO, COMMANDS["slow"](0, 50).said))


# Tools


def test_tools_are_called_and_then_told_about(upstream: Upstream) -> None:
    question = {"role": "user", "content": f"!tools get_date {DATES}"}
    calling = [chunk["choices"][0] for chunk in chunks(asked(upstream, messages=[question], tools=[CLOCK]))]
    fragments = [choice["delta"]["tool_calls"][0] for choice in calling if "tool_calls" in choice["delta"]]
    assert fragments[0]["function"] == {"name": "get_date", "arguments": ""}
    assert "".join(fragment["function"]["arguments"] for fragment in fragments) == DATES
    assert calling[-1]["finish_reason"] == "tool_calls"
    result = {"role": "tool", "content": "Saturday", "tool_call_id": fragments[0]["id"]}
    assert text_of(asked(upstream, messages=[question, result])) == "The tool said: Saturday"


def test_the_first_tool_is_called_unless_another_is_named(upstream: Upstream) -> None:
    question = {"role": "user", "content": "!tools"}
    assert b'"name": "get_date"' in asked(upstream, messages=[question], tools=[CLOCK])
    assert text_of(asked(upstream, messages=[question])) == "I was offered no tools."


# Shapes


def test_log_probabilities_are_sent_to_those_who_ask() -> None:
    [plain] = chunks(Script().text_delta("a").body())
    [asked] = chunks(Script().text_delta("a").body(logprobs=True, top_logprobs=2))
    [given] = chunks(Script().likely("b", token("b", -0.5, c=-1.0)).body())
    assert plain["choices"][0]["logprobs"] is None
    assert len(asked["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 2
    assert given["choices"][0]["logprobs"]["content"][0]["top_logprobs"][0]["token"] == "c"


@pytest.mark.parametrize("path", ["/beta/completions", "/completions"])
def test_the_middle_is_filled_in_the_shape_of_its_path(upstream: Upstream, path: str) -> None:
    sent = chunks(asked(upstream, path, prompt="def average(numbers):\n", suffix="\n"))
    assert "".join(chunk["choices"][0]["text"] for chunk in sent) == FILLING
    assert {chunk["object"] for chunk in sent} == {"text_completion"}
    assert upstream.requests[0].path == path


def test_a_whole_body_follows_its_blank_lines(upstream: Upstream) -> None:
    upstream.play(Script.whole("Hello", blank_lines=3, reasoning_content="hm"))
    body = asked(upstream, messages=[])
    assert body.startswith(b"\n\n\n{")
    assert json.loads(body)["choices"][0]["message"]["reasoning_content"] == "hm"


def test_models_are_listed_as_they_are_offered(upstream: Upstream) -> None:
    upstream.offer("llama", "qwen")
    with urllib.request.urlopen(f"{upstream.base_url}/v1/models") as response:
        assert [row["id"] for row in json.load(response)["data"]] == ["llama", "qwen"]
    upstream.offer(script=Script.error(401, "no"))
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{upstream.base_url}/models")
    assert [each.path for each in upstream.listings] == ["/v1/models", "/models"]
    assert upstream.requests == []


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_the_same_bytes_go_out_in_pieces(upstream: Upstream, size: int) -> None:
    script = Script().data({"text": "café 🚀"}).done()
    upstream.play(script.in_pieces(size))
    with socket.create_connection(("127.0.0.1", int(upstream.base_url.rpartition(":")[2]))) as connection:
        connection.sendall(b"POST /chat/completions HTTP/1.1\r\n\r\n")
        received = b""
        while not received.endswith(b"\r\n0\r\n\r\n"):
            received += connection.recv(65536)
    pieces, rest = [], received.partition(b"\r\n\r\n")[2]
    while rest != b"0\r\n\r\n":
        length, _, rest = rest.partition(b"\r\n")
        pieces.append(rest[: int(length, 16)])
        rest = rest[int(length, 16) + 2 :]
    assert max(map(len, pieces)) == min(size, len(script.body().partition(b"\n\n")[0]) + 2)
    assert b"".join(pieces) == script.body()


def asked(upstream: Upstream, path: str = "/beta/chat/completions", **body: object) -> bytes:
    with urllib.request.urlopen(upstream.base_url + path, json.dumps({"stream": True, **body}).encode()) as response:
        found: bytes = response.read()
    return found


def chunks(body: bytes) -> list[Any]:
    events = [line.removeprefix(b"data: ") for line in body.split(b"\n\n")]
    return [json.loads(event) for event in events if event not in (b"", b"[DONE]")]


def text_of(body: bytes) -> str:
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks(body))


# Chosen, recorded, and at home


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


def test_one_that_is_behind_its_pace_still_notices_who_hangs_up(upstream: Upstream) -> None:
    upstream.play(Script().role().tokens(["word "] * 200_000, 1e9).finish().done())
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}).encode()
    port = int(upstream.base_url.rpartition(":")[2].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST /chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        client.recv(100)
    request = upstream.requests[0]
    request.wait_closed()
    assert request.events_sent < 200_000
