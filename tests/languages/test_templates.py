"""No template has words of its own: what people read is marked, so that it can be said in another language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.languages.extracting import ROOT, templates
from tests.languages.reading import english, read

# What is between these two is marked; no tag is a word, nor a comment, nor the class of a page.
MARKED = re.compile(
    r"{% block (?:body|card)_class %}.*?{% endblock %}"
    r"|{% *(?:blocktranslate|blocktrans|comment)\b.*?{% *end\w+ *%}|{%.*?%}|{{.*?}}|{#.*?#}",
    re.DOTALL,
)
SAME_EVERYWHERE = re.compile(r"DeepSeek|\bX\b")


def words_of(template: str) -> list[str]:
    return [word for text in read(MARKED.sub("", template)) for word in english(text, SAME_EVERYWHERE)]


@pytest.mark.parametrize("path", [*templates()], ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_a_template_has_no_words_that_are_not_marked(path: Path) -> None:
    assert not words_of(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ('<p title="Say hello">{% translate "Hello" %}</p>', ["Say", "hello"]),
        ("{% if here %}{{ name }} is here{% endif %}", ["is", "here"]),
        ("{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}, you", ["you"]),
        ("{# Hello #}<kbd>Enter</kbd><script>let hello</script>{% comment %}Hello{% endcomment %}", []),
    ],
)
def test_such_words_are_found(template: str, words: list[str]) -> None:
    assert words_of(template) == words
