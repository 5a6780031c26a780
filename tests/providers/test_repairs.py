"""Asking otherwise after a refusal that we understand, and never twice in the same way."""

from dataclasses import replace

import pytest

from providers.errors import (
    AuthenticationError,
    ContextTooLongError,
    FormatRefusedError,
    ImagesRefusedError,
    InvalidRequestError,
    OutputCapRefusedError,
    OverloadedError,
    ParameterRefusedError,
    PrefixRefusedError,
    ProviderError,
    ReasoningReplayError,
    ToolChoiceRefusedError,
)
from providers.messages import Ability, ChatMessage, ChatRequest, Effort, Format, Image, Secret, Tool
from providers.refusals import refusal
from providers.repairs import repaired
from tests.providers.bodies import asked, body_of

EVERYTHING_ASKED = asked(
    (
        ChatMessage("user", "hi", images=(Image("image/png", b"x"),)),
        ChatMessage("assistant", "well", reasoning="hm"),
    ),
    effort=Effort.HIGH,
    max_tokens=1000,
    temperature=0.5,
    format=Format.JSON,
    tools=(Tool("get_time", "Tells it"),),
    tool_choice="required",
    logprobs=5,
    prefix=True,
)


def cap_refused(limit: int | None) -> OutputCapRefusedError:
    error = OutputCapRefusedError()
    error.limit = limit
    return error


def parameter_refused(name: str) -> ParameterRefusedError:
    error = ParameterRefusedError()
    error.parameter = name
    return error


def after(error: ProviderError, request: ChatRequest = EVERYTHING_ASKED) -> ChatRequest:
    changed = repaired(request, error)
    assert changed
    return changed


REPAIRABLE = [
    ReasoningReplayError(),
    ToolChoiceRefusedError(),
    FormatRefusedError(),
    ImagesRefusedError(),
    PrefixRefusedError(),
    cap_refused(500),
    cap_refused(None),
    *(parameter_refused(name) for name in ("temperature", "tools", "logprobs", "reasoning_effort", "max_tokens")),
]


def named(error: ProviderError) -> str:
    details = getattr(error, "parameter", "") or getattr(error, "limit", "")
    return f"{error.code} {details}"


def test_reasoning_that_was_refused_is_left_out_and_no_more_is_thought() -> None:
    request = after(ReasoningReplayError())
    assert request.effort is Effort.OFF
    assert [turn.reasoning for turn in request.messages] == ["", ""]


def test_a_tool_that_could_not_be_forced_is_left_to_the_model() -> None:
    request = after(ToolChoiceRefusedError())
    assert (request.tool_choice, request.tools) == ("auto", EVERYTHING_ASKED.tools)


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_server_that_knows_no_choice_gets_no_tools(choice: str) -> None:
    request = after(ToolChoiceRefusedError(), replace(EVERYTHING_ASKED, tool_choice=choice))
    assert Ability.TOOLS not in request.abilities


@pytest.mark.parametrize(
    ("error", "ability"),
    [
        (FormatRefusedError(), Ability.JSON),
        (ImagesRefusedError(), Ability.VISION),
        (PrefixRefusedError(), Ability.PREFIX),
        (parameter_refused("tools"), Ability.TOOLS),
    ],
    ids=str,
)
def test_an_ability_that_a_model_does_not_have_is_not_asked_of_it_again(error: ProviderError, ability: Ability) -> None:
    assert after(error).abilities == EVERYTHING_ASKED.abilities - {ability}


def test_what_is_lost_is_said_in_words() -> None:
    request = EVERYTHING_ASKED
    for error in (FormatRefusedError(), ImagesRefusedError(), PrefixRefusedError()):
        request = after(error, request)
    body = body_of("deepseek", request)
    system, question, answer, wish = body["messages"]
    assert "response_format" not in body
    assert "one JSON object" in system["content"]
    assert "[image: image, not shown to this model]" in question["content"]
    assert answer["content"] == "well"
    assert "Go on exactly" in wish["content"]


def test_an_answer_is_as_long_as_the_server_said() -> None:
    assert after(cap_refused(500)).max_tokens == 500
    assert after(cap_refused(500), replace(EVERYTHING_ASKED, max_tokens=None)).max_tokens == 500
    assert repaired(EVERYTHING_ASKED, cap_refused(1000)) is None


def test_an_answer_is_as_long_as_a_server_likes_that_does_not_say() -> None:
    assert "max_tokens" not in body_of("deepseek", after(cap_refused(None)))


def test_an_output_cap_is_sent_under_its_other_name() -> None:
    error = refusal(
        400,
        {},
        b"""{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use """
        b"""'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens"}}""",
        Secret(),
    )
    body = body_of("deepseek", after(error))
    assert (body.get("max_tokens"), body.get("max_completion_tokens")) == (None, 1000)


@pytest.mark.parametrize("name", ["temperature", "stream_options", "user_id"])
def test_a_parameter_that_was_refused_is_left_out(name: str) -> None:
    request = replace(EVERYTHING_ASKED, effort=Effort.OFF, user_id="hash")
    assert name in body_of("deepseek", request)
    assert name not in body_of("deepseek", after(parameter_refused(name), request))


def test_fields_that_belong_together_go_together() -> None:
    assert not {"logprobs", "top_logprobs"} & body_of("deepseek", after(parameter_refused("top_logprobs"))).keys()
    # Servers complain of "thinking" whatever we had to call it.
    assert "reasoning_effort" not in body_of("ollama", after(parameter_refused("thinking")))


@pytest.mark.parametrize(
    "error",
    [InvalidRequestError(), ContextTooLongError(), AuthenticationError(), OverloadedError(), parameter_refused("")],
    ids=str,
)
def test_other_errors_have_no_repair(error: ProviderError) -> None:
    assert repaired(EVERYTHING_ASKED, error) is None


@pytest.mark.parametrize(
    "error",
    [
        ReasoningReplayError(),
        ToolChoiceRefusedError(),
        FormatRefusedError(),
        ImagesRefusedError(),
        PrefixRefusedError(),
        parameter_refused("tools"),
    ],
    ids=str,
)
def test_what_was_never_asked_cannot_be_taken_back(error: ProviderError) -> None:
    assert repaired(asked(), error) is None


@pytest.mark.parametrize("error", REPAIRABLE, ids=named)
def test_the_same_repair_is_never_offered_twice(error: ProviderError) -> None:
    assert repaired(after(error), error) is None


def test_a_server_that_refuses_everything_is_given_up_on() -> None:
    repairs, request = 0, repaired(EVERYTHING_ASKED, REPAIRABLE[0])
    while request:
        repairs += 1
        assert repairs <= len(REPAIRABLE)
        request = next((found for error in REPAIRABLE if (found := repaired(request, error))), None)


def test_a_server_that_haggles_over_the_length_is_given_up_on() -> None:
    request = after(cap_refused(900))
    assert repaired(request, cap_refused(899)) is None
