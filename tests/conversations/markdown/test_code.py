"""Blocks of code: a name, a button, and colours where they are safe and cheap."""

import random
from time import thread_time

import pytest

from conversations.markdown import render
from conversations.markdown.code import _LANGUAGES, _lexer
from tests.conversations.markdown.page import Page
from tests.conversations.markdown.safety import assert_safe


def test_a_block_of_code_has_a_name_a_button_and_colours() -> None:
    assert render("```py\nx = 1\n```") == (
        '<figure class="code"><figcaption><span>Python</span>'
        '<button type="button" class="copy">Copy</button></figcaption>'
        '<pre><code>x <span class="o">=</span> <span class="mi">1</span></code></pre></figure>\n'
    )


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("JS", "JavaScript"),
        ("", "Text"),
        ("brainfuck", "brainfuck"),
        ("../../etc", "....etc"),
        ("<b>", "b"),
        ("x" * 99, "x" * 30),
    ],
)
def test_the_name_is_ours_or_a_harmless_form_of_the_models(language: str, name: str) -> None:
    assert f"<figcaption><span>{name}</span>" in render(f"```{language}\nx\n```")


@pytest.mark.parametrize(
    "language", ["../../etc", "raw", "text/html", "mermaid", "guess", "archetype", "pygments.lexers"]
)
def test_a_language_we_do_not_know_is_plain(language: str) -> None:
    assert "<code>if x: &lt;b&gt;</code>" in render(f"```{language}\nif x: <b>\n```")


def test_html_and_svg_are_coloured_text() -> None:
    for language in ("html", "svg", "xml"):
        assert_safe(render(f"```{language}\n<hx-partial><script>alert(1)</script>\n```"))


def test_a_large_block_and_a_long_line_are_plain() -> None:
    assert '<span class="' not in render("```py\n" + "x = 1\n" * 4_000 + "```")
    assert '<span class="' not in render("```py\nx = 1\n" + "x" * 2_001 + "\n```")


def test_code_keeps_its_blank_lines_and_spaces() -> None:
    page = Page(render("```py\n\n  x\n\n\ny  \n\n```"))
    assert [node.text for node in page.root.walk() if node.tag == "pre"] == ["\n  x\n\n\ny  \n"]


@pytest.mark.parametrize("name", _LANGUAGES)
def test_every_lexer_exists_keeps_the_text_and_is_quick_with_what_does_not_end(name: str) -> None:
    source = "'\"/*`<!--{([%$#@\\ " * 20 + "\n" + "".join(random.Random(1).choices("'\"/*(){}<>=\\\n a1", k=1_500))
    started = thread_time()
    assert "".join(text for _, text in _lexer(name).get_tokens(source)) == source
    assert thread_time() - started < 2
    assert_safe(render(f"````````{_LANGUAGES[name].split()[0]}\n{source}\n````````"))
