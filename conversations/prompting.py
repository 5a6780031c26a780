"""From a conversation to what a model reads, within the model's window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from uuid import UUID

from catalog.choosing import characters_in, estimated_tokens
from conversations.models import Attachment, Message, path
from conversations.models.attachment import IMAGE_TOKENS
from conversations.models.message import find_images
from providers.messages import ChatMessage, Image
from providers.turns import with_images_in_words

IMAGES, IMAGE_BYTES = 20, 20_000_000  # of a prompt; DeepSeek's docs of 2026-09-18 allow a body of 48 MiB
SYSTEM = (
    "You are a helpful assistant in a team's chat. Answer in the language of the question, in Markdown. "
    "Write formulas in LaTeX between dollar signs."
)
AROUND = 4  # tokens of a message beside its words
NAMING = (
    "Give this conversation a title of at most six words, in its own language. Answer with the title alone: "
    "no quotes, no full stop."
)


def estimated_prompt(instructions: str, begun: str = "") -> int:
    """Tokens that a model reads beside what was told: the system's words, and those that it goes on from."""
    return estimated_tokens(f"{SYSTEM}\n\n{instructions}") + estimated_tokens(begun) + 2 * AROUND


class Told:
    """What was said down to `question`, read once for every model that may answer it: no more than fits into `tokens`,
    the largest of their windows.
    """

    def __init__(self, question: Message, tokens: int) -> None:
        self._conversation = question.conversation
        self.messages = [question]
        if question.parent_id is not None:  # something was told before it
            ids = path.down_to(question, characters_in(tokens))
            rows = Message.objects.in_bulk(ids)
            self.messages = [rows[pk] for pk in ids]
        find_images(self.messages)

    @cached_property
    def images(self) -> dict[UUID, Image]:
        """The newest ones, with their bytes: up to 20 MB, so only models that see ask for them."""
        if not any(message.image_count for message in self.messages):
            return {}
        kept = Attachment.objects.filter(conversation=self._conversation)
        rows = kept.in_bulk(kept.newest_within(IMAGES, IMAGE_BYTES, [message.pk for message in self.messages]))
        return {pk: Image(row.media_type, bytes(row.data), row.name) for pk, row in rows.items()}


def prompt(
    told: Told,
    context_tokens: int,
    output_tokens: int,
    instructions: str = "",
    begun: ChatMessage | None = None,
    *,
    sees: bool = False,
) -> tuple[ChatMessage, ...]:
    """The system's words, what was told down to the question, and what was said of its answer already.

    The oldest turns go when the window is too small; never the question. A model that `sees` is given the newest
    images; of all others it reads the names.
    """
    system = f"{SYSTEM}\n\n{instructions}" if instructions else SYSTEM
    room = max(context_tokens - output_tokens, context_tokens // 4) - estimated_tokens(system)
    room -= estimated_tokens(begun.content) if begun else 0
    kept: list[ChatMessage] = []
    images = told.images if sees else {}
    for message in reversed(told.messages):
        turn = _as_said(message, images)
        room -= estimated_tokens(turn.content) + IMAGE_TOKENS * len(turn.images)
        if kept and room < 0:
            break
        kept.append(turn)
    # What never changes comes first, so that the provider's prefix cache is of use.
    turns = (ChatMessage("system", system), *_from_a_question(kept[::-1]))
    return (*turns, begun) if begun else turns


def _as_said(message: Message, images: Mapping[UUID, Image]) -> ChatMessage:
    if message.is_answer:
        # An empty answer (it failed, or was stopped at once) must not be null, nor leave two questions in a row.
        return ChatMessage("assistant", message.text or "(no answer)", reasoning=message.reasoning)
    attached = message.images
    unseen = tuple(Image(it.media_type, b"", it.name) for it in attached if it.pk not in images)
    said = with_images_in_words(ChatMessage("user", message.text, images=unseen))
    return replace(said, images=tuple(images[it.pk] for it in attached if it.pk in images))


def shortened(messages: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
    """Without the older half of the turns before the question: our estimate was too low. Empty if there are none."""
    first = next((n for n, it in enumerate(messages) if it.role != "system"), 0)
    last = max((n for n, it in enumerate(messages) if it.role == "user"), default=0)
    fewer = _from_a_question(list(messages[first + (last - first + 1) // 2 :]))
    return (*messages[:first], *fewer) if last > first else ()


def _from_a_question(turns: list[ChatMessage]) -> list[ChatMessage]:
    """Some servers insist that the first turn is a question."""
    return turns[1:] if turns and turns[0].role == "assistant" else turns


def naming_prompt(question: str, answer: str) -> tuple[ChatMessage, ...]:
    """What a model reads to give a conversation its title."""
    said = f"Question:\n{question[:2000]}\n\nAnswer:\n{answer[:2000]}"
    return (ChatMessage("system", NAMING), ChatMessage("user", said))
