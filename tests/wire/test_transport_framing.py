"""Answers that attack the next request, on every path that carries bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest
from scripted_server import (
    HTTPCORE_PATHS,
    LIMIT,
    OK,
    PATHS,
    AsyncTransportClient,
    Connection,
    Server,
    SyncTransportClient,
    TransportClient,
    open_path,
)

from kalshi_ext.transport import BodyTooLarge
from kalshi_ext.transport.codec_h11 import H11Reader
from kalshi_ext.transport.framing import MAX_FRAMING, MAX_HEAD, MAX_HEADERS, MAX_INTERIM

SECOND = b"HTTP/1.1 400 Bad\r\ncontent-length: 6\r\n\r\nsecond"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
LEFT_OVER = {
    "a second answer": SECOND,
    "half a second answer": SECOND[:10],
    "one byte": b"x",
    "an empty line": b"\r\n",
    "a line feed": b"\n",
    "a nul": b"\0",
}
WHOLE = {
    "a length": OK,
    "no body": b"HTTP/1.1 204 Empty\r\n\r\n",
    "a length of 0": b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "chunks": CHUNKED + b"2\r\n{}\r\n0\r\n\r\n",
    "chunks and trailers": CHUNKED + b"2\r\n{}\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n",
    "interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: a\r\n\r\n" + OK,
}


@pytest.fixture(params=PATHS)
def client(request: pytest.FixtureRequest) -> Iterator[SyncTransportClient | AsyncTransportClient]:
    with open_path(request.param) as opened:
        yield opened


class Answering:
    """Send the same bytes to every request, at once or byte by byte."""

    def __init__(self, answer: bytes, *, bytewise: bool = False) -> None:
        self.answer, self.bytewise, self.requests = answer, bytewise, 0

    def __call__(self, connection: Connection) -> None:
        while True:
            connection.request()
            self.requests += 1
            if self.bytewise:
                connection.drip(self.answer, 0)
            else:
                connection.send(self.answer)


@pytest.mark.parametrize("bytewise", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("whole", WHOLE)
def test_a_whole_answer_leaves_its_connection_to_the_next_request(
    client: TransportClient, whole: str, bytewise: bool
) -> None:
    with Server(Answering(WHOLE[whole], bytewise=bytewise)) as server:
        answers = [client.post(server.url(), b"{}") for _ in range(2)]
        assert [answer.error for answer in answers] == [None, None]
        assert {answer.body for answer in answers} <= {b"{}", b""}
        assert len(server.connections) == 1
        assert client.idle() == 1


@pytest.mark.parametrize("left_over", LEFT_OVER)
@pytest.mark.parametrize("whole", WHOLE)
def test_what_follows_an_answer_is_never_the_answer_to_the_next_request(
    client: TransportClient, whole: str, left_over: str
) -> None:
    with Server(Answering(WHOLE[whole] + LEFT_OVER[left_over])) as server:
        for _ in range(2):
            answer = client.post(server.url(), b"{}")
            assert (answer.error, answer.body in (b"{}", b"")) == (None, True)
            assert answer.status in (200, 204)
        assert len(server.connections) == 2
        assert client.idle() == 0


@pytest.mark.parametrize("path", HTTPCORE_PATHS)
@pytest.mark.parametrize("left_over", LEFT_OVER)
def test_what_follows_an_answer_is_never_the_next_one_under_httpcore(
    path: str, left_over: str
) -> None:
    with Server(Answering(OK + LEFT_OVER[left_over])) as server, open_path(path) as client:
        assert [client.post(server.url(), b"{}").status for _ in range(3)] == [200] * 3
        assert len(server.connections) == 3


@pytest.mark.parametrize("left_over", LEFT_OVER)
def test_a_connection_that_spoke_while_idle_is_closed(
    client: TransportClient, left_over: str
) -> None:
    answered, spoke = threading.Event(), threading.Event()

    def speak_later(connection: Connection) -> None:
        connection.request()
        connection.send(OK)
        if connection.number == 0:
            answered.wait(10)
            connection.send(LEFT_OVER[left_over])
            spoke.set()
        connection.silence()

    with Server(speak_later) as server:
        assert client.post(server.url(), b"{}").status == 200
        answered.set()
        assert spoke.wait(10)
        answer = client.post(server.url(), b"{}")
        assert (answer.status, answer.body) == (200, b"{}")
        assert len(server.connections) == 2


HEAD = b"HTTP/1.1 200 OK\r\n"
BROKEN = {
    "two lengths": HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{} ",
    "one length twice": HEAD + b"content-length: 2\r\ncontent-length: 2\r\n\r\n{}",
    "a list of lengths": HEAD + b"content-length: 2, 2\r\n\r\n{}",
    "a negative length": HEAD + b"content-length: -2\r\n\r\n{}",
    "a signed length": HEAD + b"content-length: +2\r\n\r\n{}",
    "a length in hex": HEAD + b"content-length: 0x2\r\n\r\n{}",
    "a length with an underscore": HEAD + b"content-length: 1_0\r\n\r\n{}        ",
    "a length beyond all numbers": HEAD + b"content-length: " + b"9" * 5000 + b"\r\n\r\n{}",
    "an empty length": HEAD + b"content-length:\r\n\r\n{}",
    "a length and chunks": HEAD
    + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks and a length": HEAD
    + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks twice": HEAD + b"transfer-encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "another encoding": HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "an unknown encoding": HEAD + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk size that is none": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "a negative chunk size": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "a chunk size with a prefix": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": CHUNKED + b"f" * 17 + b"\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than its size": CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    "another version": b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "an old version": b"HTTP/0.9 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "no version": b"{}\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\n{}",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\n{}",
    "a status below 100": b"HTTP/1.1 099 OK\r\ncontent-length: 2\r\n\r\n{}",
    "a folded header": HEAD + b"x-a: 1\r\n b\r\ncontent-length: 2\r\n\r\n{}",
    "a header name with a space": HEAD + b"x a: 1\r\ncontent-length: 2\r\n\r\n{}",
    "a header without a colon": HEAD + b"x\r\ncontent-length: 2\r\n\r\n{}",
    "a length with a space before the colon": HEAD + b"content-length : 2\r\n\r\n{}",
    "a header with a nul": HEAD + b"x: \0\r\ncontent-length: 2\r\n\r\n{}",
    "a switch of protocols": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n" + OK,
    "too many interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_INTERIM + 1) + OK,
    "too many headers": HEAD + b"x: 1\r\n" * MAX_HEADERS + b"content-length: 2\r\n\r\n{}",
    "a head too large": HEAD + b"x: " + b"x" * MAX_HEAD + b"\r\ncontent-length: 2\r\n\r\n{}",
    "a head without end": HEAD + b"x: 1\r\n" * MAX_HEAD,
    "a chunk extension without end": CHUNKED + b"2;" + b"x" * (2 * MAX_FRAMING),
    "a chunk size without end": CHUNKED + b"0" * (2 * MAX_FRAMING),
    "trailers without end": CHUNKED + b"2\r\n{}\r\n0\r\n" + b"x: 1\r\n" * MAX_FRAMING,
}  # fmt: skip


@pytest.mark.parametrize("bytewise", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("attack", BROKEN)
def test_an_answer_whose_end_is_in_doubt_is_no_answer(
    client: TransportClient, attack: str, bytewise: bool
) -> None:
    answer = BROKEN[attack]
    if bytewise and len(answer) > 10_000:
        answer, bytewise = answer[:-1], False
    if attack == "a chunk size beyond 64 bits" and client.codec is H11Reader:
        pytest.skip("h11 reads on; the limit of the body and the deadline bound it")
    with Server(Answering(answer, bytewise=bytewise)) as server:
        round_trip = client.post(server.url(), b"{}")
        assert isinstance(round_trip.error, httpx.RemoteProtocolError), round_trip
        assert round_trip.trace.bytes_written > 0
        assert not round_trip.trace.nothing_sent
        assert client.idle() == 0


@pytest.mark.parametrize("whole", ["a length", "chunks", "chunks and trailers", "interim answers"])
def test_an_answer_cut_at_any_byte_is_no_answer(client: TransportClient, whole: str) -> None:
    lengths = iter(range(len(WHOLE[whole])))

    def cut(connection: Connection) -> None:
        connection.request()
        connection.send(WHOLE[whole][: next(lengths)])

    with Server(cut) as server:
        for _ in WHOLE[whole]:
            assert isinstance(client.post(server.url(), b"{}").error, httpx.RemoteProtocolError)
        assert client.idle() == 0


def test_a_body_up_to_the_end_of_the_connection_is_whole_and_ends_it(
    client: TransportClient,
) -> None:
    def answer_and_leave(connection: Connection) -> None:
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n{}")

    with Server(answer_and_leave) as server:
        assert [client.get(server.url()).body for _ in range(2)] == [b"{}"] * 2
        assert len(server.connections) == 2


@pytest.mark.parametrize("header", [b"connection: close", b"connection: x, Close"])
def test_a_connection_that_its_server_closes_is_not_kept(
    client: TransportClient, header: bytes
) -> None:
    with Server(Answering(OK.replace(b"\r\n\r\n", b"\r\n" + header + b"\r\n\r\n"))) as server:
        assert client.get(server.url()).status == 200
        assert client.idle() == 0


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_connection_is_kept_for_as_long_as_its_server_says_less_a_second(
    client: TransportClient, seconds: int
) -> None:
    told = b"\r\nKeep-Alive: timeout=%d, max=5\r\n\r\n" % seconds
    with Server(Answering(OK.replace(b"\r\n\r\n", told))) as server:
        assert [client.get(server.url()).status for _ in range(2)] == [200] * 2
        assert len(server.connections) == 2


def test_a_redirect_is_an_answer_like_any_other(client: TransportClient) -> None:
    answer = b"HTTP/1.1 307 Moved\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"
    script = Answering(answer)
    with Server(script) as server:
        assert client.post(server.url(), b"{}").status == 307
        assert script.requests == 1


def test_an_answer_to_head_has_no_body(client: TransportClient) -> None:
    with Server(Answering(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")) as server:
        for _ in range(2):
            answer = client.send(httpx.Request("HEAD", server.url()))
            assert (answer.status, answer.body) == (200, b"")
        assert len(server.connections) == 1


@pytest.mark.parametrize("framing", ["length", "chunks", "end"])
def test_a_body_over_the_limit_is_left_and_its_connection_closed(
    client: TransportClient, framing: str
) -> None:
    size = 4 * LIMIT
    answer = {
        "length": HEAD + b"content-length: %d\r\n\r\n" % size + bytes(size),
        "chunks": CHUNKED + b"%x\r\n" % size + bytes(size) + b"\r\n0\r\n\r\n",
        "end": HEAD + b"\r\n" + bytes(size),
    }[framing]
    with Server(Answering(answer)) as server:
        assert isinstance(client.get(server.url()).error, BodyTooLarge)
        assert client.idle() == 0


def test_a_large_body_comes_whole_and_leaves_its_connection(client: TransportClient) -> None:
    body = bytes(range(256)) * 3900
    answer = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
    with Server(Answering(answer)) as server:
        for _ in range(3):
            assert client.get(server.url()).body == body
        assert len(server.connections) == 1


@pytest.mark.parametrize(
    "headers",
    [{"x": "a\r\ny: b"}, {"x": "a\nb"}, {"x": "a\0"}, {"x y": "a"}, {"": "a"}, {"x:y": "a"}],
)
def test_a_header_that_would_begin_another_is_never_sent(
    client: TransportClient, headers: dict[str, str]
) -> None:
    with Server(Answering(OK)) as server:
        answer = client.send(httpx.Request("GET", server.url(), headers=headers))
        assert isinstance(answer.error, httpx.LocalProtocolError)
        assert answer.trace.nothing_sent
        assert server.connections == []


@pytest.mark.parametrize("method", ["GET /x HTTP/1.1\r\nx: y\r\n\r\nDELETE", "", "GE T"])
def test_a_method_that_is_more_than_a_method_is_never_sent(
    client: TransportClient, method: str
) -> None:
    with Server(Answering(OK)) as server:
        answer = client.send(httpx.Request(method, server.url()))
        assert isinstance(answer.error, httpx.LocalProtocolError)
        assert answer.trace.nothing_sent


def test_a_length_that_is_not_the_bodys_is_never_sent(client: TransportClient) -> None:
    client.as_bytes = False  # the driver writes the length of its own body
    with Server(Answering(OK)) as server:
        for length in ("1", "3", "x"):
            request = httpx.Request("POST", server.url(), content=b"{}")
            request.headers["content-length"] = length
            answer = client.send(request)
            assert isinstance(answer.error, httpx.LocalProtocolError)
