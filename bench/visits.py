"""Every page that a member or an administrator can open, every deed, and every statement of worker and feed.

A Visit is something to do on a seeded database, named for a table. The admin's are found, not listed: a model that is
registered later is visited with all its filters, orders and links by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from catalog.models import Route
from conversations import asking, briefing, calling, chores, ending, events, vitals
from conversations.events import Event
from conversations.feed.admission import Admission, withdrawn
from conversations.feed.reader import Position
from conversations.feed.turn import Asked, Room, take_turn
from conversations.listing import Spot
from conversations.models import Attachment, Chunk, Conversation, Generation, Message, Share, path
from conversations.shared import LinkFace
from conversations.showing import MEMBERS
from usage.models import Call

FOUND = (200, 204, 302, 303)
TICKS = 60  # that answers have been written for when they are looked at


@dataclass(frozen=True)
class Visit:
    name: str
    deed: Callable[[], object]


def signed_in(member: User) -> Client:
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(member)
    return client


def get(client: Client, path: str, **query: Any) -> object:
    response = client.get(path, query)
    assert response.status_code in FOUND, f"{path}: {response.status_code}"
    return response


def post(client: Client, path: str, **data: Any) -> object:
    response = client.post(path, data)
    assert response.status_code in FOUND, f"{path}: {response.status_code} {response.content[:200]!r}"
    return response


class Members:
    """What the member with the most conversations sees and does."""

    def __init__(self) -> None:
        self.member = User.objects.get(name="Member 1")
        self.client = signed_in(self.member)
        mine = Conversation.objects.filter(owner=self.member, deleted_at=None)
        self.longest, self.long, *self.others = mine.order_by("created_at")[:12]

    def visits(self) -> Iterator[Visit]:
        """Deeds come last: what they make is read by nobody here."""
        page = partial(self._page, self.long)
        yield Visit("new conversation", partial(get, self.client, reverse("index")))
        yield Visit("settings of a model", partial(get, self.client, reverse("parameters"), route="quick"))
        team = Group.objects.get(name="Team").pk
        yield Visit("a group's space", partial(get, self.client, reverse("index"), space=team))
        spot = Spot(self.others[0].asked_at, self.others[0].pk)
        yield Visit("more of the list", partial(get, self.client, reverse("older"), older=str(spot)))
        yield Visit("settings of a member", partial(get, self.client, reverse("preferences")))
        yield from self._conversation("ordinary conversation", self.others[0])
        yield from self._conversation("long conversation", self.long)
        yield from self._conversation("longest conversation", self.longest)
        yield Visit("image", page("image", Attachment.objects.filter(conversation=self.long)[0].pk))
        yield Visit("form to rename", page("rename"))
        yield Visit("people", page("people"))
        yield Visit("people, looked for", page("people", find="member 3"))
        yield Visit("form to leave", page("leave"))
        yield Visit("form to delete", page("delete"))
        yield Visit("form to edit", page("edit", self._question(self.long).pk))
        yield from self._links()
        for name in ("login", "change_password", "set_password"):
            yield Visit(f"account: {name}", partial(get, self.client, reverse(f"account_{name}")))
        yield from self._deeds()

    def _links(self) -> Iterator[Visit]:
        """Of the long conversation, which is opened by somebody who is not signed in, too."""
        tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
        terms = {"kind": "live", "audience": "anyone", "shows_images": "on", "may_fork": "on", "expires_on": tomorrow}
        key = uuid4()
        yield Visit("my links", partial(get, self.client, reverse("shares")))
        yield Visit("form to share", self._page(self.long, "share"))
        yield Visit("share", self._deed(self.long, "share", key=key, **terms))
        share = Share(pk=key)
        stranger = Client(SERVER_NAME="127.0.0.1")
        yield Visit("link", partial(get, self.client, reverse("link", args=[key])))
        yield Visit("shared page", partial(get, stranger, share.get_absolute_url()))
        image = LinkFace.of(share).disguised(Attachment.objects.filter(conversation=self.long)[0].pk)
        yield Visit("image of a link", partial(get, stranger, reverse("shared_image", args=[share.token, image])))
        yield Visit("continue a link", partial(post, self.client, reverse("fork", args=[share.token]), key=uuid4()))
        yield Visit("change a link", partial(post, self.client, reverse("link", args=[key]), key=key, **terms))
        yield Visit("another address", partial(post, self.client, reverse("renew_link", args=[key])))
        yield Visit("close a link", partial(post, self.client, reverse("close_link", args=[key])))

    def _page(self, conversation: Conversation, name: str, *more: Any, **query: Any) -> Callable[[], object]:
        return partial(get, self.client, reverse(name, args=[conversation.pk, *more]), **query)

    def _conversation(self, name: str, conversation: Conversation) -> Iterator[Visit]:
        yield Visit(name, self._page(conversation, "conversation"))
        yield Visit(f"{name}: nothing new", self._page(conversation, "news", seq=conversation.seq))
        yield Visit(f"{name}: news of one", self._page(conversation, "news", seq=conversation.seq - 1))
        yield Visit(f"{name}: news of all", self._page(conversation, "news", seq=0))
        window = path.newest(conversation).ids
        yield Visit(f"{name}: earlier messages", self._page(conversation, "earlier", window[0]))
        yield Visit(f"{name}: later messages", self._page(conversation, "later", window[0]))
        yield Visit(f"{name}: at a message", self._page(conversation, "conversation", at=window[0]))

    def _question(self, conversation: Conversation) -> Message:
        return Message.objects.filter(conversation=conversation, role="user").order_by("-created_at")[0]

    def _deeds(self) -> Iterator[Visit]:
        for name, it in {"short": self.others[1], "long": self.long, "the longest": self.longest}.items():
            question = self._question(it)
            answer = Message.objects.filter(parent=question)[0]
            yield Visit(f"ask, in {name}", self._form(it, "ask"))
            yield Visit(f"stop, in {name}", self._deed(it, "stop"))
            yield Visit(f"edit, in {name}", self._form(it, "edit", question.pk))
            yield Visit(f"show another branch, in {name}", self._deed(it, "show", answer.pk))
            yield Visit(f"stop both, in {name}", self._deed(it, "stop"))
            yield Visit(f"answer again, in {name}", self._deed(it, "again", answer.pk))
            yield Visit(f"stop again, in {name}", self._deed(it, "stop"))
        yield Visit("start", self._start)
        yield Visit("seen", self._deed(self.long, "seen", seq=1))
        yield Visit("rename", self._deed(self.others[2], "rename", title="Another title"))
        yield Visit("delete", self._deed(self.others[3], "delete"))
        yield Visit("continue", self._continue())

    def _deed(self, conversation: Conversation, name: str, *more: Any, **data: Any) -> Callable[[], object]:
        return partial(post, self.client, reverse(name, args=[conversation.pk, *more]), **data)

    def _form(self, conversation: Conversation, name: str, *more: Any) -> Callable[[], object]:
        def send() -> object:
            return self._deed(conversation, name, *more, text="What now?", key=uuid4(), route="quick")()

        return send

    def _start(self) -> object:
        return post(self.client, reverse("start"), text="What now?", key=uuid4(), route="quick")

    def _continue(self) -> Callable[[], object]:
        mine = Conversation.objects.filter(owner=self.member, leaf__generation__state="stopped").exclude(leaf__text="")
        return self._deed(mine[0], "continue", mine[0].leaf_id)


class Administrators:
    """Every page of the admin, for every model that is registered."""

    def __init__(self) -> None:
        administrator = User.objects.get_or_create(
            email="administrator@seeded.example", is_staff=True, is_superuser=True
        )[0]
        self.client = signed_in(administrator)

    def visits(self) -> Iterator[Visit]:
        yield Visit("admin", self._get("admin:index"))
        yield Visit("admin: health", self._get("admin:catalog_provider_health"))
        yield Visit("admin: overview of what is spent", self._get("admin:usage_charge_overview"))
        yield Visit("admin: all charges of a month", self._read("admin:usage_charge_sheet"))
        for model, desk in admin.site._registry.items():
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
            yield from self._lists(name, desk)
            yield from self._forms(name, model)
            yield from self._choices(desk)

    def _get(self, name: str, *arguments: Any, **query: Any) -> Callable[[], object]:
        return partial(get, self.client, reverse(name, args=arguments), **query)

    def _read(self, name: str) -> Callable[[], object]:
        """To the end: it is sent as it is read."""
        return lambda: sum(map(len, self._get(name)()))  # type: ignore[call-overload]  # a response can be read

    def _lists(self, name: str, desk: ModelAdmin[Any]) -> Iterator[Visit]:
        """The list as it opens, its last page, each of its orders, filters and searches."""
        page = partial(self._get, f"{name}_changelist")
        opened: ChangeList = page()().context_data["cl"]  # type: ignore[attr-defined]  # a TemplateResponse
        yield Visit(name, page())
        yield Visit(f"{name} last page", page(p=opened.paginator.num_pages))
        yield Visit(f"{name} with counts", page(_facets="True"))
        for number, column in enumerate(opened.list_display):
            if column in (opened.sortable_by or ()):
                yield Visit(f"{name} by {column}", page(o=number))
        for title, query in self._filters(opened):
            yield Visit(f"{name} where {title}", partial(get, self.client, reverse(f"{name}_changelist") + query))
        if desk.search_fields:
            for sought in ("member300@seeded.example", "nobody@seeded.example", "e", self._any(desk.model).pk):
                yield Visit(f"{name} search {sought}", page(q=sought))

    def _filters(self, opened: ChangeList) -> Iterator[tuple[str, str]]:
        """Of each filter the first choices and the last one, which of times are the newest and the oldest."""
        for spec in opened.filter_specs:
            _, *choices = spec.choices(opened)
            for choice in [*choices[:2], *choices[2:][-1:]]:
                yield f"{spec.title} {choice['display']}", str(choice["query_string"])

    def _any(self, model: type[Model]) -> Model:
        found = model._default_manager.first()
        assert found, f"nothing of {model} was seeded"
        return found

    def _forms(self, name: str, model: type[Model]) -> Iterator[Visit]:
        row = self._any(model)
        for page in ("change", "history", "delete"):
            path = reverse(f"{name}_{page}", args=[row.pk])
            yield Visit(f"{name} {page}", partial(self.client.get, path))  # or 403: then it is nobody's page
        yield Visit(f"{name} add", partial(self.client.get, reverse(f"{name}_add")))

    def _choices(self, desk: ModelAdmin[Any]) -> Iterator[Visit]:
        """What a field to complete is asked for while somebody types."""
        for it in (desk, *desk.inlines):
            for field in it.autocomplete_fields:
                known = {"app_label": it.model._meta.app_label, "model_name": it.model._meta.model_name}
                query = known | {"field_name": field, "term": "d"}
                yield Visit(f"admin:autocomplete {field}", self._get("admin:autocomplete", **query))


class Processes:
    """What worker and feed say to the database, with so many answers under way at once; members read them all."""

    def __init__(self, answers: int) -> None:
        longest, long = Conversation.objects.order_by("created_at")[:2]
        ordinary = Conversation.objects.filter(deleted_at=None).order_by("-created_at")[:answers]
        self._conversations = {"long": long, "the longest": longest, "short": ordinary[0]}
        self._all = [longest, long, *ordinary]
        self._running: list[Generation] = []
        self._call: calling.OpenCall | None = None
        self._rooms = {it.pk: Room() for it in self._all}
        self._positions = {it.pk: Position(it.seq) for it in self._all}
        sessions = Session.objects.all()[: len(self._all)]
        self._admissions = [Admission(it.owner_id, row.pk, "") for it, row in zip(self._all, sessions, strict=False)]
        self._seq = 0

    def visits(self) -> Iterator[Visit]:
        yield Visit("worker: claim, nobody waits", self._claim)
        self._ask()
        yield Visit("worker: claim 50", self._claim)
        while self._claim():
            pass
        yield Visit("worker: beat", self._beat)
        for name, it in self._conversations.items():
            yield Visit(f"worker: begin, in {name}", partial(briefing.begin, self._answer_in(it)))
        yield Visit("worker: open a call", self._open_call)
        yield Visit("worker: close a call", self._close_call)
        yield Visit("feed: turn, all pages behind", self._turn)
        for _ in range(TICKS):
            self._append()
            self._turn()
        yield Visit("worker: append", self._append)
        yield Visit("feed: turn", self._turn)
        yield Visit("feed: who may still read", self._withdraw)
        yield Visit("metrics: the queue", self._measure)
        for name, it in self._conversations.items():
            yield Visit(f"worker: end, in {name}", partial(self._end, self._answer_in(it)))
        yield Visit("feed: turn after an end", self._turn)
        yield Visit("worker: reap, nobody died", ending.reap)
        yield Visit("worker: sweep, nothing to do", chores.sweep)
        Generation.objects.filter(state="running").update(lease_until=_long_ago())
        yield Visit("worker: reap 50", ending.reap)
        Generation.objects.live().update(state="stopped", ended_at=_long_ago(), lease_until=None)
        Conversation.objects.filter(pk=self._all[-1].pk).update(deleted_at=_long_ago())
        yield Visit("worker: sweep", chores.sweep)

    def _ask(self) -> None:
        route = Route.objects.offered().named("quick")
        for it in self._all:
            asking.ask(it, it.owner, "What now?", uuid4(), route)
        Generation.objects.live().update(not_before=_long_ago())  # inside a transaction now() stands still

    def _claim(self) -> list[Generation]:
        claimed = Generation.objects.claim("bench", 50)
        self._running += claimed
        return claimed

    def _beat(self) -> None:
        Generation.objects.beat("bench", [it.pk for it in self._running])

    def _answer_in(self, conversation: Conversation) -> Generation:
        return next(it for it in self._running if it.conversation_id == conversation.pk)

    def _open_call(self) -> None:
        generation = self._running[-1]
        brief = briefing.begin(generation)
        assert isinstance(brief, briefing.Brief), brief
        self._call = calling.open_call(generation, uuid4(), Call.Purpose.ANSWER, brief.candidates[0])

    def _close_call(self) -> None:
        assert self._call
        calling.close_call(self._call)

    def _append(self) -> None:
        """A tick in which every answer said something."""
        self._seq += 1
        words = [Event(it.pk, self._seq, it.epoch, Chunk.Kind.TEXT, "some words ") for it in self._running]
        assert not events.append(words)

    def _turn(self) -> None:
        asked = {(pk, MEMBERS): Asked(room, [self._positions[pk]], True) for pk, room in self._rooms.items()}
        take_turn(asked, seconds=60)
        self._positions = {pk: part.told[0].position for (pk, _), part in asked.items()}

    def _withdraw(self) -> None:
        withdrawn(self._admissions)

    def _measure(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(vitals.QUEUE, [15])

    def _end(self, generation: Generation) -> None:
        assert ending.end(generation, ending.Outcome(Generation.State.DONE), may=lambda _: True)
        self._running.remove(generation)


def _long_ago() -> datetime:
    return timezone.now() - timedelta(hours=2)
