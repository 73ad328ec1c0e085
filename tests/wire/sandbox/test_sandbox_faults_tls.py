"""Network faults on TLS: counted in the bytes of the messages, seen by a client that decrypts."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from sandbox_client import SignedClient, order_body, signed_client

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
def caller(box: Sandbox) -> Iterator[SignedClient]:
    with signed_client(box) as client:
        yield client


def _order_request(caller: SignedClient, name: str) -> bytes:
    path = urlsplit(caller.url).path + EVENTS
    body = json.dumps(order_body(name)).encode()
    head = [f"POST {path} HTTP/1.1", "Host: sandbox", f"Content-Length: {len(body)}"]
    head += [f"{key}: {value}" for key, value in caller.sign("POST", path).items()]
    return "\r\n".join([*head, "Content-Type: application/json"]).encode() + b"\r\n\r\n" + body


def _connect(caller: SignedClient, port: int | None = None) -> ssl.SSLSocket:
    context = ssl.create_default_context(cadata=caller.ca_pem)
    target_port = port or urlsplit(caller.url).port
    plain = socket.create_connection(("127.0.0.1", target_port), timeout=60)
    try:
        # Without this a broken connection and one ended in order would look the same.
        options = {"suppress_ragged_eofs": False}
        return context.wrap_socket(plain, server_hostname="127.0.0.1", **options)
    except BaseException:
        plain.close()
        raise


def _send_and_read(caller: SignedClient, request: bytes, enough: int = 10_000) -> tuple[bytes, str]:
    received = b""
    try:
        with _connect(caller) as sock:
            sock.sendall(request)
            while len(received) < enough and (part := sock.recv(65536)):
                received += part
    except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
        return received, "broken"
    return received, "whole" if len(received) >= enough else "closed"


def _order_count(box: Sandbox, name: str) -> int:
    return len(box.truth.orders(client_order_id=name))


def _wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


@pytest.mark.parametrize("at", [0, 1, 200])
def test_a_request_reset_after_any_byte_never_arrives(
    box: Sandbox, caller: SignedClient, at: int
) -> None:
    box.faults.add("reset_request", operation="CreateOrderV2", at=at)
    assert _send_and_read(caller, _order_request(caller, "cut")) == (b"", "broken")
    assert [row["forwarded"] for row in box.truth.network()] == [at]
    assert box.truth.requests() == []


def test_a_request_reset_after_its_last_byte_is_executed(
    box: Sandbox, caller: SignedClient
) -> None:
    box.faults.add("reset_request", operation="CreateOrderV2", at=None)
    assert _send_and_read(caller, _order_request(caller, "executed")) == (b"", "broken")
    assert _wait_until(lambda: _order_count(box, "executed") == 1)


@pytest.mark.parametrize(
    ("kind", "expected_end"), [("reset_response", "broken"), ("close_response", "closed")]
)
@pytest.mark.parametrize("at", [0, 1, 17, 150])
def test_an_answer_ends_after_any_byte_although_the_order_stands(
    box: Sandbox, caller: SignedClient, kind: str, expected_end: str, at: int
) -> None:
    box.faults.add(kind, operation="CreateOrderV2", at=at)
    received, end = _send_and_read(caller, _order_request(caller, "answered"))
    assert b"HTTP/1.1 201 Created".startswith(received[:20])
    assert (len(received), end) == (at, expected_end)
    assert _order_count(box, "answered") == 1


@pytest.mark.parametrize("forward", [True, False])
def test_silence_is_silence(box: Sandbox, caller: SignedClient, forward: bool) -> None:
    box.faults.add("silence", operation="CreateOrderV2", forward=forward)
    with _connect(caller) as sock:
        sock.sendall(_order_request(caller, "silent"))
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    assert _wait_until(lambda: len(box.truth.network()) == 1)
    assert _wait_until(lambda: _order_count(box, "silent") == int(forward))


def test_an_answer_drips_or_turns_to_noise(box: Sandbox, caller: SignedClient) -> None:
    box.faults.add("drip", operation="CreateOrderV2", size=7, seconds=0.001)
    with _connect(caller) as sock:
        sock.sendall(_order_request(caller, "drip"))
        parts = [sock.recv(65536) for _ in range(10)]
    assert {len(part) for part in parts} == {7}
    box.faults.add("garble", operation="CreateOrderV2", at=9)
    received, _ = _send_and_read(caller, _order_request(caller, "noise"), 60)
    assert received[:9] == b"HTTP/1.1 "
    assert b"201" not in received[9:13]


def test_a_connection_is_cut_where_its_plain_bytes_say(box: Sandbox, caller: SignedClient) -> None:
    box.faults.add("cut_down", at=33)
    received, end = _send_and_read(caller, _order_request(caller, "down"))
    assert (len(received), end) == (33, "broken")
    box.faults.add("cut_up", at=40)
    assert _send_and_read(caller, _order_request(caller, "up")) == (b"", "broken")
    assert (_order_count(box, "down"), _order_count(box, "up")) == (1, 0)


@pytest.mark.parametrize(("kind", "at"), [("refuse", None), ("cut_up", 0), ("cut_up", 100)])
def test_a_proxy_that_cannot_read_breaks_the_handshake_at_any_byte(
    box: Sandbox, kind: str, at: int | None
) -> None:
    with NetworkProxy(box.url) as proxy:
        proxy.faults.add(kind, **({} if at is None else {"at": at}))
        client = SignedClient(proxy.url, box.key_id, box.private_key, box.ca_pem)
        with pytest.raises((ConnectionError, ssl.SSLError)):
            _connect(client)
        with client:
            assert client.call("GET", "/portfolio/balance").status == 200
    assert len(box.truth.requests()) == 1
