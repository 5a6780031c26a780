"""What workers wrote into rows, in English, is read in the reader's language."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import translation

from catalog.sentences import NOBODY, translated
from conversations import answering, briefing, calling, ending
from conversations.ending import Outcome
from conversations.models import Conversation, Generation
from providers.errors import ImagesRefusedError, OverloadedError, ProviderError, StalledError

COMPLAINT = "The model cannot look at images: at most 0 image(s): see https://example.org/a: b"


def every_error(kind: type[ProviderError] = ProviderError) -> list[type[ProviderError]]:
    return [kind, *(below for it in kind.__subclasses__() for below in every_error(it))]


def has_latin(sentence: str) -> bool:
    for name in ("API", "JSON"):
        sentence = sentence.replace(name, "")
    return any("a" <= letter <= "z" for letter in sentence.lower())


@pytest.mark.parametrize("kind", every_error())
def test_every_error_has_words_in_chinese(kind: type[ProviderError]) -> None:
    with translation.override("zh-hans"):
        assert not has_latin(translated(kind.sentence)), kind.sentence


@pytest.mark.parametrize("clock", ["first_event", "idle", "total"])
def test_every_clock_has_words_in_chinese(clock: str) -> None:
    with translation.override("zh-hans"):
        assert not has_latin(translated(StalledError(clock).sentence))  # type: ignore[arg-type]  # one of the three


OUTCOMES = [
    it
    for module in (answering, briefing, ending)
    for it in vars(module).values()
    if isinstance(it, Outcome) and it.error
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda it: it.error)
def test_every_end_of_an_answer_has_words_in_chinese(outcome: Outcome) -> None:
    with translation.override("zh-hans"):
        assert not has_latin(translated(outcome.error))


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("", ""),
        (OverloadedError.sentence, "服务商当前负载过高。"),
        (COMPLAINT, "该模型不支持图片：at most 0 image(s): see https://example.org/a: b"),
        (
            NOBODY % {"count": 3, "label": "Deep", "why": OverloadedError.sentence},
            "“深度”的 3 个模型均无法回答。服务商当前负载过高。",
        ),
        (
            NOBODY % {"count": 2, "label": "Ours 100 % “s”", "why": COMPLAINT},
            "“Ours 100 % “s””的 2 个模型均无法回答。该模型不支持图片：at most 0 image(s): see https://example.org/a: b",
        ),
        ("A sentence of an older version: nobody knows it.", "A sentence of an older version: nobody knows it."),
        ("%s %(count)s {0}", "%s %(count)s {0}"),
    ],
)
def test_a_stored_sentence_is_read_in_chinese_and_in_english_as_it_was_written(stored: str, read: str) -> None:
    with translation.override("zh-hans"):
        assert translated(stored) == read
    with translation.override("en"):
        assert translated(stored) == stored


def test_the_page_says_why_an_answer_failed_in_its_language(
    conversation: Conversation, generation: Generation, browser_of_alice: Client
) -> None:
    failed = Outcome(Generation.State.FAILED, ImagesRefusedError.code, COMPLAINT)
    ending.end(generation, failed, may=lambda _: True)
    page = browser_of_alice.get(conversation.get_absolute_url(), headers={"Accept-Language": "zh-CN"})
    assert "该模型不支持图片：at most 0 image(s)" in page.content.decode()


def test_a_provider_that_is_left_alone_has_words_in_chinese() -> None:
    with translation.override("zh-hans"):
        assert not has_latin(translated(calling.RestingError.sentence))
