"""The scripted upstream, answering every question `!count RATE TOKENS` with numbered words. Prints its base URL."""

from __future__ import annotations

import threading

from tests.upstream import Recorded, Script, Upstream


def answer(request: Recorded) -> Script:
    said = request.body["messages"]
    if "title" in said[0]["content"]:
        return Script.text("A title")
    _, rate, tokens, *_ = said[-1]["content"].split()
    words = [f"w{n}e " + ("\n\n" if n % 60 == 59 else "") for n in range(int(tokens))]
    return Script().role().tokens(words, float(rate)).finish().done()


if __name__ == "__main__":
    with Upstream() as upstream:
        upstream.answer_with(answer)
        print(upstream.base_url, flush=True)
        threading.Event().wait()
