"""From rows to HTML: the one way a message is shown, for the page, for the socket and for the poll."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from conversations import events, markdown
from conversations.events import Event
from conversations.markdown import GrowingText, Patch, Place
from conversations.models import Chunk, Conversation, Generation, Message, path
from conversations.models.path import Changes, Path


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a page has come with one answer that is being written."""

    phase: str
    has_thought: bool
    reasoning: Place
    text: Place
    place: int | None = None  # in the queue


class Face(Protocol):
    """Which side of a conversation somebody sees: its members', or what a link shows of it.

    Equal faces look the same, so their readers share one rendering. It is given HTML that is safe already.
    """

    @property
    def shows_thinking(self) -> bool: ...

    def short_id(self, shown: Message) -> str:
        """What the ids of a message's growing pieces start with: short, because every tick sends it."""

    def dom_id(self, shown: Message) -> str: ...

    def message(self, shown: Message, phase: str, reasoning: SafeString, text: SafeString) -> str: ...

    def frame(self, told: News, growing: Mapping[UUID, GrowingAnswer]) -> str:
        """News as HTML for htmx: partials that replace or append by id, and the number they bring the page to."""


@dataclass(frozen=True, slots=True)
class Members:
    """What those see whose conversation it is."""

    shows_thinking: bool = True

    def short_id(self, shown: Message) -> str:
        return shown.short_id

    def dom_id(self, shown: Message) -> str:
        return shown.dom_id

    def message(self, shown: Message, phase: str, reasoning: SafeString, text: SafeString) -> str:
        return render_to_string(
            "conversations/_message.html",
            {
                "message": shown,
                "generation": shown.generation if shown.is_answer else None,
                "phase": phase,
                "thought_for": thought_for(shown.generation) if shown.is_answer else "",
                "has_gone_on": shown.is_answer and _has_gone_on(shown.generation, phase),
                "reasoning": reasoning,
                "text": text,
            },
        )

    def frame(self, told: News, growing: Mapping[UUID, GrowingAnswer]) -> str:
        return render_to_string(
            "conversations/frames.html",
            {
                "conversation": told.conversation,
                "is_anew": told.is_anew,
                "messages": [message(m, growing, self) for m in told.messages],
                "thread": thread(*told.window, growing, self) if told.window else None,
                "is_live": told.is_live,
            },
        )


MEMBERS: Face = Members()


class GrowingAnswer:
    """An answer that is being written: the message's row, and what the log has said so far."""

    def __init__(self, message: Message, face: Face = MEMBERS) -> None:
        self.message = message
        self.seq = message.generation.folded_seq  # of the answer's log; what stands before that is in the message
        self._face = face
        short_id = face.short_id(message)
        self._reasoning = GrowingText(f"r{short_id}")
        self._text = GrowingText(f"t{short_id}")
        self._thought_at = self._spoke_at = 0  # the latest events of either kind
        self._has_thought = bool(message.reasoning) and face.shows_thinking
        self._blank = ""  # how the text begins, while that may be before a JSON object
        self._has_begun = False
        self._place: int | None = None
        if self._has_thought:
            self._reasoning.feed(message.reasoning)
        self._say(message.text)

    def refresh(self, message: Message) -> None:
        """Its row changed: from queued to running, or back when it goes on, or its place among its siblings."""
        self.message = message
        self._place = self._place if self.has_waited else None

    @property
    def has_waited(self) -> bool:
        """For longer than a moment, so that its place in the queue is told to those whose conversation it is."""
        generation = self.message.generation
        return self._face == MEMBERS and generation.has_waited and not generation.is_resumed

    def wait_at(self, place: int | None) -> None:
        self._place = place

    def take(self, event: Event) -> None:
        self.seq = event.seq
        if event.kind == Chunk.Kind.TEXT:
            self._spoke_at = event.seq
            self._say(event.text)
            return
        self._thought_at = event.seq
        if self._face.shows_thinking:
            self._has_thought = True
            self._reasoning.feed(event.text)

    @property
    def _phase(self) -> str:
        """What it does since it last began: what stands in the message already says nothing about now.

        Never back from writing: a phase is sent whole, and a model may think and talk by turns at every word.
        """
        generation = self.message.generation
        if self._spoke_at > generation.folded_seq:
            return "writing"
        return "thinking" if self._thought_at > generation.folded_seq else generation.phase

    def _say(self, text: str) -> None:
        if not self._has_begun:
            text = self._blank + text
            if not text.strip():
                self._blank = text
                return
            self._has_begun, text = True, _fence(self.message.generation, text) + text
        self._text.feed(text)

    def settle(self) -> None:
        """Show what the last event held back: what came after the element that it closed.

        Not with every event: who reads in step then gets two patches a tick, and lists cost more than 4 × their HTML.
        """
        self._reasoning.feed("")
        self._text.feed("")

    @property
    def standing(self) -> Standing:
        return Standing(self._phase, self._has_thought, self._reasoning.place, self._text.place, self._place)

    def html(self) -> SafeString:
        """The whole message as it is now."""
        self.message.generation.place = self._place
        reasoning = self._reasoning.html() if self._has_thought else ""
        return _message(self.message, self._face, self._phase, reasoning, self._text.html())

    def patches(self, since: Standing) -> tuple[Patch, ...]:
        """What brings a page from an earlier standing to this one. Another phase looks different: send it whole."""
        if (since.phase, since.has_thought) != (self._phase, self._has_thought):
            return (Patch(self._face.dom_id(self.message), "outerHTML", self.html()),)
        moved = (self._waiting(),) if since.place != self._place else ()
        return (*moved, *self._reasoning.patches(since.reasoning), *self._text.patches(since.text))

    def _waiting(self) -> Patch:
        self.message.generation.place = self._place
        html = render_to_string(
            "conversations/_waiting.html", {"message": self.message, "generation": self.message.generation}
        )
        return Patch(f"q{self.message.short_id}", "outerHTML", html.strip())


def message(shown: Message, growing: Mapping[UUID, GrowingAnswer], face: Face) -> SafeString:
    """One message as HTML; out of the log if it is being written."""
    if shown.is_answer and shown.generation.pk in growing:
        return growing[shown.generation.pk].html()
    text = _as_written(shown) if shown.is_answer else _as_typed(shown.text)
    phase = shown.generation.phase if shown.is_answer else ""
    reasoning = markdown.render(shown.reasoning) if shown.reasoning and face.shows_thinking else ""
    return _message(shown, face, phase, reasoning, text)


def _as_written(answer: Message) -> str:
    fence = _fence(answer.generation, answer.text)
    return markdown.render(f"{fence}{answer.text}\n```" if fence else answer.text)


def _fence(generation: Generation, text: str) -> str:
    """What opens a code block around the JSON that was asked for: as prose it would lose its lines and its asterisks.

    Nothing if the model wrote a fence of its own, or no JSON.
    """
    is_json = generation.parameters.get("format") == "json" and text.lstrip()[0:1] in {"{", "["}
    return "```json\n" if is_json else ""


def _as_typed(text: str) -> str:
    """A question is shown as it was typed; the style sheet keeps its spaces and line breaks."""
    return f"<p>{escape(text)}</p>"


def _message(shown: Message, face: Face, phase: str, reasoning: str, text: str) -> SafeString:
    # Both come out of conversations.markdown, whose last step is the sanitizer, or out of `escape`.
    safe_reasoning = mark_safe(_worded(reasoning))  # noqa: S308  # see above: the one place where HTML is trusted
    safe_text = mark_safe(_worded(text))  # noqa: S308  # see above
    html = face.message(shown, phase, safe_reasoning, safe_text)
    # Replacing a message must leave no white space of its own behind; see templatetags/partials.py.
    return mark_safe(html.strip())  # noqa: S308  # a template made it


def thought_for(generation: Generation) -> str:
    """While it is being written the page's script counts."""
    if generation.is_live or generation.thought_ms is None:
        return ""
    return _("%(seconds)d s") % {"seconds": max(1, round(generation.thought_ms / 1000))}


def _worded(html: str) -> str:
    """In the reader's language. No text can hold this button: its tags would be escaped."""
    return html.replace(markdown.COPY, markdown.COPY.replace("Copy", escape(_("Copy"))))


def _has_gone_on(generation: Generation, phase: str) -> bool:
    """Whether something was said by itself after an interruption; while it waits for that, the status says so."""
    if generation.resumed_from is None or phase in Generation.LIVE:
        return False
    return generation.is_live or generation.folded_seq > generation.resumed_from


def growing_answers(messages: Iterable[Message], face: Face = MEMBERS) -> dict[UUID, GrowingAnswer]:
    """Those of the messages that are being written, each with what its log has said, by generation."""
    growing = {m.generation.pk: GrowingAnswer(m, face) for m in messages if m.is_answer and m.generation.is_at_work}
    for event in events.since({pk: answer.seq for pk, answer in growing.items()}):
        growing[event.generation_id].take(event)
    for answer in growing.values():
        answer.settle()
    find_places(growing.values())
    return growing


def find_places(growing: Iterable[GrowingAnswer]) -> None:
    """Tell those that wait for longer than a moment which number in the queue they have. One query, if any do."""
    waiting = {answer.message.generation.pk: answer for answer in growing if answer.has_waited}
    places = Generation.objects.places(waiting) if waiting else {}
    for pk, answer in waiting.items():
        answer.wait_at(places.get(pk))


@dataclass(frozen=True)
class Thread:
    """Some messages of a path as HTML, and from which ones there is more above and below them."""

    messages: list[SafeString]
    earlier_than: Message | None
    later_than: Message | None


def thread(
    shown: Path, messages: Sequence[Message], growing: Mapping[UUID, GrowingAnswer], face: Face = MEMBERS
) -> Thread:
    return Thread(
        [message(m, growing, face) for m in messages],
        messages[0] if messages and shown.has_earlier else None,
        messages[-1] if messages and shown.has_later else None,
    )


@dataclass(frozen=True)
class News:
    """What a page that stands at `since` of the slow log has to learn."""

    conversation: Conversation
    since: int
    messages: list[Message]  # changed beyond `since`, or being written; in the path's order
    window: tuple[Path, list[Message]] | None = None  # where the path ends now, if it does not merely go on
    is_anew: bool = False  # what the page shows above the window may be out of date as well
    is_live: bool = False  # whether there is something to stop, on the shown path or on another branch

    @property
    def live(self) -> list[Message]:
        told = {m.pk: m for m in (*self.messages, *(self.window[1] if self.window else ()))}
        return [m for m in told.values() if m.is_answer and m.generation.is_at_work]

    @property
    def is_nothing(self) -> bool:
        return not self.messages and not self.window and self.since == self.conversation.seq

    def without_followed(self) -> News:
        """For a page that follows the answers being written: it needs those whole only if their row changed."""
        if self.window:
            return self
        return replace(self, messages=[m for m in self.messages if m.changed_seq > self.since])


def news(asked: Mapping[Conversation, Iterable[int]]) -> dict[UUID, dict[int, News]]:
    """For each conversation and each `since`: the path's messages that changed beyond it, and those being written.

    The conversations' rows must have been read before: whatever changes in between is told again, never missed.
    Five queries for all of them, and each reads as much as a page shows, however long the conversation is.
    """
    places = {conversation: set(sinces) for conversation, sinces in asked.items()}
    changed = path.changes({it.pk: min(_known(it, sinces), default=it.seq) for it, sinces in places.items()})
    wanted = {
        it: (any(_needs_window(it, since, changed[it.pk]) for since in sinces), _sought(it, sinces, changed[it.pk]))
        for it, sinces in places.items()
    }
    paths = path.found({it: what for it, what in wanted.items() if any(what)})
    messages = Message.objects.whole({pk for shown in paths.values() for pk in shown.ids})
    return {
        it.pk: {since: _news(it, since, changed[it.pk], paths.get(it.pk, Path([])), messages) for since in sinces}
        for it, sinces in places.items()
    }


def _known(conversation: Conversation, sinces: Iterable[int]) -> set[int]:
    """Without the places at which no page of ours can stand."""
    return {since for since in sinces if 0 <= since <= conversation.seq}


def _is_anew(conversation: Conversation, since: int, changed: Changes) -> bool:
    """Whether all that the page shows may be out of date: it stands nowhere, or more happened than a page holds."""
    return not 0 <= since <= conversation.seq or len(changed.beyond(since)) > settings.PAGE_MESSAGES


def _needs_window(conversation: Conversation, since: int, changed: Changes) -> bool:
    return since < conversation.path_seq or _is_anew(conversation, since, changed)


def _sought(conversation: Conversation, sinces: Iterable[int], changed: Changes) -> set[UUID]:
    """The messages that some page has to learn of, if they are on the path."""
    beyond = (changed.beyond(since) for since in sinces if not _is_anew(conversation, since, changed))
    return changed.live.union(*beyond)


def _news(
    conversation: Conversation, since: int, changed: Changes, shown: Path, messages: Mapping[UUID, Message]
) -> News:
    is_anew = _is_anew(conversation, since, changed)
    told = changed.live | (set() if is_anew else changed.beyond(since))
    window = shown.window() if _needs_window(conversation, since, changed) else None
    within = {step.pk for step in window.steps} if window else set()
    return News(
        conversation,
        since,
        shown.placed({pk: messages[pk] for pk in told - within if pk in messages}),
        (window, window.placed(messages)) if window else None,
        is_anew,
        bool(changed.live),
    )


def is_live(conversation: Conversation) -> bool:
    """Whether there is something to stop, on the shown path or on another branch."""
    return Generation.objects.at_work().filter(conversation=conversation).exists()


def patch_frame(patches: Iterable[Patch]) -> str:
    """A tick's patches as HTML for htmx. By hand and without quotes: it is sent tens of times a second."""
    return _worded(
        "".join(
            f"<hx-partial id={p.target}>{p.html}</hx-partial>"
            if p.swap == "outerHTML"  # the page's default, see detail.html
            else f"<hx-partial id={p.target} hx-swap={p.swap}>{p.html}</hx-partial>"
            for p in patches
        )
    )
