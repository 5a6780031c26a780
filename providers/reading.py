"""One answer, read event by event: what each chunk means, and what its end means."""

import json
from collections.abc import Iterator
from typing import Any

from providers.deltas import Delta, Finished, Reasoning, Started, Text, Usage
from providers.dialects import Dialect
from providers.errors import (
    CutError,
    EmptyAnswerError,
    MalformedStreamError,
    OverloadedError,
    ProviderError,
    ServerFaultError,
)
from providers.mending import Mender
from providers.messages import Secret
from providers.refusals import complaint_in_stream
from providers.sse import Event
from providers.think_tags import ThinkTags

BAD_EVENTS_FORGIVEN = 20
MOST_TOKENS = 10_000_000
FINISHES = {"stop", "length", "content_filter", "tool_calls", "function_call"}
FAILURES: dict[str, type[ProviderError]] = {"insufficient_system_resource": OverloadedError, "error": ServerFaultError}


class Reader:
    """Turns events into deltas.

    Call `take` for every event until `done`, then `end` once. `take` never raises: what went wrong is raised by
    `end`, after everything that was understood has been handed out.
    """

    def __init__(self, dialect: Dialect, key: Secret, trace_id: str, *, starts_thinking: bool = False) -> None:
        self._fields = dialect.reasoning_fields
        self._key = key
        self._trace_id = trace_id
        self._tags = ThinkTags(starts_thinking=starts_thinking) if dialect.think_tags or starts_thinking else None
        self._text_mender, self._reasoning_mender = Mender(), Mender()
        self._usage: Usage | None = None
        self._reason = ""
        self._error: ProviderError | None = None
        self._bad_events = 0
        self._spoke = False
        self.started = False
        self.done = False

    @property
    def finished(self) -> bool:
        """The model gave its reason to stop; whatever follows is only bookkeeping."""
        return bool(self._reason)

    def take(self, event: Event) -> list[Delta]:
        if self.done:
            return []
        if event.data.strip() == "[DONE]":
            self.done = True
            return []
        try:
            chunk = json.loads(event.data)
            if event.name == "error" or (isinstance(chunk, dict) and chunk.get("error")):
                self._fail_with(chunk)
                return []
            return self._understand(chunk)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            self._skip(event)
            return []

    def end(self, broken: ProviderError | None = None) -> Iterator[Delta]:
        """What was held back, the usage, and then either Finished or the error; `broken` is how reading ended."""
        yield from self._held_back()
        if self._usage:
            yield self._usage
        yield self._verdict(broken)

    def _understand(self, chunk: dict[str, Any]) -> list[Delta]:
        found: list[Delta] = []
        if not self.started:
            self.started = True
            found.append(Started(_string(chunk, "model"), _string(chunk, "system_fingerprint"), self._trace_id))
        # Usage rides on the finish chunk, on one without choices, or on every chunk with running totals.
        if usage := chunk.get("usage"):
            self._usage = believable_usage(usage) or self._usage
        if choices := chunk.get("choices"):
            self._choose(choices[0], found)
        return found

    def _choose(self, choice: dict[str, Any], found: list[Delta]) -> None:
        if delta := choice.get("delta"):
            self._speak(delta, found)
        if reason := _string(choice, "finish_reason"):
            self._reason = reason

    def _speak(self, delta: dict[str, Any], found: list[Delta]) -> None:
        reasoning = next((text for name in self._fields if (text := _string(delta, name))), "")
        if reasoning and (reasoning := self._reasoning_mender.mend(reasoning)):
            # A server that separates the thinking leaves no tags to look for.
            found += self._stop_looking_for_tags()
            found.append(Reasoning(reasoning))
        content = _string(delta, "content")
        if content and (content := self._text_mender.mend(content)):
            found += self._tagged(content)

    def _tagged(self, content: str) -> list[Reasoning | Text]:
        return self._noticed(self._tags.split(content) if self._tags else [Text(content)])

    def _stop_looking_for_tags(self) -> list[Reasoning | Text]:
        tags, self._tags = self._tags, None
        return self._noticed(tags.flush()) if tags else []

    def _noticed(self, pieces: list[Reasoning | Text]) -> list[Reasoning | Text]:
        self._spoke = self._spoke or any(isinstance(piece, Text) and piece.text.strip() for piece in pieces)
        return pieces

    def _held_back(self) -> Iterator[Delta]:
        if rest := self._reasoning_mender.flush():
            yield Reasoning(rest)
        if rest := self._text_mender.flush():
            yield from self._tagged(rest)
        yield from self._stop_looking_for_tags()

    def _verdict(self, broken: ProviderError | None) -> Finished:
        if error := self._error or (None if self.finished else broken):
            error.trace_id = self._trace_id
            raise error
        if not (self.finished or self.done):
            raise CutError(trace_id=self._trace_id)
        if self.finished and self._reason not in FINISHES:
            raise FAILURES.get(self._reason, CutError)(trace_id=self._trace_id)
        if not self._spoke and self._reason in ("", "stop"):
            raise EmptyAnswerError(trace_id=self._trace_id)
        return Finished(self._reason or "stop", assumed=not self.finished)

    def _fail_with(self, complaint: Any) -> None:
        error = complaint.get("error") or complaint if isinstance(complaint, dict) else complaint
        self._error = complaint_in_stream(error, self._key, self._trace_id)
        self.done = True

    def _skip(self, event: Event) -> None:
        """A bad event is forgiven, twenty are; an error we cannot parse is still an error."""
        if event.name == "error":
            return self._fail_with(event.data)
        self._bad_events += 1
        if self._bad_events > BAD_EVENTS_FORGIVEN:
            self._error = MalformedStreamError(trace_id=self._trace_id)
            self.done = True
        return None


def believable_usage(sent: object) -> Usage | None:
    """Token counts that can be charged, or None.

    The rule: the last believable usage of a stream counts and is never added up. When prompt or completion is
    missing, not a whole number, negative, beyond ten million, or the prompt is zero, the whole usage is not believed
    and the caller estimates. The details only divide these two sums: what does not fit into its sum is cut to it.
    """
    prompt, completion = _count(sent, "prompt_tokens"), _count(sent, "completion_tokens")
    if not prompt or completion is None:
        return None
    hit = _count(sent, "prompt_cache_hit_tokens")
    if hit is None:
        hit = _count(sent, "prompt_tokens_details", "cached_tokens") or 0
    hit = min(hit, prompt)
    reasoning = min(_count(sent, "completion_tokens_details", "reasoning_tokens") or 0, completion)
    return Usage(prompt, completion, reasoning, cache_hit=hit, cache_miss=prompt - hit)


def _count(value: object, *path: str) -> int | None:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def _string(of: dict[str, Any], name: str) -> str:
    value = of.get(name)
    return value if isinstance(value, str) else ""
