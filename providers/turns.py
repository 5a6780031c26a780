"""A conversation made legal for every server, whatever was stopped, edited or taken away in it.

The rules are DeepSeek's of 2026-09-18 (each call is answered directly after it, each answer has its call, no assistant
turn says nothing), and those of its R1 hosts of 2025, the strictest of all: roles alternate.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from providers.messages import ChatMessage

MERGED = {"system", "user", "assistant"}


def legal(turns: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Without dangling calls and answers, without empty answers, with neighbours of one role as one turn."""
    return merged(turn for turn in _paired(turns) if not _is_empty_answer(turn))


def merged(turns: Iterable[ChatMessage]) -> list[ChatMessage]:
    """Two turns of a role in a row are one: an answer that was stopped at once leaves two questions."""
    found: list[ChatMessage] = []
    for turn in turns:
        if found and turn.role == found[-1].role and turn.role in MERGED:
            found[-1] = _joined(found[-1], turn)
        else:
            found.append(turn)
    return found


def with_tools_in_words(turns: Sequence[ChatMessage]) -> Iterator[ChatMessage]:
    """For a request without tools, which may hold no calls either: the model reads what they said."""
    names = {call.id: call.name for turn in turns for call in turn.tool_calls}
    for turn in turns:
        if turn.role != "tool":
            yield replace(turn, tool_calls=())
        elif turn.tool_call_id in names:
            said = f"[Result of {names[turn.tool_call_id]}]\n{turn.content}"
            yield replace(turn, role="user", content=said, tool_call_id="")


def with_images_in_words(turn: ChatMessage) -> ChatMessage:
    notes = [f"[image: {image.name}, not shown to this model]" for image in turn.images]
    return replace(turn, content=_paragraphs(turn.content, "\n".join(notes)), images=())


def with_instruction(turns: Sequence[ChatMessage], instruction: str) -> list[ChatMessage]:
    """Told at the top, where it stays the same from turn to turn and leaves the provider's cache of use."""
    return merged([*_leading(turns), ChatMessage("system", instruction), *turns[len(_leading(turns)) :]])


def _leading(turns: Sequence[ChatMessage]) -> list[ChatMessage]:
    return list(takewhile(lambda turn: turn.role == "system", turns))


def _paired(turns: Sequence[ChatMessage]) -> Iterator[ChatMessage]:
    asked: set[str] = set()
    for index, turn in enumerate(turns):
        if turn.role != "tool":
            answered = _answered_after(turns, index) if turn.tool_calls else set()
            calls = tuple(call for call in turn.tool_calls if call.id in answered)
            asked = {call.id for call in calls}
            yield replace(turn, tool_calls=calls)
        elif turn.tool_call_id in asked:
            asked.remove(turn.tool_call_id)
            yield turn


def _answered_after(turns: Sequence[ChatMessage], index: int) -> set[str]:
    return {turn.tool_call_id for turn in takewhile(lambda turn: turn.role == "tool", turns[index + 1 :])}


def _is_empty_answer(turn: ChatMessage) -> bool:
    return turn.role == "assistant" and not turn.content.strip() and not turn.tool_calls


def _joined(first: ChatMessage, second: ChatMessage) -> ChatMessage:
    return replace(
        first,
        content=_paragraphs(first.content, second.content),
        reasoning=_paragraphs(first.reasoning, second.reasoning),
        images=first.images + second.images,
        tool_calls=first.tool_calls + second.tool_calls,
    )


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)
