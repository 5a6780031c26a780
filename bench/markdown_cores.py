"""Which Markdown core? Time of a paragraph's tail and of whole documents, alone and through nh3, and what each can do.

python -m bench.markdown_cores
"""

from collections.abc import Callable
from functools import partial
from timeit import repeat

import cmarkgfm  # type: ignore[import-untyped]  # has no types
import comrak
import nh3
from cmarkgfm.cmark import Options  # type: ignore[import-untyped]  # has no types
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin

from conversations.markdown import GrowingText, render

type Core = Callable[[str], str]

SENTENCE = "The quick brown fox **jumps** over the `lazy` dog, see [here](https://example.org/a), while it sleeps. "
TAILS = {length: (SENTENCE * 5)[:length] for length in (10, 100, 400)}
DOCUMENT = (
    "# Title\n\n" + SENTENCE * 4 + "\n\n- one\n- two\n  - three\n\n1. a\n2. b\n\n> quote\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n```text\ncode < here\n```\n\n"
) * 20

FEATURES = {
    "tables": ("| a |\n|---|\n| b |", "<td>"),
    "tasks": ("- [x] a", "checkbox"),
    "strikethrough": ("~~a~~", "<del>|<s>"),
    "bare links": ("www.example.org", "<a "),
    "footnotes": ("a[^1]\n\n[^1]: b", "footnote"),
    "$ formulas": ("$x_1$", "math"),
    "\\( formulas": (r"\(x_1\)", "math"),
    "prices stay": ("costs $5 and $10", "costs $5 and $10"),
    "bold in Chinese": ("他说**“你好。”**然后", "<strong>"),
    "HTML as text": ("<b>a</b>", "&lt;b&gt;"),
}


def cores() -> dict[str, Core]:
    """The candidates, each with all of our features that it has."""
    extensions, rendering = comrak.ExtensionOptions(), comrak.RenderOptions()
    extensions.table = extensions.tasklist = extensions.strikethrough = extensions.autolink = True
    extensions.footnotes = extensions.math_dollars = extensions.math_latex = extensions.cjk_friendly_emphasis = True
    rendering.escape = True
    parser = MarkdownIt("gfm-like", {"html": False, "linkify": False})
    parser.use(dollarmath_plugin).use(footnote_plugin).use(tasklists_plugin)
    return {
        "comrak": partial(comrak.render_markdown, extension_options=extensions, render_options=rendering),
        "cmarkgfm": partial(cmarkgfm.github_flavored_markdown_to_html, options=Options.CMARK_OPT_FOOTNOTES),
        "markdown-it-py": parser.render,
    }


def microseconds(deed: Callable[[], object]) -> float:
    """The best of five."""
    times = 2_000
    while True:
        best = min(repeat(deed, number=times, repeat=5)) / times * 1e6
        if best * times < 5e6 or times == 1:
            return best
        times = max(times // 10, 1)


def timed(name: str, core: Core) -> str:
    """One row of times: the tails, the tails through nh3, the document in MB/s."""
    alone = [microseconds(partial(core, tail)) for tail in TAILS.values()]
    cleaned = [microseconds(lambda tail=tail: nh3.clean(core(tail))) for tail in TAILS.values()]  # type: ignore[misc]
    speed = len(DOCUMENT) / min(repeat(lambda: core(DOCUMENT), number=3, repeat=3)) * 3 / 1e6
    return f"{name:16}" + "".join(f"{time:9.1f}" for time in [*alone, *cleaned, speed])


def grown(size: int) -> float:
    """Microseconds of feeding and patching one tick of so many characters."""

    def grow() -> None:
        growing = GrowingText("t1")
        for start in range(0, len(text), size):
            since = growing.place
            growing.feed(text[start : start + size])
            growing.patches(since)

    text = SENTENCE * 50
    return min(repeat(grow, number=1, repeat=5)) / (len(text) / size) * 1e6


def can(core: Core, feature: str) -> str:
    """Whether the core has the feature."""
    text, signs = FEATURES[feature]
    return "yes" if any(sign in core(text) for sign in signs.split("|")) else "no"


def main() -> None:
    """Print both tables."""
    lengths = "".join(f"{f'{length}':>9}" for length in TAILS)
    print(f"{'µs for tails of':16}{lengths}{lengths.replace(' ', ' ')}     MB/s   (second three: and nh3)")
    for name, core in cores().items():
        print(timed(name, core))
    print(timed("render (ours)", render))
    print("µs a tick, fed 5 / 36 characters:", " / ".join(f"{grown(size):.0f}" for size in (5, 36)))
    for feature in FEATURES:
        print(f"{feature:16}", *(f"{name} {can(core, feature):5}" for name, core in cores().items()))


if __name__ == "__main__":
    main()
