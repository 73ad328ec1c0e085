"""Requests that the driver hands over as bytes are those that it makes with httpx's objects."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import OK, Connection, Server

from kalshi_ext import AsyncKalshi, Kalshi, Misuse, NotSent
from kalshi_ext.protocol.effects import Send
from kalshi_ext.protocol.messages import Request
from kalshi_ext.transport import AsyncDeadlineTransport, DeadlineTransport
from kalshi_ext.transport.endpoint import Endpoint
from kalshi_ext.transport.request_bytes import request_head
from kalshi_ext.transport.signing import signer
from kalshi_ext.transport.target import plain_target, target_of
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
        assert given.head() == head
        assert (given.body or b"") == made.content


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


URLS = [
    *("https://x.example/v2/a", "https://x.example:443/v2/a", "http://x.example:443/a"),
    *("https://X.example/v2", "https://x.example./a", "https://xn--bcher-kva.example/a"),
    *("http://127.0.0.1:8080/v2", "http://999.0.0.1/a", "http://1.2.3/a", "http://[::1]:9/v2"),
    *("https://x.example/a%20b", "https://x.example/a%2fb", "https://x.example/a b"),
    *("https://x.example/a/../b", "https://x.example/./a", "https://x.example/a/.b/..c"),
    *("https://x.example", "https://x.example/", "https://x.example//a", "https://x.example/a//b"),
    *("https://x.example/a/", "https://x.example/a:b@c", "https://x.example/é", "ftp://x/a"),
    *("https://x.example:0443/a", "https://x.example:/a", "https://x_y.example/a"),
]
QUERIES: list[tuple[tuple[str, str], ...]] = [
    *((), (("a", "1"), ("a", "2")), (("a b", "c+d&e=f"),), (("é", "%20"), ("/?#", "[]{}|^`\\"))),
    *((("empty", ""),), (("safe", "-._~:@!$'()*,;"),)),
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("query", QUERIES)
def test_a_target_read_without_httpx_is_the_one_that_httpx_reads(
    url: str, query: tuple[tuple[str, str], ...]
) -> None:
    target = plain_target(url, query)
    if target is not None:
        read = httpx.URL(url)
        assert target == target_of(read.copy_with(params=query) if query else read)


@given(st.text("/.%0aAzé2F_~-:@", max_size=12), st.lists(st.tuples(st.text(), st.text())))
def test_no_path_and_query_is_read_differently_without_httpx(
    path: str, pairs: list[tuple[str, str]]
) -> None:
    url, query = f"https://x.example/{path}", tuple(pairs)
    try:
        target = plain_target(url, query)
    except UnicodeEncodeError:
        return
    if target is not None:
        read = httpx.URL(url)
        assert target == target_of(read.copy_with(params=query) if query else read)


def test_the_targets_of_orders_and_lists_are_read_without_httpx() -> None:
    base = "https://external-api.kalshi.com/trade-api/v2"
    for path in ("/portfolio/orders", "/markets/KXRAIN-26DEC31-NYC/orderbook", "/a/a%20b"):
        assert plain_target(base + path, (("limit", "1000"), ("cursor", "a+/="))) is not None


def test_what_is_too_long_for_a_url_is_refused_as_before() -> None:
    endpoint = Endpoint("https://x.example/v2", signer(bearer_token="t"))
    for request in (
        Request("GET", "/" + "a" * 70_000),
        Request("GET", "/a", (("tickers", "a" * 70_000),)),
    ):
        with pytest.raises(Misuse, match="this request makes no URL"):
            endpoint.bytes_of(Send(request, public=False, timeout=10.0), 5.0)
