"""Where a continuation meets what was said before: no word doubled, none lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.seams import SHORTEST_REPEAT, Seam

STORY = "Once upon a time there was a fox. It was quick and brown, and it jumped over every dog that it met on its way"
AT = STORY.index(" it jumped")  # models are stopped between words


def joined(before: str, pieces: list[str]) -> str:
    seam = Seam(before)
    return before + "".join(seam.take(piece) for piece in pieces) + seam.flush()


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("before", "said"),
    [
        (STORY[:AT], STORY[AT:]),  # goes on just there
        (STORY[:AT], STORY[40:]),  # repeats its last words
        (STORY[:AT], STORY[34:]),  # … its last sentence
        (STORY[:AT], STORY),  # … everything
        (STORY[:AT], f"\n\n{STORY[40:]}"),
    ],
)
def test_what_is_repeated_is_left_out(before: str, said: str, size: int) -> None:
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    assert joined(before, pieces) == STORY


def test_nothing_is_held_back_once_it_is_new() -> None:
    seam = Seam("It was quick and")
    assert seam.take(" brown") == " brown"
    assert seam.take(" and") == " and"


def test_what_may_still_be_a_repeat_waits() -> None:
    seam = Seam("It was quick and brown")
    assert seam.take("quick and") == ""
    assert seam.take(" brown") == ""
    assert seam.take(", and it jumped") == ", and it jumped"


def test_a_short_coincidence_is_no_repeat() -> None:
    assert joined("He said ha ha", [" ha", " and left"]) == "He said ha ha ha and left"


def test_two_words_do_not_become_one() -> None:
    assert joined("the quick brown", ["fox"]) == "the quick brown fox"
    assert joined("the quick brown,", [" fox"]) == "the quick brown, fox"
    assert joined("敏捷的棕色", ["狐狸"]) == "敏捷的棕色狐狸"
    assert joined("f(x", [")"]) == "f(x)"


def test_before_a_first_word_there_is_no_seam() -> None:
    assert Seam("").take("Once") == "Once"


@given(text=st.text(min_size=40), cut=st.integers(10, 30), back=st.integers(0, 30), data=st.data())
def test_any_repeat_in_any_pieces_is_left_out_whole(text: str, cut: int, back: int, data: st.DataObject) -> None:
    """A true repeat is never left in. (A shorter one that is there by chance may be found first: only ends count.)"""
    before, said = text[:cut], text[max(0, cut - back) :]
    at = data.draw(st.lists(st.integers(0, len(said)), max_size=5).map(sorted))
    pieces = [said[a:b] for a, b in zip([0, *at], [*at, len(said)], strict=True)]
    seen = joined(before, pieces)
    assert seen == joined(before, [said])
    if cut - max(0, cut - back) >= SHORTEST_REPEAT and not said[0].isspace():
        assert len(seen) <= len(text)
