"""Message boundaries are found wherever the network cuts, and no byte changes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kalshi_ext.sandbox.proxy.framing import Framer

_BODIES = st.binary(max_size=40)

UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _request(body: bytes, chunked: bool) -> bytes:
    if not chunked:
        return b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    chunks = b"".join(
        b"%x;e=1\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]) if part
    )
    return b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nA: b\r\n\r\n"


def _answer(body: bytes, chunked: bool) -> bytes:
    return _request(body, chunked).replace(b"POST /x HTTP/1.1", b"HTTP/1.1 200 OK", 1)


def _messages(framer: Framer, stream: bytes, cuts: list[int]) -> list[bytes]:
    """Feed a stream in parts; give what lies between begins and ends."""
    messages: list[bytes] = []
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, end in pairwise(edges):
        for piece in framer.feed(stream[start:end]):
            if piece.begins:
                messages.append(b"")
            messages[-1] += piece.data
    return messages


@UNTIMED
@given(
    st.lists(st.tuples(_BODIES, st.booleans()), min_size=1, max_size=4),
    st.lists(st.integers(0, 10_000), max_size=12),
    st.booleans(),
)
def test_messages_come_apart_the_same_however_they_are_cut(
    parts: list[tuple[bytes, bool]], cuts: list[int], answers: bool
) -> None:
    make = _answer if answers else _request
    whole = [make(body, chunked) for body, chunked in parts]
    assert _messages(Framer(answers=answers), b"".join(whole), cuts) == whole


@UNTIMED
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5), st.booleans())
def test_no_byte_is_lost_or_changed_even_of_what_is_not_http(
    stream: bytes, cuts: list[int], answers: bool
) -> None:
    framer, passed = Framer(answers=answers), b""
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, end in pairwise(edges):
        passed += b"".join(piece.data for piece in framer.feed(stream[start:end]))
    assert passed + framer.rest() == stream


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"],
)
def test_an_answer_without_a_body_ends_with_its_head(head: bytes) -> None:
    after = _answer(b"next", chunked=False)
    assert _messages(Framer(answers=True), head + after, [3]) == [head, after]


def test_the_answer_to_a_head_request_has_no_body_whatever_it_says() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    framer = Framer(answers=True, bodiless=True)
    assert [(piece.data, piece.ends) for piece in framer.feed(head)] == [(head, True)]


def test_an_interim_answer_is_not_the_end() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    pieces = Framer(answers=True).feed(interim + _answer(b"x", chunked=False))
    assert [piece.ends for piece in pieces] == [False, False, True]


def test_an_answer_without_a_length_lasts_until_the_connection_closes() -> None:
    pieces = Framer(answers=True).feed(b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert [piece.ends for piece in pieces] == [False, False]
    assert b"".join(piece.data for piece in pieces).endswith(b"abc")
