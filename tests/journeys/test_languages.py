"""One conversation, read in English and in Chinese at once. Pictures in tests/screenshots, for people to look at."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import expect

from accounts.models import User
from catalog.models import Route
from tests.journeys.conftest import Visit, answer, ask, assert_same_as_a_reload, wait_for_end
from tests.journeys.looking import NARROW, look
from tests.languages.reading import words_of
from tests.upstream import Gate, Script, Upstream, tokenized

CHINESE: dict[str, Any] = {"locale": "zh-CN", "timezone_id": "Asia/Shanghai"}
PHONE = {**NARROW, **CHINESE}

THOUGHTS = "题目要求给出一个快速排序，并说明复杂度。先写函数，再分析平均与最坏情况。"
ANSWER = """\
可以这样写：

```python
def quick_sort(items):
    if len(items) < 2:
        return items
    pivot, *rest = items
    return quick_sort([x for x in rest if x < pivot]) + [pivot] + quick_sort([x for x in rest if x >= pivot])
```

| 情况 | 时间复杂度 |
|---|---|
| 平均 | $O(n \\log n)$ |
| 最坏 | $O(n^2)$ |

**平均情况下**每一层把数据大致分成两半，因此只有对数层。
"""


def test_two_who_read_one_answer_are_told_how_it_goes_each_in_their_language(
    visit: Visit, alice: User, route: Route, upstream: Upstream
) -> None:
    thinks, writes = Gate(), Gate()
    script = Script().role(reasoning=True).tokens(tokenized(THOUGHTS), 400, "reasoning_content").gate(thinks)
    upstream.play(script.tokens(tokenized(ANSWER), 400).gate(writes).finish().done())
    chinese, phone, english_window = visit(alice, **CHINESE), visit(alice, **PHONE), visit(alice)
    page = chinese.tab()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    look(page, "chinese-empty")
    ask(page, "用 Python 写一个快速排序，并解释它的复杂度。")
    expect(answer(page).locator("summary")).to_contain_text("正在思考")
    path = urlsplit(page.url).path
    small, other = phone.tab(path), english_window.tab(path)
    expect(answer(other).locator("summary")).to_contain_text("Thinking")
    thinks.open()
    for reader, states, copy in (
        (page, "正在回答…", "复制"),
        (small, "正在回答…", "复制"),
        (other, "Writing…", "Copy"),
    ):
        expect(answer(reader).locator(".phase")).to_have_text(states)
        expect(answer(reader).locator("button.copy")).to_have_text(copy)
    look(page, "chinese-writing")
    writes.open()
    for reader in (page, small, other):
        wait_for_end(reader)
    assert_same_as_a_reload(chinese, page)
    assert_same_as_a_reload(english_window, other)
    assert not words_of(page.content())
    page.locator("#settings summary").click()
    look(page, "chinese-settings")
    look(small, "chinese-phone")
