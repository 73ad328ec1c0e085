"""The log of what truly happened: complete, append-only, and only for the admin side."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sandbox_client import TICKER, SignedClient, order_body, signed_client

from kalshi_ext.sandbox import Sandbox, SandboxError

EVENTS = "/portfolio/events/orders"


def _record(box: Sandbox) -> dict[str, list[Any]]:
    return {
        "requests": [entry.to_data() for entry in box.truth.requests()],
        "events": list(box.truth.events()),
        "orders": [row["order_id"] for row in box.truth.orders()],
        "fills": list(box.truth.fills()),
    }


def test_a_request_is_kept_with_its_bytes_and_times_and_its_answer(
    exchange: Sandbox, caller: SignedClient
) -> None:
    before = exchange.clock.now()
    body = json.dumps(order_body("kept", count="2.00"), indent=3).encode()
    answer = caller.call("POST", EVENTS, raw=body)
    [entry] = exchange.truth.requests()
    assert (entry.method, entry.target) == ("POST", urlsplit(caller.url).path + EVENTS)
    assert (entry.body, entry.answer, entry.status) == (body, answer.raw, 201)
    assert entry.headers["kalshi-access-key"] == caller.key_id
    assert entry.answered is not None
    assert before <= entry.received <= entry.answered <= exchange.clock.now()
    assert (entry.operation, entry.account, entry.executed) == ("CreateOrderV2", "trader", True)


def test_orders_are_found_by_client_order_id_with_their_fills_and_the_money(
    exchange: Sandbox, caller: SignedClient
) -> None:
    caller.place("by-name", price="0.56", count="4.00")
    [row] = exchange.truth.orders(client_order_id="by-name")
    [fill] = exchange.truth.fills(order_id=row["order_id"])
    assert (fill["count_fp"], fill["client_order_id"]) == ("4.00", "by-name")
    cash = [
        balance
        for balance in exchange.truth.balances(account="trader")
        if not balance["subaccount"]
    ]
    breakdown = caller.call("GET", "/portfolio/balance").json["balance_breakdown"]
    available = {str(balance["exchange_index"]): balance["available"] for balance in cash}
    assert all(
        available[str(balance["exchange_index"])] == balance["balance"] for balance in breakdown
    )


def test_a_request_that_changed_nothing_is_kept_too(
    exchange: Sandbox, caller: SignedClient
) -> None:
    caller.call("POST", EVENTS, raw=b"{ not json")
    caller.call("GET", "/no/such/path")
    caller.call("GET", "/portfolio/balance", headers={})
    exchange.faults.add("html", operation="GetBalance")
    caller.call("GET", "/portfolio/balance")
    log = [(entry.status, entry.operation, entry.outcome) for entry in exchange.truth.requests()]
    assert log == [
        (400, "CreateOrderV2", "refused"),
        (404, None, "received"),
        (401, "GetBalance", "refused"),
        (502, "GetBalance", "received"),
    ]
    assert not any(entry.executed for entry in exchange.truth.requests())


def test_whatever_happens_later_the_record_so_far_stays(
    exchange: Sandbox, caller: SignedClient
) -> None:
    order_id = caller.place("first", price="0.56").json["order_id"]
    caller.place("second")
    before = _record(exchange)
    exchange.faults.add("stale", times=None)
    exchange.faults.add("zombie", operation="CreateOrderV2", later=0)
    caller.place("third", price="0.57")
    caller.call("GET", f"/portfolio/orders/{order_id}")
    caller.call("DELETE", EVENTS)
    exchange.clock.advance(60)
    exchange.configure(read_lag_seconds=5)
    exchange.markets.settle(TICKER, "yes")
    exchange.faults.remove()
    after = _record(exchange)
    for name, rows in before.items():
        assert after[name][: len(rows)] == rows, name
        assert len(after[name]) > len(rows), name
    assert [row["seq"] for row in after["requests"]] == list(range(1, len(after["requests"]) + 1))
    assert [row["seq"] for row in after["events"]] == list(range(1, len(after["events"]) + 1))


def test_one_may_ask_for_what_is_new_since(exchange: Sandbox, caller: SignedClient) -> None:
    caller.place("old")
    last_request = exchange.truth.requests()[-1].seq
    last_event = exchange.truth.events()[-1]["seq"]
    caller.place("new", price="0.56")
    assert [entry.seq for entry in exchange.truth.requests(since=last_request)] == [
        last_request + 1
    ]
    kinds = {event["kind"] for event in exchange.truth.events(since=last_event)}
    assert {"order", "fill"} <= kinds


def test_no_word_of_the_admin_side_changes_the_record(exchange: Sandbox) -> None:
    with pytest.raises(SandboxError) as refused:
        exchange.link.run("oracle.forget")
    words = str(refused.value).partition("one of ")[2].partition(", not")[0].split(", ")
    assert {word for word in words if word.startswith("oracle")} == {
        "oracle.requests",
        "oracle.network",
    }


def test_neither_a_key_nor_the_api_opens_the_record(
    exchange: Sandbox, caller: SignedClient
) -> None:
    for word in ("oracle.requests", "truth.orders"):
        assert caller.call("POST", f"/run/{word}", {}).status == 404
        for token in (exchange.token, exchange.key_id, "guessed"):
            answer = httpx.post(
                f"{exchange.link.url}/run/{word}",
                headers={"Authorization": f"Bearer {token}"},
                trust_env=False,
            )
            assert answer.status_code == 401


def test_without_a_record_the_exchange_still_knows_its_orders() -> None:
    with Sandbox(record=False, seed_data=False) as box, signed_client(box) as caller:
        box.markets.add("KX-A")
        assert caller.place("unrecorded", ticker="KX-A").status == 201
        assert box.truth.requests() == []
        assert len(box.truth.orders(client_order_id="unrecorded")) == 1
