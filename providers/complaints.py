"""What servers say when they refuse, word for word, and what it means."""

import re

from providers.errors import (
    AuthenticationError,
    BalanceEmptyError,
    ContentRefusedError,
    ContextTooLongError,
    FormatRefusedError,
    ImagesRefusedError,
    ModelMissingError,
    OutputCapRefusedError,
    OverloadedError,
    ParameterRefusedError,
    PrefixRefusedError,
    ProviderError,
    RateLimitedError,
    ReasoningReplayError,
    ToolChoiceRefusedError,
)

# Words that say more than a status does, the most telling first. `error.code` does not: DeepSeek sends the same
# constant with everything.
WORDS: tuple[tuple[str, type[ProviderError]], ...] = (
    ("reasoning_content", ReasoningReplayError),
    ("missing thinking block", ReasoningReplayError),
    ("tool_choice", ToolChoiceRefusedError),
    ("tool choice", ToolChoiceRefusedError),
    ("does not support image", ImagesRefusedError),
    ("image_url", ImagesRefusedError),
    ("image input", ImagesRefusedError),
    ("at most 0 image", ImagesRefusedError),
    ("not a multimodal model", ImagesRefusedError),
    ("response_format", FormatRefusedError),
    ("json_object", FormatRefusedError),
    ("json mode", FormatRefusedError),
    ("prefix mode", PrefixRefusedError),
    ("prefix is only available", PrefixRefusedError),
    ("prefill", PrefixRefusedError),
    ("continue_final_message", PrefixRefusedError),
    ("expected last role", PrefixRefusedError),
    ("max_tokens is too large", OutputCapRefusedError),
    ("maximum context length", ContextTooLongError),
    ("context_length_exceeded", ContextTooLongError),
    ("contextwindowexceeded", ContextTooLongError),
    ("exceed_context_size", ContextTooLongError),
    ("context window", ContextTooLongError),
    ("context length", ContextTooLongError),
    ("context size", ContextTooLongError),
    ("maximum model length", ContextTooLongError),
    ("prompt is too long", ContextTooLongError),
    ("content exists risk", ContentRefusedError),
    ("content_policy_violation", ContentRefusedError),
    ("content_filter", ContentRefusedError),
    ("flagged", ContentRefusedError),
    ("insufficient balance", BalanceEmptyError),
    ("insufficient_quota", BalanceEmptyError),
    ("credit balance is too low", BalanceEmptyError),
    ("requires more credits", BalanceEmptyError),
    ("budget has been exceeded", BalanceEmptyError),
    ("authentication_error", AuthenticationError),
    ("rate_limit", RateLimitedError),
    ("rate limit reached", RateLimitedError),
    ("service_unavailable", OverloadedError),
    ("overloaded_error", OverloadedError),
    ("service is too busy", OverloadedError),
    ("loading model", OverloadedError),
)

# DeepSeek; OpenAI and vLLM; Ollama; OpenRouter; LiteLLM; Anthropic.
MODEL_MISSING = re.compile(
    r"""
      supported\ api\ model\ names
    | model_not_found | the\ model\ \S{1,200}\ does\ not\ exist
    | model\ \S{1,200}\ not\ found
    | is\ not\ a\ valid\ model\ id
    | invalid\ model\ name
    | not_found_error.{1,100}model:
    """,
    re.VERBOSE,
)

# How long an answer may be, as DeepSeek, OpenAI, Anthropic and Groq say it.
OUTPUT_LIMIT = re.compile(
    r"""
      valid\ range\ of\ max_tokens\ is\ \[1,\ *(\d{1,9})
    | at\ most\ (\d{1,9})\ completion\ tokens
    | max_tokens:\ \d{1,9}\ >\ (\d{1,9})
    | max_(?:completion_)?tokens`?\ must\ be\ less\ than\ or\ equal\ to\ `?(\d{1,9})
    """,
    re.VERBOSE,
)
# The window and what the prompt takes of it: DeepSeek, OpenAI and vLLM; OpenRouter; vLLM since 2025, in two ways.
WINDOW = re.compile(
    r"""
      maximum\ context\ length\ is\ (?P<window>\d{1,9})\ tokens
      .{1,100}? [ (](?P<prompt>\d{1,9})\ (?:in\ the\ messages|of\ text\ input|input\ tokens)
    | passed\ (?P<prompt_first>\d{1,9})\ input\ tokens.{1,100}?context\ length\ is\ only\ (?P<window_last>\d{1,9})
    """,
    re.VERBOSE,
)
WINDOW_GROUPS = (("window", "window_last"), ("prompt", "prompt_first"))
LEAST_ANSWER = 256  # tokens; with less room than that it is the conversation that is too long

# What we can do without, or say otherwise: fields of the body.
PARAMETERS = {
    *("temperature", "top_p", "stop", "logprobs", "top_logprobs", "max_tokens", "max_completion_tokens"),
    *("thinking", "reasoning", "reasoning_effort", "chat_template_kwargs"),
    *("tools", "stream_options", "user", "user_id"),
}
NICKNAMES = {"tool": "tools", "function": "tools"}
REFUSED_PARAMETER = re.compile(
    r"""
      unsupported\ (?:parameter|value)s?:\ [`'"]?(\w+)
    | (?:unknown|unrecognized|unexpected)\ (?:parameter|field|(?:request\ )?argument)s?(?:\ supplied)?:?\ [`'"]?(\w+)
    | does\ not\ support\ (?:parameters:\ \[)?[`'"]?(\w+)
    | invalid\ [`'"]?(\w+)[`'"]?(?:\ value|:)
    | [`'"](\w+)[`'"]\ (?:is\ not\ supported|is\ unsupported|may\ only\ be|and\ `\w+`\ cannot)
    | [`'"](thinking)\.                               # Anthropic: `thinking.budget_tokens`, "thinking.type.enabled"
    | support\ (tool)\ use                           # OpenRouter
    | "param":\ *"(\w+)"
    | \bloc\W{1,6}body\W{1,6}(\w+)                   # pydantic's, of vLLM and Mistral
    """,
    re.VERBOSE,
)


def kind_of(text: str) -> type[ProviderError] | None:
    """The error that a text of any shape speaks of; None if it says nothing that we know."""
    lowered = text.lower()
    if output_limit(lowered):
        return OutputCapRefusedError
    if MODEL_MISSING.search(lowered):
        return ModelMissingError
    known = next((kind for words, kind in WORDS if words in lowered), None)
    return known or (ParameterRefusedError if refused_parameter(lowered) else None)


def output_limit(lowered: str) -> int | None:
    """How many tokens an answer may have, if it was only its length that was refused."""
    if said := OUTPUT_LIMIT.search(lowered):
        return int(said[said.lastindex or 0])
    if said := WINDOW.search(lowered):
        window, prompt = (int(said[name] or said[other]) for name, other in WINDOW_GROUPS)
        return window - prompt if window - prompt >= LEAST_ANSWER else None
    return None


def refused_parameter(lowered: str) -> str:
    names = (said[said.lastindex or 0] for said in REFUSED_PARAMETER.finditer(lowered))
    return next((name for name in (NICKNAMES.get(name, name) for name in names) if name in PARAMETERS), "")
