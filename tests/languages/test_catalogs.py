"""Every word that people read is there in every language: `make messages` says what is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages import Message

from tests.languages import catalogs
from tests.languages.extracting import extracted, scripts

PLACEHOLDER = re.compile(r"%\(\w+\)\d*[sd]|%[sd]|\{\w+\}|</?\w+|&\w+;")
EACH = list(catalogs.each())


@pytest.mark.parametrize(("language", "domain"), EACH)
def test_every_string_has_its_translation(language: str, domain: str) -> None:
    there = catalogs.stored(language, domain)
    missing = [it.id for it in extracted(domain) if it.id and not _is_there(it, there.get(it.id, it.context))]
    assert not missing, f"run `make messages`, and translate in locale/: {missing}"


def _is_there(wanted: Message, found: Message | None) -> bool:
    """As often as the language has numbers of a thing."""
    if found is None or found.fuzzy or not catalogs.translated(found):
        return False
    return isinstance(wanted.id, tuple) == isinstance(found.string, tuple)


@pytest.mark.parametrize(("language", "domain"), EACH)
def test_a_translation_keeps_what_is_put_in(language: str, domain: str) -> None:
    for message in catalogs.stored(language, domain):
        english = _strings(message.id)[-1]  # of several numbers
        for string in _strings(message.string) if english else ():
            assert sorted(PLACEHOLDER.findall(string)) == sorted(PLACEHOLDER.findall(english)), english


def _strings(either: object) -> list[str]:
    return [str(it) for it in either] if isinstance(either, list | tuple) else [str(either)]


@pytest.mark.parametrize(("language", "domain"), EACH)
def test_no_translation_outlives_its_string(language: str, domain: str) -> None:
    wanted = extracted(domain)
    left = [it.id for it in catalogs.stored(language, domain) if it.id and wanted.get(it.id, it.context) is None]
    assert not left, f"run `make messages`: {left}"


@pytest.mark.parametrize(("language", "domain"), EACH)
def test_what_django_loads_is_what_was_translated(language: str, domain: str) -> None:
    loaded = catalogs.place(language, domain, "mo").read_bytes()
    assert loaded == catalogs.compiled(catalogs.stored(language, domain)), "run `make messages`"


# In quotes: words, the first with a capital letter; or one and a sign that ends a sentence.
SENTENCE = re.compile(r"""(?<!translate\()(["'`])[“$]?(?:\{[^}]*\})?[A-Z][a-z’']+(?:[ ,;:][^"`]*|[.…!?])\1""")


@pytest.mark.parametrize("script", [*scripts()], ids=lambda path: path.name)
def test_what_a_script_says_it_says_in_the_language_of_the_page(script: Path) -> None:
    code = "\n".join(line for line in script.read_text().split("\n") if not line.lstrip().startswith("//"))
    assert [it[0] for it in SENTENCE.finditer(code)] == []


def test_a_sentence_in_a_script_is_found() -> None:
    said = [
        '"Jump to latest"',
        "`Wait ${n} s.`",
        '"Sending…"',
        "'The end'",
        "translate(`Go on`)",
        'translate("Go on")',
        '"Escape"',
    ]
    assert [it for it in said if SENTENCE.search(it)] == said[:4]
