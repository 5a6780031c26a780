"""A model's Markdown as safe HTML, whole and while it grows. Pure: knows no Django and nothing of ours.

`render` shows a whole text. `GrowingText` shows one that is still being written: `feed` it, send `patches(since)` to a
reader who stands at `since`, and `html()` to one who joins; when the answer ends, send `render` of the whole text.
"""

from .code import COPY
from .core import legible
from .growing import GrowingText
from .rendering import render
from .tree import Patch, Place

__all__ = ["COPY", "GrowingText", "Patch", "Place", "legible", "render"]
