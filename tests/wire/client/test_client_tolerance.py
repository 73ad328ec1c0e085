"""What a server may answer on real TCP, and what the sync and the async client make of it."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from typing import Any

import core_clients as clients
import pytest
from scripted_server import Connection, Server

from kalshi_ext import AsyncKalshi, Kalshi, errors

ORDER = {
    "order_id": "o1",
    "client_order_id": "c1",
    "ticker": "T",
    "user_id": "u",
    "status": "resting",
    "book_side": "bid",
    "outcome_side": "yes",
    "side": "yes",
    "action": "buy",
    "type": "limit",
    "yes_price_dollars": "0.5000",
    "no_price_dollars": "0.5000",
    "taker_fees_dollars": "0.0000",
    "maker_fees_dollars": "0.0000",
    "taker_fill_cost_dollars": "0.0000",
    "maker_fill_cost_dollars": "0.0000",
    "initial_count_fp": "5.00",
    "fill_count_fp": "0.00",
    "remaining_count_fp": "5.00",
    "created_time": "2026-11-22T12:00:00Z",
}


def answer(status: int, body: bytes | dict[str, Any], **headers: str) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(raw)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


def call_answered(
    client_kind: str, raw: bytes, work: Callable[[Any], Any]
) -> tuple[Any, list[bytes], Any]:
    """Call a server that always answers the same; return the result or error, requests, drift."""
    requests: list[bytes] = []

    def script(connection: Connection) -> None:
        while True:
            requests.append(connection.request())
            connection.send(raw)

    async def call_async(options: dict[str, Any]) -> tuple[Any, Any]:
        async with AsyncKalshi(**options) as client:
            try:
                value = clients.finish(work(client))
                result = await value if inspect.isawaitable(value) else value
            except errors.KalshiError as error:
                result = error
            return result, client.drift()

    def call_sync(options: dict[str, Any]) -> tuple[Any, Any]:
        with Kalshi(**options) as client:
            try:
                result = clients.finish(work(client))
            except errors.KalshiError as error:
                result = error
            return result, client.drift()

    with Server(script) as server:
        options = {
            "bearer_token": clients.TOKEN,
            "environment": server.url("/trade-api/v2"),
            "policy": clients.QUICK,
        }
        run = call_sync if client_kind == "sync" else lambda g: asyncio.run(call_async(g))
        result, drift = run(options)
    return result, requests, drift


@pytest.fixture(params=["sync", "async"])
def client_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def balance(client: Any) -> Any:
    return client.portfolio.balance()


def place(client: Any) -> Any:
    return client.orders.place("T", side="bid", count=5, price="0.50", client_order_id="c1")


def list_orders(client: Any) -> Any:
    return client.orders.list()


HTML = b"<html><body>error code: 520 <b>cf</b></body></html>"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 524, 599])
def test_an_html_page_under_a_failing_status_is_unavailable_and_kept(
    client_kind: str, status: int
) -> None:
    result, requests, _ = call_answered(
        client_kind, answer(status, HTML, **{"content-type": "text/html"}), balance
    )
    assert type(result) is errors.Unavailable
    assert (result.status, result.body) == (status, HTML)
    assert len(requests) == clients.QUICK.attempts


@pytest.mark.parametrize("status", [500, 502, 503, 520])
def test_a_failing_status_on_an_order_is_an_unknown_outcome_and_the_order_is_sent_once(
    client_kind: str, status: int
) -> None:
    result, requests, _ = call_answered(client_kind, answer(status, HTML), place)
    assert isinstance(result, errors.OutcomeUnknown)
    assert result.client_order_id == "c1"
    assert sum(request.startswith(b"POST") for request in requests) == 1


@pytest.mark.parametrize("body", [b"", b" ", b"null", b"[]", b'"yes"', b"{", b"\xff\xfe", b"NaN"])
def test_a_success_without_an_answer_in_it_is_unintelligible(client_kind: str, body: bytes) -> None:
    result, _, _ = call_answered(client_kind, answer(200, body), balance)
    assert type(result) is errors.Unintelligible
    assert result.body == body


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"error": "internal"}'])
def test_an_accepted_order_without_an_acknowledgement_is_an_unknown_outcome(
    client_kind: str, body: bytes
) -> None:
    result, requests, _ = call_answered(client_kind, answer(201, body), place)
    assert isinstance(result, errors.OutcomeUnknown)
    assert sum(request.startswith(b"POST") for request in requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(client_kind: str, status: int) -> None:
    raw = answer(status, b"", location="http://127.0.0.1:1/elsewhere")
    result, requests, _ = call_answered(client_kind, raw, balance)
    assert type(result) is errors.Refused
    assert result.status == status
    assert len(requests) == 1
    # Nothing says that the exchange wrote it: the order is looked for, and not sent again.
    result, requests, _ = call_answered(client_kind, raw, place)
    assert isinstance(result, errors.UnavailableWrite)
    assert result.status == status
    assert sum(request.startswith(b"POST") for request in requests) == 1


@pytest.mark.parametrize("rows", [{"orders": None}, {}, {"orders": []}])
def test_a_null_or_absent_list_is_empty(client_kind: str, rows: dict[str, Any]) -> None:
    result, _, _ = call_answered(client_kind, answer(200, {**rows, "cursor": None}), list_orders)
    assert result == []


def test_new_words_and_fields_are_kept_and_counted(client_kind: str) -> None:
    row = ORDER | {"status": "on_the_moon", "moon_phase": "full"}
    result, _, drift = call_answered(
        client_kind, answer(200, {"orders": [row], "cursor": ""}), list_orders
    )
    (order,) = result
    assert order.status.value == "on_the_moon"
    assert not order.status.known
    assert order.raw["moon_phase"] == "full"
    assert {kind for _, kind, _ in drift} == {"unknown_member", "unknown_field"}
    assert "on_the_moon" not in repr(drift)


def test_a_row_that_cannot_be_read_does_not_take_the_page_with_it(client_kind: str) -> None:
    broken = ORDER | {"remaining_count_fp": "a lot"}
    raw = answer(200, {"orders": [broken, ORDER], "cursor": ""})
    result, _, drift = call_answered(client_kind, raw, list_orders)
    assert [order.order_id for order in result] == ["o1"]
    assert [kind for _, kind, _ in drift] == ["invalid_row"]


def test_a_value_that_cannot_be_read_does_not_take_the_row_with_it(client_kind: str) -> None:
    broken = ORDER | {"expiration_time": "0", "taker_fees_dollars": "n/a"}
    raw = answer(200, {"orders": [broken], "cursor": ""})
    (order,), _, drift = call_answered(client_kind, raw, list_orders)
    assert (order.order_id, order.expiration_time, order.taker_fees) == ("o1", None, None)
    assert drift == {("GetOrders", "unreadable_field", "Order.taker_fees_dollars"): 1}


@pytest.mark.parametrize("list_name", ["orders.list", "history.all_orders"])
def test_rows_are_read_once_and_a_second_pass_is_refused_instead_of_missing_some(
    client_kind: str, list_name: str
) -> None:
    body = {"orders": [ORDER, ORDER | {"order_id": "o2"}], "cursor": ""}
    body |= {
        "trades_created_ts": "2026-01-01T00:00:00Z",
        "orders_updated_ts": "2026-01-01T00:00:00Z",
    }
    body |= {"market_settled_ts": "2026-01-01T00:00:00Z"}

    async def iterate_twice(rows: Any) -> None:
        async for row in rows:
            assert row.order_id == "o1"
            break
        await rows.all()

    def read_rows_again(client: Any) -> Any:
        rows = clients.resolve(client, list_name)()
        if client_kind == "async":
            return iterate_twice(rows)
        assert next(iter(rows)).order_id == "o1"
        return rows.all()

    result, _, _ = call_answered(client_kind, answer(200, body), read_rows_again)
    assert type(result) is errors.Misuse
