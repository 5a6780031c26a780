"""What a model reads: reasoning that is wanted back, images it can see, a plea for what its server cannot do."""

import base64
import json
from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.messages import Ability, ChatMessage, Effort, Format, Image, Tool, ToolUse
from tests.providers.bodies import QUESTION, body

EVERYTHING = frozenset(Ability)
CLOCK = Tool("get_time", "Tells it")
PICTURE = Image("image/png", b"\x89PNG", "cat.png")

USED_TOOLS = (
    ChatMessage("user", "what time is it?"),
    ChatMessage("assistant", "", "I need the clock", tool_calls=(ToolUse("1", "get_time", '{"zone":"UTC"}'),)),
    ChatMessage("tool", "noon", tool_call_id="1"),
    ChatMessage("assistant", "It is noon.", "the clock says so"),
    ChatMessage("user", "thanks"),
    ChatMessage("assistant", "Any time."),
    ChatMessage("user", "and now?"),
)


def messages(dialect: str, messages: tuple[ChatMessage, ...] = QUESTION, **fields: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body(dialect, messages, **fields)["messages"]
    return found


def reasoning(dialect: str, **fields: Any) -> list[str | None]:
    field = DIALECTS[dialect].replay_field
    return [message.get(field) for message in messages(dialect, USED_TOOLS, **fields) if message["role"] == "assistant"]


# Reasoning


def test_with_tools_deepseek_gets_the_reasoning_of_every_turn_back() -> None:
    sent = reasoning("deepseek", tools=(CLOCK,), effort=Effort.HIGH)
    assert sent == ["I need the clock", "the clock says so", ""]


def test_without_tools_or_thinking_deepseek_gets_none() -> None:
    assert set(reasoning("deepseek", effort=Effort.HIGH)) == {None}
    assert set(reasoning("deepseek", tools=(CLOCK,), effort=Effort.OFF)) == {None}


@pytest.mark.parametrize("dialect", ["vllm", "ollama", "llamacpp"])
def test_self_hosted_models_get_what_there_is_and_let_their_template_decide(dialect: str) -> None:
    assert reasoning(dialect, tools=(CLOCK,), effort=Effort.HIGH) == ["I need the clock", "the clock says so", None]
    assert "the clock says so" in reasoning(dialect, effort=Effort.HIGH)


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_those_that_refuse_reasoning_never_get_any(dialect: str) -> None:
    spoken = json.dumps(messages(dialect, USED_TOOLS, tools=(CLOCK,), effort=Effort.HIGH))
    assert "the clock says so" not in spoken
    assert "reasoning" not in spoken


# Tools


def test_calls_and_their_results_are_sent_back_with_text_that_is_never_null() -> None:
    _, call, result, *_ = messages("deepseek", USED_TOOLS, tools=(CLOCK,))
    assert call == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "get_time", "arguments": '{"zone":"UTC"}'}}
        ],
    }
    assert result == {"role": "tool", "content": "noon", "tool_call_id": "1"}


def test_turns_without_calls_have_no_list_of_them() -> None:
    assert ["tool_calls" in message for message in messages("deepseek", USED_TOOLS, tools=(CLOCK,))].count(True) == 1


@pytest.mark.parametrize("arguments", ["", "{", "[]", '"text"', "[" * 99999])
def test_arguments_that_are_no_object_break_no_server_that_parses_them(arguments: str) -> None:
    made_up = ChatMessage("assistant", "", tool_calls=(ToolUse("1", "get time!", arguments),))
    spoken = messages("ollama", (*QUESTION, made_up, ChatMessage("tool", "no JSON", tool_call_id="1")), tools=(CLOCK,))
    assert spoken[1]["tool_calls"][0]["function"] == {"name": "get_time_", "arguments": "{}"}


def test_a_request_without_tools_tells_what_they_said() -> None:
    spoken = messages("deepseek", USED_TOOLS, abilities=EVERYTHING - {Ability.TOOLS}, tools=(CLOCK,))
    assert spoken[:2] == [
        {"role": "user", "content": "what time is it?\n\n[Result of get_time]\nnoon"},
        {"role": "assistant", "content": "It is noon."},
    ]


def test_no_call_dangles_at_the_end_of_an_answer_that_goes_on() -> None:
    broken_off = ChatMessage("assistant", "Let me see", tool_calls=(ToolUse("1", "get_time", "{}"),))
    last = messages("deepseek", (*QUESTION, broken_off), prefix=True, tools=(CLOCK,))[-1]
    assert last == {"role": "assistant", "content": "Let me see", "prefix": True}


# Images


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_model_that_sees_is_sent_the_picture_itself(dialect: str) -> None:
    seen = messages(dialect, (ChatMessage("user", "what is it?", images=(PICTURE,)),))[0]["content"]
    url = f"data:image/png;base64,{base64.b64encode(PICTURE.data).decode()}"
    assert seen == [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": url}}]


def test_a_picture_may_come_without_words() -> None:
    seen = messages("deepseek", (ChatMessage("user", "", images=(PICTURE,)),))[0]["content"]
    assert [part["type"] for part in seen] == ["image_url"]


def test_a_model_that_does_not_see_reads_a_note() -> None:
    spoken = messages(
        "deepseek",
        (ChatMessage("user", "what is it?", images=(PICTURE,)),),
        abilities=EVERYTHING - {Ability.VISION},
    )
    assert spoken == [{"role": "user", "content": "what is it?\n\n[image: cat.png, not shown to this model]"}]


# JSON


def test_a_prompt_that_does_not_speak_of_json_is_made_to() -> None:
    system, question = messages("deepseek", format=Format.JSON)
    assert system["role"] == "system"
    assert "JSON" in system["content"]
    assert question == {"role": "user", "content": "hi"}


def test_a_prompt_that_speaks_of_json_is_left_alone() -> None:
    spoken = messages("deepseek", (ChatMessage("user", "as Json, please"),), format=Format.JSON)
    assert spoken == [{"role": "user", "content": "as Json, please"}]


def test_what_the_model_said_itself_does_not_count() -> None:
    said = (*QUESTION, ChatMessage("assistant", "json?"), ChatMessage("user", "yes"))
    assert messages("deepseek", said, format=Format.JSON)[0]["role"] == "system"


def test_where_there_is_no_json_mode_only_words_ask_for_it() -> None:
    question = (ChatMessage("user", "as JSON, please"),)
    assert "Answer with one JSON object" in messages("anthropic", question, format=Format.JSON)[0]["content"]


# Going on in words


def test_a_model_that_goes_on_in_words_begins_with_words_we_know() -> None:
    story = "Once upon a time there was a fox. It was quick and brown, and it jumped over every dog that it met on its"
    wish = messages("openai", (*QUESTION, ChatMessage("assistant", story)), prefix=True)[-1]["content"]
    assert wish.endswith(f"with which you begin:\n\n{story[-60:]}")


def test_too_few_words_are_not_repeated() -> None:
    wish = messages("openai", (*QUESTION, ChatMessage("assistant", "Once upon")), prefix=True)[-1]["content"]
    assert wish.endswith("repeat nothing.")
