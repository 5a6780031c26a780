"""One answer, read event by event: what each chunk means, and what its end means."""

import json
from collections.abc import Iterator
from typing import Any

from providers.deltas import Delta, Finished, Started, ToolCall, Usage
from providers.dialects import Dialect
from providers.errors import (
    CutError,
    EmptyAnswerError,
    LeakedMarkupError,
    MalformedStreamError,
    OverloadedError,
    ProviderError,
    ServerFaultError,
    UnknownFinishError,
)
from providers.logprobs import logprobs
from providers.markup import leaks_in
from providers.mending import mended
from providers.messages import ChatRequest, FillRequest, Secret
from providers.refusals import complaint_in_stream
from providers.speech import Speech
from providers.sse import Event
from providers.token_counts import believable_usage
from providers.tool_calls import ToolCalls

BAD_EVENTS_FORGIVEN = 20
SILENT_EVENTS_FORGIVEN = 10_000  # in a row; llama.cpp's progress with a prompt of a million tokens is some hundreds
ENDS = ("", "stop", "tool_calls", "function_call")  # the model had said what it had to say
CUTS = ("length", "content_filter")
FAILURES: dict[str, type[ProviderError]] = {"insufficient_system_resource": OverloadedError, "error": ServerFaultError}


class Reader:
    """Turns events into deltas.

    Call `take` for every event until `done`, or `take_whole` for a document, then `end` once. Taking never raises:
    what went wrong is raised by `end`, after everything that was understood has been handed out. The question says
    what its answer may hold.
    """

    def __init__(
        self, dialect: Dialect, key: Secret, trace_id: str, question: ChatRequest | FillRequest | None = None
    ) -> None:
        self._fields = dialect.reasoning_fields
        self._key = key
        self._trace_id = trace_id
        self._speech = Speech(dialect, question)
        self._calls = ToolCalls([tool.name for tool in question.tools] if isinstance(question, ChatRequest) else ())
        self._may_be_empty = isinstance(question, FillRequest)
        self._usage: Usage | None = None
        self._reason = ""
        self._error: ProviderError | None = None
        self._bad_events = 0
        self._silent_events = 0
        self._is_streamed = False
        self.started = False
        self.done = False

    @property
    def finished(self) -> bool:
        """The model gave its reason to stop; whatever follows is only bookkeeping."""
        return bool(self._reason)

    def take(self, event: Event) -> list[Delta]:
        found: list[Delta] = []
        if self.done:
            return found
        if event.data.strip() == "[DONE]":
            self.done = True
            return found
        try:
            chunk = json.loads(event.data)
            if event.name == "error" or (isinstance(chunk, dict) and chunk.get("error")):
                self._fail_with(chunk)
            else:
                self._understand(chunk, found)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            self._skip(event)
        return found

    def take_whole(self, document: str) -> list[Delta]:
        """A body that is JSON from its beginning to its end: an answer that was not streamed, or a complaint."""
        found: list[Delta] = []
        try:
            answer = json.loads(document)
            if answer.get("error") or not answer.get("choices"):
                self._fail_with(answer)
            else:
                self._understand(answer, found)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            self._error = MalformedStreamError()
        self.done = True
        return found

    def end(self, broken: ProviderError | None = None) -> Iterator[Delta]:
        """What was held back, the calls, the usage, and then either Finished or the error.

        `broken` is how reading ended. An answer that ends in an error has no calls: none of them may be carried out.
        """
        yield from self._speech.flush()
        calls = self._calls.whole(cut_off=self._reason in CUTS)
        error = self._error or (None if self.finished else broken) or self._fault(calls)
        yield from calls if error is None else ()
        if self._usage:
            yield self._usage
        if error:
            error.trace_id = self._trace_id
            raise error
        # Who has called a tool waits for its result, whatever reason was given (Ollama and some vLLM say "stop").
        reason = self._reason if self._reason in CUTS else "tool_calls" if calls else "stop"
        yield Finished(reason, assumed=not self.finished)

    def _understand(self, chunk: dict[str, Any], found: list[Delta]) -> None:
        self._silent_events += 1
        choices = chunk.get("choices")
        # Azure begins with a chunk that has neither.
        if not self.started and (choices or chunk.get("model")):
            self.started = True
            model, fingerprint = mended(_string(chunk, "model")), mended(_string(chunk, "system_fingerprint"))
            found.append(Started(model, fingerprint, self._trace_id))
        # Usage rides on the finish chunk, on one without choices, or on every chunk with running totals.
        if usage := chunk.get("usage"):
            self._usage = believable_usage(usage) or self._usage
        if choices:
            self._choose(choices[0], found)
        elif chunk.get("object") == "error":  # older vLLM
            self._fail_with(chunk)
        if self._silent_events > SILENT_EVENTS_FORGIVEN:
            self._give_up()

    def _choose(self, choice: dict[str, Any], found: list[Delta]) -> None:
        if delta := choice.get("delta"):
            self._is_streamed = True
            self._speak(delta, found)
        elif not self._is_streamed:
            # A message is a whole answer, which some servers say once more at the end of a stream; a text is the middle
            # that was asked for.
            self._speak(choice.get("message") or {"content": choice.get("text")}, found)
        if (odds := choice.get("logprobs")) and not self._speech.leaked and (understood := logprobs(odds)):
            found.append(understood)
        if reason := _string(choice, "finish_reason"):
            self._reason = reason

    def _speak(self, delta: dict[str, Any], found: list[Delta]) -> None:
        for name in self._fields:
            # Gateways send it twice.
            if (value := delta.get(name)) and (reasoning := _thought(value)):
                self._silent_events = 0
                self._speech.think(reasoning, found)
                break
        content = delta.get("content") or delta.get("refusal")
        if content and isinstance(content, str):
            self._silent_events = 0
            self._speech.say(content, found)
        calls = delta.get("tool_calls")
        if not calls and (call := delta.get("function_call")):
            calls = [{"index": 0, "function": call}]
        if calls:
            self._silent_events = 0
            found += self._calls.take(calls)
        if self._speech.is_lost:
            self._error = EmptyAnswerError("The model went on with nothing but white space, so we stopped reading.")
            self.done = True

    def _fault(self, calls: list[ToolCall]) -> ProviderError | None:
        """What is wrong with an answer that was read to its end."""
        if not (self.finished or self.done):
            return CutError()
        if self._reason not in ENDS + CUTS:
            return FAILURES.get(self._reason, UnknownFinishError)()
        if self._speech.leaked or (self._speech.may_leak and any(leaks_in(call.arguments) for call in calls)):
            return LeakedMarkupError()
        if self._reason in ENDS and not (self._speech.has_words or calls or self._may_be_empty):
            return EmptyAnswerError()
        return None

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
            self._give_up()
        return None

    def _give_up(self) -> None:
        """After the reason to stop, nothing is missing but bookkeeping."""
        if not (self.finished or self._error):
            self._error = MalformedStreamError()
        self.done = True


def _thought(value: object) -> str:
    """A reasoning field's text; OpenRouter's `reasoning_details` hold it in pieces."""
    if isinstance(value, list):
        pieces = [each for each in value if isinstance(each, dict)]
        return "".join(_string(each, "text") or _string(each, "summary") for each in pieces)
    return value if isinstance(value, str) else ""


def _string(of: dict[str, Any], name: str) -> str:
    value = of.get(name)
    return value if isinstance(value, str) else ""
