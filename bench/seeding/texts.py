"""What is said: questions and answers in English and Chinese, with lists, code and tables, short and long."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

ENGLISH = (
    "The index is read from its end, so the newest rows come first. ",
    "That works as long as nobody writes to the same page at once. ",
    "Take the smaller of the two, and try again if it changed meanwhile. ",
    "In practice **most of the time** goes into waiting for the disk. ",
    "See `EXPLAIN ANALYZE` for what the planner thought and what it found. ",
)
CHINESE = (
    "索引从末尾读起，所以最新的行排在最前面。",
    "只要没有人同时写入同一页，这样就可以。",
    "实际上，**大部分时间**都花在等待磁盘上。",
    "取两者中较小的一个，如果期间发生变化就再试一次。",
)
BLOCKS = (
    "\n\n```python\ndef newest(rows):\n    return sorted(rows, reverse=True)[:10]\n```\n\n",
    "\n\n- first the lock\n- then the row\n- 最后提交\n\n",
    "\n\n| plan | rows | ms |\n|---|---|---|\n| index | 100 | 0.3 |\n| 顺序扫描 | 5000000 | 1900 |\n\n",
    "\n\n## In short\n\n",
    "\n\n",
)
QUESTIONS = (
    "Why is {} slow?",
    "How do I test {}?",
    "为什么{}这么慢？",
    "Explain {} to a newcomer, please.",
    "怎么测试{}？",
)
SUBJECTS = ("a partial index", "the planner", "vacuum", "部分索引", "a lock that waits", "事务隔离级别", "pagination")


def texts(random: Random, count: int) -> Iterator[tuple[int, str, str, str]]:
    """So many of (number, question, answer, reasoning); four of five reasonings are empty."""
    for number in range(count):
        words = CHINESE if random.random() < 0.4 else ENGLISH
        question = _written(random, words, 8000) if random.random() < 0.01 else _asked(random)
        reasoning = _written(random, words, _length(random)) if random.random() < 0.2 else ""
        yield number, question, _written(random, words, _length(random)), reasoning


def _asked(random: Random) -> str:
    return random.choice(QUESTIONS).format(random.choice(SUBJECTS))


def _length(random: Random) -> int:
    """Characters: half of them below 700, one of a hundred above 7,000."""
    return min(int(random.lognormvariate(6.55, 1)), 40_000)


def _written(random: Random, words: tuple[str, ...], length: int) -> str:
    pieces: list[str] = []
    size = 0
    while size < length:
        pieces.append(random.choice(BLOCKS) if random.random() < 0.12 else random.choice(words))
        size += len(pieces[-1])
    return "".join(pieces).strip()[:length]
