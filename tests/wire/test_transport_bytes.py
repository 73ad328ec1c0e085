"""Requests that the driver hands over as bytes are those that it makes with httpx's objects."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from scripted_server import OK, Connection, Server

from kalshi_ext import AsyncKalshi, Kalshi, NotSent
from kalshi_ext.protocol.effects import Send
from kalshi_ext.protocol.messages import Request
from kalshi_ext.transport import AsyncDeadlineTransport, DeadlineTransport
from kalshi_ext.transport.endpoint import Endpoint
from kalshi_ext.transport.request_bytes import request_head
from kalshi_ext.transport.signing import signer
from kalshi_ext.values.json_text import canonical, compact

BASES = ["http://127.0.0.1:8080/v2", "https://x.example/v2", "http://[::1]:9/v2"]
REQUESTS = {
    "a read": Request("GET", "/a/b"),
    "a query": Request("GET", "/a", (("x", "y z&"), ("c", "é"))),
    "a create": Request("POST", "/orders", (), b'{"a":1}'),
    "a POST without a body": Request("POST", "/orders"),
    "an empty body": Request("POST", "/orders", (), b""),
    "a DELETE with a body": Request("DELETE", "/orders", (("s", "1"),), b"{}"),
    "a PUT without a body": Request("PUT", "/orders/a%20b"),
}


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", REQUESTS)
def test_the_bytes_are_those_of_the_same_request_of_httpx(base: str, name: str) -> None:
    endpoint = Endpoint(base, signer(bearer_token="t"))
    for public in (False, True):
        send = Send(REQUESTS[name], public, 10.0)
        made, given = endpoint.prepare(send, 5.0), endpoint.bytes_of(send, 5.0)
        head = request_head(made.method, made.url.raw_path, made.headers.raw)
        assert request_head(given.method, given.target, given.headers) == head
        assert given.body == made.content


class Seen(DeadlineTransport):
    """A transport of a user's that looks at each request."""

    methods: list[str]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.methods.append(request.method)
        return super().handle_request(request)


class AsyncSeen(AsyncDeadlineTransport):
    """The same on an event loop."""

    methods: list[str]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.methods.append(request.method)
        return await super().handle_async_request(request)


def answer(connection: Connection) -> None:
    while True:
        connection.request()
        connection.send(OK)


def test_a_subclass_of_our_transport_sees_every_request() -> None:
    with Server(answer) as server:
        transport = Seen()
        transport.methods = []
        with Kalshi(environment=server.url(""), transport=transport) as client:
            client.request("GET", "/x")
    assert transport.methods == ["GET"]


def test_a_subclass_of_our_async_transport_sees_every_request() -> None:
    async def read(url: str) -> list[str]:
        transport = AsyncSeen()
        transport.methods = []
        async with AsyncKalshi(environment=url, transport=transport) as client:
            await client.request("GET", "/x")
        return transport.methods

    with Server(answer) as server:
        assert asyncio.run(read(server.url(""))) == ["GET"]


class Breaking:
    """A signer whose header would begin another one."""

    authenticated = True

    def headers(self, method: str, raw_path: bytes | str, timestamp_ms: int) -> dict[str, str]:
        del method, raw_path, timestamp_ms
        return {"x": "a\r\nb: c"}


def test_a_header_that_would_begin_another_is_known_not_to_be_sent() -> None:
    with Server(answer) as server, Kalshi(environment=server.url(""), bearer_token="t") as client:
        endpoint = client.driver.endpoint
        client.driver.endpoint = Endpoint(endpoint.base_url, Breaking(), clock=endpoint.clock)
        with pytest.raises(NotSent):
            client.orders.place("T", side="bid", count=1, price="0.5")
        assert not server.connections


TEXTS = ["", "plain", "é", "\x7f", '"\\/', "".join(map(chr, range(0x80))), "\u2028", "\ud800", "😀"]
VALUES: list[Any] = [*TEXTS, 0, -1, 2**53, 2**64, 2**70, True, None]


@pytest.mark.parametrize("value", VALUES)
def test_json_is_written_in_the_bytes_of_the_standard_library(value: Any) -> None:
    ascii_encoder = json.JSONEncoder(default=str, sort_keys=True, separators=(",", ":"))
    document = {"b": value, "a": {"z": [value], "y": Decimal("1.50")}, "c": Decimal("1E+3")}
    assert canonical(document, ascii_encoder) == ascii_encoder.encode(document)
    if value == "\ud800":
        return
    encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for plain in ({"b": value, "a": 1}, {"b": [value, 1.5e16]}):
        assert compact(plain, encoder) == encoder.encode(plain).encode()
