"""What is done with links: make, change, give another address, close; open, unlock, and continue what they show."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.text import Truncator

from accounts.models import User
from conversations import bus
from conversations.errors import (
    GoneError,
    NothingToContinueError,
    NothingToShareError,
    TooManyGuessesError,
    TooManyLinksError,
    UnfinishedError,
)
from conversations.models import Conversation, Generation, Guess, Message, Share, SharingRules, Visit, path
from conversations.models.share import TITLE_LIMIT

PASSWORD_LIMIT = 200  # characters; what is longer is no password of ours, and hashing it would only cost

# Wrong passwords of one link: from one address, and from all of them together.
GUESSES, GUESS_SECONDS = 5, 300
GUESSES_OF_ALL, GUESS_SECONDS_OF_ALL = 100, 3600

OPTIONS = ["kind", "leaf", "ending", "audience", "expires_at", "most_visits", "may_fork", "title", "note"]
OPTIONS += ["shows_thinking", "shows_names", "shows_images", "password"]


@dataclass(frozen=True)
class Terms:
    """What a maker chose. `leaf`: where a snapshot ends. `password`: None keeps the one there is, "" takes it away."""

    kind: Share.Kind
    leaf: Message | None
    audience: Share.Audience
    members: Sequence[User] = ()
    groups: Sequence[Group] = ()
    expires_at: datetime | None = None
    most_visits: int | None = None
    password: str | None = None
    shows_thinking: bool = False
    shows_names: bool = False
    shows_images: bool = True
    may_fork: bool = False
    title: str = ""
    note: str = ""

    def apply(self, share: Share) -> None:
        """Write them into its columns. Its members and groups are rows of their own."""
        is_snapshot = self.kind == Share.Kind.SNAPSHOT
        share.kind, share.audience = self.kind, self.audience
        if not is_snapshot or self.leaf is None or self.leaf.pk != share.leaf_id:  # the same end stays as it was
            share.end_at(self.leaf if is_snapshot else None)
        share.expires_at, share.most_visits = self.expires_at, self.most_visits
        share.shows_thinking, share.shows_names, share.shows_images = (
            self.shows_thinking,
            self.shows_names,
            self.shows_images,
        )
        share.may_fork, share.title, share.note = self.may_fork, self.title, self.note


def make(conversation: Conversation, maker: User, terms: Terms, key: UUID) -> Share:
    """A link. The form's key is its id: a second click gives the first one's, another's key another link.

    Raises NothingToShareError, UnfinishedError, GoneError, TooManyLinksError.
    """
    terms = _hashed(terms)
    with _judging(conversation) as locked:
        taken = Share.objects.filter(pk=key).first()
        if taken and (taken.conversation_id, taken.maker_id) == (locked.pk, maker.pk):
            return taken
        _require_room(maker)
        share = Share(pk=uuid4() if taken else key, conversation=locked, maker=maker)
        _write(share, terms)
        share.save(force_insert=True)
        _name(share, terms)
        return share


def change(share: Share, terms: Terms) -> None:
    """Other terms for the same address. Whoever has it open is shown it anew. Raises what `make` does."""
    terms = _hashed(terms)
    with _judging(share.conversation) as locked:
        share.conversation = locked
        if not Share.objects.open().filter(pk=share.pk).exists():
            _require_room(share.maker)  # other terms may open it again
        _write(share, terms)
        share.edition = F("edition") + 1
        share.save(update_fields=[*OPTIONS, "edition"])
        share.refresh_from_db(fields=["edition"])
        _name(share, terms)
        bus.tell_links(share.conversation_id)


def _hashed(terms: Terms) -> Terms:
    """Before there is a lock: hashing a password takes half a second."""
    return replace(terms, password=make_password(terms.password)) if terms.password else terms


@contextmanager
def _judging(conversation: Conversation) -> Iterator[Conversation]:
    """One transaction under the conversation's lock: no message goes between being found good and being shared.

    Members and groups may. PostgreSQL says so at the commit, and nothing is made.
    """
    try:
        with transaction.atomic():
            yield Conversation.objects.locked().get(pk=conversation.pk, deleted_at=None)
    except Conversation.DoesNotExist:
        raise NothingToShareError from None
    except IntegrityError as error:
        raise GoneError from error


def _require_room(maker: User) -> None:
    User.objects.select_for_update(no_key=True).get(pk=maker.pk)  # of two at the limit one is refused
    if Share.objects.open().filter(maker=maker).count() >= SharingRules.now().most_links:
        raise TooManyLinksError


def _write(share: Share, terms: Terms) -> None:
    is_snapshot = terms.kind == Share.Kind.SNAPSHOT
    if share.conversation.leaf_id is None or (is_snapshot and terms.leaf is None):
        raise NothingToShareError
    if is_snapshot and terms.leaf:
        end = Message.objects.with_answers().filter(pk=terms.leaf.pk).first()  # as it is under the lock
        if end is None:
            raise GoneError
        if end.pk != share.leaf_id and end.is_answer and end.generation.is_live:
            raise UnfinishedError
        terms = replace(terms, leaf=end)
    terms.apply(share)
    if terms.password is not None:
        share.password = terms.password


def _name(share: Share, terms: Terms) -> None:
    is_named = terms.audience == Share.Audience.NAMED
    share.members.set(terms.members if is_named else ())
    share.groups.set(terms.groups if is_named else ())


def renew(share: Share) -> None:
    """Another address with the same terms. The one before opens nothing any more."""
    with transaction.atomic():
        Share.objects.filter(pk=share.pk).update(version=F("version") + 1, edition=F("edition") + 1)
        share.refresh_from_db(fields=["version", "edition"])
        bus.tell_links(share.conversation_id)


def close(shares: Iterable[Share]) -> int:
    """Nobody is shown anything by these any more; pages that are open learn it at once. How many were open."""
    with transaction.atomic():
        closed = 0
        for share in shares:
            closed += Share.objects.filter(pk=share.pk, closed_at=None).update(closed_at=Now())
            bus.tell_links(share.conversation_id)
        return closed


# What readers do


def count_visit(share: Share, member: User | None) -> bool:
    """Note that somebody opened it. False, and nothing noted, if it was opened as often as it may be."""
    with transaction.atomic():
        if share.most_visits is not None:
            # One after the other: of two who come at once for the last visit one is refused.
            Share.objects.select_for_update(no_key=True).get(pk=share.pk)
            if is_used_up(share):
                return False
        Visit.objects.step(share, member)
        return True


def is_used_up(share: Share) -> bool:
    """Whether it was opened as often as it may be."""
    if share.most_visits is None:
        return False
    return Visit.objects.so_far([share])[share.pk].count >= share.most_visits


def unlock(share: Share, typed: str, address: str) -> bool:
    """Whether this is its password. Raises TooManyGuessesError, without looking, once it was tried too often."""
    here = _digest(share, address)
    if (
        Guess.objects.step(here, GUESS_SECONDS) > GUESSES
        or Guess.objects.step(_digest(share, ""), GUESS_SECONDS_OF_ALL) > GUESSES_OF_ALL
    ):
        raise TooManyGuessesError
    if len(typed) > PASSWORD_LIMIT or not check_password(typed, share.password):
        return False
    # It was no guess.
    Guess.objects.filter(pk=here).delete()
    Guess.objects.filter(pk=_digest(share, ""), count__gt=0).update(count=F("count") - 1)
    return True


def _digest(share: Share, address: str) -> str:
    """Whose guesses are counted."""
    said = f"{share.pk} {network(address)}"
    return salted_hmac("conversations.sharing.guess", said, algorithm="sha256").hexdigest()


def network(address: str) -> str:
    """Who is counted as one: of an IPv6 address all of its network, which one household may use."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, ipaddress.IPv6Address):
        return address
    # An IPv4 address may come written as an IPv6 one: all of those are in one network.
    return str(ip.ipv4_mapped or ipaddress.ip_network((int(ip), 64), strict=False))


@dataclass(frozen=True)
class Forked:
    conversation: Conversation
    left_out_images: bool


def finished(share: Share) -> list[Message]:
    """What it shows, from the first question down to the last answer that has ended: that can be gone on from."""
    leaf = share.shown_leaf
    ids = path.down_to(leaf, float("inf")) if leaf else []
    rows = Message.objects.whole(ids)
    shown = [share.as_frozen(rows[pk]) for pk in ids if pk in rows]
    while shown and not (shown[-1].is_answer and not shown[-1].generation.is_live):
        shown.pop()
    return shown


def fork(share: Share, reader: User, key: UUID) -> Forked:
    """Copy what it shows, and nothing else, into a conversation of the reader's own. A second click gives the first.

    No answer of it is charged to anybody: what they ask from there on is. Raises NothingToContinueError
    and GoneError.
    """
    shown = finished(share)
    left_out = not share.shows_images and any(it.image_count for it in shown)
    if not shown:
        raise NothingToContinueError
    mine = Conversation.objects.owned_by(reader).filter(pk=key)
    if Conversation.objects.filter(pk=key).exists():
        if made := mine.first():
            return Forked(made, left_out)
        key = uuid4()  # that one is another's
    try:
        with transaction.atomic():
            return Forked(_copy(share, shown, reader, key), left_out)
    except IntegrityError as error:
        if made := mine.first():  # the second click of a double one
            return Forked(made, left_out)
        raise GoneError from error


def _copy(share: Share, shown: Sequence[Message], reader: User, key: UUID) -> Conversation:
    title = share.title or Truncator(" ".join(shown[0].text.split())).chars(TITLE_LIMIT)
    named_by = Conversation.Named.MEMBER if share.title else Conversation.Named.EXCERPT
    conversation = Conversation.objects.create(
        pk=key, owner=reader, title=title, named_by=named_by, route=shown[-1].generation.route, seq=1
    )
    ids = {message.pk: uuid4() for message in shown}
    copies = [_copied(share, message, ids, conversation) for message in shown]
    Message.objects.bulk_create(copies)
    Generation.objects.bulk_create(
        _generation(share, message, copy, reader)
        for message, copy in zip(shown, copies, strict=True)
        if message.is_answer
    )
    if share.shows_images:
        with connection.cursor() as cursor:
            cursor.execute(_COPY_IMAGES, [conversation.pk, list(ids), list(ids.values())])
    conversation.leaf = copies[-1]
    conversation.save(update_fields=["leaf"])
    return conversation


def _copied(share: Share, message: Message, ids: Mapping[UUID, UUID], conversation: Conversation) -> Message:
    return Message(
        pk=ids[message.pk],
        conversation=conversation,
        parent_id=ids.get(message.parent_id) if message.parent_id else None,
        role=message.role,
        # Who has no name is known by their address there; the link showed none.
        author=message.author if share.shows_names and message.author and message.author.name else None,
        text=message.text,
        reasoning=message.reasoning if share.shows_thinking else "",
        image_count=message.image_count if share.shows_images else 0,
        changed_seq=1,
    )


def _generation(share: Share, message: Message, copy: Message, reader: User) -> Generation:
    """How the answer ended, which every page of it needs. It was no request of the reader's, and has no Call."""
    was = message.generation
    return Generation(
        conversation_id=copy.conversation_id,
        message=copy,
        member=reader,
        route=was.route,
        state=was.state,
        finish_reason=was.finish_reason,
        thought_ms=was.thought_ms if share.shows_thinking else None,
        parameters={name: it for name, it in was.parameters.items() if name == "format"},
        ended_at=timezone.now(),  # a value, not the database's clock: rows of values are inserted twice as quickly
    )


# In the database: they may be hundreds of megabytes.
_COPY_IMAGES = """
    INSERT INTO conversations_attachment
           (id, conversation_id, message_id, position, name, media_type, data, width, height, bytes)
    SELECT gen_random_uuid(), %s, copied.message_id, it.position, it.name, it.media_type, it.data,
           it.width, it.height, it.bytes
      FROM unnest(%s::uuid[], %s::uuid[]) AS copied (original_id, message_id)
      JOIN conversations_attachment AS it ON it.message_id = copied.original_id"""
