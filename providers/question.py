"""Where a request meets a dialect: what will really be asked of this model at this server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.dialects import Continuation, Dialect, Feature
from providers.messages import Ability, ChatMessage, ChatRequest, Effort, Format

LESS = {Effort.MAX: Effort.HIGH, Effort.HIGH: Effort.LOW, Effort.LOW: Effort.OFF}


@dataclass(frozen=True, slots=True)
class Question:
    dialect: Dialect
    request: ChatRequest

    @property
    def continuation(self) -> Continuation | None:
        """How the answer is made to begin at the last character of the assistant's last turn; None if it will not."""
        if not (self.request.prefix and self.can(Ability.PREFIX) and self._last.role == "assistant"):
            return None
        # Without a word said there is only thinking to go on from.
        return self.dialect.continuation if self._last.content or self._goes_on_thinking else None

    @property
    def effort(self) -> Effort:
        """How much it will think: not at all in the middle of an answer, and no more than max_tokens has room for."""
        if not self.can(Ability.THINKING) or (self.continuation and not self._goes_on_thinking):
            return Effort.OFF
        effort, cap = self.request.effort, self.most_tokens
        while cap is not None and self.dialect.budgets.get(effort, 0) >= cap:
            effort = LESS[effort]
        return effort

    @property
    def thinks(self) -> bool:
        return self.effort is not Effort.OFF

    @property
    def thinking_fields(self) -> Mapping[str, Any]:
        return self.dialect.efforts[self.effort] if self.can(Ability.THINKING) else self.dialect.unthinking

    @property
    def most_tokens(self) -> int | None:
        if self.request.max_tokens is None:
            return None
        return max(1, min(self.request.max_tokens, self.request.output_limit or self.request.max_tokens))

    @property
    def has_tools(self) -> bool:
        return bool(self.request.tools) and self.can(Ability.TOOLS)

    @property
    def is_strict(self) -> bool:
        """All or none: one tool that is not takes the strictness from the others."""
        return self.has_tools and self.has("strict_tools") and all(tool.strict for tool in self.request.tools)

    @property
    def wants_json(self) -> bool:
        return self.request.format is Format.JSON

    @property
    def has_json_mode(self) -> bool:
        return self.wants_json and self.can(Ability.JSON) and self.has("format")

    def can(self, ability: Ability) -> bool:
        return ability in self.request.abilities

    def has(self, feature: Feature) -> bool:
        return self.dialect.has(feature, thinking=self.thinks)

    @property
    def _goes_on_thinking(self) -> bool:
        """A model that is to think in the middle of an answer needs to know what it had thought."""
        can = bool(self.dialect.continuation and self.dialect.continuation.thinks) and self.can(Ability.THINKING)
        return can and self.request.effort is not Effort.OFF and bool(self._last.reasoning)

    @property
    def _last(self) -> ChatMessage:
        return self.request.messages[-1]
