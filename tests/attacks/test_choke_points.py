"""One door for each danger, and nobody goes around it. Read from the source of every package of ours.

Safe HTML has a file of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("accounts", "catalog", "chatsite", "conversations", "providers", "usage")
type Look = Callable[[ast.AST], bool]


def files() -> list[Path]:
    return [it for package in PACKAGES for it in sorted((ROOT / package).rglob("*.py")) if "migrations" not in it.parts]


def where(look: Look) -> set[str]:
    """The files in which something is found."""
    return {str(it.relative_to(ROOT)) for it in files() if found_in(it.read_text(), look)}


def found_in(source: str, look: Look) -> bool:
    return any(look(node) for node in ast.walk(ast.parse(source)))


def imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (it.name for it in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{it.name}" for it in node.names)
    elif isinstance(node, ast.Call) and name_of(node.func) in {"__import__", "import_module"}:
        yield from (str(it.value) for it in node.args[:1] if isinstance(it, ast.Constant))


def name_of(node: ast.AST) -> str:
    """The last name of an expression: `get` of `Message.objects.get`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


# Outgoing requests ---------------------------------------------------------------------------------------------------

SPEAK_OUT = {
    "httpx",
    "httpx_aiohttp",
    "aiohttp",
    "requests",
    "urllib3",
    "urllib.request",
    "http.client",
    "socket",
    "ssl",
    "smtplib",
    "ftplib",
    "xmlrpc",
    "websockets",
    "twisted.web.client",
    "asyncio.open_connection",
    "openai",
}
# Whoever speaks to an address that somebody typed stands in providers/, behind the checks of resolving.py.
ALLOWED_OUT = {
    "providers/body.py": "reads a provider's answer",
    "providers/client.py": "asks a provider",
    "providers/connections.py": "connects to providers",
    "providers/resolving.py": "says which addresses may be connected to",
    "providers/sending.py": "says how sending failed",
    "catalog/addresses.py": "looks names up, and connects to none",
    "chatsite/management/commands/up.py": "looks whether what it started answers, on this machine",
    "conversations/worker.py": "asks this machine's name",
}


def speaks_out(node: ast.AST) -> bool:
    """By a module that can, or by asyncio's own functions for it."""
    named = {name for name in imported(node) for it in SPEAK_OUT if name == it or name.startswith(f"{it}.")}
    called = isinstance(node, ast.Call) and name_of(node.func) in {"open_connection", "create_connection", "urlopen"}
    return bool(named) or called


def test_requests_leave_by_the_providers_door_alone() -> None:
    assert where(speaks_out) == set(ALLOWED_OUT)


@pytest.mark.parametrize(
    "source",
    [
        "import httpx",
        "from urllib import request",
        "import urllib.request as u",
        "from http.client import HTTPSConnection",
        "def f():\n    import socket",
        "__import__('requests')",
        "importlib.import_module('aiohttp.client')",
        "await asyncio.open_connection('evil.example', 80)",
        "loop.create_connection(F, 'evil.example', 80)",
    ],
)
def test_every_way_around_that_door_is_seen(source: str) -> None:
    assert found_in(source, speaks_out)


# Object access -------------------------------------------------------------------------------------------------------

DOORS = ("conversations/views", "conversations/consumers.py", "conversations/feed", "accounts/views.py")
# Fetching by an id that a request brought: only from what `visible_to` the member, or what was fetched so already.
FETCH = {"get", "filter", "first", "last", "in_bulk", "get_or_create", "all", "exclude", "earliest", "latest", "aget"}
FETCHED_BEFORE = {
    "conversations/views/asking.py": {
        "Attachment.objects.filter(message=editing)",  # of the question that was just fetched
        "Conversation.objects.get(pk=shown.pk)",  # read anew after the deed
    },
    "conversations/feed/turn.py": {
        "Conversation.objects.filter(pk__in={pk for pk, _ in wanted}, deleted_at=None)",  # of sockets that were let in
    },
    "conversations/feed/admission.py": {
        "Session.objects.filter(session_key__in={it.session_key for it in asked}, expire_date__gt=timezone.now())",
        "User.objects.filter(pk__in={it.member_id for it in asked}, is_active=True)",
        "Share.objects.filter(pk__in={it.share_id for it in asked})",  # of the links that were let in
    },
    "conversations/views/shares.py": {
        "Visit.objects.filter(share=found)",  # of the link that was just fetched
    },
}


def bare_fetches(source: str) -> set[str]:
    """`Model.objects.get(…)`, and `get_object_or_404` of a whole model that is not narrowed by what is visible."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        text = ast.unparse(node)
        manager = node.func.value if isinstance(node.func, ast.Attribute) else None
        is_bare = (
            name_of(node.func) in FETCH and manager is not None and name_of(manager).endswith(("objects", "manager"))
        )
        of_model = name_of(node.func) in {"get_object_or_404", "get_list_or_404", "aget_object_or_404"}
        if is_bare or (of_model and isinstance(node.args[0], ast.Name) and "conversation__in=visible" not in text):
            found.add(text)
    return found


def test_views_and_the_socket_fetch_through_the_member() -> None:
    found = {
        str(it.relative_to(ROOT)): bare
        for it in files()
        if str(it.relative_to(ROOT)).startswith(DOORS) and (bare := bare_fetches(it.read_text()))
    }
    assert found == FETCHED_BEFORE


@pytest.mark.parametrize(
    "source",
    [
        "Message.objects.get(pk=message_id)",
        "Conversation.objects.filter(pk=pk).first()",
        "get_object_or_404(Message, pk=message_id)",
        "Conversation._default_manager.get(pk=pk)",
        "shortcuts.get_object_or_404(Attachment, pk=pk, conversation_id=conversation_id)",
    ],
)
def test_every_way_around_the_member_is_seen(source: str) -> None:
    assert bare_fetches(source)


# Secrets -------------------------------------------------------------------------------------------------------------


def reveals(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in {"reveal", "_value"}


def opens_locks(node: ast.AST) -> bool:
    return any(name.startswith("cryptography") for name in imported(node)) or (
        isinstance(node, ast.Attribute) and node.attr == "PROVIDER_KEYS_SECRETS"
    )


def uses_secret_key(node: ast.AST) -> bool:
    is_name = isinstance(node, ast.Attribute | ast.Name) and name_of(node) == "SECRET_KEY"
    return is_name or (isinstance(node, ast.Constant) and node.value == "SECRET_KEY")


BACKUP = "chatsite/management/commands/backup.py"
SECRETS: dict[str, tuple[Look, set[str]]] = {
    "A key is given away where it is checked, sealed, sent, or struck out of what came back.": (
        reveals,
        {
            "catalog/forms.py",
            "catalog/keys.py",
            "providers/connections.py",
            "providers/messages.py",
            "providers/refusals.py",
            "providers/sending.py",
        },
    ),
    "Kept keys are opened in one place; a backup takes the secret along, if it is told to.": (
        opens_locks,
        {"catalog/keys.py", BACKUP},
    ),
    "What signs sessions and links is Django's to use.": (
        uses_secret_key,
        {"chatsite/env.py", "chatsite/settings.py", BACKUP},
    ),
}


@pytest.mark.parametrize("rule", SECRETS)
def test_secrets_are_touched_where_they_must_be_and_nowhere_else(rule: str) -> None:
    look, allowed = SECRETS[rule]
    assert where(look) == allowed


@pytest.mark.parametrize(
    ("look", "source"),
    [
        (reveals, "print(provider.key.reveal())"),
        (reveals, "tell = key.reveal"),
        (reveals, "key._value"),
        (opens_locks, "from cryptography.fernet import Fernet"),
        (opens_locks, "settings.PROVIDER_KEYS_SECRETS[0]"),
        (uses_secret_key, "settings.SECRET_KEY"),
        (uses_secret_key, "getattr(settings, 'SECRET_KEY')"),
    ],
)
def test_every_way_to_a_secret_is_seen(look: Look, source: str) -> None:
    assert found_in(source, look)


# Patterns ------------------------------------------------------------------------------------------------------------

RE = {"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}


def pattern_from_data(source: str) -> set[str]:
    """RD4, RD6: a regular expression that is no text of ours. The model, members and tools bring none that we run."""
    tree = ast.parse(source)
    ours = {
        name_of(target)
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    functions = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    ]
    calls = [  # what runs at import runs on texts of ours
        node
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in RE
        and name_of(node.func.value) in {"re", "regex"}
    ]
    return {ast.unparse(node) for node in calls if not _is_ours(node.args[0], ours)}


def _is_ours(pattern: ast.AST, ours: set[str]) -> bool:
    if isinstance(pattern, ast.JoinedStr | ast.BinOp | ast.FormattedValue):
        return all(_is_ours(it, ours) for it in ast.iter_child_nodes(pattern) if isinstance(it, ast.expr))
    if isinstance(pattern, ast.Call) and name_of(pattern.func) == "escape":
        return True
    return isinstance(pattern, ast.Constant) or (isinstance(pattern, ast.Name) and pattern.id in ours)


def test_no_pattern_comes_from_outside() -> None:
    found = {str(it.relative_to(ROOT)): bad for it in files() if (bad := pattern_from_data(it.read_text()))}
    # At import, of a sentence of ours.
    [(shape,)] = [found.pop("catalog/sentences.py")]
    assert shape.startswith("re.compile(''.join((re.escape(text) + ")
    # A number of backticks, and nothing else.
    assert found == {"conversations/markdown/inline.py": {"re.compile(f'(?<!`){run[0]}(?!`)')"}}


@pytest.mark.parametrize(
    "source",
    [
        "def f(it):\n    return re.search(question.text, it)",
        "def f(p):\n    re.compile(f'a{p}')",
        "lambda it: re.match(schema['pattern'], it)",
    ],
)
def test_every_pattern_from_outside_is_seen(source: str) -> None:
    assert pattern_from_data(source)


def test_queries_are_built_by_the_orm_or_are_texts_of_ours() -> None:
    """No lookup that makes a pattern of what was typed, and no SQL with a value in it."""

    def builds(node: ast.AST) -> bool:
        raw = isinstance(node, ast.Call) and name_of(node.func) in {"execute", "executemany", "raw", "RawSQL", "extra"}
        made = raw and isinstance(node, ast.Call) and any(isinstance(it, ast.JoinedStr | ast.BinOp) for it in node.args)
        return made or (isinstance(node, ast.keyword) and "regex" in (node.arg or ""))

    assert where(builds) <= set()
