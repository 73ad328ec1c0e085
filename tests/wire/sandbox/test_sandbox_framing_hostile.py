"""What pretends to be HTTP/1.1 passes, byte for byte, and stalls nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext.sandbox.proxy.framing import Framer

CHUNKED = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
SIZES = [
    b"-5", b"+5", b"0x5", b"-0", b"5_0", b"\xd9\xa5", b"", b" ", b"5 5", b"5\x00", b"--5", b"0b1",
    b"9" * 100_000, b"f" * 16, b"g", b"5,5", b"1e1", b"5.",
]  # fmt: skip
LENGTHS = [b"-5", b"+5", b"5_0", b"", b"0x5", b"9" * 100_000, b"5, 5", b"1\r\nContent-Length: 2"]


def passed(framer: Framer, *pieces: bytes) -> tuple[bytes, int]:
    """Feed pieces; give what came out, and the number of its parts."""
    parts = [part for piece in pieces for part in framer.feed(piece)]
    return b"".join(part.data for part in parts) + framer.rest(), len(parts)


@pytest.mark.parametrize("size", SIZES)
def test_a_chunk_size_that_is_not_hex_digits_ends_the_framing_and_loses_no_byte(
    size: bytes,
) -> None:
    stream = CHUNKED + size + b"\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    out, parts = passed(Framer(), stream)
    assert out == stream
    assert parts == 3  # the head, the bad line, and all the rest as one


@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_that_is_no_number_lets_the_rest_pass_as_it_is(length: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: " + length + b"\r\n\r\n"
    stream = head + b"hello" * 10
    out, parts = passed(Framer(), stream)
    assert (out, parts) == (stream, 2)


@pytest.mark.parametrize("state", [b"", b"0\r\n"])
def test_a_line_without_an_end_is_not_waited_for(state: bytes) -> None:
    framer = Framer()
    framer.feed(CHUNKED + state)
    out = b"".join(part.data for _ in range(20) for part in framer.feed(b"5" * 1000))
    assert len(out) == 20_000


def test_sizes_with_extensions_and_spaces_are_still_read() -> None:
    stream = CHUNKED + b"5;name=x\r\nhello\r\n5 \r\nhello\r\n00\r\nA: b\r\n\r\n"
    parts = Framer().feed(stream + b"GET / HTTP/1.1\r\n\r\n")
    assert [part.begins for part in parts].count(True) == 2
    assert b"".join(part.data for part in parts).startswith(stream)


def cpu_of(stream: bytes) -> float:
    begin = time.process_time()
    Framer().feed(stream)
    return time.process_time() - begin


def test_the_time_for_many_small_chunks_grows_no_faster_than_their_number() -> None:
    small, large = (CHUNKED + b"1\r\na\r\n" * count for count in (20_000, 80_000))
    ratios = [cpu_of(large) / max(cpu_of(small), 1e-6) for _ in range(3)]
    assert min(ratios) < 10  # four times the input; quadratic would be sixteen


@given(
    st.lists(st.sampled_from([b"0", b"5", b"a", b"-", b"\r\n", b";x", b"hello", b" "]), max_size=30)
    .map(b"".join)
    .map(lambda tail: CHUNKED + tail),
    st.lists(st.integers(1, 40), max_size=6),
)
def test_whatever_follows_passes_byte_for_byte_however_it_is_cut(
    stream: bytes, cuts: list[int]
) -> None:
    pieces, at = [], 0
    for cut in [*cuts, len(stream)]:
        pieces.append(stream[at : at + cut])
        at += cut
    assert passed(Framer(), *pieces)[0] == stream[: sum(map(len, pieces))]
