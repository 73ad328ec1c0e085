"""Each fault of the proxy, seen at the wire: on this connection's bytes, at exactly this offset."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from sandbox_client import SignedClient, order_body, signed_client

from kalshi_ext.sandbox import Sandbox, SandboxError

EVENTS = "/portfolio/events/orders"


def _order_request(caller: SignedClient, name: str) -> bytes:
    """Write one order request as bytes."""
    path = urlsplit(caller.url).path + EVENTS
    body = json.dumps(order_body(name)).encode()
    head = [f"POST {path} HTTP/1.1", "Host: sandbox", f"Content-Length: {len(body)}"]
    head += [f"{key}: {value}" for key, value in caller.sign("POST", path).items()]
    head += ["Content-Type: application/json"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _connect(caller: SignedClient) -> socket.socket:
    address = urlsplit(caller.url)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def _send_and_read(caller: SignedClient, request: bytes) -> tuple[bytes, str]:
    """Send bytes, read until the end; tell what came and how it ended."""
    received = b""
    try:
        with _connect(caller) as sock:
            sock.sendall(request)
            while part := sock.recv(65536):
                received += part
                if _is_whole(received):
                    return received, "whole"
    except ConnectionResetError:
        return received, "reset"
    return received, "closed"


def _is_whole(data: bytes) -> bool:
    head, end, body = data.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return bool(end) and length.isdigit() and len(body) >= int(length)


def _order_count(exchange: Sandbox, name: str) -> int:
    return len(exchange.truth.orders(client_order_id=name))


def _wait_until(condition: Callable[[], bool]) -> bool:
    """Wait for something that happens on the other side of a broken connection."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_without_a_fault_the_proxy_changes_nothing(exchange: Sandbox, caller: SignedClient) -> None:
    received, end = _send_and_read(caller, _order_request(caller, "plain"))
    assert end == "whole"
    assert received.startswith(b"HTTP/1.1 201")
    assert exchange.truth.network() == []


@pytest.mark.parametrize("at", [0, 1, 100, 500])
def test_a_request_can_be_reset_after_any_byte_and_never_arrives(
    exchange: Sandbox, caller: SignedClient, at: int
) -> None:
    exchange.faults.add("reset_request", operation="CreateOrderV2", at=at)
    received, end = _send_and_read(caller, _order_request(caller, "cut"))
    assert (received, end) == (b"", "reset")
    [fault] = exchange.truth.network()
    assert (fault["forwarded"], fault["complete"]) == (at, False) or at < fault["received"]
    assert fault["forwarded"] == at
    assert exchange.truth.requests() == []
    assert caller.place("cut").status == 201


@pytest.mark.parametrize("at", [None, 10_000])
def test_a_request_reset_after_its_last_byte_is_executed(
    exchange: Sandbox, caller: SignedClient, at: int | None
) -> None:
    exchange.faults.add("reset_request", operation="CreateOrderV2", at=at)
    request = _order_request(caller, "executed")
    assert _send_and_read(caller, request) == (b"", "reset")
    assert _wait_until(lambda: _order_count(exchange, "executed") == 1)
    [fault] = exchange.truth.network()
    assert fault["request"].encode("latin-1") == request


@pytest.mark.parametrize("at", [0, 1, 17, 150])
@pytest.mark.parametrize(
    ("kind", "expected_end"), [("reset_response", "reset"), ("close_response", "closed")]
)
def test_an_answer_can_end_after_any_byte_although_the_order_stands(
    exchange: Sandbox, caller: SignedClient, at: int, kind: str, expected_end: str
) -> None:
    whole, _ = _send_and_read(caller, _order_request(caller, "reference"))
    exchange.faults.add(kind, operation="CreateOrderV2", at=at)
    received, end = _send_and_read(caller, _order_request(caller, "answered"))
    assert (len(received), end) == (at, expected_end)
    assert whole.startswith(received[:15])
    assert _order_count(exchange, "answered") == 1


def test_an_answer_cut_past_its_end_is_whole_and_then_the_connection_ends(
    exchange: Sandbox, caller: SignedClient
) -> None:
    exchange.faults.add("close_response", at=100_000)
    with _connect(caller) as sock:
        sock.sendall(_order_request(caller, "late"))
        received = b""
        while part := sock.recv(65536):
            received += part
    assert _is_whole(received)


@pytest.mark.parametrize("forward", [True, False])
def test_silence_says_nothing_whether_it_was_executed_or_not(
    exchange: Sandbox, caller: SignedClient, forward: bool
) -> None:
    exchange.faults.add("silence", operation="CreateOrderV2", forward=forward)
    with signed_client(exchange, timeout=0.5) as impatient, pytest.raises(TimeoutError):
        impatient.place("silent")
    assert caller.call("GET", "/portfolio/balance").status == 200
    assert _wait_until(lambda: _order_count(exchange, "silent") == int(forward))


@pytest.mark.parametrize("where", ["request", "response"])
def test_a_delay_holds_the_request_or_the_answer(
    exchange: Sandbox, caller: SignedClient, where: str
) -> None:
    exchange.faults.add("delay", operation="CreateOrderV2", seconds=0.2, where=where)
    start = time.monotonic()
    assert caller.place("slow").status == 201
    assert time.monotonic() - start >= 0.19
    [entry] = exchange.truth.requests()
    assert entry.status == 201


def test_a_delayed_request_arrives_although_its_sender_gave_up(
    exchange: Sandbox, caller: SignedClient
) -> None:
    exchange.faults.add("delay", operation="CreateOrderV2", seconds=0.4, where="request")
    with _connect(caller) as sock:
        sock.sendall(_order_request(caller, "on-its-way"))
    assert _wait_until(lambda: _order_count(exchange, "on-its-way") == 1)
    assert caller.place("on-its-way").status == 409


def test_an_answer_may_come_byte_by_byte(exchange: Sandbox, caller: SignedClient) -> None:
    exchange.faults.add("drip", operation="CreateOrderV2", size=5, seconds=0.001)
    with _connect(caller) as sock:
        sock.sendall(_order_request(caller, "drip"))
        received, parts = b"", 0
        while not _is_whole(received):
            received += sock.recv(65536)
            parts += 1
    assert parts > 10
    assert received.startswith(b"HTTP/1.1 201")


def test_bytes_of_the_answer_may_turn_to_noise_from_an_offset_on(
    exchange: Sandbox, caller: SignedClient
) -> None:
    clean, _ = _send_and_read(caller, _order_request(caller, "clean"))
    exchange.faults.add("garble", operation="CreateOrderV2", at=20)
    with _connect(caller) as sock:
        sock.sendall(_order_request(caller, "noisy"))
        received = b""
        while len(received) < 60:
            received += sock.recv(65536)
    assert received[:20] == clean[:20]
    assert received[20:60] != clean[20:60]


def test_a_connection_may_be_refused_at_once(exchange: Sandbox, caller: SignedClient) -> None:
    exchange.faults.add("refuse")
    received, end = _send_and_read(caller, _order_request(caller, "refused"))
    assert (received, end) == (b"", "reset")
    assert exchange.truth.requests() == []
    assert caller.place("refused").status == 201


@pytest.mark.parametrize("at", [0, 40])
def test_a_connection_may_break_after_so_many_bytes_sent(
    exchange: Sandbox, caller: SignedClient, at: int
) -> None:
    exchange.faults.add("cut_up", at=at)
    assert _send_and_read(caller, _order_request(caller, "up")) == (b"", "reset")
    assert exchange.truth.requests() == []


def test_a_connection_may_break_after_so_many_bytes_received(
    exchange: Sandbox, caller: SignedClient
) -> None:
    exchange.faults.add("cut_down", at=33)
    received, end = _send_and_read(caller, _order_request(caller, "down"))
    assert (len(received), end) == (33, "reset")
    assert _order_count(exchange, "down") == 1


def test_a_connection_may_stall(exchange: Sandbox) -> None:
    exchange.faults.add("stall", at=9)
    with signed_client(exchange) as caller, _connect(caller) as sock:
        sock.sendall(_order_request(caller, "stall"))
        assert sock.recv(100) == b"HTTP/1.1 "
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(100)
    assert _order_count(exchange, "stall") == 1


def test_a_network_fault_counts_requests_on_one_connection(
    exchange: Sandbox, caller: SignedClient
) -> None:
    exchange.faults.add("reset_response", operation="CreateOrderV2", skip=2)
    assert [caller.place(f"n-{n}").status for n in range(2)] == [201, 201]
    assert caller.call("GET", "/portfolio/balance").status == 200
    with pytest.raises(ConnectionError):
        caller.place("n-2")
    assert caller.place("n-3").status == 201
    assert [_order_count(exchange, f"n-{n}") for n in range(4)] == [1, 1, 1, 1]


def test_a_method_and_a_path_name_a_request_as_well(
    exchange: Sandbox, caller: SignedClient
) -> None:
    exchange.faults.add("reset_response", operation="GET */balance")
    assert caller.call("GET", "/portfolio/fills").status == 200
    with pytest.raises(ConnectionError):
        caller.call("GET", "/portfolio/balance")


def test_network_faults_need_the_proxy() -> None:
    with Sandbox(proxy=False, seed_data=False) as sandbox:
        assert sandbox.url == sandbox.direct_url
        with pytest.raises(SandboxError, match="needs the proxy"):
            sandbox.faults.add("silence")
