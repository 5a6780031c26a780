"""LaTeX on the server: MathML that was checked, or the source."""

from time import thread_time

import pytest

from conversations.markdown import render
from conversations.markdown.formulas import mathml, on_one_line
from tests.conversations.markdown.safety import assert_safe


@pytest.mark.parametrize("text", ["$x^2$", "\\(x^2\\)", "so $x^2$, and", "**$x^2$**"])
def test_a_formula_in_a_line_becomes_mathml(text: str) -> None:
    assert "<math><msup><mi>x</mi><mn>2</mn></msup></math>" in render(text)


@pytest.mark.parametrize(
    "text", ["$$x$$", "\\[x\\]", "$$\nx\n$$", "\\[\n  x\n\\]", "```math\nx\n```", "> $$\n> x\n> $$"]
)
def test_a_formula_on_display_becomes_mathml(text: str) -> None:
    assert '<math display="block"><mi>x</mi></math>' in render(text)


def test_the_lines_of_a_formula_are_no_lists_and_headings() -> None:
    shown = render("\\[\na\n+ b\n= c\n\n- d % why\n\\]\n\nafter")
    assert shown.count("<math") == 1
    assert shown.endswith("</math></p>\n<p>after</p>\n")


def test_a_formula_that_does_not_end_leaves_the_text_as_it_is() -> None:
    assert on_one_line("\\[\na\n\nb") == "\\[\na\n\nb"
    assert on_one_line("```\n$$\nx\n```\n$$\ny") == "```\n$$\nx\n```\n$$\ny"


@pytest.mark.parametrize(
    "text",
    [
        "costs $5 and $10",
        "from $5, or $7 each, to US$ 3",
        "$5 apples and 3$",
        "`$x^2$`",
        "$ x $",
        "\\$x\\$",
        "    $x$",
        "```\n$$x$$\n```",
    ],
)
def test_prices_and_code_are_not_formulas(text: str) -> None:
    assert "<math" not in render(text)
    assert "$" in render(text)


@pytest.mark.parametrize(
    "source",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\includegraphics{http://evil}",
        r"\htmlClass{a}{x}",
        r"\url{javascript:x}",
        r"\undefined{<img src=x onerror=alert(1)>}",
        r"\def\a{\a\a}\a",
        r"\rule{999999em}{999999em}",
        r"\hspace{9999em}",
        "x" * 6_000,
        "{" * 4_000,
        r"\frac" * 900,
        r"\sqrt{" * 700 + "}" * 700,
    ],
)
def test_a_hostile_or_broken_formula_is_its_source(source: str) -> None:
    started = thread_time()
    shown = render(f"$${source}$$")
    assert thread_time() - started < 0.5
    assert shown.startswith('<p><code class="math-source">')
    assert_safe(shown)


@pytest.mark.parametrize("source", ["x" * 5_000, r"\begin{matrix}" + "a&" * 2_000 + r"\end{matrix}"])
def test_a_large_formula_takes_a_moment(source: str) -> None:
    started = thread_time()
    shown = mathml(source, True)
    assert thread_time() - started < 0.5
    assert_safe(shown)


def test_styles_become_classes_and_labels_go() -> None:
    shown = mathml(r"\begin{align}a&=b\tag{1}\label{composer}\\c&=d\end{align}", True)
    assert_safe(shown)
    assert "composer" not in shown
    assert 'class="math-right math-joined-right"' in shown


def test_a_boxed_answer_is_a_row_with_a_class() -> None:
    assert mathml(r"\boxed{42}", False) == '<math><mrow class="math-boxed"><mn>42</mn></mrow></math>'


def test_text_in_a_formula_is_text() -> None:
    assert mathml(r"\text{<hx-partial>}", False) == "<math><mtext>&lt;hx-partial&gt;</mtext></math>"
