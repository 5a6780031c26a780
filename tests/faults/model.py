"""The scripted provider: it counts. Every answer is numbered words, so a gap or a repeat can be seen by anybody.

A question is `!count RATE WORDS #NUMBER`. Whatever another script broke off is gone on with from its last word.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator

from tests.upstream import Recorded, Script, Upstream

WORD = re.compile(r"w(\d+)e")
QUESTION = re.compile(r"!count ([\d.]+) (\d+) #(\w+)")


def word(number: int) -> str:
    """With a paragraph now and then, as people write."""
    return f"w{number}e\n\n" if number % 60 == 59 else f"w{number}e "


def words(first: int, end: int) -> list[str]:
    return [word(number) for number in range(first, end)]


def counted(text: str) -> int:
    """How many words stand there. Raises AssertionError unless they are 0, 1, 2 …, each once."""
    numbers = [int(number) for number in WORD.findall(text)]
    wrong = next((at for at, number in enumerate(numbers) if at != number), None)
    assert wrong is None, f"word {wrong} should stand where w{numbers[wrong]}e stands: {numbers}"
    return len(numbers)


def counting(first: int, end: int, rate: float) -> Script:
    return Script().role().tokens(words(first, end), rate).finish().done()


class Model:
    """The provider as a row tells it to be."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self._numbers = _count()
        self._scripts: dict[str, deque[Script]] = {}
        self._lock = threading.Lock()
        upstream.answer_with(self._answer)

    def question(self, rate: float, length: int, *scripts: Script) -> str:
        """A question nobody asked before. Its first requests get these scripts; then it is counted on to `length`."""
        number = f"{next(self._numbers):05}"
        with self._lock:
            self._scripts[number] = deque(scripts)
        return f"!count {rate:g} {length} #{number}"

    def requests(self, question: str) -> list[Recorded]:
        """Every request for its answer."""
        number = question.rpartition("#")[2]
        return [it for it in self.upstream.requests if not is_for_title(it) and asked(it)[2] == number]

    @property
    def titles(self) -> int:
        """How many titles it was asked for."""
        return sum(map(is_for_title, self.upstream.requests))

    @property
    def under_way(self) -> list[int]:
        """Requests that it still answers, and whose client is still there."""
        return [it.number for it in self.upstream.requests if it.finished_at is None and it.closed_at is None]

    def most_sent(self, question: str) -> int:
        """How many of its words have left for us, all requests together."""
        begun = [(written(it), it) for it in self.requests(question)]
        return max((first + max(it.events_sent - 1, 0) for first, it in begun), default=0)

    def _answer(self, request: Recorded) -> Script:
        if is_for_title(request):
            return Script.text("Counting")
        rate, length, number = asked(request)
        with self._lock:
            scripts = self._scripts.get(number)
            script = scripts.popleft() if scripts else None
        return script or counting(written(request), int(length), float(rate))


def is_for_title(request: Recorded) -> bool:
    return "title" in request.says("system").lower()


def asked(request: Recorded) -> tuple[str, str, str]:
    """Rate, length and number of the question that a request ends with."""
    found = [match for it in request.messages if (match := QUESTION.search(str(it.get("content"))))]
    return found[-1].groups()  # type: ignore[return-value]  # three groups, as the pattern has


def written(request: Recorded) -> int:
    """How many words of its answer the request itself holds: those that it is to go on from."""
    last = request.messages[-1]
    return counted(str(last.get("content"))) if last.get("role") == "assistant" else 0


def _count() -> Iterator[int]:
    number = 0
    while True:
        yield (number := number + 1)
