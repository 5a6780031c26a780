"""What people do: ask, edit, ask again, let an answer go on, stop, switch branches, rename, delete.

Each is one transaction under the conversation's lock, and tells the readers last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from catalog import choosing, peaks
from catalog.models import NotPermittedError, Route
from catalog.rules import NO_IMAGES, Ability
from conversations import bus, ending
from conversations.deeds import deed
from conversations.errors import (
    KeyReusedError,
    NotAnswerableError,
    NotInGroupError,
    NotWaitingError,
    StillWrittenError,
)
from conversations.mentioning import mention
from conversations.models import Attachment, Conversation, Generation, Membership, Message, Role, path
from conversations.models.attachment import IMAGE_TOKENS
from conversations.models.conversation import TITLE_LIMIT
from conversations.models.membership import groups_of
from conversations.parameters import DEFAULT, Parameters
from conversations.prompting import AROUND, estimated_prompt
from usage import alerting, holding
from usage.errors import LimitReachedError

EXCERPT_LIMIT = 60  # characters of a question that stand for a title until the model gives one


def tells_of_the_end[**P, R](asking: Callable[P, R]) -> Callable[P, R]:
    """A deed that is refused because a budget is used up: once it is undone, whom that concerns is told."""

    @wraps(asking)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return asking(*args, **kwargs)
        except LimitReachedError as error:
            alerting.used_up(error)
            raise

    return asked


@tells_of_the_end
def start(
    author: User,
    text: str,
    key: UUID,
    route: Route,
    *,
    parameters: Parameters = DEFAULT,
    images: Sequence[Attachment] = (),
    space: int | None = None,
    off_peak: bool = False,
) -> Message:
    """Ask the first question of a new conversation, in the space of one of the author's groups or in none.

    A repeated key gives the first one's. Raises KeyReusedError, NotInGroupError, NotPermittedError, SpendingError.
    """

    def post() -> Message:
        if space is not None and not groups_of(author).filter(pk=space).exists():
            raise NotInGroupError
        conversation = Conversation(
            owner=author, title=_excerpt(text), seq=1, group_id=space, is_shared=space is not None
        )
        question = _post(conversation, author, text, key, route, parameters, images, off_peak, parent=None)
        conversation.save(force_insert=True)  # the last of its rows; PostgreSQL looks at the commit for what they name
        if conversation.is_shared:
            bus.tell_conversation(conversation.pk, conversation.seq, is_listed_anew=True)
        return question

    return _once(author, text, key, images, post, lambda asked: asked.parent_id is None)


@tells_of_the_end
def ask(
    conversation: Conversation,
    author: User,
    text: str,
    key: UUID,
    route: Route,
    *,
    parameters: Parameters = DEFAULT,
    images: Sequence[Attachment] = (),
    off_peak: bool = False,
) -> Message:
    """Post a question at the end of what is shown and queue its answer.

    Of two members who ask at once, the second one's stands below the first one's answer, and waits for it: see
    docs/decisions/0011. Raises KeyReusedError, NotAllowedError, NotPermittedError, SpendingError.
    """

    def post() -> Message:
        with deed(conversation, author) as locked:
            return _post(locked, author, text, key, route, parameters, images, off_peak, parent=locked.leaf)

    return _once(author, text, key, images, post, lambda asked: asked.conversation_id == conversation.pk)


@tells_of_the_end
def edit(
    question: Message,
    author: User,
    text: str,
    key: UUID,
    route: Route,
    *,
    parameters: Parameters = DEFAULT,
    images: Sequence[Attachment] = (),
    off_peak: bool = False,
) -> Message:
    """Ask in other words: a sibling of `question`, with an answer of its own. Of another's question, only an owner may.

    Raises KeyReusedError, NotAllowedError, NotPermittedError, SpendingError.
    """

    def post() -> Message:
        with deed(question.conversation, author, role_to_edit(question, author)) as locked:
            return _post(locked, author, text, key, route, parameters, images, off_peak, parent=question.parent)

    def is_sibling(asked: Message) -> bool:
        return (asked.conversation_id, asked.parent_id) == (question.conversation_id, question.parent_id)

    return _once(author, text, key, images, post, is_sibling)


def role_to_edit(question: Message, member: User) -> Role:
    return Role.WRITER if question.author_id == member.pk else Role.OWNER


def _once(
    author: User,
    text: str,
    key: UUID,
    images: Sequence[Attachment],
    post: Callable[[], Message],
    is_here: Callable[[Message], bool],
) -> Message:
    """Post, unless this form's key already did, here: then give that question. Raises KeyReusedError, or as it does."""
    try:
        with transaction.atomic():
            return post()
    except IntegrityError:  # its row is there: a second click, or a form that comes back
        if asked := _asked_before(author, text, key, images, is_here):
            return asked
        raise


def _asked_before(
    author: User, text: str, key: UUID, images: Sequence[Attachment], is_here: Callable[[Message], bool]
) -> Message | None:
    """The question that this form already asked, if it did.

    Raises KeyReusedError for other words or images, for another's key, and for one that asked elsewhere: what is posted
    now must not vanish behind it.
    """
    asked = Message.objects.filter(pk=key).select_related("conversation").first()
    if asked is None:
        return None
    if asked.author_id != author.pk or asked.text != text or asked.conversation.deleted_at or not is_here(asked):
        raise KeyReusedError
    if not asked.has_images(images):  # after its author is known: they are read whole
        raise KeyReusedError
    return asked


def _post(
    conversation: Conversation,
    author: User,
    text: str,
    key: UUID,
    route: Route,
    parameters: Parameters,
    images: Sequence[Attachment],
    off_peak: bool,
    parent: Message | None,
) -> Message:
    """The question's row and its queued answer, with the conversation's lock held. Its columns the caller saves."""
    conversation.asked_at = Now()  # the database's clock
    if conversation.is_shared:
        Membership.objects.filter(conversation=conversation).update(asked_at=Now())
    conversation.route = route
    conversation.parameters = parameters.to_store()
    question = Message(
        id=key,
        conversation=conversation,
        parent=parent,
        role=Message.Role.USER,
        author=author,
        text=text,
        changed_seq=conversation.seq,
    )
    answer = _answer(question)
    Message.objects.bulk_create([question, answer])
    if images:
        Attachment.objects.hang(question, images)
    mention(conversation, question)
    _queue(author, answer, route, parameters, elsewhere=parent != conversation.leaf, off_peak=off_peak)
    return question


def _answer(question: Message) -> Message:
    """An empty one."""
    conversation = question.conversation
    return Message(
        conversation=conversation, parent=question, role=Message.Role.ASSISTANT, changed_seq=conversation.seq
    )


def _queue(
    member: User, answer: Message, route: Route, parameters: Parameters, *, elsewhere: bool, off_peak: bool = False
) -> None:
    """The row that a worker will claim, for an answer that is empty."""
    conversation, question = answer.conversation, answer.parent
    assert question is not None  # an answer always stands below its question
    _permit(question, member, route)
    generation = Generation(conversation=conversation, message=answer, member=member)
    _promise(generation, question, _choice(question, route), parameters)
    _defer(generation, off_peak=off_peak, is_first=question.parent_id is None)
    generation.save(force_insert=True)
    conversation.show(answer, elsewhere=elsewhere)
    bus.tell_workers()


def _permit(question: Message, member: User, route: Route) -> None:
    """See to it that the rules allow this member what is asked, and by what; from here on the route is theirs.

    Whatever is queued comes through here. Raises NotPermittedError.
    """
    route.bind(member.pk)
    if not route.permits.may_use(Ability.IMAGES) and question.image_count:
        raise NotPermittedError(NO_IMAGES)


def _choice(question: Message, route: Route) -> choosing.Choice:
    """The route itself, or the one that Auto takes for this question."""
    if not route.is_auto:
        return choosing.Choice(route, "")
    tokens, images = _told(question, choosing.tokens_that_count(route))
    return choosing.choose(route, question.text, has_image=images > 0, tokens=tokens)


def _told(question: Message, most: float) -> tuple[int, int]:
    """How many tokens were told down to a question, as far as they count, and how many images among it."""
    told = [(question.text, question.image_count)]
    if question.parent_id is not None:
        ids = path.down_to(question, choosing.characters_in(most))
        told = list(Message.objects.filter(pk__in=ids).values_list("text", "image_count"))
    images = sum(count for _, count in told)  # a later question may be about an earlier image
    tokens = sum(choosing.estimated_tokens(text) + AROUND for text, _ in told)
    return tokens + images * IMAGE_TOKENS, images


def _promise(generation: Generation, question: Message, choice: choosing.Choice, parameters: Parameters) -> None:
    """Hold what the answer may cost, where a limit counts; then the limit also says by whom, and how long at most.

    Raises SpendingError.
    """
    route, notes = choice.route, list[str]()
    thinks = (parameters.effort or route.effort) != Route.Effort.OFF
    if thinks and not route.permits.may_use(Ability.THINKING):
        thinks, parameters = False, replace(parameters, effort=Route.Effort.OFF)
        notes.append(_("The answer comes without thinking, which is not open to you."))

    def prompt_tokens() -> int:
        window = max((step.model.context_tokens for step in route.ready_steps), default=0)
        tokens, _images = _told(question, window)
        begun = estimated_prompt(route.instructions, generation.message.text + generation.message.reasoning)
        return min(tokens + begun, window)

    grant = holding.take(
        generation.pk,
        generation.member_id,
        route,
        prompt_tokens,
        wanted=parameters.max_tokens,
        thinks=thinks,
    )
    generation.route, generation.routed_because = route, choice.reason
    generation.output_cap = None
    if grant:
        generation.output_cap = grant.output_cap
        notes += grant.notes
        if grant.route != route:
            generation.route, generation.routed_because = grant.route, ""
        if grant.without_thinking:
            parameters = replace(parameters, effort=Route.Effort.OFF)
    generation.limit_notes = " ".join(notes)[:500]
    generation.parameters = parameters.to_store()


def _defer(generation: Generation, *, off_peak: bool, is_first: bool) -> None:
    """Let it wait for the cheap hours, if that is wanted and they are to come.

    Answers of a conversation come in the order of their questions: behind one that waits, all wait.
    """
    now, route = timezone.now(), generation.route
    peak = peaks.hours(route, now).peak if off_peak and route else None
    if peak:
        generation.not_before, generation.off_peak_zone = peak.until, peak.zone
    before = Generation.objects.waiting().filter(conversation=generation.conversation_id).order_by("-not_before")
    if not is_first and (ahead := before.first()) and not (peak and peak.until > ahead.not_before):
        generation.not_before, generation.off_peak_zone = ahead.not_before, ahead.off_peak_zone


def _excerpt(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= EXCERPT_LIMIT else words[: EXCERPT_LIMIT - 1].rstrip() + "…"


@tells_of_the_end
def ask_again(answer: Message, member: User, route: Route | None = None) -> Message:
    """Queue another answer beside this one, by its own route or by a given one.

    A second click while one is queued gives that one. Raises NotAnswerableError, NoRouteError, NotAllowedError, and
    SpendingError.
    """
    if not answer.is_answer or answer.parent is None:
        raise NotAnswerableError
    with deed(answer.conversation, member) as locked:
        waiting = Generation.objects.live().filter(message__parent=answer.parent).first()
        if waiting:
            return waiting.message
        parameters = Parameters.stored(answer.generation.parameters)
        answer.parent.conversation = locked
        another = _answer(answer.parent)
        another.save(force_insert=True)
        _queue(member, another, route or _its_route(answer, member), parameters, elsewhere=True)
        return another


@tells_of_the_end
def carry_on(answer: Message, member: User) -> Message:
    """Let an answer that was broken off go on from its last word. A second click while it does changes nothing.

    Only at the end of what is shown: elsewhere the turns that follow would stand on changed ground.
    Raises NotAnswerableError, NoRouteError, NotAllowedError, and SpendingError.
    """
    with deed(answer.conversation, member) as locked:
        answer.refresh_from_db()
        if not answer.is_answer or answer.parent is None:
            raise NotAnswerableError
        generation = answer.generation
        generation.lock()
        if generation.is_live:
            return answer
        if generation.is_whole or not (answer.text or answer.reasoning) or locked.leaf_id != answer.pk:
            raise NotAnswerableError
        choice = choosing.Choice(_its_route(answer, member), generation.routed_because)
        _permit(answer.parent, member, choice.route)
        if choice.route != generation.route:
            choice = _choice(answer.parent, choice.route)
        generation.member = member
        _promise(generation, answer.parent, choice, Parameters.stored(generation.parameters))
        generation.queue_again()
        answer.changed_seq = locked.seq
        answer.save(update_fields=["changed_seq"])
        bus.tell_workers()
        return answer


def _its_route(answer: Message, member: User) -> Route:
    """The route that wrote an answer, or the default if it is gone. Raises NoRouteError."""
    offer = Route.objects.offered_to(member.pk)
    return offer.named(answer.generation.route.name if answer.generation.route else "")


def send_now(answer: Message, by: User | None = None) -> None:
    """Let a question that waits for the cheap hours be answered at once, and those before it that wait, too.

    Where nothing waits, as at a second click, nothing changes. Raises NotAllowedError.
    """
    with deed(answer.conversation, by) as locked:
        waiting = Generation.objects.waiting().filter(conversation=locked)
        if (meant := waiting.filter(message=answer).first()) is None:
            return
        before = waiting.filter(created_at__lte=meant.created_at)
        ids = dict(before.order_by("pk").select_for_update(no_key=True).values_list("pk", "message"))
        Message.objects.filter(pk__in=ids.values()).update(changed_seq=locked.seq)
        Generation.objects.filter(pk__in=ids).update(not_before=Now(), off_peak_zone="")
        bus.tell_workers()


def take_back(answer: Message, member: User) -> Message:
    """Delete a question that waits for the cheap hours, and give it back. Nothing was charged, and nothing is held.

    Raises NotWaitingError: it is being answered, something stands below it by now, or somebody else asked it.
    """
    question = answer.parent
    if question is None or question.author_id != member.pk:
        raise NotWaitingError
    with transaction.atomic():
        Conversation.objects.locked().get(pk=answer.conversation_id, deleted_at=None).require(member, Role.WRITER)
        is_last = not Message.objects.filter(parent=answer).exists()
        if not is_last or not Generation.objects.waiting().filter(message=answer).exists():
            raise NotWaitingError
        remove(question if list(path.beside(answer)) == [answer.pk] else answer)
    return question


def stop(conversation: Conversation, by: User | None = None, *, waiting_too: bool = False) -> None:
    """End every answer that is being written here. What was said is kept. What waits for the cheap hours goes on
    waiting, unless it is meant as well.

    `by` a member: what is being written now, and what they themselves wait for; others' questions keep their place.
    A queued one ends at once. A running one is told to its worker, which hangs up upstream and ends it; if that worker
    is gone, the reaper does.
    """
    meant = Generation.objects.live() if waiting_too else Generation.objects.at_work()
    _stop(conversation, meant if by is None else meant.filter(Q(member=by) | Q(state=Generation.State.RUNNING)))


def stop_for(member: User) -> None:
    """End every answer that is being written for a member, or waits for it."""
    theirs = Generation.objects.live().filter(member=member)
    for it in Conversation.objects.filter(pk__in=theirs.values("conversation")):
        _stop(it, theirs)


def stop_unseen(conversation: Conversation | None = None) -> None:
    """The same for all who may not read any more what they asked for, in one conversation or anywhere: nobody pays for
    an answer that they can't see.
    """
    live = Generation.objects.live()
    asked = live.filter(conversation=conversation) if conversation else live
    pairs = set(asked.values_list("conversation", "member"))
    for conversation_id, member_id in pairs - Membership.objects.roles(pairs).keys():
        _stop(Conversation(pk=conversation_id), live.filter(member=member_id))


def _stop(conversation: Conversation, meant: QuerySet[Generation]) -> None:
    with transaction.atomic():
        # Locked here already: between two answers of ours no worker may begin the next.
        Conversation.objects.locked().get(pk=conversation.pk)
        for generation in meant.filter(conversation=conversation).order_by("pk"):
            if not ending.end(generation, ending.Outcome(Generation.State.STOPPED), may=_is_queued):
                _request_stop(generation)


def _is_queued(generation: Generation) -> bool:
    return generation.state == Generation.State.QUEUED


def _request_stop(generation: Generation) -> None:
    running = Generation.objects.filter(pk=generation.pk, state=Generation.State.RUNNING)
    if running.update(stop_requested=True):
        bus.tell_stop(generation.pk)


def switch(message: Message, by: User | None = None) -> None:
    """Show the branch that this message stands on, down to its newest end."""
    with deed(message.conversation, by) as locked:
        locked.show(Message.objects.get(pk=path.newest_leaf_below(message.pk)), elsewhere=True)


def remove(message: Message, by: User | None = None) -> None:
    """Delete a message and all below it; what stands beside it is shown then, or else what stands above it.

    What waits for the cheap hours ends. Raises StillWrittenError while one of them is being written, or is next.
    """
    with transaction.atomic():
        locked = Conversation.objects.locked().get(pk=message.conversation_id, deleted_at=None)
        if by is not None:
            locked.require(by, Role.OWNER)
        for generation in Generation.objects.waiting().filter(message__in=path.below(message)).order_by("pk"):
            ending.end(generation, ending.Outcome(Generation.State.STOPPED), may=_is_queued)
        _remove(message)


def _remove(message: Message) -> None:
    with deed(message.conversation) as locked:
        gone, beside = path.below(message), path.beside(message)
        if Generation.objects.live().filter(message__in=gone).exists():
            raise StillWrittenError
        Message.objects.filter(pk__in=beside).update(changed_seq=locked.seq)  # they are counted anew
        if locked.leaf_id in gone:
            locked.show(_shown_without(message, beside), elsewhere=True)
            locked.save(update_fields=["leaf"])  # before its row is gone
        Message.objects.filter(pk__in=gone).delete()


def _shown_without(message: Message, beside: Sequence[UUID]) -> Message | None:
    at = beside.index(message.pk)
    others = [*beside[:at][::-1], *beside[at + 1 :]]
    if not others:
        return message.parent
    return Message.objects.get(pk=path.newest_leaf_below(others[0]))


def rename(conversation: Conversation, title: str, by: User | None = None) -> None:
    """Give a title that no model overwrites."""
    with deed(conversation, by, Role.OWNER) as locked:
        locked.title = title[:TITLE_LIMIT]
        locked.named_by = Conversation.Named.MEMBER


def delete(conversation: Conversation, by: User | None = None) -> None:
    """Take it out of sight at once and end its answers. A worker's chores remove the rows soon after."""
    with transaction.atomic():
        with deed(conversation, by, Role.OWNER) as locked:
            locked.deleted_at = Now()  # the database's clock
        stop(conversation, waiting_too=True)
