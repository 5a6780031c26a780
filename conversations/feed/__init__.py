"""One reader's place in the log: events in, frames out."""

from conversations.feed.feed import Feed
from conversations.feed.reader import Reader

__all__ = ["Feed", "Reader"]
