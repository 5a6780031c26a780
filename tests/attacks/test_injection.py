"""Words that want to be more than words: wherever somebody's text is shown, the page is what it is with plain text."""

from __future__ import annotations

import http.client
import random
from typing import Any, Protocol
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import CharField, CompositePrimaryKey, Field, Model, TextField, Value
from django.db.models.functions import Cast, Concat, Now, Right
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from catalog.models import Circuit, Provider
from conversations.models import Chunk, Conversation, Generation
from tests.attacks.pages import LINES, around_messages, assert_words_are_safe, harmless, markup
from tests.attacks.routes import HTMX, World, all_routes, build_world
from tests.conversations.markdown.samples import ATTACKS
from tests.conversations.replaying import Follower, Piece, WebProcess, Writer, assert_same, load
from tests.images import upload
from tests.serving import Web
from usage.models import TotalsCalendar

TEXT, REASONING = Chunk.Kind.TEXT, Chunk.Kind.REASONING
PLAIN = "Plain words"

# What a model says, as it is streamed.


def cut(text: str, longest: int) -> list[str]:
    chance, pieces = random.Random(longest), []
    while text:
        size = chance.randint(1, longest)
        pieces.append(text[:size])
        text = text[size:]
    return pieces


def stream(browser: Client, conversation: Conversation, pieces: list[Piece]) -> None:
    """Every state of the socket's page, and some of those of a page that is loaded, without script, meanwhile."""
    process, follower = WebProcess(conversation), Follower(load(browser, conversation))
    follower.connect()
    [writer] = Writer.claim([(kind, PLAIN) for kind in dict.fromkeys(kind for kind, _ in pieces)] + pieces)
    for _ in dict.fromkeys(kind for kind, _ in pieces):
        writer.write()
        process.serve([follower])
    outside = around_messages(follower.page)
    while writer.write():
        process.serve([follower])
        assert around_messages(follower.page) == outside
        assert_words_are_safe(follower.page)
    during = load(browser, conversation)
    assert around_messages(during) == around_messages(load(browser, conversation))
    assert_words_are_safe(during)
    writer.end()
    process.catch_up([follower])
    fresh = load(browser, conversation)
    assert_same(follower.page, fresh)
    assert_words_are_safe(fresh)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_model_says_stays_in_its_message_at_every_state(
    browser_of_alice: Client, conversation: Conversation, attack: str
) -> None:
    """XS1, XS2, XS4 to XS18: streamed, loaded meanwhile, and loaded in the end."""
    attack = attack.replace("\0", "").replace("\ud800", "")  # which the log does not take
    stream(browser_of_alice, conversation, [(TEXT, it) for it in cut(attack, 20)])


@pytest.mark.parametrize("attack", [ATTACKS[0], ATTACKS[14], "<hx-partial id=title>x</hx-partial>"])
@pytest.mark.parametrize("kind", [TEXT, REASONING])
def test_one_character_at_a_time_it_stays_there_too(
    browser_of_alice: Client, conversation: Conversation, attack: str, kind: Chunk.Kind
) -> None:
    stream(browser_of_alice, conversation, [(kind, it) for it in attack])


# What stands in the rows, wherever it is shown.

OURS = {"accounts", "admin", "auth", "catalog", "conversations", "usage"}
# Found out or made by ourselves, and codes.
NOT_WORDS = {"password", "codename", "media_type", "object_id", "holidays", "currency", "reported_in"}


def texts(model: type[Model]) -> list[Field[Any, Any]]:
    """The fields of a model that hold somebody's words."""
    fields = [it for it in model._meta.concrete_fields if isinstance(it, CharField | TextField)]
    return [it for it in fields if not (it.choices or it.primary_key or it.name in NOT_WORDS)]


def fill(word: str) -> None:
    """Put the word into every row of every table, wherever a text stands, as if no form had ever looked at it.

    Not into the calendar of totals, which is kept from test to test, and by whose zone SQL reckons.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # the ledger takes no change from anybody
        for model in apps.get_models():
            is_ours = model._meta.app_label in OURS and model._meta.managed and model is not TotalsCalendar
            if is_ours and not isinstance(model._meta.pk, CompositePrimaryKey):
                fits = {it.name: word.lower()[: (it.max_length or 1_000) - 4] for it in texts(model)}
                own = Right(Cast("pk", CharField()), 4)
                model._default_manager.update(**{name: Concat(Value(fit), own) for name, fit in fits.items()})


@pytest.fixture
def world(transactional_db: None) -> World:
    """Everything there is, once, and what came of it."""
    world = build_world()
    root = world.people["administrator"]
    assert root
    Generation.objects.update(state=Generation.State.FAILED, ended_at=Now(), is_fallback=True, usage={"a": "b"})
    Circuit.objects.create(provider=Provider.objects.get())
    LogEntry.objects.log_actions(root.pk, User.objects.all(), CHANGE, "Changed.")
    return world


def chat(world: World) -> dict[str, str]:
    """Where a member sees the rows. A new place is one more line."""
    conversation = world.question.conversation.get_absolute_url()
    return {
        "the list": "/",
        "the conversation": conversation,
        "what a page without a socket is told": f"{conversation}news/?seq=0",
        "renaming": f"{conversation}rename/",
        "deleting": f"{conversation}delete/",
        "editing": f"{conversation}m/{world.question.pk}/edit/",
        "the settings of a model": "/parameters/?route=x",
    }


def desk(world: World) -> dict[str, str]:
    """Where an administrator does: every page of the admin."""
    return {route: world.address(route) for route in all_routes() if route.startswith("admin/")}


def looks(browser: Client, pages: dict[str, str]) -> dict[str, tuple[int, list[str]]]:
    """The markup of every page."""
    responses = {name: browser.get(path) for name, path in pages.items()}
    return {name: (it.status_code, markup(it.text)) for name, it in responses.items() if not it.streaming}


def assert_only_words(browser: Client, pages: dict[str, str], line: str) -> None:
    fill(harmless(line))
    plain = looks(browser, pages)
    assert sum(status == 200 for status, _ in plain.values()) >= 7
    fill(line)
    for name, look in looks(browser, pages).items():
        assert look == plain[name], name


@pytest.mark.parametrize("line", LINES)
def test_words_in_any_row_are_only_words_on_every_page_of_the_chat(world: World, line: str) -> None:
    """XS17, XS26: title, list, names, error sentences, what models and providers said of themselves."""
    assert_only_words(world.browser("owner"), chat(world), line)


@pytest.mark.parametrize("line", LINES[:3])
def test_words_in_any_row_are_only_words_on_the_administrators_desk(world: World, line: str) -> None:
    """XS27."""
    assert_only_words(world.browser("administrator"), desk(world), line)


# What is said back to whoever says it.


class Reflection(Protocol):
    """One way to have a word repeated, and what came back."""

    def __call__(self, browser: Client, conversation: Conversation, word: str) -> HttpResponse: ...


def _get(path: str, **headers: str) -> Reflection:
    def look(browser: Client, conversation: Conversation, word: str) -> Any:
        address = path.replace("{c}", conversation.get_absolute_url()).replace("{}", quote(word, safe=""))
        return browser.get(address, headers={name: word.replace("\r", "").replace("\n", "") for name in headers})

    return look


def _post(path: str, *names: str, is_script: bool = False, stranger: bool = False, **more: str) -> Reflection:
    def send(browser: Client, conversation: Conversation, word: str) -> Any:
        data: dict[str, Any] = {"key": str(uuid4()), **more, **dict.fromkeys(names, word)}
        if "images" in names:
            data["images"] = upload(word.replace("/", "") + ".png", b"nothing")
        sender = Client() if stranger else browser
        address = path.replace("{c}", conversation.get_absolute_url())
        return sender.post(address, data, headers=HTMX if is_script else {})

    return send


def _with_an_old_form(browser: Client, conversation: Conversation, word: str) -> Any:
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = browser.cookies
    typed = dict.fromkeys(("text", "key", "route", "effort"), word)
    return careful.post(f"{conversation.get_absolute_url()}ask/", typed, headers={"Origin": settings.PUBLIC_ORIGIN})


LONG = "x" * 150
REFLECTIONS: dict[str, Reflection] = {
    "a path": _get("/{}"),
    "a path below ours": _get("{c}{}/"),
    "a query": _get("/?q={}&{}=1"),
    "settings for a model": _get("/parameters/?route={}&effort={}&temperature={}&stop={}"),
    "a place in the log": _get("{c}news/?seq={}"),
    "a link for newcomers": _get("/accounts/welcome/{}/{}/"),
    "where to go after signing in": _get("/accounts/login/?next={}"),
    "where to go on the desk": _get("/admin/login/?next={}"),
    "headers": _get("/", **dict.fromkeys(["Accept-Language", "User-Agent", "Referer", "X-Forwarded-Host"], "")),
    "headers of htmx": _get("/", **dict.fromkeys(["HX-Request", "HX-Target", "HX-Prompt", "HX-Current-URL"], "")),
    "an address to sign in": _post("/accounts/login/", "login", "password", "next", stranger=True),
    "an address for a link": _post("/accounts/password/reset/", "email", stranger=True),
    "passwords": _post("/accounts/password/change/", "oldpassword", "password1", "password2"),
    "a question to no model": _post("/c/", "text", "route", "effort"),
    "a question to no model, by script": _post("/c/", "text", "route", "effort", is_script=True),
    "a question with a key of its own": _post("/c/", "key", "text"),
    "settings that do not fit": _post("/c/", "text", "temperature", "max_tokens", "stop", route="quick"),
    "settings that do not fit, by script": _post("/c/", "text", "temperature", is_script=True, route="quick"),
    "a file's name": _post("{c}ask/", "images", text="x", route="quick"),
    "a file's name, by script": _post("{c}ask/", "images", is_script=True, text="x", route="quick"),
    "a question by a stranger": _post("{c}ask/", "text", "key", "route", "effort", stranger=True),
    "a question by a stranger, by script": _post("{c}ask/", "text", "key", stranger=True, is_script=True),
    "a question out of an old form": _with_an_old_form,
    "a title that is too long": lambda browser, conversation, word: _post("{c}rename/", title=word + LONG)(
        browser, conversation, word
    ),
}


@pytest.mark.parametrize("way", REFLECTIONS)
def test_what_is_said_back_is_only_said(browser_of_alice: Client, conversation: Conversation, way: str) -> None:
    """XS22: in the page it is text, and no header has it but the address that somebody is sent on to."""
    reflect = REFLECTIONS[way]
    for line in LINES:
        cache.clear()  # of passwords that were wrong
        plain = reflect(browser_of_alice, conversation, harmless(line))
        response = reflect(browser_of_alice, conversation, line)
        assert response.status_code == plain.status_code, line
        assert markup(response.content.decode()) == markup(plain.content.decode()), line
        assert set(response.headers) == set(plain.headers)
        for name, value in response.headers.items():
            assert "<" not in value and "\n" not in value, name


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/%0d%0aX-Evil:%201", {}),
        ("/accounts/login/?next=/%0d%0aX-Evil:%201", {}),
        ("/c/%0d%0aX-Evil:1/", {}),
        ("/", {"Host": "evil.tld"}),
        ("/", {"Host": "127.0.0.1:80@evil.tld"}),
        ("/", {"X-Forwarded-Host": "evil.tld", "X-Forwarded-Server": "evil.tld", "Forwarded": "host=evil.tld"}),
        ("http://evil.tld/", {}),
        ("//evil.tld/%2f..", {}),
    ],
)
def test_no_header_and_no_page_of_the_server_leads_where_a_request_says(
    server: Web, path: str, headers: dict[str, str]
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    page = response.read().decode()
    assert response.status < 500
    assert response.getheader("X-Evil") is None
    assert "evil.tld" not in page.replace(quote(path), "")
    assert not str(response.getheader("Location", "")).startswith(("//", "http"))
