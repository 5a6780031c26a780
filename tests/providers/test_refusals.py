"""What a complaint means, and that none of them gives a key away."""

import json
import pickle
from datetime import UTC, datetime

import pytest

from providers.errors import (
    AccessDeniedError,
    AuthenticationError,
    BalanceEmptyError,
    ContentRefusedError,
    ContextTooLongError,
    FormatRefusedError,
    ImagesRefusedError,
    InvalidRequestError,
    ModelMissingError,
    OutputCapRefusedError,
    OverloadedError,
    ParameterRefusedError,
    PrefixRefusedError,
    ProviderError,
    RateLimitedError,
    ReasoningReplayError,
    ServerFaultError,
    StalledError,
    ToolChoiceRefusedError,
)
from providers.messages import Secret
from providers.refusals import complaint_in_stream, refusal, retry_after, scrubbed, trace_id

KEY = Secret("local-key-of-no-usual-shape")


def complaint(status: int, body: str) -> ProviderError:
    return refusal(status, {}, body.encode(), KEY)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, "Authentication Fails (governor)", AuthenticationError),
        (402, '{"error":{"message":"Insufficient Balance","code":"invalid_request_error"}}', BalanceEmptyError),
        (403, "<html>blocked</html>", AccessDeniedError),
        (400, '{"error":{"message":"This model\'s maximum context length is 9 tokens."}}', ContextTooLongError),
        (400, '{"error":{"code":400,"message":"x","type":"exceed_context_size_error"}}', ContextTooLongError),
        (400, '{"error":{"message":"Content Exists Risk"}}', ContentRefusedError),
        (429, '{"error":{"message":"Your current concurrency is 40"}}', RateLimitedError),
        (429, '{"error":{"message":"x","code":"insufficient_quota"}}', BalanceEmptyError),
        (500, "", ServerFaultError),
        (502, "<html>Bad Gateway</html>", OverloadedError),
        (503, '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}', OverloadedError),
        (504, "", OverloadedError),
        (524, "", OverloadedError),
        (529, "", OverloadedError),
        (404, "", InvalidRequestError),
        (415, "Expected request with `Content-Type: application/json`", InvalidRequestError),
        (422, '{"detail":"bad"}', InvalidRequestError),
        (302, "", InvalidRequestError),
    ],
)
def test_status_and_words_say_what_happened(status: int, body: str, kind: type[ProviderError]) -> None:
    error = complaint(status, body)
    assert type(error) is kind
    assert error.status == status
    assert error.code == kind.code


def said(message: str, **more: object) -> str:
    return json.dumps({"error": {"message": message, **more}})


# What servers say, word for word, when they could be asked otherwise.
@pytest.mark.parametrize(
    ("message", "kind"),
    [
        # DeepSeek
        ("The `reasoning_content` in the thinking mode must be passed back to the API.", ReasoningReplayError),
        ("Missing `reasoning_content` field in the assistant message at message index 3", ReasoningReplayError),
        ("Missing thinking block in the assistant message at message index 1", ReasoningReplayError),
        ("Thinking mode does not support this tool_choice", ToolChoiceRefusedError),
        ("This response_format type is unavailable now", FormatRefusedError),
        (
            "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.",
            FormatRefusedError,
        ),
        ("This model does not support image", ImagesRefusedError),
        ("messages[0]: unknown variant `image_url`, expected `text` at line 1 column 60", ImagesRefusedError),
        (
            "The last message of deepseek-reasoner must be a user message, or an assistant message with prefix mode on",
            PrefixRefusedError,
        ),
        (
            'prefix is only available when using beta api (set base_url="https://api.deepseek.com/beta")',
            PrefixRefusedError,
        ),
        # OpenAI
        ("Invalid content type. image_url is only supported by certain models.", ImagesRefusedError),
        # vLLM
        (
            '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
            ToolChoiceRefusedError,
        ),
        ("At most 0 image(s) may be provided in one request.", ImagesRefusedError),
        ("my-model is not a multimodal model", ImagesRefusedError),
        # llama.cpp
        ("Assistant response prefill is incompatible with enable_thinking.", PrefixRefusedError),
        ("image input is not supported - hint: you may need to provide the mmproj", ImagesRefusedError),
        # Anthropic
        ("Thinking may not be enabled when tool_choice forces tool use.", ToolChoiceRefusedError),
        # OpenRouter
        ("No endpoints found that support image input", ImagesRefusedError),
    ],
)
def test_a_refusal_that_can_be_repaired_is_recognized(message: str, kind: type[ProviderError]) -> None:
    for status in (400, 404, 422):
        error = complaint(status, said(message))
        assert type(error) is kind
        assert message[:20] in error.sentence


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 393216]", 393216),
        (
            "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you "
            "provided 100000.",
            16384,
        ),
        (
            "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet",
            64000,
        ),
        ("`max_tokens` must be less than or equal to `32768`, the maximum value for `max_tokens`", 32768),
        ("max_tokens is too large", None),
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (1000 in the "
            "messages, 4000 in the completion). Please reduce the length of the messages or completion.",
            3096,
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 4000. This model's maximum context length is 4096 "
            "tokens and your request has 1000 input tokens (4000 > 4096 - 1000).",
            3096,
        ),
        (
            "You passed 1000 input tokens and requested 4000 output tokens. However, the model's context length is "
            "only 4096 tokens.",
            3096,
        ),
        (
            "This endpoint's maximum context length is 4096 tokens. However, you requested about 5000 tokens (1000 of "
            "text input, 4000 in the output).",
            3096,
        ),
    ],
)
def test_how_long_an_answer_may_be_is_learned_from_the_refusal(message: str, limit: int | None) -> None:
    error = complaint(400, said(message))
    assert isinstance(error, OutputCapRefusedError)
    assert error.limit == limit


@pytest.mark.parametrize(
    "body",
    [
        said(
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the "
            "messages, 1000 in the completion)."
        ),
        said("x", code="context_length_exceeded"),
        said("the request exceeds the available context size, try increasing it", type="exceed_context_size_error"),
        said("prompt is too long: 208310 tokens > 200000 maximum"),
        said("The decoder prompt (length 9000) is longer than the maximum model length of 4096."),
        said("litellm.ContextWindowExceededError: x"),
        '{"error":"the input length exceeds the context length"}',
    ],
)
def test_a_conversation_that_is_too_long_is_no_matter_of_the_answers_length(body: str) -> None:
    assert type(complaint(400, body)) is ContextTooLongError


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        (said("Unsupported parameter: 'max_tokens' is not supported with this model."), "max_tokens"),
        (said("Unsupported value: 'temperature' does not support 0.5 with this model."), "temperature"),
        (said("Unrecognized request argument supplied: reasoning_effort"), "reasoning_effort"),
        (said("Unknown parameter: 'stream_options'."), "stream_options"),
        (said("Something is wrong", param="top_p"), "top_p"),
        (said("Invalid temperature value, the valid range of temperature is [0, 2]"), "temperature"),
        (said("Invalid 'user_id': string too long."), "user_id"),
        (said("property 'user' is unsupported"), "user"),
        (said("litellm.UnsupportedParamsError: openai does not support parameters: ['logprobs']"), "logprobs"),
        ('{"error":"\\"smollm2\\" does not support thinking"}', "thinking"),
        ('{"error":"registry.ollama.ai/library/smollm2 does not support tools"}', "tools"),
        (said("No endpoints found that support tool use."), "tools"),
        (said("`max_tokens` must be greater than `thinking.budget_tokens`."), "thinking"),
        (said('"thinking.type.enabled" is not supported for this model.'), "thinking"),
        (said("`temperature` and `top_p` cannot both be specified for this model."), "temperature"),
        (
            '{"detail":[{"type":"extra_forbidden","loc":["body","user"],"msg":"Extra inputs are not permitted"}]}',
            "user",
        ),
    ],
)
def test_the_parameter_that_was_refused_is_named(body: str, parameter: str) -> None:
    error = complaint(400, body)
    assert isinstance(error, ParameterRefusedError)
    assert error.parameter == parameter
    assert error.sentence.startswith("The provider could not accept the request: ")


@pytest.mark.parametrize(
    "body",
    [
        said("Unknown parameter: 'messages'."),
        said("messages[0].role: unknown variant `developer`, expected one of `system`, `user`", param=None),
        said("missing field `messages` at line 1 column 2"),
    ],
)
def test_what_we_cannot_do_without_has_no_repair(body: str) -> None:
    assert type(complaint(400, body)) is InvalidRequestError


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, said("The supported API model names are deepseek-v4-pro or deepseek-v4-flash, but you passed x.")),
        (404, said("The model `x` does not exist", code="model_not_found", param=None)),
        (404, said('model "x" not found, try pulling it first', type="not_found_error")),
        (400, said("x is not a valid model ID", code=400)),
        (400, said("Invalid model name passed in model=x")),
        (404, '{"type":"error","error":{"type":"not_found_error","message":"model: x"}}'),
    ],
)
def test_a_model_that_is_not_there_is_told_from_a_bad_question(status: int, body: str) -> None:
    assert type(complaint(status, body)) is ModelMissingError


def test_words_are_found_in_no_time() -> None:
    for words in (
        "maximum context length is 1 tokens ",
        "invalid ",
        "passed 1 input tokens ",
        '"param": ',
        "the model x ",
    ):
        assert complaint(400, words * (65536 // len(words)))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, said("Your credit balance is too low to access the Anthropic API."), BalanceEmptyError),
        (400, said("Budget has been exceeded! Current cost: 1.0", type="budget_exceeded"), BalanceEmptyError),
        (402, said("This request requires more credits, or fewer max_tokens."), BalanceEmptyError),
        (403, said("Input was flagged", metadata={"flagged_input": "secret"}), ContentRefusedError),
        (403, said("Country, region, or territory not supported"), AccessDeniedError),
        (
            429,
            said("Your current concurrency is 40, which exceeds your concurrency limit of 39. Please top up"),
            RateLimitedError,
        ),
        (429, said("Rate limit reached for TPM"), RateLimitedError),
        (503, said("Service is too busy.", code="service_unavailable_error"), OverloadedError),
    ],
)
def test_every_servers_way_of_saying_it_is_known(status: int, body: str, kind: type[ProviderError]) -> None:
    assert type(complaint(status, body)) is kind


def test_only_what_an_administrator_must_mend_is_fatal() -> None:
    fatal = {status for status in range(400, 600) if complaint(status, "").is_fatal}
    assert fatal == {401, 402}


def test_a_refusal_inside_a_stream_can_be_repaired_too() -> None:
    error = complaint_in_stream({"message": "This model does not support image"}, KEY, "trace")
    assert isinstance(error, ImagesRefusedError)
    assert (error.status, error.trace_id) == (200, "trace")


@pytest.mark.parametrize(
    "body",
    [
        '{"error":{"message":"Invalid temperature value","type":"x"}}',
        '{"error":"Invalid temperature value"}',
        '{"message":"Invalid temperature value"}',
        '{"detail":"Invalid temperature value"}',
        '{"error_msg":"Invalid temperature value"}',
        '{"detail":[{"loc":["body"],"msg":"Invalid temperature value"}]}',
        '[{"error":{"message":"Invalid temperature value"}}]',
        "Invalid temperature value",
    ],
)
def test_a_bad_request_is_explained_in_the_providers_own_words(body: str) -> None:
    assert complaint(400, body).sentence == "The provider could not accept the request: Invalid temperature value"


@pytest.mark.parametrize(
    "body", ["", "{}", "null", "[1]", "<html>nginx</html>", '{"error":{"message":5}}', "[" * 99999]
)
def test_a_bad_request_without_words_still_has_a_sentence(body: str) -> None:
    assert complaint(400, body).sentence.startswith("The provider could not accept the request")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422, 429, 500, 503])
@pytest.mark.parametrize(
    "body",
    [
        '{"error":{"message":"Incorrect API key provided: sk-abcdef0123456789."}}',
        '{"error":{"message":"Authentication Fails, Your api key: ****6789 is invalid"}}',
        "Authorization: Bearer abcdef0123456789 was refused",
        "key local-key-of-no-usual-shape is unknown",
        "x" * 1990 + " sk-abcdef0123456789",
        '{"error":{"message":"no such key 0123456789abcdef0123456789abcdef"}}',
    ],
)
def test_no_refusal_gives_a_key_away(status: int, body: str) -> None:
    error = complaint(status, body)
    for shown in (error.sentence, str(error), repr(error), repr(error.args)):
        assert "6789" not in shown
        assert "usual-shape" not in shown


def test_a_key_inside_a_stream_is_not_given_away_either() -> None:
    error = complaint_in_stream({"code": 400, "message": "bad key sk-abcdef0123456789"}, KEY, "")
    assert error.sentence == "The provider could not accept the request: bad key ***"


def test_a_key_is_not_cut_into_something_that_looks_like_none() -> None:
    text = ("sk-" + "a" * 100 + " ") * 19 + "x" * 17 + " sk-6789abcdef"
    assert text[:2000].endswith("sk-678")
    assert "678" not in scrubbed(text, KEY)


def test_long_words_are_scrubbed_in_no_time() -> None:
    assert len(scrubbed("*a" * 32768, KEY)) <= 300


def test_control_characters_and_half_emojis_do_not_reach_a_person() -> None:
    assert scrubbed("a\x1b[31m\n\tb\0\ud83d", KEY) == "a [31m b"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("1000000000", 1e9),
        ("0", None),
        ("-3", None),
        ("", None),
        ("soon", None),
        ("1e5", None),
        ("٣", None),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", None),
        ("Sat, 99 Nov 2026 11:00:00 GMT", None),
        ("Sat, 21 Nov 2026 12:00:30 -0000", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(value: str, seconds: float | None) -> None:
    assert retry_after(value, datetime(2026, 11, 21, 12, tzinfo=UTC)) == seconds


def test_the_trace_id_is_kept_for_the_providers_support() -> None:
    assert trace_id({"x-ds-trace-id": "ab<script>1"}) == "abscript1"
    for name in ("x-request-id", "x-deepseek-request-id", "x-generation-id"):
        assert refusal(500, {name: "r-1"}, b"", KEY).trace_id == "r-1"


def test_errors_survive_a_trip_between_processes() -> None:
    stalled = pickle.loads(pickle.dumps(StalledError("total")))
    assert (stalled.clock, stalled.retryable, stalled.sentence) == ("total", False, "The answer took too long.")
    capped = OutputCapRefusedError("No.")
    capped.limit = 5
    assert pickle.loads(pickle.dumps(capped)).limit == 5
    limited = pickle.loads(pickle.dumps(RateLimitedError(retry_after=3.0)))
    assert (limited.retry_after, limited.retryable) == (3.0, True)


def test_every_kind_of_error_has_its_own_code_and_a_sentence() -> None:
    kinds = [ProviderError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds) > 15
    assert all(kind.sentence.endswith(".") for kind in kinds)
