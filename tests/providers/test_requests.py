"""What is posted where: only what the server knows, with values that it takes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.dialects import DIALECTS
from providers.messages import Ability, ChatMessage, ChatRequest, Effort, FillRequest, Format, Image, Tool, ToolUse
from providers.requests import fill_body, goes_on, path_of, request_body
from tests.providers.bodies import QUESTION, asked, body, body_of

EVERYTHING = frozenset(Ability)
WEATHER = Tool("get_weather", "Tells it", {"type": "object", "properties": {"city": {"type": "string"}}}, strict=True)
CLOCK = Tool("get_time", "Tells it", strict=True)
BROKEN_OFF = (*QUESTION, ChatMessage("assistant", "Once upon a", reasoning="a fairy tale"))

# The request schema of DeepSeek's chat completions, 2026-09-18.
DEEPSEEKS_FIELDS = {
    *("model", "messages", "thinking", "reasoning_effort", "max_tokens", "response_format", "stop", "stream"),
    *("stream_options", "temperature", "tools", "tool_choice", "logprobs", "top_logprobs", "user_id"),
}
DEEPSEEKS_FIELDS_OF_A_MESSAGE = {"role", "content", "reasoning_content", "tool_calls", "tool_call_id", "prefix"}


# Thinking


@pytest.mark.parametrize(
    ("dialect", "effort", "fields"),
    [
        ("deepseek", Effort.OFF, {"thinking": {"type": "disabled"}}),
        ("deepseek", Effort.MAX, {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}),
        ("openai", Effort.OFF, {"reasoning_effort": "none"}),
        ("openai", Effort.MAX, {"reasoning_effort": "high"}),
        ("openrouter", Effort.LOW, {"reasoning": {"effort": "low"}}),
        ("vllm", Effort.OFF, {"chat_template_kwargs": {"thinking": False, "enable_thinking": False}}),
        ("ollama", Effort.OFF, {"reasoning_effort": "none"}),
        ("llamacpp", Effort.HIGH, {"chat_template_kwargs": {"enable_thinking": True}}),
        ("litellm", Effort.HIGH, {"reasoning_effort": "high"}),
        ("anthropic", Effort.HIGH, {"thinking": {"type": "enabled", "budget_tokens": 8192}}),
    ],
)
def test_every_server_is_told_in_its_own_words(dialect: str, effort: Effort, fields: dict[str, Any]) -> None:
    assert body(dialect, effort=effort).items() >= fields.items()


@pytest.mark.parametrize("effort", list(Effort))
@pytest.mark.parametrize("dialect", ["openai", "openrouter", "vllm", "ollama", "litellm", "anthropic"])
def test_a_model_that_cannot_think_hears_nothing_of_it(dialect: str, effort: Effort) -> None:
    spoken = body(dialect, effort=effort, abilities=frozenset())
    assert not {"thinking", "reasoning", "reasoning_effort", "chat_template_kwargs"} & spoken.keys()


@pytest.mark.parametrize("effort", list(Effort))
def test_deepseek_and_llamacpp_think_by_default_so_they_are_told_not_to(effort: Effort) -> None:
    assert body("deepseek", effort=effort, abilities=frozenset())["thinking"] == {"type": "disabled"}
    assert body("llamacpp", effort=effort, abilities=frozenset())["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("max_tokens", "budget"), [(None, 24576), (30_000, 24576), (24576, 8192), (5000, 1024), (1024, None), (1, None)]
)
def test_anthropic_thinks_no_more_than_an_answer_has_room_for(max_tokens: int | None, budget: int | None) -> None:
    thinking = body("anthropic", effort=Effort.MAX, max_tokens=max_tokens)["thinking"]
    assert thinking.get("budget_tokens") == budget


# Sampling and limits


@pytest.mark.parametrize(
    ("dialect", "effort", "sent"),
    [
        ("deepseek", Effort.OFF, {"temperature", "stop"}),
        ("deepseek", Effort.LOW, {"stop"}),
        ("openai", Effort.OFF, {"temperature", "top_p", "stop"}),
        ("openai", Effort.LOW, set()),
        ("vllm", Effort.HIGH, {"temperature", "top_p", "stop"}),
        ("anthropic", Effort.OFF, {"temperature", "top_p", "stop"}),
        ("anthropic", Effort.HIGH, {"stop"}),
    ],
)
def test_sampling_that_is_dead_stays_home(dialect: str, effort: Effort, sent: set[str]) -> None:
    spoken = body(dialect, effort=effort, temperature=0.5, top_p=0.9, stop=("END",))
    assert {"temperature", "top_p", "stop"} & spoken.keys() == sent


@pytest.mark.parametrize(
    ("dialect", "wanted", "sent"),
    [("deepseek", 9.0, 2.0), ("deepseek", -1.0, 0.0), ("deepseek", 1.3, 1.3), ("anthropic", 1.3, 1.0)],
)
def test_a_temperature_is_kept_within_bounds(dialect: str, wanted: float, sent: float) -> None:
    assert body(dialect, temperature=wanted)["temperature"] == sent


@pytest.mark.parametrize(("wanted", "sent"), [(0.0, None), (-1.0, None), (0.3, 0.3), (1.5, 1.0)])
def test_top_p_is_above_zero_and_no_more_than_one(wanted: float, sent: float | None) -> None:
    assert body("vllm", top_p=wanted).get("top_p") == sent


@pytest.mark.parametrize(
    ("wanted", "limit", "sent"),
    [(None, None, None), (None, 100, None), (50, None, 50), (50, 100, 50), (500, 100, 100), (0, 100, 1), (-5, None, 1)],
)
def test_an_answers_length_is_kept_within_the_models_limit(
    wanted: int | None, limit: int | None, sent: int | None
) -> None:
    assert body("deepseek", max_tokens=wanted, output_limit=limit).get("max_tokens") == sent


@pytest.mark.parametrize(("dialect", "most"), [("deepseek", 16), ("openai", 4), ("vllm", 30)])
def test_stops_are_cut_to_what_the_server_takes(dialect: str, most: int) -> None:
    stops = tuple(f"stop {n}" for n in range(30))
    assert body(dialect, stop=stops)["stop"] == list(stops[:most])


def test_stops_that_are_empty_or_double_are_left_out() -> None:
    assert body("deepseek", stop=("", "\n\n", "END", "END"))["stop"] == ["\n\n", "END"]
    assert body("anthropic", stop=("", "\n\n", "END"))["stop"] == ["END"]
    assert "stop" not in body("deepseek", stop=("",))


@pytest.mark.parametrize(
    ("dialect", "field"), [("deepseek", "user_id"), ("openai", "user"), ("litellm", "user"), ("vllm", None)]
)
def test_a_member_has_the_name_that_the_server_gives_them(dialect: str, field: str | None) -> None:
    spoken = body(dialect, user_id="hash")
    assert {name for name, value in spoken.items() if value == "hash"} == ({field} if field else set())


@pytest.mark.parametrize(("wanted", "sent"), [(0, 0), (5, 5), (99, 20), (-1, 0)])
def test_logprobs_come_with_up_to_twenty_alternatives(wanted: int, sent: int) -> None:
    spoken = body("deepseek", logprobs=wanted)
    assert (spoken["logprobs"], spoken["top_logprobs"]) == (True, sent)


def test_logprobs_are_not_asked_of_those_who_have_none() -> None:
    assert "logprobs" not in body("deepseek")
    assert "logprobs" not in body("anthropic", logprobs=5)
    assert "logprobs" not in body("openai", logprobs=5, effort=Effort.HIGH)


def test_usage_is_asked_for_where_it_does_not_come_unasked() -> None:
    assert body("deepseek")["stream_options"] == {"include_usage": True}
    assert "stream_options" not in body("openrouter")


def test_what_a_server_has_refused_is_not_sent_again() -> None:
    spoken = body("openai", temperature=0.5, max_tokens=9, refused=frozenset({"temperature", "stream_options"}))
    assert not {"temperature", "stream_options"} & spoken.keys()
    assert spoken["max_completion_tokens"] == 9


def test_an_output_cap_is_tried_under_its_other_name() -> None:
    spoken = body("openai", max_tokens=9, refused=frozenset({"max_completion_tokens"}))
    assert spoken["max_tokens"] == 9
    both = body("openai", max_tokens=9, refused=frozenset({"max_completion_tokens", "max_tokens"}))
    assert not {"max_completion_tokens", "max_tokens"} & both.keys()


# JSON


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"anthropic"}))
def test_json_mode_is_asked_for_where_there_is_one(dialect: str) -> None:
    assert body(dialect, format=Format.JSON)["response_format"] == {"type": "json_object"}
    assert "response_format" not in body(dialect)


def test_json_mode_is_not_asked_of_those_who_have_none() -> None:
    assert "response_format" not in body("anthropic", format=Format.JSON)
    assert "response_format" not in body("deepseek", format=Format.JSON, abilities=EVERYTHING - {Ability.JSON})


# Tools


def test_tools_are_functions() -> None:
    tool = Tool(
        "get_weather", "Tells it", {"type": "object", "properties": {"city": {"type": "string", "minLength": 1}}}
    )
    assert body("deepseek", tools=(tool, Tool("get_time", "Tells it")))["tools"] == [
        {
            "type": "function",
            "function": {"name": "get_weather", "description": "Tells it", "parameters": tool.parameters},
        },
        {
            "type": "function",
            "function": {
                "name": "get_time",
                "description": "Tells it",
                "parameters": {"type": "object", "properties": {}},
            },
        },
    ]


def test_names_of_tools_are_unique() -> None:
    assert len(body("deepseek", tools=(CLOCK, CLOCK))["tools"]) == 1


def test_no_empty_list_of_tools_is_sent() -> None:
    assert not {"tools", "tool_choice"} & body("deepseek", tool_choice="none").keys()


def test_a_model_without_tools_is_given_none() -> None:
    spoken = body("deepseek", tools=(CLOCK,), tool_choice="required", abilities=EVERYTHING - {Ability.TOOLS})
    assert not {"tools", "tool_choice"} & spoken.keys()


def test_strict_tools_go_by_the_beta_with_closed_schemas() -> None:
    request = asked(tools=(WEATHER, CLOCK))
    functions = [tool["function"] for tool in body_of("deepseek", request)["tools"]]
    assert [function["strict"] for function in functions] == [True, True]
    assert functions[0]["parameters"]["required"] == ["city"]
    assert functions[1]["parameters"] == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
    assert path_of(DIALECTS["deepseek"], request) == "/beta/chat/completions"
    assert path_of(DIALECTS["openai"], request) == "/chat/completions"


def test_all_tools_are_strict_or_none_is() -> None:
    request = asked(tools=(WEATHER, Tool("get_time", "Tells it")))
    assert not any("strict" in tool["function"] for tool in body_of("deepseek", request)["tools"])
    assert path_of(DIALECTS["deepseek"], request) == "/chat/completions"


@pytest.mark.parametrize("dialect", ["ollama", "llamacpp", "anthropic"])
def test_strictness_is_not_asked_of_those_who_have_none(dialect: str) -> None:
    assert body(dialect, tools=(WEATHER,))["tools"][0]["function"]["parameters"] == WEATHER.parameters


ONE = {"type": "function", "function": {"name": "get_time"}}


@pytest.mark.parametrize(
    ("dialect", "effort", "choice", "sent"),
    [
        ("deepseek", Effort.OFF, "auto", None),
        ("deepseek", Effort.OFF, "none", "none"),
        ("deepseek", Effort.OFF, "required", "required"),
        ("deepseek", Effort.OFF, "get_time", ONE),
        ("deepseek", Effort.OFF, "no_such_tool", None),
        ("deepseek", Effort.HIGH, "none", "none"),
        ("deepseek", Effort.HIGH, "required", None),
        ("deepseek", Effort.HIGH, "get_time", None),
        ("anthropic", Effort.HIGH, "get_time", None),
        ("openai", Effort.HIGH, "get_time", ONE),
        ("ollama", Effort.OFF, "required", None),
    ],
)
def test_a_tool_is_forced_only_where_it_can_be(dialect: str, effort: Effort, choice: str, sent: object) -> None:
    assert body(dialect, effort=effort, tools=(CLOCK,), tool_choice=choice).get("tool_choice") == sent


# Going on


def test_deepseek_goes_on_by_its_beta() -> None:
    request = asked(BROKEN_OFF, prefix=True)
    spoken = body_of("deepseek", request)
    assert spoken["messages"][-1] == {"role": "assistant", "content": "Once upon a", "prefix": True}
    assert spoken["thinking"] == {"type": "disabled"}
    assert path_of(DIALECTS["deepseek"], request) == "/beta/chat/completions"
    assert goes_on(DIALECTS["deepseek"], request)


def test_deepseek_goes_on_thinking_if_it_knows_what_it_had_thought() -> None:
    spoken = body("deepseek", BROKEN_OFF, prefix=True, effort=Effort.HIGH)
    assert spoken["messages"][-1] == {
        "role": "assistant",
        "content": "Once upon a",
        "reasoning_content": "a fairy tale",
        "prefix": True,
    }
    assert spoken["thinking"] == {"type": "enabled"}


def test_deepseek_does_not_think_in_the_middle_of_an_answer_without_what_it_had_thought() -> None:
    forgotten = (*QUESTION, ChatMessage("assistant", "Once upon a"))
    spoken = body("deepseek", forgotten, prefix=True, effort=Effort.HIGH, temperature=0.5)
    assert spoken["thinking"] == {"type": "disabled"}
    assert spoken["temperature"] == 0.5


def test_a_budget_used_up_by_thinking_goes_on_from_the_thinking() -> None:
    request = asked((*QUESTION, ChatMessage("assistant", "", "a fairy tale")), prefix=True, effort=Effort.HIGH)
    assert goes_on(DIALECTS["deepseek"], request)
    assert body_of("deepseek", request)["messages"][-1] == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "a fairy tale",
        "prefix": True,
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_where_nothing_was_said_the_question_is_asked_again(dialect: str) -> None:
    request = asked((*QUESTION, ChatMessage("assistant", "", "a fairy tale")), prefix=True)
    assert not goes_on(DIALECTS[dialect], request)
    assert body_of(dialect, request)["messages"] == [{"role": "user", "content": "hi"}]


def test_vllm_is_told_to_leave_the_last_message_open() -> None:
    spoken = body("vllm", BROKEN_OFF, prefix=True, effort=Effort.HIGH)
    assert spoken["messages"][-1] == {"role": "assistant", "content": "Once upon a"}
    assert (spoken["continue_final_message"], spoken["add_generation_prompt"]) == (True, False)
    assert spoken["chat_template_kwargs"] == {"thinking": False, "enable_thinking": False}
    assert "continue_final_message" not in body("vllm", BROKEN_OFF)


def test_llamacpp_goes_on_by_itself() -> None:
    request = asked(BROKEN_OFF, prefix=True, effort=Effort.HIGH)
    spoken = body_of("llamacpp", request)
    assert spoken["messages"][-1] == {"role": "assistant", "content": "Once upon a"}
    assert spoken["chat_template_kwargs"] == {"enable_thinking": False}
    assert goes_on(DIALECTS["llamacpp"], request)


@pytest.mark.parametrize("dialect", ["openai", "openrouter", "ollama", "litellm", "anthropic"])
def test_others_are_asked_in_words_to_go_on(dialect: str) -> None:
    request = asked(BROKEN_OFF, prefix=True)
    *_, answer, wish = body_of(dialect, request)["messages"]
    assert answer == {"role": "assistant", "content": "Once upon a"}
    assert wish["role"] == "user"
    assert "exactly where it stopped" in wish["content"]
    assert not goes_on(DIALECTS[dialect], request)
    assert path_of(DIALECTS[dialect], request) == "/chat/completions"


def test_a_model_that_cannot_go_on_is_asked_in_words_wherever_it_lives() -> None:
    request = asked(BROKEN_OFF, prefix=True, abilities=EVERYTHING - {Ability.PREFIX}, effort=Effort.HIGH)
    assert not goes_on(DIALECTS["deepseek"], request)
    assert path_of(DIALECTS["deepseek"], request) == "/chat/completions"
    spoken = body_of("deepseek", request)
    assert "exactly where it stopped" in spoken["messages"][-1]["content"]
    assert "prefix" not in spoken["messages"][-2]
    assert spoken["thinking"] == {"type": "enabled"}


def test_nobody_goes_on_from_a_question() -> None:
    request = asked(prefix=True)
    assert not goes_on(DIALECTS["deepseek"], request)
    assert body_of("deepseek", request)["messages"] == [{"role": "user", "content": "hi"}]


# Filling in the middle


def test_a_hole_is_filled_by_deepseeks_beta() -> None:
    request = FillRequest("deepseek-v4-pro", "def f(", "return 1", max_tokens=10, stop=("\n\n", ""), temperature=3.0)
    assert DIALECTS["deepseek"].fill_path == "/beta/completions"
    assert json.loads(fill_body(DIALECTS["deepseek"], request)) == {
        "model": "deepseek-v4-pro",
        "prompt": "def f(",
        "suffix": "return 1",
        "max_tokens": 10,
        "stream": True,
        "stream_options": {"include_usage": True},
        "stop": ["\n\n"],
        "temperature": 2.0,
    }


@pytest.mark.parametrize(("wanted", "sent"), [(1_000_000, 4096), (0, 1)])
def test_a_filling_has_at_most_four_thousand_tokens(wanted: int, sent: int) -> None:
    request = FillRequest("deepseek-v4-pro", "a", max_tokens=wanted)
    assert json.loads(fill_body(DIALECTS["deepseek"], request))["max_tokens"] == sent


def test_who_fills_no_holes_has_no_path_for_it() -> None:
    assert not any(dialect.fill_path for name, dialect in DIALECTS.items() if name != "deepseek")


# Whatever is asked

optional = st.none() | st.integers(-5, 1_000_000)
histories = st.lists(
    st.builds(
        ChatMessage,
        role=st.sampled_from(["system", "user", "assistant", "tool"]),
        content=st.sampled_from(["", "text", "json"]),
        reasoning=st.sampled_from(["", "thought"]),
        images=st.sampled_from([(), (Image("image/png", b"x"),)]),
        tool_calls=st.sampled_from([(), (ToolUse("1", "no such tool!", "no json"),)]),
        tool_call_id=st.just("1"),
    ),
    min_size=1,
    max_size=6,
).map(tuple)
requests = st.builds(
    ChatRequest,
    model=st.just("deepseek-flash"),
    messages=histories,
    effort=st.sampled_from(Effort),
    max_tokens=optional,
    output_limit=st.none() | st.just(393216),
    temperature=st.none() | st.floats(-1, 3),
    top_p=st.none() | st.floats(-1, 3),
    stop=st.lists(st.text(max_size=3), max_size=20).map(tuple),
    format=st.sampled_from(Format),
    tools=st.sampled_from([(), (CLOCK,), (WEATHER, CLOCK)]),
    tool_choice=st.sampled_from(["auto", "none", "required", "get_time", "other"]),
    logprobs=optional,
    user_id=st.sampled_from(["", "hash"]),
    prefix=st.booleans(),
    abilities=st.frozensets(st.sampled_from(Ability)),
)


@given(requests)
def test_deepseek_never_reads_a_field_that_it_does_not_know(request: ChatRequest) -> None:
    spoken = body_of("deepseek", request)
    assert spoken.keys() <= DEEPSEEKS_FIELDS
    for message in spoken["messages"]:
        assert message.keys() <= DEEPSEEKS_FIELDS_OF_A_MESSAGE
        assert message["role"] in {"system", "user", "assistant", "tool"}


@given(requests)
def test_deepseek_is_never_asked_for_what_it_refuses(request: ChatRequest) -> None:
    spoken = body_of("deepseek", request)
    thinks = spoken["thinking"] == {"type": "enabled"}
    assert spoken.get("max_tokens", 1) >= 1
    assert 0 <= spoken.get("temperature", 0) <= 2
    assert 1 <= len(spoken.get("stop", ["one"])) <= 16
    assert spoken.get("tool_choice", "auto") in ("auto", "none") or not thinks
    assert ("tools" in spoken) or "tool_choice" not in spoken
    if "response_format" in spoken:
        said = [str(message["content"]) for message in spoken["messages"] if message["role"] in ("system", "user")]
        assert any("json" in text.lower() for text in said)
    for message in spoken["messages"]:
        assert message["content"] is not None
        assert message.get("tool_calls", ["one"])
        if message["role"] == "assistant" and thinks and "tools" in spoken:
            assert "reasoning_content" in message


@pytest.mark.parametrize("dialect", DIALECTS)
@given(request=requests)
def test_anything_can_be_asked_of_anyone(dialect: str, request: ChatRequest) -> None:
    assert json.loads(request_body(DIALECTS[dialect], request))["stream"] is True
    assert path_of(DIALECTS[dialect], request).endswith("/chat/completions")
