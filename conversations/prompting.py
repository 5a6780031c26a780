"""From a conversation to what a model reads, within the model's window."""

from __future__ import annotations

from conversations.models import Message
from conversations.models.message import Path
from providers.messages import ChatMessage

CHARACTERS_PER_TOKEN = 3  # a low guess for English, a high one for Chinese; an estimate only, the provider counts
SYSTEM = (
    "You are a helpful assistant in a team's chat. Answer in the language of the question, in Markdown. "
    "Write formulas in LaTeX between dollar signs."
)
NAMING = (
    "Give this conversation a title of at most six words, in its own language. Answer with the title alone: "
    "no quotes, no full stop."
)


def prompt(question: Message, context_tokens: int, output_tokens: int) -> tuple[ChatMessage, ...]:
    """The system's words and the path down to `question`; the oldest turns go when the window is too small."""
    room = max(context_tokens - output_tokens, context_tokens // 4) * CHARACTERS_PER_TOKEN
    kept: list[ChatMessage] = []
    for message in reversed(Path(question.conversation, leaf=question.pk).messages()):
        room -= len(message.text)
        if kept and room < 0:
            break
        kept.append(_as_said(message))
    return (ChatMessage("system", SYSTEM), *_from_a_question(kept[::-1]))


def _as_said(message: Message) -> ChatMessage:
    if message.is_answer:
        # An empty answer (it failed, or was stopped at once) must not be null, nor leave two questions in a row.
        return ChatMessage("assistant", message.text or "(no answer)", reasoning=message.reasoning)
    return ChatMessage("user", message.text)


def _from_a_question(turns: list[ChatMessage]) -> list[ChatMessage]:
    """Some servers insist that the first turn is a question."""
    return turns[1:] if turns and turns[0].role == "assistant" else turns


def naming_prompt(question: str, answer: str) -> tuple[ChatMessage, ...]:
    """What a model reads to give a conversation its title."""
    said = f"Question:\n{question[:2000]}\n\nAnswer:\n{answer[:2000]}"
    return (ChatMessage("system", NAMING), ChatMessage("user", said))
