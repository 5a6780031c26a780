"""Raw calls in the text, cut at every character."""

from __future__ import annotations

import itertools
import time

import pytest

from providers.markup import ENDINGS, OPENERS, Code, Markup, leaks_in

DSML = '<｜DSML｜tool_calls>\n<｜DSML｜invoke name="get_date">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>'
V3 = "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_date\n```json\n{}\n```<｜tool▁call▁end｜>"

LEAKS = [
    pytest.param(f"Let me see.\n\n{DSML}", "Let me see.\n\n", id="DSML"),
    pytest.param(f"Let me see.{V3}", "Let me see.", id="version 3"),
    pytest.param("a <｜｜DSML｜｜function_calls>", "a ", id="double bars"),
    pytest.param("a <‖DSML‖tool_calls>", "a ", id="other bars"),
    pytest.param("a <|tool_calls_section_begin|>", "a ", id="ASCII"),
    pytest.param("a </｜DSML｜invoke>b", "a ", id="only its end"),
    pytest.param(DSML, "", id="nothing else"),
    pytest.param(f"`x`\n```py\ncode\n```\n{DSML}", "`x`\n```py\ncode\n```\n", id="after code"),
    pytest.param(f"```py\ncode\n```{V3}", "```py\ncode\n```", id="right after a fence"),
    pytest.param(f"it's 5` long\n{DSML}", "it's 5` long\n", id="after a lonely backtick"),
    pytest.param(f"```a``` b\n{DSML}", "```a``` b\n", id="after a span that looks like a fence"),
    pytest.param(f"``a ` b``{DSML}", "``a ` b``", id="after a span of two"),
    pytest.param(f"a<｜end▁of▁sentence｜>{DSML}", "a", id="after the token that ends an answer"),
    pytest.param(f"<<<｜DSML<{DSML}", "<<", id="after what looks like it"),
]

TEXTS = [
    pytest.param("Write `<｜DSML｜tool_calls>` first.", id="in a span"),
    pytest.param("Write ``<｜tool▁calls▁begin｜> ` `` first.", id="in a span of two"),
    pytest.param(f"So:\n```\n{DSML}\n```\nand so on", id="in a fence"),
    pytest.param(f"- So:\n  ```xml\n  {DSML}\n  ```\nand so on", id="in a fence within a list"),
    pytest.param(f"````markdown\n```python\n{V3}\n```\n{DSML}\n````", id="in a fence that holds another"),
    pytest.param(f"```\n```python\n{DSML}\n```", id="after what closes no fence"),
    pytest.param(f"```\n{DSML}", id="in a fence that is not closed"),
    pytest.param("a < b, <|, <｜, <｜DS, <tool_call>, <|toolbox|>, </p>", id="almost"),
    pytest.param("<", id="the beginning of it and nothing else"),
    pytest.param("a <｜tool▁cal", id="cut before it is one"),
]


def every_cut(text: str) -> list[list[str]]:
    return [[text[:cut], text[cut:]] for cut in range(len(text) + 1)] + [list(text)]


def shown(pieces: list[str], *, may_leak: bool = True) -> tuple[str, bool]:
    markup = Markup(may_leak=may_leak)
    text = "".join([*(markup.read(piece) for piece in pieces), markup.flush()])
    return text, markup.leaked


@pytest.mark.parametrize(("text", "visible"), LEAKS)
def test_a_leak_is_hidden_to_the_end_wherever_it_is_cut(text: str, visible: str) -> None:
    for pieces in every_cut(text):
        assert shown([*pieces, " and more"]) == (visible, True), pieces


@pytest.mark.parametrize("text", TEXTS)
def test_what_an_answer_talks_about_is_no_leak(text: str) -> None:
    for pieces in every_cut(text):
        assert shown(pieces) == (text, False), pieces


@pytest.mark.parametrize(("text", "_"), LEAKS[:7])
def test_nobody_leaks_who_knows_of_no_tools(text: str, _: str) -> None:
    for pieces in every_cut(text):
        assert shown(pieces, may_leak=False) == (text, False), pieces


@pytest.mark.parametrize("opener", OPENERS)
def test_every_spelling_is_known(opener: str) -> None:
    assert shown([f"a{opener}"]) == ("a", True)


@pytest.mark.parametrize("ending", [*ENDINGS, ENDINGS[0] * 2, f"{ENDINGS[0]}\n", f"{ENDINGS[1]} \n{ENDINGS[2]}"])
@pytest.mark.parametrize("may_leak", [True, False])
def test_the_token_that_ends_an_answer_is_dropped_at_its_end(ending: str, may_leak: bool) -> None:
    for pieces in every_cut(f"Yes.\n{ending}"):
        assert shown(pieces, may_leak=may_leak) == ("Yes.\n", False), pieces


@pytest.mark.parametrize("text", ["a <|im_end|> b", "`<｜end▁of▁sentence｜>`", "<|im_end|><", "<|im_end|>" + " " * 300])
@pytest.mark.parametrize("may_leak", [True, False])
def test_anywhere_else_it_is_text(text: str, may_leak: bool) -> None:
    for pieces in every_cut(text):
        assert shown(pieces, may_leak=may_leak) == (text, False), pieces


def test_text_is_not_held_back() -> None:
    markup = Markup(may_leak=True)
    assert [markup.read(piece) for piece in ("Hello", " a < b", "<", "b>", "`", "<|x")] == [
        "Hello",
        " a < b",
        "",
        "<b>",
        "`",
        "<|x",
    ]


def test_a_text_that_goes_on_within_code_is_in_code() -> None:
    markup = Markup(may_leak=True, before="Like this:\n```\n")
    assert markup.read(DSML) == DSML
    assert markup.read("\n```\n" + DSML) == "\n```\n"


def test_a_document_about_markup_is_read_in_no_time() -> None:
    """As a member may ask for it: each of them is looked at once."""
    text = "```" + "<｜DSML｜<｜end▁of▁sentence｜>" * 40_000
    begin = time.process_time()
    assert shown(["".join(piece) for piece in itertools.batched(text, 5)]) == (text.removesuffix(ENDINGS[0]), False)
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("", False),
        ("`", True),
        ("`a`", False),
        ("`a\n", False),
        ("```", True),
        ("```py\n", True),
        ("```py\n```", False),
        ("```py\n```\n", False),
        ("```py\n````\n", False),
        ("````\n```\n", True),
        ("> 1. ```\n", True),
        ("a ```\n", False),
        ("\n\n   ```\nx", True),
    ],
)
def test_code_stands_between_backticks(text: str, is_open: bool) -> None:
    for pieces in every_cut(text):
        code = Code()
        for piece in pieces:
            code.read(piece)
        assert code.is_open() is is_open, pieces


@pytest.mark.parametrize(
    ("arguments", "leak"),
    [
        ("{}", False),
        ('{"a": "`<｜DSML｜invoke>`"}', False),
        ('{"a": "<｜DSML｜invoke>"}', True),
        ('{"a": "\\u003c\\uff5cDSML\\uff5cinvoke>"}', True),
        ('{"a": <｜DSML｜invoke>', True),
        ("[" * 100_000, False),
    ],
)
def test_arguments_leak_as_text_does(arguments: str, leak: bool) -> None:
    assert leaks_in(arguments) is leak
