"""HTML is made safe in one place, and trusted in two: whoever goes around them fails here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
ROOMS = ("accounts", "catalog", "chatsite", "conversations", "providers", "usage")

# Who may call a text HTML. In showing.py it comes out of conversations.markdown or `escape`; in partials.py, out of a
# template.
TRUSTS = {"conversations/showing.py": 3, "conversations/templatetags/partials.py": 1}

# Who makes what: everything that is made from a model's words passes the gate.
MAKERS = {
    "comrak": {"conversations/markdown/core.py"},
    "math_core": {"conversations/markdown/formulas.py"},
    "nh3": {"conversations/markdown/gate.py"},
    "pygments": {"conversations/markdown/code.py", "conversations/markdown/gate.py"},
}

TRUSTING = {"mark_safe", "SafeString", "SafeText", "SafeData", "html_safe"}
FORMATTING = {"format_html", "format_html_join"}
UNESCAPED = {"Template", "from_string"}  # a template that is made while the house runs


def ours(*patterns: str, rooms: tuple[str, ...] = ROOMS) -> Iterator[Path]:
    for room in rooms:
        for pattern in patterns:
            yield from sorted((HOUSE / room).rglob(pattern))


def named(path: Path) -> str:
    return str(path.relative_to(HOUSE))


def _name(function: ast.expr) -> str:
    return str(getattr(function, "attr", None) or getattr(function, "id", ""))


def trusting(tree: ast.AST) -> Iterator[str]:
    """Every way of Django to say that a text is HTML, where it is done."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=function, args=arguments) if _name(function) in TRUSTING | UNESCAPED:
                if not (arguments and isinstance(arguments[0], ast.Constant)):
                    yield f"{_name(function)}, line {node.lineno}"
            case ast.Call(func=function, args=arguments) if _name(function) in FORMATTING:
                patterns = arguments[: 1 + (_name(function) == "format_html_join")]
                if not patterns or not all(isinstance(it, ast.Constant) for it in patterns):
                    yield f"{_name(function)} of no literal, line {node.lineno}"
            case ast.FunctionDef(name="__html__") | ast.keyword(arg="autoescape") | ast.keyword(arg="allow_tags"):
                yield f"{getattr(node, 'name', None) or getattr(node, 'arg', '')}, line {node.lineno}"
            case ast.ImportFrom(names=names):
                yield from (
                    f"{it.name} as {it.asname}" for it in names if it.asname and it.name in TRUSTING | FORMATTING
                )
            case ast.ClassDef(bases=bases) if {_name(it) for it in bases} & TRUSTING:
                yield f"{node.name}, line {node.lineno}"


def imported(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {it.name.partition(".")[0] for it in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_a_text_is_called_html_in_two_modules_only() -> None:
    found = {named(path): list(trusting(ast.parse(path.read_text()))) for path in ours("*.py")}
    assert {name: len(them) for name, them in found.items() if them} == TRUSTS, found


def test_only_the_markdown_makes_html_of_a_models_words() -> None:
    makers: dict[str, set[str]] = {}
    for path in ours("*.py"):
        for library in imported(ast.parse(path.read_text())) & set(MAKERS):
            makers.setdefault(library, set()).add(named(path))
    assert makers == MAKERS


@pytest.mark.parametrize(
    "code",
    [
        "mark_safe(x)",
        "safestring.SafeString(f'<b>{x}</b>')",
        "format_html(f'<b>{x}</b>')",
        "format_html('<b>' + x)",
        "format_html_join('', x, them)",
        "format_html_join(x, '{}', them)",
        "from django.utils.safestring import mark_safe as fine",
        "class Mine(SafeString): pass",
        "def __html__(self): return self.x",
        "engines['django'].from_string(x)",
        "Template(x)",
        "Engine(autoescape=False)",
    ],
)
def test_no_way_of_python_to_trust_a_text_is_overlooked(code: str) -> None:
    assert list(trusting(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["format_html('<b>{}</b>', x)", "format_html_join('', '<li>{}</li>', them)", "escape(x)"]
)
def test_what_escapes_is_no_trust(code: str) -> None:
    assert not list(trusting(ast.parse(code)))


# Templates.

IN_TEMPLATES = {
    "trusts a variable": r"\|\s*(?:safe|safeseq)\b|\{%\s*autoescape\s+off|\{%\s*debug",
    "has script in an attribute": r"""\son\w+\s*=|javascript:|\shx-on|\shx-vals=['"]js:|\[[^\]]*\]\s*from:""",
    "has style in an attribute": r"\sstyle\s*=|<style\b",
    "has a script without a nonce": r"<script\b(?![^>]*\b(?:nonce=|csp_nonce_attr\b))",
    "leads out with an opener": r"target=._blank(?![^>]*rel=.noopener)",
    "has a variable where no quotes are around it": r"""<[^<>"]*(?:"[^"]*"[^<>"]*)*\s[\w-]+=\{\{""",
}
MAIL = "email"  # text, which knows no markup


@pytest.mark.parametrize("what", IN_TEMPLATES)
def test_no_template(what: str) -> None:
    pages = list(ours("*.html", rooms=("templates", *ROOMS)))
    assert len(pages) > 20
    assert not [named(it) for it in pages if re.search(IN_TEMPLATES[what], it.read_text())]


def test_only_mails_are_not_escaped_and_they_are_plain_text() -> None:
    others = [it for it in ours("*", rooms=("templates",)) if it.is_file() and it.suffix != ".html"]
    free = {it for it in others if "autoescape off" in it.read_text() or re.search(r"\|\s*safe\b", it.read_text())}
    assert {it.parent.name for it in free} == {MAIL}
    assert {it.suffix for it in free} == {".txt"}


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("trusts a variable", "{{ text | safe }}"),
        ("trusts a variable", "{% autoescape off %}"),
        ("has script in an attribute", '<a onclick="x()">'),
        ("has style in an attribute", '<p style="x">'),
        ("has a script without a nonce", '<script src="{% static "x.js" %}">'),
        ("leads out with an opener", '<a href="x" target="_blank">'),
        ("has a variable where no quotes are around it", "<a href={{ x }}>"),
    ],
)
def test_a_template_that_did_would_be_found(what: str, line: str) -> None:
    assert re.search(IN_TEMPLATES[what], line)


# Scripts of our own. htmx puts in what our server sends; nothing else makes elements of text.

IN_SCRIPTS = re.compile(
    r"innerHTML|outerHTML\s*=|insertAdjacentHTML|document\.write|setHTML|createContextualFragment|DOMParser|srcdoc"
    r"|\beval\(|new Function|\bFunction\(|set(?:Timeout|Interval)\(\s*[\"'`]|javascript:|\.on\w+\s*=\s*[\"'`]"
)
# The one place for pages of ours that we ask ourselves for: their scripts stay dead, a visit would show no less.
OUR_OWN_PAGE = 'const parsed = (html) => new DOMParser().parseFromString(html, "text/html");'
LISTENS_TO_STRANGERS = re.compile(r"""addEventListener\(\s*["']message["']|\bonmessage\b|BroadcastChannel|opener\b""")


def test_our_script_makes_no_elements_of_text_and_hears_nobody_elses_messages() -> None:
    scripts = [it for it in ours("*.js", rooms=("static",)) if "vendor" not in it.parts]
    assert [it.name for it in scripts if OUR_OWN_PAGE in it.read_text()] == ["common.js"]
    for script in scripts:
        assert not IN_SCRIPTS.search(script.read_text().replace(OUR_OWN_PAGE, "")), script
        assert not LISTENS_TO_STRANGERS.search(script.read_text()), script


@pytest.mark.parametrize(
    "line",
    ["it.innerHTML = x", "it.insertAdjacentHTML('beforeend', x)", "eval(x)", "setTimeout('x()')", "it.srcdoc = x"],
)
def test_a_script_that_did_would_be_found(line: str) -> None:
    assert IN_SCRIPTS.search(line)
