"""Text that the rest of the house can store: no NUL, no half emoji."""


class Mender:
    """Joins a surrogate pair that was cut between two chunks; what stays alone becomes U+FFFD, and so does NUL.

    JSON may spell an emoji as two escapes, and a provider may put them into two chunks. Postgres refuses both halves.
    """

    def __init__(self) -> None:
        self._half = ""

    def mend(self, text: str) -> str:
        if text.isascii() and not self._half:
            return text.replace("\0", "\ufffd")
        text = self._half + text
        self._half = text[-1] if "\ud800" <= text[-1:] <= "\udbff" else ""
        whole = text[: len(text) - len(self._half)].replace("\0", "\ufffd")
        return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def flush(self) -> str:
        rest, self._half = "\ufffd" if self._half else "", ""
        return rest


def mended(text: str) -> str:
    """The same for a text that is whole."""
    mender = Mender()
    return mender.mend(text) + mender.flush()
