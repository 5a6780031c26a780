"""Who is named in a question: “@Bob” names each Bob who may read it, and mails them unless they look soon."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from itertools import islice

from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import mailing, names
from accounts.mailing import Letter
from accounts.models import User
from conversations.models import Conversation, Mention, Message, Seen

MOST = 20  # of one question
MOST_SIGNS = 1_000  # “@” of one question that are looked at
SUGGESTED = 6
LOOKED_AT = 2_000  # members of a conversation, its groups' too
WAIT = timedelta(minutes=5)  # for who reads it now, or soon: they are not mailed


def mention(conversation: Conversation, question: Message) -> None:
    """Note whom a question names. With the conversation's lock held."""
    if "@" not in question.text or not conversation.is_shared:
        return
    others = people(conversation).exclude(pk__in=[question.author_id]).order_by("name", "email")
    named = _named(names.plain(question.text), others[:LOOKED_AT])
    Mention.objects.bulk_create(
        Mention(
            conversation=conversation,
            message=question,
            member=it,
            seq=question.changed_seq,
            mail_at=Now() + WAIT if _wants_mail(it) else None,
        )
        for it in named[:MOST]
    )


def people(conversation: Conversation) -> QuerySet[User]:
    """Everybody active who may read it."""
    invited = conversation.memberships.all()
    groups = Group.objects.filter(Q(pk__in=invited.values("group")) | Q(pk=conversation.group_id))
    return User.objects.filter(
        Q(pk=conversation.owner_id) | Q(pk__in=invited.values("member")) | Q(groups__in=groups), is_active=True
    ).distinct()


def suggested(conversation: Conversation, words: str, asker: User) -> list[str]:
    """Whom a question may mean whose “@” is followed by these words: the first names that one of them begins so."""
    if "@" in words:
        return []  # addresses are told to nobody
    begins = Q(name__istartswith=words) | Q(name__icontains=f" {words}") | Q(name="", email__istartswith=words)
    found = people(conversation).filter(begins).exclude(pk=asker.pk).order_by("name", "email")[:SUGGESTED]
    return list(dict.fromkeys(map(str, found)))


def _named(said: str, members: Iterable[User]) -> list[User]:
    """In the order in which they are named. Each sign is looked at once, however many names and words there are: the
    conversation's lock is held.
    """
    called = defaultdict(list)
    for member in members:
        called[names.plain(str(member))].append(member)
    lengths = sorted({len(name) for name in called})
    found: dict[User, None] = {}
    for sign in islice(re.finditer(r"(?<!\w)@", said), MOST_SIGNS):
        for end in (sign.end() + length for length in lengths):
            if (name := said[sign.end() : end]) in called and not re.match(r"\w", said[end : end + 1]):
                found |= dict.fromkeys(called[name])
    return list(found)


# Mails --------------------------------------------------------------------------------------------------------------


def mail() -> int:
    """Send what is due; how many were sent. Any worker may, any number at once."""
    return mailing.send(Mention.objects.select_related("conversation", "message__author", "member"), _letter)


def _letter(mention: Mention) -> Letter | None:
    """By whom and where, without the question's words: a mailbox keeps them when the conversation is theirs no more."""
    if not _wants_mail(mention.member) or not _is_news(mention):
        return None
    who = names.on_one_line(str(mention.message.author or _("A member")))
    title = names.on_one_line(mention.conversation.title)
    headline = _("%(who)s names you in “%(title)s”") % {"who": who, "title": title}
    address = reverse("message", args=[mention.conversation_id, mention.message_id])
    return Letter(headline, "conversations/email/mention.txt", {"headline": headline, "address": address})


def _wants_mail(member: User) -> bool:
    return mailing.may_mail(member) and member.prefers.mentions != "no"


def _is_news(mention: Mention) -> bool:
    """They may still read it, have not looked, and the first time that they were named since they did is this one."""
    conversation, member = mention.conversation, mention.member
    if conversation.deleted_at or conversation.role_of(member) is None:
        return False
    here = {"conversation": conversation, "member": member}
    seen = Seen.objects.filter(**here).values_list("seq", flat=True).first() or 0
    before = Mention.objects.filter(**here, seq__gt=seen, seq__lt=mention.seq)
    return mention.seq > seen and not before.exclude(mail_at=None, mailed_at=None).exists()
