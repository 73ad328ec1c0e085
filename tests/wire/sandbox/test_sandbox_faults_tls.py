"""Network faults on TLS: counted in the bytes of the messages, seen by a client that decrypts."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from sandbox_signed import Signed, order, signed

from kalshi_ext.sandbox import NetworkProxy, Sandbox

EVENTS = "/portfolio/events/orders"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(tls=True) as sandbox:
        yield sandbox


@pytest.fixture
def box(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
def caller(box: Sandbox) -> Iterator[Signed]:
    with signed(box) as made:
        yield made


def _wire(caller: Signed, name: str) -> bytes:
    path = urlsplit(caller.url).path + EVENTS
    body = json.dumps(order(name)).encode()
    head = [f"POST {path} HTTP/1.1", "Host: sandbox", f"Content-Length: {len(body)}"]
    head += [f"{key}: {value}" for key, value in caller.sign("POST", path).items()]
    return "\r\n".join([*head, "Content-Type: application/json"]).encode() + b"\r\n\r\n" + body


def _connect(caller: Signed, port: int | None = None) -> ssl.SSLSocket:
    context = ssl.create_default_context(cadata=caller.ca_pem)
    where = port or urlsplit(caller.url).port
    plain = socket.create_connection(("127.0.0.1", where), timeout=60)
    try:
        # Without this a broken connection and one ended in order would look the same.
        ends = {"suppress_ragged_eofs": False}
        return context.wrap_socket(plain, server_hostname="127.0.0.1", **ends)
    except BaseException:
        plain.close()
        raise


def _converse(caller: Signed, request: bytes, enough: int = 10_000) -> tuple[bytes, str]:
    got = b""
    try:
        with _connect(caller) as sock:
            sock.sendall(request)
            while len(got) < enough and (part := sock.recv(65536)):
                got += part
    except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
        return got, "broken"
    return got, "whole" if len(got) >= enough else "closed"


def _placed(box: Sandbox, name: str) -> int:
    return len(box.truth.orders(client_order_id=name))


def _eventually(what: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while not what() and time.monotonic() < until:
        time.sleep(0.01)
    return what()


@pytest.mark.parametrize("at", [0, 1, 200])
def test_a_request_reset_after_any_byte_never_arrives(
    box: Sandbox, caller: Signed, at: int
) -> None:
    box.faults.add("reset_request", operation="CreateOrderV2", at=at)
    assert _converse(caller, _wire(caller, "cut")) == (b"", "broken")
    assert [row["forwarded"] for row in box.truth.network()] == [at]
    assert box.truth.requests() == []


def test_a_request_reset_after_its_last_byte_is_executed(box: Sandbox, caller: Signed) -> None:
    box.faults.add("reset_request", operation="CreateOrderV2", at=None)
    assert _converse(caller, _wire(caller, "executed")) == (b"", "broken")
    assert _eventually(lambda: _placed(box, "executed") == 1)


@pytest.mark.parametrize(
    ("kind", "how"), [("reset_response", "broken"), ("close_response", "closed")]
)
@pytest.mark.parametrize("at", [0, 1, 17, 150])
def test_an_answer_ends_after_any_byte_although_the_order_stands(
    box: Sandbox, caller: Signed, kind: str, how: str, at: int
) -> None:
    box.faults.add(kind, operation="CreateOrderV2", at=at)
    got, end = _converse(caller, _wire(caller, "answered"))
    assert b"HTTP/1.1 201 Created".startswith(got[:20])
    assert (len(got), end) == (at, how)
    assert _placed(box, "answered") == 1


@pytest.mark.parametrize("forward", [True, False])
def test_silence_is_silence(box: Sandbox, caller: Signed, forward: bool) -> None:
    box.faults.add("silence", operation="CreateOrderV2", forward=forward)
    with _connect(caller) as sock:
        sock.sendall(_wire(caller, "silent"))
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    assert _eventually(lambda: len(box.truth.network()) == 1)
    assert _eventually(lambda: _placed(box, "silent") == int(forward))


def test_an_answer_drips_or_turns_to_noise(box: Sandbox, caller: Signed) -> None:
    box.faults.add("drip", operation="CreateOrderV2", size=7, seconds=0.001)
    with _connect(caller) as sock:
        sock.sendall(_wire(caller, "drip"))
        parts = [sock.recv(65536) for _ in range(10)]
    assert {len(part) for part in parts} == {7}
    box.faults.add("garble", operation="CreateOrderV2", at=9)
    got, _ = _converse(caller, _wire(caller, "noise"), 60)
    assert got[:9] == b"HTTP/1.1 "
    assert b"201" not in got[9:13]


def test_a_connection_is_cut_where_its_plain_bytes_say(box: Sandbox, caller: Signed) -> None:
    box.faults.add("cut_down", at=33)
    got, end = _converse(caller, _wire(caller, "down"))
    assert (len(got), end) == (33, "broken")
    box.faults.add("cut_up", at=40)
    assert _converse(caller, _wire(caller, "up")) == (b"", "broken")
    assert (_placed(box, "down"), _placed(box, "up")) == (1, 0)


@pytest.mark.parametrize(("kind", "at"), [("refuse", None), ("cut_up", 0), ("cut_up", 100)])
def test_a_proxy_that_cannot_read_breaks_the_handshake_at_any_byte(
    box: Sandbox, kind: str, at: int | None
) -> None:
    with NetworkProxy(box.url) as proxy:
        proxy.faults.add(kind, **({} if at is None else {"at": at}))
        behind = Signed(proxy.url, box.key_id, box.private_key, box.ca_pem)
        with pytest.raises((ConnectionError, ssl.SSLError)):
            _connect(behind)
        with behind:
            assert behind.call("GET", "/portfolio/balance").status == 200
    assert len(box.truth.requests()) == 1
