"""Everything that can go wrong between us and a model.

    ProviderError
    ├── RefusedError                 it understood us and said no: asking the same again cannot help
    │   ├── AuthenticationError      401
    │   ├── AccessDeniedError        403
    │   ├── BalanceEmptyError        402
    │   ├── InvalidRequestError      400, 404, 422 …: shows the provider's own words, scrubbed
    │   │   ├── ReasoningReplayError     those that providers.repairs knows how to ask otherwise
    │   │   ├── ToolChoiceRefusedError
    │   │   ├── FormatRefusedError
    │   │   ├── ImagesRefusedError
    │   │   ├── OutputCapRefusedError
    │   │   ├── PrefixRefusedError
    │   │   └── ParameterRefusedError
    │   ├── ModelMissingError        whatever its status
    │   ├── ContextTooLongError
    │   └── ContentRefusedError
    ├── UnavailableError             nothing wrong with the question: trying again can help
    │   ├── OverloadedError          502, 503, 504, 529, an empty body
    │   ├── RateLimitedError         429
    │   ├── ServerFaultError         500 and the like
    │   └── ConnectionFailedError    no answer at all
    └── BrokenAnswerError            it began to answer and something went wrong
        ├── CutError                 the stream ended before the answer did
        ├── StalledError             one of our clocks ran out
        ├── UnknownFinishError       it ended for a reason that we do not know
        ├── EmptyAnswerError         it finished without a word
        ├── LeakedMarkupError        it called a tool in its own markup, in the middle of the text
        ├── NoObjectError            it was asked for JSON three times, and never wrote what was asked for
        └── MalformedStreamError     not the protocol we speak

`retryable` says if trying again can help, `is_fatal` that nobody's question will be answered there until an
administrator acts, `code` is stable and fit for a database, `sentence` is for the person.
No sentence holds a key; `str()` and `repr()` show nothing but the sentence.
"""

from typing import Literal

from providers.marking import gettext_noop

Clock = Literal["first_event", "idle", "total"]


class ProviderError(Exception):
    code = "provider_error"
    retryable = False
    is_fatal = False
    sentence = gettext_noop("The provider could not answer.")

    def __init__(
        self,
        sentence: str = "",
        *,
        status: int | None = None,
        trace_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.sentence = sentence or type(self).sentence
        self.status = status
        self.trace_id = trace_id
        self.retry_after = retry_after
        super().__init__(self.sentence)


class RefusedError(ProviderError):
    code = "refused"
    sentence = gettext_noop("The provider refused the request.")


class AuthenticationError(RefusedError):
    code = "authentication"
    is_fatal = True
    sentence = gettext_noop("The provider did not accept our API key. An administrator needs to check it.")


class AccessDeniedError(RefusedError):
    """Not fatal: a key may lack one model of many, and a firewall may dislike one question."""

    code = "access_denied"
    sentence = gettext_noop("The provider denied us access. An administrator needs to look at it.")


class BalanceEmptyError(RefusedError):
    code = "balance_empty"
    is_fatal = True
    sentence = gettext_noop("The balance at the provider is used up. An administrator needs to top it up.")


class InvalidRequestError(RefusedError):
    code = "invalid_request"
    sentence = gettext_noop("The provider could not accept the request.")


class ReasoningReplayError(InvalidRequestError):
    """The reasoning of earlier turns is missing, or is there and must not be."""

    code = "reasoning_replay"
    sentence = gettext_noop("The provider could not accept what the model had thought in earlier answers.")


class ToolChoiceRefusedError(InvalidRequestError):
    code = "tool_choice_refused"
    sentence = gettext_noop("The model cannot be made to use a tool in this way.")


class FormatRefusedError(InvalidRequestError):
    code = "format_refused"
    sentence = gettext_noop("The model has no JSON mode.")


class ImagesRefusedError(InvalidRequestError):
    code = "images_refused"
    sentence = gettext_noop("The model cannot look at images.")


class OutputCapRefusedError(InvalidRequestError):
    """`limit`: how many tokens an answer may have, if the provider said it."""

    code = "output_cap_refused"
    sentence = gettext_noop("The model cannot write an answer that long.")
    limit: int | None = None


class PrefixRefusedError(InvalidRequestError):
    code = "prefix_refused"
    sentence = gettext_noop("The model cannot go on from the middle of an answer.")


class ParameterRefusedError(InvalidRequestError):
    """`parameter`: the field of the body that the server does not know, or not with this value."""

    code = "parameter_refused"
    parameter: str = ""


class ModelMissingError(RefusedError):
    code = "model_missing"
    sentence = gettext_noop("The provider has no model of this name. An administrator needs to look at it.")


class ContextTooLongError(RefusedError):
    code = "context_too_long"
    sentence = gettext_noop("This conversation is longer than the model can read.")


class ContentRefusedError(RefusedError):
    code = "content_refused"
    sentence = gettext_noop("The provider's content filter refused this question.")


class UnavailableError(ProviderError):
    code = "unavailable"
    retryable = True
    sentence = gettext_noop("The provider is not available right now.")


class OverloadedError(UnavailableError):
    code = "overloaded"
    sentence = gettext_noop("The provider is overloaded right now.")


class RateLimitedError(UnavailableError):
    code = "rate_limited"
    sentence = gettext_noop("The provider asks us to slow down: too many questions at once.")


class ServerFaultError(UnavailableError):
    code = "server_fault"
    sentence = gettext_noop("The provider had an internal fault.")


class ConnectionFailedError(UnavailableError):
    code = "connection_failed"
    sentence = gettext_noop("The provider could not be reached.")


class BrokenAnswerError(ProviderError):
    code = "broken_answer"
    retryable = True
    sentence = gettext_noop("The answer broke off.")


class CutError(BrokenAnswerError):
    code = "cut"
    sentence = gettext_noop("The connection to the provider broke before the answer was complete.")


class StalledError(BrokenAnswerError):
    code = "stalled"
    sentence = gettext_noop("The provider stopped sending.")
    _sentences = {
        "first_event": gettext_noop("The provider did not begin to answer in time."),
        "idle": gettext_noop("The provider stopped sending in the middle of the answer."),
        "total": gettext_noop("The answer took too long."),
    }

    def __init__(self, clock: Clock, *, trace_id: str = "") -> None:
        super().__init__(self._sentences[clock], trace_id=trace_id)
        self.clock = clock
        # An answer that used up its whole hour would use up the next one too.
        self.retryable = clock != "total"

    def __reduce__(self) -> tuple[type["StalledError"], tuple[str], dict[str, object]]:
        return type(self), (self.clock,), self.__dict__


class UnknownFinishError(BrokenAnswerError):
    """Some servers have names of their own for what they filter: asking again would be refused again."""

    code = "unknown_finish"
    retryable = False
    sentence = gettext_noop("The provider ended the answer early, and did not say why.")


class EmptyAnswerError(BrokenAnswerError):
    code = "empty_answer"
    sentence = gettext_noop("The model finished without saying anything.")


class LeakedMarkupError(BrokenAnswerError):
    code = "leaked_markup"
    sentence = gettext_noop("The model tried to use a tool and got it wrong.")


class NoObjectError(BrokenAnswerError):
    code = "no_object"
    retryable = False
    sentence = gettext_noop("The model did not answer in the form that it was asked for.")


class MalformedStreamError(BrokenAnswerError):
    code = "malformed_stream"
    sentence = gettext_noop("The provider sent something we could not understand.")
