from __future__ import annotations

import asyncio
import gzip
import threading
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted_server import Connection, Server

from kalshi_ext import AsyncKalshi, Kalshi, NoAnswer, Policy
from kalshi_ext.transport import (
    BodyTooLarge,
    DeadlineTransport,
    aread_limited,
    failures,
    read_limited,
    trace_delivery,
)
from kalshi_ext.transport.failures import TransportFailure

LIMIT = 1000

NO_DEADLINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Chunks(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks, self.yielded, self.closed = chunks, 0, False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            self.yielded += 1
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def read_both_ways(chunks: list[bytes], limit: int = LIMIT, **headers: str) -> bytes | Exception:
    """Read sync and async; the results must be the same, and everything must be closed."""
    raw_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    results: list[bytes | str] = []
    last: bytes | Exception = b""
    for read in (read_limited, lambda *a: asyncio.run(aread_limited(*a))):
        stream = Chunks(chunks)
        try:
            last = read(httpx.Response(200, headers=raw_headers, stream=stream), limit)
        except TransportFailure as error:
            last = error
        results.append(repr(last))
        assert stream.closed
    assert results[0] == results[1]
    return last


CHUNKS = st.lists(st.binary(max_size=50), max_size=20)


@NO_DEADLINE
@given(CHUNKS, st.integers(0, 600))
def test_a_body_is_whole_up_to_the_limit_and_refused_above(chunks: list[bytes], limit: int) -> None:
    body = b"".join(chunks)
    result = read_both_ways(chunks, limit)
    if len(body) > limit:
        assert isinstance(result, BodyTooLarge)
    else:
        assert result == body


@NO_DEADLINE
@given(st.binary(max_size=600), st.integers(1, 40), st.sampled_from(["gzip", "deflate", "X-GZIP"]))
def test_a_packed_body_is_unpacked_however_it_is_cut(
    body: bytes, chunk_size: int, encoding: str
) -> None:
    packed = zlib.compress(body) if encoding == "deflate" else gzip.compress(body)
    chunks = [packed[n : n + chunk_size] for n in range(0, len(packed), chunk_size)]
    assert read_both_ways(chunks, content_encoding=encoding) == body
    result = read_both_ways(chunks, 100, content_encoding=encoding)
    assert result == body if len(body) <= 100 else isinstance(result, BodyTooLarge)


def test_a_declared_length_over_the_limit_is_refused_before_reading() -> None:
    stream = Chunks([b"x"])
    response = httpx.Response(200, headers={"content-length": "1001"}, stream=stream)
    with pytest.raises(BodyTooLarge, match="larger than 1,000 bytes"):
        read_limited(response, LIMIT)
    assert (stream.yielded, stream.closed) == (0, True)


@pytest.mark.parametrize("length", ["", "-5", "many", "١٢", "1e9", "5, 5"])
def test_a_nonsensical_length_is_not_believed(length: str) -> None:
    stream = Chunks([b"abc"])
    raw = [(b"content-length", length.encode())]
    assert read_limited(httpx.Response(200, headers=raw, stream=stream), LIMIT) == b"abc"


def test_a_gzip_bomb_is_not_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        result = read_both_ways([bomb], 1_000_000, content_encoding="gzip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(result, BodyTooLarge)
    assert peak < 10_000_000


@pytest.mark.parametrize(
    "body", [gzip.compress(b"abc", mtime=0)[:-1], b"\x1f\x8bnot gzip", b"plain"]
)
def test_a_damaged_packed_body_is_a_decoding_error(body: bytes) -> None:
    assert type(read_both_ways([body], content_encoding="gzip")) is failures.DecodingError


@pytest.mark.parametrize("cut", [1, 10, 10_000])
def test_bytes_after_the_end_of_a_packed_body_are_a_decoding_error(cut: int) -> None:
    body = gzip.compress(b"abc", mtime=0) + gzip.compress(b"def", mtime=0)
    chunks = [body[n : n + cut] for n in range(0, len(body), cut)]
    result = read_both_ways(chunks, content_encoding="gzip")
    assert type(result) is failures.DecodingError
    assert "after its end" in str(result)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "rot13", "x" * 500])
def test_a_packing_nobody_asked_for_is_a_decoding_error(encoding: str) -> None:
    result = read_both_ways([b"abc"], content_encoding=encoding)
    assert type(result) is failures.DecodingError
    assert "was not asked for" in str(result)


def test_an_empty_body_needs_no_unpacking() -> None:
    assert read_both_ways([], content_encoding="gzip") == b""
    assert read_both_ways([b"abc"], content_encoding="identity") == b"abc"


def test_an_answer_made_in_this_process_is_capped_too() -> None:
    for read in (read_limited, lambda *a: asyncio.run(aread_limited(*a))):
        assert read(httpx.Response(200, json={"a": 1}), LIMIT) == b'{"a":1}'
        with pytest.raises(BodyTooLarge):
            read(httpx.Response(200, content=bytes(LIMIT + 1)), LIMIT)


def test_the_deadline_holds_for_a_foreign_transport_too() -> None:
    def slow() -> Iterator[bytes]:
        while True:
            time.sleep(0.01)
            yield b"x"

    class Slow(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            return slow()

    response = httpx.Response(200, stream=Slow())
    with trace_delivery(time.monotonic() + 0.1), pytest.raises(failures.ReadTimeout):
        read_limited(response, 10_000_000)


def test_a_body_without_end_is_cut_and_its_connection_closed() -> None:
    disconnected = threading.Event()

    def send_without_end(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            while not connection.closing.is_set():
                connection.send(b"1000\r\n" + bytes(0x1000) + b"\r\n")
        except OSError:
            disconnected.set()

    transport = DeadlineTransport()
    with Server(send_without_end) as server:
        response = transport.handle_request(httpx.Request("GET", server.url()))
        with pytest.raises(BodyTooLarge):
            read_limited(response, 100_000)
        assert disconnected.wait(10)
    transport.close()


@cache
def hundred_megabytes() -> bytes:
    return gzip.compress(bytes(100_000_000), compresslevel=1)


@pytest.mark.parametrize("kind", [Kalshi, AsyncKalshi])
def test_a_gzip_bomb_over_tcp_is_a_lost_answer_in_bounded_memory(kind: Any) -> None:
    bomb = hundred_megabytes()
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n"

    def send_bomb(connection: Connection) -> None:
        connection.request()
        connection.send(head.encode() + bomb)

    policy = Policy(attempts=1, timeout=10)
    with Server(send_bomb) as server:
        client = kind(bearer_token="t" * 20, environment=server.url("/trade-api/v2"), policy=policy)
        endpoint = client.session.endpoint
        assert endpoint.max_body < 100_000_000
        object.__setattr__(endpoint, "max_body", 2_000_000)  # so that the test costs less
        tracemalloc.start()
        try:
            with pytest.raises(NoAnswer, match="larger than"):
                asyncio.run(client.portfolio.balance()) if kind is AsyncKalshi else (
                    client.portfolio.balance()
                )
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        asyncio.run(client.aclose()) if kind is AsyncKalshi else client.close()
    assert peak < 20_000_000
