"""A block of code: its language, a button that copies it, and its colours."""

import html
import re
from collections.abc import Iterator
from functools import cache
from time import thread_time

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType

MOST_COLOURED = 200_000  # characters of one text: 4,000,000 are possible, and would take half a minute
LONGEST_COLOURED = 20_000
LONGEST_LINE_COLOURED = 2_000
SECONDS_TO_COLOUR = 0.5  # of the CPU: on a busy machine a page must look like the one before
LONGEST_NAME = 30

# Display name: the names models use for it; the first one is the lexer's. A lexer is never guessed.
_LANGUAGES = {
    "Bash": "bash sh shell zsh console shell-session terminal",
    "Batch": "batch bat cmd",
    "C": "c h",
    "C#": "csharp c# cs",
    "C++": "cpp c++ cc hpp cxx",
    "Clojure": "clojure clj",
    "CMake": "cmake",
    "CSS": "css",
    "Dart": "dart",
    "Diff": "diff patch",
    "Django": "django jinja jinja2",
    "Dockerfile": "docker dockerfile",
    "Elixir": "elixir ex exs",
    "Erlang": "erlang erl",
    "F#": "fsharp f# fs",
    "Fortran": "fortran f90",
    "Go": "go golang",
    "GraphQL": "graphql gql",
    "Groovy": "groovy",
    "Haskell": "haskell hs",
    "HCL": "hcl terraform tf",
    "HTML": "html xhtml htm",
    "HTTP": "http",
    "INI": "ini cfg conf",
    "Java": "java",
    "JavaScript": "javascript js mjs jsx node",
    "JSON": "json jsonc json5",
    "Julia": "julia jl",
    "Kotlin": "kotlin kt kts",
    "LaTeX": "latex tex",
    "Lua": "lua",
    "Makefile": "make makefile",
    "Markdown": "markdown md",
    "MATLAB": "matlab octave",
    "nginx": "nginx",
    "Nix": "nix",
    "Objective-C": "objective-c objectivec objc",
    "OCaml": "ocaml ml",
    "Perl": "perl pl",
    "PHP": "php",
    "PowerShell": "powershell ps1 pwsh",
    "Protocol Buffers": "protobuf proto",
    "Python": "python py python3 py3",
    "Python console": "pycon",
    "R": "r rlang",
    "Ruby": "ruby rb",
    "Rust": "rust rs",
    "Scala": "scala",
    "Scheme": "scheme lisp racket",
    "SCSS": "scss sass",
    "Solidity": "solidity sol",
    "SQL": "sql mysql sqlite tsql plsql",
    "PostgreSQL": "postgresql postgres psql",
    "Swift": "swift",
    "Text": "text txt plain plaintext output log",
    "TOML": "toml",
    "TypeScript": "typescript ts tsx",
    "Verilog": "verilog systemverilog",
    "VHDL": "vhdl",
    "Vim script": "vim viml",
    "XML": "xml svg xsl",
    "YAML": "yaml yml",
    "Zig": "zig",
}
# The one word of ours in what Markdown becomes; conversations.showing says it in the reader's language.
COPY = '<button type="button" class="copy">Copy</button>'
_NAMES = {alias: name for name, aliases in _LANGUAGES.items() for alias in aliases.split()}
_STRANGE = re.compile(r"[^\w+#.-]+")


def opening(language: str) -> str:
    """Everything before the <code> element; a growing block starts with it as well."""
    caption = f"<figcaption><span>{html.escape(display_name(language))}</span>"
    return f'<figure class="code">{caption}{COPY}</figcaption><pre>'


def display_name(language: str) -> str:
    """The name above the block: ours if we know the language, else the model's without strange characters."""
    return _NAMES.get(language.lower()) or _STRANGE.sub("", language)[:LONGEST_NAME] or "Text"


def is_coloured(language: str, source: str) -> bool:
    """Whether finishing this block can change how it looks."""
    return len(source) <= LONGEST_COLOURED and _NAMES.get(language.lower(), "Text") != "Text"


class Brush:
    """Colours the code of one text, so much of it, until one block takes too long."""

    def __init__(self) -> None:
        self._left = MOST_COLOURED

    def figure(self, language: str, source: str) -> str:
        """The finished block, coloured if we know the language and the block is not too large."""
        return f"{opening(language)}<code>{self._coloured(language, source)}</code></pre></figure>"

    def _coloured(self, language: str, source: str) -> str:
        if not is_coloured(language, source) or max(map(len, source.split("\n"))) > LONGEST_LINE_COLOURED:
            return html.escape(source)
        self._left -= len(source)
        try:
            return "".join(_spans(_lexer(_NAMES[language.lower()]), source)) if self._left >= 0 else html.escape(source)
        except TimeoutError:
            self._left = 0
            return html.escape(source)


@cache
def _lexer(name: str) -> Lexer:
    return get_lexer_by_name(_LANGUAGES[name].split()[0], stripnl=False, ensurenl=False)


def _spans(lexer: Lexer, source: str) -> Iterator[str]:
    deadline = thread_time() + SECONDS_TO_COLOUR
    for token, text in lexer.get_tokens(source):
        if thread_time() > deadline:
            raise TimeoutError
        name = _class(token)
        yield f'<span class="{name}">{html.escape(text)}</span>' if name else html.escape(text)


@cache
def _class(token: _TokenType) -> str:
    """The short class of the token, or nothing for tokens that look like plain text anyway."""
    known = token
    while known not in STANDARD_TYPES and known.parent:
        known = known.parent
    name = STANDARD_TYPES.get(known, "")
    return "" if name in {"n", "p", "w", "x", "nx", "ni", "l", "ld", "g", "esc", "err"} else name
