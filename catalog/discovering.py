"""Asking a provider which models it has, and giving the new ones rows."""

from __future__ import annotations

from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils.translation import gettext

from catalog.models import LanguageModel, Provider
from providers.connections import Clients
from providers.models_list import list_models

SECONDS = 10.0
SHOWN = 20  # names in one sentence


class NotReadyError(Exception):
    """It can't be asked; the sentence says why."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)


@dataclass(frozen=True)
class Discovery:
    """What is new at a provider, and which of our models it does not name any more."""

    new: list[str]
    gone: list[str]

    def __str__(self) -> str:
        return " ".join(filter(None, [self._added(), self._missing()])) or gettext(
            "Nothing is new and nothing has gone."
        )

    def _added(self) -> str:
        said = gettext("New: %(names)s. Add them to a route to offer them.")
        return said % {"names": enumerated(self.new)} if self.new else ""

    def _missing(self) -> str:
        said = gettext("Not named any more, and kept: %(names)s.")
        return said % {"names": enumerated(self.gone)} if self.gone else ""


def enumerated(names: list[str]) -> str:
    """A, b and 3 more, as they can be shown."""
    said = gettext(", ").join(map(printable, names[:SHOWN]))
    if len(names) <= SHOWN:
        return said
    return gettext("%(names)s and %(count)s more") % {"names": said, "count": len(names) - SHOWN}


def printable(name: str) -> str:
    """With a sign for each character that nobody can see: some turn around what stands behind them."""
    return "".join(letter if letter.isprintable() else "�" for letter in name)


def ask(provider: Provider) -> list[str]:
    """The names of its models, by its own account. Takes up to ten seconds. Raises NotReadyError, ProviderError."""
    if reason := provider.not_ready_because:
        raise NotReadyError(reason)
    return async_to_sync(_ask)(provider)


async def _ask(provider: Provider) -> list[str]:
    async with Clients() as clients:
        return await list_models(provider.endpoint, clients=clients, seconds=SECONDS)


@transaction.atomic
def _add(provider: Provider, names: list[str]) -> list[str]:
    known = set(provider.models.values_list("name", flat=True))
    new = [name for name in names if name not in known]
    LanguageModel.objects.bulk_create([_careful(provider, name) for name in new], ignore_conflicts=True)
    return new


def _careful(provider: Provider, name: str) -> LanguageModel:
    """A row that promises little: a list of models says nothing of windows and abilities."""
    return LanguageModel(provider=provider, name=name, uses_tools=False, answers_json=False, continues=False)


def discover(provider: Provider) -> Discovery:
    """Ask it, and give every model that is new a row of careful limits. Nothing is deleted. Raises as `ask` does."""
    longest = LanguageModel._meta.get_field("name").max_length or 0
    names = [name for name in ask(provider) if len(name) <= longest and name.isprintable()]
    gone = provider.models.exclude(name__in=names).order_by("name").values_list("name", flat=True)
    return Discovery(_add(provider, names), list(gone))
