"""A whole text: what Markdown can do here, and what it can't do to us."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.markdown import render
from tests.conversations.markdown.safety import assert_safe
from tests.conversations.markdown.samples import ATTACKS, SAMPLES

LINK = 'target="_blank" rel="noopener noreferrer nofollow ugc"'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# One\n\nTwo\n---", "<h1>One</h1>\n<h2>Two</h2>\n"),
        ("a *b* **c** ~~d~~ `e`", "<p>a <em>b</em> <strong>c</strong> <del>d</del> <code>e</code></p>\n"),
        ("a  \nb\\\nc", "<p>a<br>\nb<br>\nc</p>\n"),
        ("> a\n\n***", "<blockquote>\n<p>a</p>\n</blockquote>\n<hr>\n"),
        ("3) a\n4) b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>\n'),
        ("[a](http://x/?b=1&c=2)", f'<p><a href="http://x/?b=1&amp;c=2" {LINK}>a</a></p>\n'),
        ("www.example.org", f'<p><a href="http://www.example.org" {LINK}>www.example.org</a></p>\n'),
        ("<a@example.org>", f'<p><a href="mailto:a@example.org" {LINK}>a@example.org</a></p>\n'),
        ("他说**“你好。”**然后", "<p>他说<strong>“你好。”</strong>然后</p>\n"),
        ("🎉 *gut*", "<p>🎉 <em>gut</em></p>\n"),
        ("", ""),
    ],
)
def test_markdown_becomes_html(text: str, shown: str) -> None:
    assert render(text) == shown


def test_tasks_have_boxes_that_are_plain_text() -> None:
    assert render("- [ ] a\n- [x] b") == (
        '<ul class="contains-task-list">\n<li class="task-list-item"><span class="box">☐</span> a</li>\n'
        '<li class="task-list-item"><span class="box">☑</span> b</li>\n</ul>\n'
    )


def test_a_table_scrolls_in_its_own_box_and_is_aligned_by_classes() -> None:
    shown = render("| a | b | c |\n|:--|--:|---|\n| 1 | `x\\|y` | 3 |")
    assert shown.startswith('<div class="table"><table>')
    assert shown.endswith("</table></div>\n")
    assert '<td class="left">1</td>\n<td class="right"><code>x|y</code></td>\n<td>3</td>' in shown


@pytest.mark.parametrize(
    "text", ["[^1]:>[^1]:[^1]", "[^1]\n\n[^1]: > [^1]: b", "[^1]\n\n[^1]: - x\n    - [^2]: b\n\n    c"]
)
def test_a_footnote_that_is_defined_in_another_is_no_item_without_a_list(text: str) -> None:
    assert_safe(render(text))


def test_footnotes_have_numbers_and_no_ids() -> None:
    shown = render("a[^x] b[^y]\n\n[^y]: two\n[^x]: one")
    assert '<p>a<sup class="footnote">1</sup> b<sup class="footnote">2</sup></p>' in shown
    assert shown.endswith(
        '<section class="footnotes">\n<ol>\n<li>\n<p>one</p>\n</li>\n<li>\n<p>two</p>\n</li>\n</ol>\n</section>\n'
    )


def test_raw_html_is_text_and_the_markdown_between_it_is_not() -> None:
    assert render("<div>\n**a** <br/>\n</div>") == "<p>&lt;div&gt;\n<strong>a</strong> &lt;br/&gt;\n&lt;/div&gt;</p>\n"


def test_an_image_is_a_chip_that_names_its_host() -> None:
    assert render('![a "cat"](https://img.example.org/c.png "title")') == (
        f'<p><a class="image" href="https://img.example.org/c.png" {LINK}>a "cat" '
        '<span class="host">img.example.org</span></a></p>\n'
    )


def test_an_image_in_a_link_is_no_link_in_a_link() -> None:
    shown = render("[![a](http://b/c.png)](http://d/)")
    assert shown == f'<p><a href="http://d/" {LINK}><span class="image">a <span class="host">b</span></span></a></p>\n'


@pytest.mark.parametrize("target", ["/files/1", "//evil.tld/x", "data:image/png;base64,x", "javascript:x", "x.png"])
def test_an_image_that_is_nowhere_on_the_web_is_its_alt_text(target: str) -> None:
    assert render(f"![alt]({target})") == "<p>alt</p>\n"


@pytest.mark.parametrize(
    "target",
    [
        *["javascript:alert(1)", "JaVaScRiPt&colon;alert(1)", "&#1;javascript:x", "data:text/html,x", "vbscript:x"],
        *["vscode://x", "ms-msdt:/id", "search-ms:q", "smb://h/s", "file:///etc/passwd", "tel:1", "ftp://x/y"],
        *["//evil.tld", "\\\\\\\\evil\\\\share", "/logout", "?x", "foo", "#top", "http:/x", "https://", "http:x"],
    ],
)
def test_a_link_to_anywhere_but_web_and_mail_is_its_label(target: str) -> None:
    assert render(f"[label]({target})") == "<p>label</p>\n"


def test_characters_that_hide_or_reorder_text_are_taken_out() -> None:
    assert render("a\u202eb\u2066c\U000e0041d `\u202de`") == "<p>abcd <code>e</code></p>\n"


def test_nothing_of_htmx_survives_in_any_attribute() -> None:
    shown = render(
        '[a](http://x/<hx-a> "<hx-partial id=composer>") ![<head>](http://x/<template>)\n\n```<script>\nx\n```'
    )
    assert_safe(shown)
    assert "composer" not in shown


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_text(attack: str) -> None:
    for text in (attack, f"- {attack}", f"> {attack}", f"| a |\n|---|\n| {attack} |", f"**{attack}**", f"`{attack}`"):
        assert_safe(render(text))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_prefix_of_an_answer_is_safe(name: str) -> None:
    for end in range(len(SAMPLES[name])):
        assert_safe(render(SAMPLES[name][:end]))


@given(
    st.lists(st.sampled_from([*ATTACKS, "\n", " ", "*", "`", "[", "$", "|", "> ", "- ", "a"]), max_size=8).map("".join)
)
@settings(max_examples=200, deadline=None)
def test_attacks_in_any_order_are_text(text: str) -> None:
    assert_safe(render(text))


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_any_text_can_be_rendered(text: str) -> None:
    assert_safe(render(text))


def test_a_lone_surrogate_can_be_rendered() -> None:
    assert render("a\ud800b") == "<p>a\ufffdb</p>\n"
