"""Where a continuation meets what was said before: seamless, or looked at when its model was merely asked to go on."""

from __future__ import annotations

from catalog.models import Route, Step
from conversations.models import Generation, Message
from conversations.parameters import Parameters
from providers.dialects import DIALECTS
from providers.messages import ChatMessage, ChatRequest, Effort
from providers.requests import goes_on

LONGEST_REPEAT = 600  # characters from before the seam that a model may begin with
SHORTEST_REPEAT = 8  # fewer may be the same by chance


def can_be_spared(generation: Generation, answer: Message) -> bool:
    """Whether somebody of its chain would truly go on from the answer's last character."""
    route = Route.objects.found(generation.route_id)
    return route is not None and route.enabled and any(_joins(generation, step, answer) for step in route.ready_steps)


def begun(answer: Message) -> ChatMessage:
    """What was said of an answer, as the turn from whose end a model is to go on."""
    return ChatMessage("assistant", answer.text, reasoning=answer.reasoning)


def _joins(generation: Generation, step: Step, answer: Message) -> bool:
    effort = Effort(Parameters.stored(generation.parameters).effort or step.route.effort)
    model = step.model
    request = ChatRequest(model.name, (begun(answer),), effort=effort, prefix=True, abilities=model.abilities)
    return goes_on(DIALECTS[model.provider.dialect], request)


class Seam:
    """Takes the first words of a continuation, and leaves out those that repeat the last ones before it.

    A model that is told to go on repeats the broken line or its last words first (we even ask it to: then the seam is
    exact). The beginning is held back only while it may still be such a repeat.
    """

    def __init__(self, before: str) -> None:
        self._before = before[-LONGEST_REPEAT:]
        self._held = ""
        self._is_past = not before

    def take(self, text: str) -> str:
        """What of it is new, as far as that is certain."""
        if self._is_past:
            return text
        self._held += text
        return "" if self._may_be_a_repeat() else self.flush()

    def flush(self) -> str:
        """What was held back: nothing more comes, or it is no repeat any more."""
        if self._is_past:
            return ""
        self._is_past = True
        return self._without_repeat(self._held)

    def _may_be_a_repeat(self) -> bool:
        return self._held.lstrip() in self._before

    def _without_repeat(self, said: str) -> str:
        start = said.lstrip()
        for size in range(min(len(start), len(self._before)), SHORTEST_REPEAT - 1, -1):
            if start.startswith(self._before[-size:]):
                return start[size:]
        # Answers are cut between tokens, and a token begins with its space: these are two words, not one.
        are_words = self._before[-1:].isalnum() and said[:1].isalnum() and (self._before[-1:] + said[:1]).isascii()
        return f" {said}" if are_words else said
