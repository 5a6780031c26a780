"""Who is in a conversation: invite, change a role, remove, leave.

Each is one transaction under the conversation's lock. Open pages learn of it by the bus, and at the latest when the
feed next looks at everybody's right.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import User
from conversations import asking, bus
from conversations.deeds import deed
from conversations.errors import InByGroupError, LastOwnerError, TooManyPeopleError
from conversations.models import Conversation, Membership, Role

MOST_INVITED = 100  # members and groups of one conversation: each question steps all their rows


def invite(conversation: Conversation, whom: User | Group, role: Role, by: User | None = None) -> Membership | None:
    """Let a member, or all of a group, in. Who is in already has the new role; the owner stays what they are (None).

    Raises NotAllowedError, TooManyPeopleError.
    """
    with deed(conversation, by, Role.OWNER) as locked:
        if whom == locked.owner:
            return None
        key = {"group": whom} if isinstance(whom, Group) else {"member": whom}
        if not locked.memberships.filter(**key).exists() and locked.memberships.count() >= MOST_INVITED:
            raise TooManyPeopleError
        values = {"role": role, "asked_at": locked.asked_at}
        membership, _ = locked.memberships.update_or_create(**key, defaults=values)
        _changed(locked)
        return membership


def change_role(membership: Membership, role: Role, by: User | None = None) -> None:
    """Raises NotAllowedError, and Membership.DoesNotExist for who left meanwhile."""
    with deed(membership.conversation, by, Role.OWNER) as locked:
        if not locked.memberships.filter(pk=membership.pk).update(role=role):
            raise Membership.DoesNotExist
        _changed(locked)


def remove(membership: Membership, by: User | None = None) -> None:
    """Nothing of what they asked is lost; what they wait for ends. Who is gone already stays so.

    Raises NotAllowedError.
    """
    conversation = membership.conversation
    with transaction.atomic():
        with deed(conversation, by, Role.OWNER) as locked:
            locked.memberships.filter(pk=membership.pk).delete()
            _changed(locked, out=membership.member_id or membership.group_id)
        asking.stop_unseen(conversation)


def leave(conversation: Conversation, member: User) -> None:
    """Give up one's own membership; whose it is hands it on to the owner who has been in it for longest.

    Raises LastOwnerError if there is none, InByGroupError, and DoesNotExist for who is not in it at all.
    """
    with transaction.atomic():
        with deed(conversation, member, Role.READER) as locked:
            if locked.owner_id == member.pk:
                hand_on(locked)
            elif not locked.memberships.filter(member=member).delete()[0]:
                raise InByGroupError
            _changed(locked, out=member.pk)
        asking.stop_unseen(conversation)


def hand_on(locked: Conversation) -> None:
    """To the next owner. Raises LastOwnerError."""
    next_owner = locked.memberships.filter(role=Role.OWNER, member__is_active=True).order_by("created_at", "pk").first()
    if next_owner is None or next_owner.member is None:
        raise LastOwnerError
    locked.owner = next_owner.member
    next_owner.delete()


def _changed(locked: Conversation, out: UUID | int | None = None) -> None:
    locked.is_shared = locked.group_id is not None or locked.memberships.exists()
    locked.save(update_fields=["is_shared", "owner"])
    bus.tell_people(locked.pk, out)
