"""Who is named in a question: “@Bob” names each Bob who may read it."""

from __future__ import annotations

import re

from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet

from accounts import names
from accounts.models import User
from conversations.models import Conversation, Mention, Message

MOST = 20  # of one question
LOOKED_AT = 2_000  # members of a conversation, its groups' too: each name is looked for


def mention(conversation: Conversation, question: Message) -> None:
    """Note whom a question names. With the conversation's lock held."""
    if "@" not in question.text or not conversation.is_shared:
        return
    said = names.plain(question.text)
    others = people(conversation).exclude(pk__in=[question.author_id])[:LOOKED_AT]
    named = [it for it in others if _is_named(it, said)]
    Mention.objects.bulk_create(
        Mention(conversation=conversation, message=question, member=it, seq=question.changed_seq) for it in named[:MOST]
    )


def people(conversation: Conversation) -> QuerySet[User]:
    """Everybody active who may read it."""
    invited = conversation.memberships.all()
    groups = Group.objects.filter(Q(pk__in=invited.values("group")) | Q(pk=conversation.group_id))
    return User.objects.filter(
        Q(pk=conversation.owner_id) | Q(pk__in=invited.values("member")) | Q(groups__in=groups), is_active=True
    ).distinct()


def _is_named(member: User, said: str) -> bool:
    return re.search(rf"(?<!\w)@{re.escape(names.plain(str(member)))}(?!\w)", said) is not None
