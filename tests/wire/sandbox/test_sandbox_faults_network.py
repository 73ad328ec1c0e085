"""Each fault of the proxy, seen at the wire: on this connection's bytes, at exactly this offset."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from sandbox_signed import Signed, order, signed

from kalshi_ext.sandbox import Sandbox, SandboxError

EVENTS = "/portfolio/events/orders"


def _wire(caller: Signed, name: str) -> bytes:
    """Write one order request as bytes."""
    path = urlsplit(caller.url).path + EVENTS
    body = json.dumps(order(name)).encode()
    head = [f"POST {path} HTTP/1.1", "Host: sandbox", f"Content-Length: {len(body)}"]
    head += [f"{key}: {value}" for key, value in caller.sign("POST", path).items()]
    head += ["Content-Type: application/json"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _connect(caller: Signed) -> socket.socket:
    where = urlsplit(caller.url)
    return socket.create_connection((where.hostname, where.port), timeout=60)


def _converse(caller: Signed, request: bytes) -> tuple[bytes, str]:
    """Send bytes, read until the end; tell what came and how it ended."""
    got = b""
    try:
        with _connect(caller) as sock:
            sock.sendall(request)
            while part := sock.recv(65536):
                got += part
                if _whole(got):
                    return got, "whole"
    except ConnectionResetError:
        return got, "reset"
    return got, "closed"


def _whole(got: bytes) -> bool:
    head, end, body = got.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return bool(end) and length.isdigit() and len(body) >= int(length)


def _placed(exchange: Sandbox, name: str) -> int:
    return len(exchange.truth.orders(client_order_id=name))


def _eventually(what: Callable[[], bool]) -> bool:
    """Wait for something that happens on the other side of a broken connection."""
    until = time.monotonic() + 60
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def test_without_a_fault_the_proxy_changes_nothing(exchange: Sandbox, caller: Signed) -> None:
    got, end = _converse(caller, _wire(caller, "plain"))
    assert end == "whole"
    assert got.startswith(b"HTTP/1.1 201")
    assert exchange.truth.network() == []


@pytest.mark.parametrize("at", [0, 1, 100, 500])
def test_a_request_can_be_reset_after_any_byte_and_never_arrives(
    exchange: Sandbox, caller: Signed, at: int
) -> None:
    exchange.faults.add("reset_request", operation="CreateOrderV2", at=at)
    got, end = _converse(caller, _wire(caller, "cut"))
    assert (got, end) == (b"", "reset")
    [passage] = exchange.truth.network()
    assert (passage["forwarded"], passage["complete"]) == (at, False) or at < passage["received"]
    assert passage["forwarded"] == at
    assert exchange.truth.requests() == []
    assert caller.place("cut").status == 201


@pytest.mark.parametrize("at", [None, 10_000])
def test_a_request_reset_after_its_last_byte_is_executed(
    exchange: Sandbox, caller: Signed, at: int | None
) -> None:
    exchange.faults.add("reset_request", operation="CreateOrderV2", at=at)
    request = _wire(caller, "executed")
    assert _converse(caller, request) == (b"", "reset")
    assert _eventually(lambda: _placed(exchange, "executed") == 1)
    [passage] = exchange.truth.network()
    assert passage["request"].encode("latin-1") == request


@pytest.mark.parametrize("at", [0, 1, 17, 150])
@pytest.mark.parametrize(
    ("kind", "how"), [("reset_response", "reset"), ("close_response", "closed")]
)
def test_an_answer_can_end_after_any_byte_although_the_order_stands(
    exchange: Sandbox, caller: Signed, at: int, kind: str, how: str
) -> None:
    whole, _ = _converse(caller, _wire(caller, "reference"))
    exchange.faults.add(kind, operation="CreateOrderV2", at=at)
    got, end = _converse(caller, _wire(caller, "answered"))
    assert (len(got), end) == (at, how)
    assert whole.startswith(got[:15])
    assert _placed(exchange, "answered") == 1


def test_an_answer_cut_past_its_end_is_whole_and_then_the_connection_ends(
    exchange: Sandbox, caller: Signed
) -> None:
    exchange.faults.add("close_response", at=100_000)
    with _connect(caller) as sock:
        sock.sendall(_wire(caller, "late"))
        got = b""
        while part := sock.recv(65536):
            got += part
    assert _whole(got)


@pytest.mark.parametrize("forward", [True, False])
def test_silence_says_nothing_whether_it_was_executed_or_not(
    exchange: Sandbox, caller: Signed, forward: bool
) -> None:
    exchange.faults.add("silence", operation="CreateOrderV2", forward=forward)
    with signed(exchange, timeout=0.5) as impatient, pytest.raises(TimeoutError):
        impatient.place("silent")
    assert caller.call("GET", "/portfolio/balance").status == 200
    assert _eventually(lambda: _placed(exchange, "silent") == int(forward))


@pytest.mark.parametrize("where", ["request", "response"])
def test_a_delay_holds_the_request_or_the_answer(
    exchange: Sandbox, caller: Signed, where: str
) -> None:
    exchange.faults.add("delay", operation="CreateOrderV2", seconds=0.2, where=where)
    start = time.monotonic()
    assert caller.place("slow").status == 201
    assert time.monotonic() - start >= 0.19
    [entry] = exchange.truth.requests()
    assert entry.status == 201


def test_a_delayed_request_arrives_although_its_sender_gave_up(
    exchange: Sandbox, caller: Signed
) -> None:
    exchange.faults.add("delay", operation="CreateOrderV2", seconds=0.4, where="request")
    with _connect(caller) as sock:
        sock.sendall(_wire(caller, "on-its-way"))
    assert _eventually(lambda: _placed(exchange, "on-its-way") == 1)
    assert caller.place("on-its-way").status == 409


def test_an_answer_may_come_byte_by_byte(exchange: Sandbox, caller: Signed) -> None:
    exchange.faults.add("drip", operation="CreateOrderV2", size=5, seconds=0.001)
    with _connect(caller) as sock:
        sock.sendall(_wire(caller, "drip"))
        got, parts = b"", 0
        while not _whole(got):
            got += sock.recv(65536)
            parts += 1
    assert parts > 10
    assert got.startswith(b"HTTP/1.1 201")


def test_bytes_of_the_answer_may_turn_to_noise_from_an_offset_on(
    exchange: Sandbox, caller: Signed
) -> None:
    clean, _ = _converse(caller, _wire(caller, "clean"))
    exchange.faults.add("garble", operation="CreateOrderV2", at=20)
    with _connect(caller) as sock:
        sock.sendall(_wire(caller, "noisy"))
        got = b""
        while len(got) < 60:
            got += sock.recv(65536)
    assert got[:20] == clean[:20]
    assert got[20:60] != clean[20:60]


def test_a_connection_may_be_refused_at_once(exchange: Sandbox, caller: Signed) -> None:
    exchange.faults.add("refuse")
    got, end = _converse(caller, _wire(caller, "refused"))
    assert (got, end) == (b"", "reset")
    assert exchange.truth.requests() == []
    assert caller.place("refused").status == 201


@pytest.mark.parametrize("at", [0, 40])
def test_a_connection_may_break_after_so_many_bytes_sent(
    exchange: Sandbox, caller: Signed, at: int
) -> None:
    exchange.faults.add("cut_up", at=at)
    assert _converse(caller, _wire(caller, "up")) == (b"", "reset")
    assert exchange.truth.requests() == []


def test_a_connection_may_break_after_so_many_bytes_received(
    exchange: Sandbox, caller: Signed
) -> None:
    exchange.faults.add("cut_down", at=33)
    got, end = _converse(caller, _wire(caller, "down"))
    assert (len(got), end) == (33, "reset")
    assert _placed(exchange, "down") == 1


def test_a_connection_may_stall(exchange: Sandbox) -> None:
    exchange.faults.add("stall", at=9)
    with signed(exchange) as caller, _connect(caller) as sock:
        sock.sendall(_wire(caller, "stall"))
        assert sock.recv(100) == b"HTTP/1.1 "
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(100)
    assert _placed(exchange, "stall") == 1


def test_a_network_fault_counts_requests_on_one_connection(
    exchange: Sandbox, caller: Signed
) -> None:
    exchange.faults.add("reset_response", operation="CreateOrderV2", skip=2)
    assert [caller.place(f"n-{n}").status for n in range(2)] == [201, 201]
    assert caller.call("GET", "/portfolio/balance").status == 200
    with pytest.raises(ConnectionError):
        caller.place("n-2")
    assert caller.place("n-3").status == 201
    assert [_placed(exchange, f"n-{n}") for n in range(4)] == [1, 1, 1, 1]


def test_a_method_and_a_path_name_a_request_as_well(exchange: Sandbox, caller: Signed) -> None:
    exchange.faults.add("reset_response", operation="GET */balance")
    assert caller.call("GET", "/portfolio/fills").status == 200
    with pytest.raises(ConnectionError):
        caller.call("GET", "/portfolio/balance")


def test_network_faults_need_the_proxy() -> None:
    with Sandbox(proxy=False, seed_data=False) as sandbox:
        assert sandbox.url == sandbox.direct_url
        with pytest.raises(SandboxError, match="needs the proxy"):
            sandbox.faults.add("silence")
