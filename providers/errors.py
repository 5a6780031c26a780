"""Everything that can go wrong between us and a model.

    ProviderError
    ├── RefusedError                 it understood us and said no: asking the same again cannot help
    │   ├── AuthenticationError      401
    │   ├── AccessDeniedError        403
    │   ├── BalanceEmptyError        402
    │   ├── InvalidRequestError      400, 404, 422 …: shows the provider's own words, scrubbed
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
        ├── EmptyAnswerError         it finished without a word
        └── MalformedStreamError     not the protocol we speak

`retryable` says if trying again can help, `code` is stable and fit for a database, `sentence` is for the person.
No sentence holds a key; `str()` and `repr()` show nothing but the sentence.
"""

from typing import Literal

Clock = Literal["first_event", "idle", "total"]


class ProviderError(Exception):
    code = "provider_error"
    retryable = False
    sentence = "The provider could not answer."

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
    sentence = "The provider refused the request."


class AuthenticationError(RefusedError):
    code = "authentication"
    sentence = "The provider did not accept our API key. An administrator needs to check it."


class AccessDeniedError(RefusedError):
    code = "access_denied"
    sentence = "The provider denied us access. An administrator needs to look at it."


class BalanceEmptyError(RefusedError):
    code = "balance_empty"
    sentence = "The balance at the provider is used up. An administrator needs to top it up."


class InvalidRequestError(RefusedError):
    code = "invalid_request"
    sentence = "The provider could not accept the request."


class ContextTooLongError(RefusedError):
    code = "context_too_long"
    sentence = "This conversation is longer than the model can read."


class ContentRefusedError(RefusedError):
    code = "content_refused"
    sentence = "The provider's content filter refused this question."


class UnavailableError(ProviderError):
    code = "unavailable"
    retryable = True
    sentence = "The provider is not available right now."


class OverloadedError(UnavailableError):
    code = "overloaded"
    sentence = "The provider is overloaded right now."


class RateLimitedError(UnavailableError):
    code = "rate_limited"
    sentence = "The provider asks us to slow down: too many questions at once."


class ServerFaultError(UnavailableError):
    code = "server_fault"
    sentence = "The provider had an internal fault."


class ConnectionFailedError(UnavailableError):
    code = "connection_failed"
    sentence = "The provider could not be reached."


class BrokenAnswerError(ProviderError):
    code = "broken_answer"
    retryable = True
    sentence = "The answer broke off."


class CutError(BrokenAnswerError):
    code = "cut"
    sentence = "The connection to the provider broke before the answer was complete."


class StalledError(BrokenAnswerError):
    code = "stalled"
    sentence = "The provider stopped sending."
    _sentences = {
        "first_event": "The provider did not begin to answer in time.",
        "idle": "The provider stopped sending in the middle of the answer.",
        "total": "The answer took too long.",
    }

    def __init__(self, clock: Clock, *, trace_id: str = "") -> None:
        super().__init__(self._sentences[clock], trace_id=trace_id)
        self.clock = clock
        # An answer that used up its whole hour would use up the next one too.
        self.retryable = clock != "total"

    def __reduce__(self) -> tuple[type["StalledError"], tuple[str], dict[str, object]]:
        return type(self), (self.clock,), self.__dict__


class EmptyAnswerError(BrokenAnswerError):
    code = "empty_answer"
    sentence = "The model finished without saying anything."


class MalformedStreamError(BrokenAnswerError):
    code = "malformed_stream"
    sentence = "The provider sent something we could not understand."
