"""The decoder, fed every way the network may cut."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import MalformedStreamError
from providers.sse import BYTES_PER_EVENT, Decoder, Event

STREAM = (
    b"\xef\xbb\xbf: keep-alive\n\n"
    b'data: {"text":"caf\xc3\xa9 \xf0\x9f\x9a\x80"}\n\n'
    b"data:no space\n\n"
    + 'data: {"text":"a\u2028b\u2029c\u0085d\x0be"}\n\n'.encode()
    + b"id: 7\n\nevent: ping\ndata: one\ndata: two\n\nretry: 5\nplain text\nerror: broken\n"
    b'{"error":"ollama"}\ndata: [DONE]\n\ndata: unterminated'
)
EVENTS = [
    Event("", '{"text":"café 🚀"}'),
    Event("", "no space"),
    Event("", '{"text":"a\u2028b\u2029c\u0085d\x0be"}'),
    Event("ping", "one\ntwo"),
    Event("error", "broken"),
    Event("error", '{"error":"ollama"}'),
    Event("", "[DONE]"),
]
ENDINGS = [b"\n", b"\r\n", b"\r"]


def decoded(*pieces: bytes) -> list[Event]:
    decoder = Decoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_one_cut_anywhere_changes_nothing(ending: bytes) -> None:
    stream = STREAM.replace(b"\n", ending)
    for cut in range(len(stream) + 1):
        assert decoded(stream[:cut], stream[cut:]) == EVENTS, cut


@pytest.mark.parametrize("ending", ENDINGS)
def test_any_size_of_piece_changes_nothing(ending: bytes) -> None:
    stream = STREAM.replace(b"\n", ending)
    for size in range(1, len(stream)):
        assert decoded(*(stream[start : start + size] for start in range(0, len(stream), size))) == EVENTS, size


@given(st.lists(st.integers(0, len(STREAM) * 2)), st.sampled_from(ENDINGS))
def test_any_set_of_cuts_changes_nothing(cuts: list[int], ending: bytes) -> None:
    stream = STREAM.replace(b"\n", ending)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert decoded(*(stream[start:end] for start, end in pairwise(places))) == EVENTS


@given(st.lists(st.text(min_size=1), min_size=1), st.data())
def test_any_json_survives(texts: list[str], data: st.DataObject) -> None:
    stream = b"".join(b"data: " + json.dumps(t, ensure_ascii=False).encode(errors="replace") + b"\n\n" for t in texts)
    cut = data.draw(st.integers(0, len(stream)))
    expected = [text.encode(errors="replace").decode() for text in texts]
    assert [json.loads(event.data) for event in decoded(stream[:cut], stream[cut:])] == expected


def test_carriage_return_and_line_feed_in_two_reads_are_one_line_end() -> None:
    assert decoded(b"data: a\r", b"\ndata: b\r", b"\n", b"\r", b"\n") == [Event("", "a\nb")]


def test_broken_utf8_is_replaced_and_the_stream_goes_on() -> None:
    assert decoded(b"data: a\xff\xfeb\n\ndata: c\n\n") == [Event("", "a\ufffd\ufffdb"), Event("", "c")]


def test_a_line_that_never_ends_is_given_up_after_a_mebibyte() -> None:
    decoder = Decoder()
    with pytest.raises(MalformedStreamError):
        for _ in range(BYTES_PER_EVENT // 16384 + 1):
            decoder.feed(b"x" * 16384)


def test_an_event_of_many_lines_is_given_up_after_a_mebibyte() -> None:
    decoder = Decoder()
    with pytest.raises(MalformedStreamError):
        for _ in range(BYTES_PER_EVENT // 1000 + 1):
            decoder.feed(b"data: " + b"x" * 1000 + b"\n")


@pytest.mark.parametrize(
    "noise", [b"\n", b"\r\n", b": keep-alive\n\n", b"event: ping\n\n", b"id: 7\n", b"data\n", b"words\n"]
)
def test_noise_without_an_event_is_given_up_after_a_mebibyte(noise: bytes) -> None:
    decoder, piece = Decoder(), noise * (16384 // len(noise))
    for _ in range(BYTES_PER_EVENT // 16384 - 1):
        assert decoder.feed(piece) == []
    with pytest.raises(MalformedStreamError):
        for _ in range(BYTES_PER_EVENT // 16384 + 2):  # a CRLF counts as one
            decoder.feed(piece)


def test_every_event_makes_room_for_noise_again() -> None:
    quiet = b": keep-alive\n\n" * 50_000
    assert decoded(*[quiet, b"data: a\n\n"] * 4) == [Event("", "a")] * 4


def test_a_large_event_below_the_limit_arrives_whole() -> None:
    text = "x" * (BYTES_PER_EVENT - 100)
    assert decoded(b"data: ", text.encode(), b"\n\n") == [Event("", text)]
