"""A whole text at once."""

import html

from . import core


def render(text: str) -> str:
    """Safe HTML of a whole text. Never raises: a text that cannot be rendered is shown as escaped text."""
    try:
        return core.safe_html(core.legible(text))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # a panic of the core (Rust) is not an Exception
        return f"<p>{html.escape(core.legible(text))}</p>"
