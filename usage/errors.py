"""What can go wrong with spending, in words for whoever asked.

SpendingError
├── UnpricedError          nobody said what the model costs
└── LimitReachedError      there is no room for an answer worth having
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from usage.holding import Standing


class SpendingError(Exception):
    code = "spending"

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)


class UnpricedError(SpendingError):
    code = "unpriced"


class LimitReachedError(SpendingError):
    """Which kind of limit: a raise of it may be asked for, unless others share it. `resets_at`: None while it is held
    by answers under way.

    used_up: how it stands, if nothing is left of it even once all that is held is given back.
    """

    code = "limit_reached"

    def __init__(
        self,
        sentence: str,
        unit: str,
        window: str,
        resets_at: datetime | None,
        used_up: Standing | None = None,
        *,
        shared: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.unit, self.window, self.resets_at, self.used_up, self.shared = unit, window, resets_at, used_up, shared
