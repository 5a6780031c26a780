"""Who has a conversation open, and who is typing in it, as the pages of the others show it: two lines, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from conversations.markdown import Patch
from conversations.models import Membership, Role

NAMED = 2  # others are counted
PICTURED = 3  # by their initials


@dataclass(frozen=True, slots=True)
class Crowd:
    """The members who have a conversation open, and those of them who are typing."""

    here: frozenset[UUID] = frozenset()
    typing: frozenset[UUID] = frozenset()

    def __or__(self, other: Crowd) -> Crowd:
        return Crowd(self.here | other.here, self.typing | other.typing)


@dataclass(frozen=True, slots=True)
class View:
    """Whose page it is, and in which language. Nobody is shown to themselves."""

    conversation_id: UUID
    member_id: UUID
    language: str


@dataclass(frozen=True, slots=True)
class _Others:
    names: tuple[str, ...]  # of the first of them
    count: int

    def __str__(self) -> str:
        if self.count > NAMED:
            more = self.count - NAMED
            words = ngettext("%(one)s, %(two)s and %(count)d other", "%(one)s, %(two)s and %(count)d others", more)
            return words % {"one": self.names[0], "two": self.names[1], "count": more}
        if self.count == NAMED:
            return _("%(one)s and %(two)s") % {"one": self.names[0], "two": self.names[1]}
        return "".join(self.names)


def draw(asked: Mapping[View, Crowd]) -> dict[View, tuple[Patch, ...]]:
    """What each of these pages shows. Two queries for all of them, and nobody is named who may not read by now."""
    roles = Membership.objects.roles({(view.conversation_id, pk) for view, crowd in asked.items() for pk in crowd.here})
    members = User.objects.filter(pk__in={pk for _, pk in roles}, is_active=True).only("name", "email")
    names = {member.pk: str(member) for member in members}
    lines = cache(_lines)  # most see the same

    def others(view: View, pks: Iterable[UUID], role: Role) -> _Others:
        meant = (pk for pk in pks if pk in names and pk != view.member_id)
        found = sorted(names[pk] for pk in meant if roles.get((view.conversation_id, pk), 0) >= role)
        return _Others(tuple(found[:PICTURED]), len(found))

    return {
        view: lines(
            view.conversation_id,
            view.language,
            others(view, crowd.here, Role.READER),
            others(view, crowd.typing, Role.WRITER),
        )
        for view, crowd in asked.items()
    }


def _lines(conversation_id: UUID, language: str, here: _Others, typing: _Others) -> tuple[Patch, ...]:
    with translation.override(language):
        context = {
            "conversation_id": conversation_id,
            "pictured": here.names,
            "more": here.count - len(here.names),
            "here": ngettext("%(who)s is here", "%(who)s are here", here.count) % {"who": here},
            "typing": ngettext("%(who)s is typing…", "%(who)s are typing…", typing.count) % {"who": typing},
        }
        return _patch("crowd", context if here.count else {}), _patch("typing", context if typing.count else {})


def _patch(target: str, context: dict[str, object]) -> Patch:
    return Patch(target, "outerHTML", render_to_string(f"conversations/_{target}.html", context).strip())
