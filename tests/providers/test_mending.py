"""Text that a database can store."""

from hypothesis import given
from hypothesis import strategies as st

from providers.mending import Mender


def mended(*pieces: str) -> str:
    mender = Mender()
    return "".join([*(mender.mend(piece) for piece in pieces), mender.flush()])


def test_an_emoji_cut_between_two_chunks_is_joined() -> None:
    assert mended("a\ud83d", "\ude80b") == "a🚀b"


def test_half_an_emoji_is_replaced() -> None:
    assert mended("a\ud83d", "b") == "a\ufffdb"
    assert mended("a\ude80b") == "a\ufffdb"
    assert mended("a\ud83d") == "a\ufffd"


def test_nul_is_replaced() -> None:
    assert mended("a\0b", "é\0") == "a\ufffdbé\ufffd"


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=[]), min_size=1)))
def test_what_comes_out_can_always_be_encoded_and_good_text_is_untouched(pieces: list[str]) -> None:
    text = mended(*pieces)
    text.encode()
    joined = "".join(pieces)
    if not any("\ud800" <= character <= "\udfff" for character in joined):
        assert text == joined
