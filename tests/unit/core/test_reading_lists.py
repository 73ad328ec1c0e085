"""Lists and answers that cannot be read whole, through both clients: nothing vanishes silently."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import core_clients as clients
import core_samples as core
import httpx
import pytest
from attrs import evolve

from kalshi_ext import Order, OrderAck, errors
from kalshi_ext.contracts.decode_orders import decode_order

GOOD = {"subaccount_number": 1, "exchange_index": 0, "balance": "90.0000", "updated_ts": 1764583200}
PLAIN_LISTS: dict[str, tuple[str, dict[str, Any], dict[str, Any], Callable[[Any], Any]]] = {
    "subaccounts.balances": (
        "subaccount_balances",
        GOOD,
        {**GOOD, "exchange_index": "zero"},
        lambda c: c.subaccounts.balances(),
    ),
    "subaccounts.netting": (
        "netting_configs",
        {"subaccount_number": 1, "enabled": True, "exchange_index": 0},
        {"subaccount_number": 2, "enabled": "perhaps", "exchange_index": 0},
        lambda c: c.subaccounts.netting(),
    ),
    "account.volume_progress": (
        "volume_progress",
        {"computed_ts": 1764583200, "trailing_30d_volume_fp": "5.00", "goals": []},
        {"computed_ts": 1764583200, "goals": []},
        lambda c: c.account.volume_progress(),
    ),
    "orders.queue_positions": (
        "queue_positions",
        {"order_id": "o1", "market_ticker": "T", "queue_position_fp": "3.00"},
        {"order_id": "o2", "market_ticker": "T", "queue_position_fp": "behind"},
        lambda c: c.orders.queue_positions(tickers=["T"]),
    ),
}


@pytest.mark.parametrize("word", PLAIN_LISTS)
def test_a_plain_list_drops_no_row_silently(word: str) -> None:
    """A subaccount with $90 vanished from such a list."""
    key, good, bad, call = PLAIN_LISTS[word]
    whole = clients.sync_and_async(call, clients.answering(200, {key: [good, good]}))
    assert [len(rows) for rows in whole] == [2, 2]
    for error in clients.sync_and_async(call, clients.answering(200, {key: [good, bad]})):
        assert type(error) is errors.Unintelligible
        assert "1 of 2 rows" in str(error)
        assert str(bad).encode()[2:10] in error.body


def test_a_subaccount_whose_balance_cannot_be_read_stays_in_the_list_and_is_counted() -> None:
    body = {"subaccount_balances": [{**GOOD, "balance": "n/a"}]}
    with clients.client(clients.answering(200, body)) as client:
        (row,) = client.subaccounts.balances()
        assert (row.subaccount, row.balance) == (1, None)
        unreadable = ("GetSubaccountBalances", "unreadable_field", "SubaccountBalance.balance")
        assert client.drift() == {unreadable: 1}


@pytest.mark.parametrize("word", ["orders.list", "portfolio.fills", "portfolio.positions"])
def test_a_list_of_which_nothing_can_be_read_is_no_empty_list(word: str) -> None:
    key = {"orders.list": "orders", "portfolio.fills": "fills"}.get(word, "market_positions")
    transport = clients.answering(200, {key: [{"ticker": "T"}, {"ticker": "U"}], "cursor": ""})
    for contract in ("current", "classic"):
        results = clients.sync_and_async(
            lambda c: clients.resolve(c, word)(), transport, contract=contract
        )
        assert core.kinds(results) == {"Unintelligible"}
        assert all("2 of 2 rows" in str(error) for error in results)


@pytest.mark.parametrize("contract", ["current", "classic"])
@pytest.mark.parametrize("balance", [168.96, "168.96", "168.00"])
def test_a_balance_in_cents_with_a_fraction_is_refused_and_not_read_as_dollars_and_cents(
    contract: str, balance: object
) -> None:
    transport = clients.answering(200, {"balance": balance})
    results = clients.sync_and_async(lambda c: c.portfolio.balance(), transport, contract=contract)
    assert core.kinds(results) == {"Unintelligible"}
    assert all("is not a whole number" in str(error) for error in results)


@pytest.mark.parametrize("index", [2, "2", 2.0])
def test_an_order_can_be_cancelled_by_passing_it_however_its_shard_is_written(
    index: object,
) -> None:
    row = {
        "order_id": "o1",
        "ticker": "T",
        "status": "resting",
        "book_side": "bid",
        "fill_count_fp": "0.00",
        "remaining_count_fp": "1.00",
        "exchange_index": index,
    }
    with clients.client(clients.answering(200, {"orders": [row]})) as client:
        (order,) = client.orders.list()
    ack = {"order_id": "o1", "reduced_by": "1.00", "ts_ms": 1764583200000}
    transport = clients.answering(200, ack)
    policy = evolve(clients.QUICK, resolve_within=5.0)  # within it a cancel is sent
    acks = clients.sync_and_async(lambda c: c.orders.cancel(order), transport, policy=policy)
    assert [done.reduced_by for done in acks] == [1, 1]
    assert {request.url.params["exchange_index"] for request in transport.requests} == {"2"}


def ack(**counts: str | None) -> OrderAck:
    numbers = {name: value and Decimal(value) for name, value in counts.items()}
    return OrderAck(order_id="o1", raw={}, **numbers)  # type: ignore[typeddict-item]


def test_an_order_that_ended_at_once_is_told_by_the_ack() -> None:
    assert ack(fill_count="0.00", remaining_count="0.00").ended_unfilled
    for counts in (
        {"fill_count": "1.00", "remaining_count": "0.00"},
        {"fill_count": "0.00", "remaining_count": "1.00"},
        {"fill_count": None, "remaining_count": "0.00"},
        {"reduced_by": "1.00"},
        {},
    ):
        assert not ack(**counts).ended_unfilled
    assert ack(fill_count="1.00", remaining_count="0.00").ended
    assert not ack(reduced_by="1.00").ended


def test_an_ack_with_its_order_ends_by_the_status_of_that_order() -> None:
    fields: dict[str, Any] = {"order_id": "o1", "client_order_id": "", "ticker": "T", "raw": {}}
    fields |= {"book_side": "bid", "outcome_side": "yes", "fill_count": 0, "remaining_count": 0}
    order = Order(status="canceled", **fields)
    assert OrderAck(order_id="o1", order=order, fill_count=Decimal(0), raw={}).ended_unfilled


@pytest.mark.parametrize(
    ("status", "body", "sent"),
    [
        (405, b"", ["POST", "PUT"]),
        (404, b"404 page not found", ["POST", "PUT"]),
        (204, b"", ["POST"]),
    ],
)
def test_a_reset_by_the_documents_word_is_said_as_recorded_where_the_exchange_lacks_it(
    status: int, body: bytes, sent: list[str]
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(status, content=body)
        return httpx.Response(200, json={})

    transport = clients.RecordingTransport(answer)
    results = clients.sync_and_async(
        lambda c: c.order_groups.reset("g1"), transport, contract="classic"
    )
    assert results == [None, None]
    assert [request.method for request in transport.requests] == sent * 2
    assert {r.content for r in transport.requests if r.method == "PUT"} <= {b"{}"}


def test_a_reset_of_a_group_that_does_not_exist_is_said_once() -> None:
    transport = clients.answering(404, {"error": {"code": "not_found", "message": "no"}})
    results = clients.sync_and_async(
        lambda c: c.order_groups.reset("g1"), transport, contract="classic"
    )
    assert core.kinds(results) == {"NotFound"}
    assert {request.method for request in transport.requests} == {"POST"}


RESTING = {
    "order_id": "o1", "ticker": "T", "status": "resting", "side": "yes", "action": "buy",
    "remaining_count": 3, "fill_count": 1, "yes_price": 40,
}  # fmt: skip


@pytest.mark.parametrize("name", ["remaining_count_fp", "fill_count_fp"])
@pytest.mark.parametrize("garbage", ["n/a", {}, [], True])
def test_an_unreadable_spelling_costs_no_row_where_another_one_can_be_read(
    name: str, garbage: object
) -> None:
    order = decode_order({**RESTING, name: garbage}, side_and_action=True)
    assert (order.remaining_count, order.fill_count) == (3, 1)
    with pytest.raises(ValueError, match="is not a number"):
        decode_order({**RESTING, name: garbage, name[:-3]: ""}, side_and_action=True)


def test_an_expiry_with_parts_of_a_second_is_read_from_text_as_from_a_number() -> None:
    order = decode_order({**RESTING, "expiration_time": "1764500000.5"}, side_and_action=True)
    assert order.expiration_time == datetime(2025, 11, 30, 10, 53, 20, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("word", ["orders.list", "portfolio.fills", "portfolio.positions"])
def test_a_list_is_not_cut_to_the_shard_that_routes_writes(word: str) -> None:
    resource, name = word.split(".")
    for error in clients.sync_and_async(
        lambda c: getattr(getattr(c, resource), name)(exchange_index=-1),
        clients.answering(200, {}),
    ):
        assert type(error) is errors.Misuse
        assert "exchange_index must be a whole number from 0 to 100, not -1" in str(error)
