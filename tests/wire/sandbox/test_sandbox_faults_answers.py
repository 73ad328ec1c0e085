"""Each fault that happens inside the exchange, seen at the wire and against the truth."""

from __future__ import annotations

import json

import pytest
from sandbox_client import TICKER, SignedClient, order_body, signed_client

from kalshi_ext.sandbox import Sandbox, SandboxError

EVENTS = "/portfolio/events/orders"


def _order_count(exchange: Sandbox, name: str) -> int:
    return len(exchange.truth.orders(client_order_id=name))


@pytest.mark.parametrize("status", [502, 503, 520])
@pytest.mark.parametrize("executed", [False, True])
def test_an_html_page_tells_nothing_about_what_was_executed(
    exchange: Sandbox, caller: SignedClient, status: int, executed: bool
) -> None:
    exchange.faults.add("html", operation="CreateOrderV2", status=status, executed=executed)
    answer = caller.place("html")
    assert answer.status == status
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.raw.startswith(b"<html>")
    assert _order_count(exchange, "html") == int(executed)
    assert caller.place("after").status == 201


def test_any_status_and_body_can_be_asked_for(exchange: Sandbox, caller: SignedClient) -> None:
    exchange.faults.add("status", status=418, body="", content_type="text/plain")
    exchange.faults.add("status", status=409, code="trading_is_paused")
    exchange.faults.add("status", status=500, body={"msg": "so it is"})
    answers = [caller.call("GET", "/portfolio/balance") for _ in range(3)]
    assert [(answer.status, answer.raw) for answer in answers] == [
        (418, b""),
        (409, b'{"error":{"code":"trading_is_paused","message":"trading is paused"}}'),
        (500, b'{"msg": "so it is"}'),
    ]


def test_a_success_may_hold_an_error(exchange: Sandbox, caller: SignedClient) -> None:
    exchange.faults.add("error_in_success", operation="CreateOrderV2")
    answer = caller.place("error-inside")
    assert (answer.status, answer.code) == (200, "internal_server_error")
    assert _order_count(exchange, "error-inside") == 0


@pytest.mark.parametrize(
    ("to", "kind"), [("list", list), ("null", type(None)), ("text", str), ("numbers", dict)]
)
def test_a_success_may_have_another_type(
    exchange: Sandbox, caller: SignedClient, to: str, kind: type
) -> None:
    exchange.faults.add("wrong_type", operation="CreateOrderV2", to=to)
    answer = caller.place("typed")
    assert answer.status == 201
    assert isinstance(answer.json, kind)
    if to == "numbers":
        assert answer.json["remaining_count"] == 1.0
    assert _order_count(exchange, "typed") == 1


def test_garbage_is_the_same_for_the_same_seed(exchange: Sandbox, caller: SignedClient) -> None:
    noise = []
    for _ in range(2):
        exchange.reset()
        exchange.faults.add("garbage_body", size=32)
        noise.append(caller.place("garbage").raw)
    assert noise[0] == noise[1]
    assert len(noise[0]) == 32
    with pytest.raises(ValueError):
        json.loads(noise[0])


def test_a_truncated_body_is_a_whole_message_with_half_a_text(
    exchange: Sandbox, caller: SignedClient
) -> None:
    exchange.faults.add("truncated_body", keep=7)
    answer = caller.place("truncated")
    assert (answer.status, answer.raw) == (201, b'{"order')
    assert _order_count(exchange, "truncated") == 1


def test_a_storm_of_429_executes_nothing_and_passes(
    exchange: Sandbox, caller: SignedClient
) -> None:
    exchange.faults.add("throttle", operation="CreateOrderV2", skip=1, times=3)
    answers = [caller.place(f"storm-{number}") for number in range(5)]
    assert [answer.status for answer in answers] == [201, 429, 429, 429, 201]
    assert answers[1].json == {"error": "too many requests"}
    assert not {"retry-after", "x-ratelimit-remaining"} & set(answers[1].headers)
    assert [_order_count(exchange, f"storm-{number}") for number in range(5)] == [1, 0, 0, 0, 1]


def test_skewed_clocks_answer_401_and_nothing_happens(
    exchange: Sandbox, caller: SignedClient
) -> None:
    exchange.faults.add("skew", seconds=60)
    answer = caller.place("skewed")
    assert (answer.status, answer.code) == (401, "header_timestamp_expired")
    assert _order_count(exchange, "skewed") == 0
    assert caller.place("skewed").status == 201


def test_a_stale_read_tells_what_was_true_before(exchange: Sandbox, caller: SignedClient) -> None:
    order_id = caller.place("stale").json["order_id"]
    path = f"/portfolio/orders/{order_id}"
    assert caller.call("GET", path).json["order"]["status"] == "resting"
    caller.call("DELETE", f"{EVENTS}/{order_id}?market_ticker={TICKER}")
    exchange.faults.add("stale", operation="GetOrder", times=2)
    statuses = [caller.call("GET", path).json["order"]["status"] for _ in range(3)]
    assert statuses == ["resting", "resting", "canceled"]


def test_a_batch_answer_may_lose_entries_that_were_executed(
    exchange: Sandbox, caller: SignedClient
) -> None:
    exchange.faults.add("lost_entries", operation="Batch*", entries=[0, 2])
    names = [f"lost-{number}" for number in range(4)]
    body = {"orders": [order_body(name) for name in names]}
    entries = caller.call("POST", f"{EVENTS}/batched", body).json["orders"]
    assert [entry["client_order_id"] for entry in entries] == ["lost-1", "lost-3"]
    assert [_order_count(exchange, name) for name in names] == [1, 1, 1, 1]


def test_a_batch_answer_may_come_in_another_order(exchange: Sandbox, caller: SignedClient) -> None:
    exchange.faults.add("reordered", operation="BatchCreateOrdersV2")
    names = [f"mixed-{number}" for number in range(4)]
    body = {"orders": [order_body(name) for name in names]}
    entries = caller.call("POST", f"{EVENTS}/batched", body).json["orders"]
    answered = [entry["client_order_id"] for entry in entries]
    assert answered != names
    assert sorted(answered) == names


def test_an_acknowledgement_may_name_another_order(exchange: Sandbox, caller: SignedClient) -> None:
    order_id = caller.place("named").json["order_id"]
    exchange.faults.add("another_order", operation="CancelOrderV2")
    answered_id = caller.call("DELETE", f"{EVENTS}/{order_id}?market_ticker={TICKER}").json[
        "order_id"
    ]
    assert answered_id != order_id
    assert answered_id in {row["order_id"] for row in exchange.truth.orders(account="trader")}
    assert exchange.truth.orders(client_order_id="named")[0]["status"] == "canceled"


@pytest.mark.parametrize("operation", ["CreateOrderV2", "AmendOrderV2", "GetOrder"])
def test_any_answer_with_an_order_id_may_name_another(
    exchange: Sandbox, caller: SignedClient, operation: str
) -> None:
    order_id = caller.place("own").json["order_id"]
    exchange.faults.add("another_order", operation=operation, order_id="somebody-else's")
    amend = {"ticker": TICKER, "side": "bid", "price": "0.11", "count": "1.00"}
    bodies = [
        caller.place("other").json,
        caller.call("POST", f"{EVENTS}/{order_id}/amend", amend).json,
        caller.call("GET", f"/portfolio/orders/{order_id}").json["order"],
    ]
    changed = [body["order_id"] == "somebody-else's" for body in bodies]
    names = ["CreateOrderV2", "AmendOrderV2", "GetOrder"]
    assert changed == [name == operation for name in names]


def test_a_cursor_may_lead_to_itself(exchange: Sandbox, caller: SignedClient) -> None:
    exchange.faults.add("cursor_loop", operation="GetOrders", times=None)
    first = caller.call("GET", "/portfolio/orders?limit=2").json
    second = caller.call("GET", f"/portfolio/orders?limit=2&cursor={first['cursor']}").json
    assert first["cursor"] == second["cursor"] != ""
    assert [row["order_id"] for row in first["orders"]] == [
        row["order_id"] for row in second["orders"]
    ]


def test_a_zombie_is_the_old_request_once_more(exchange: Sandbox, caller: SignedClient) -> None:
    exchange.configure(dedupe="while_open")
    exchange.faults.add("zombie", operation="CreateOrderV2", later=2)
    order_id = caller.place("zombie").json["order_id"]
    caller.call("DELETE", f"{EVENTS}/{order_id}?market_ticker={TICKER}")
    assert _order_count(exchange, "zombie") == 1
    caller.call("GET", "/portfolio/balance")
    assert _order_count(exchange, "zombie") == 2
    first, *_others, duplicate = exchange.truth.requests()
    assert duplicate.replay_of == first.seq
    assert (duplicate.body, duplicate.status) == (first.body, 201)


def test_things_may_happen_just_before_a_request(exchange: Sandbox, caller: SignedClient) -> None:
    order_id = caller.place("raced", price="0.55", count="4.00").json["order_id"]
    fill = {"ticker": TICKER, "side": "ask", "price": "0.55", "count": "3.00"}
    commands = [{"action": "liquidity", "params": fill}]
    exchange.faults.add("before", operation="CancelOrderV2", commands=commands)
    answer = caller.call("DELETE", f"{EVENTS}/{order_id}?market_ticker={TICKER}")
    assert answer.json["reduced_by"] == "1.00"
    assert sum(float(fill["count_fp"]) for fill in exchange.truth.fills(order_id=order_id)) == 3


def test_the_cutoff_may_move_while_one_reads(exchange: Sandbox, caller: SignedClient) -> None:
    for number in range(3):
        order_id = caller.place(f"drain-{number}").json["order_id"]
        caller.call("DELETE", f"{EVENTS}/{order_id}?market_ticker={TICKER}")
    move = {"action": "cutoff", "params": {"orders": exchange.clock.now().isoformat()}}
    exchange.faults.add("before", operation="GetOrders", skip=1, commands=[move])
    path = "/portfolio/orders?limit=1&status=canceled"
    first = caller.call("GET", path).json
    assert first["orders"][0]["client_order_id"] == "drain-2"
    rest = caller.call("GET", f"{path}&cursor={first['cursor']}").json
    assert rest["orders"] == []
    history = caller.call("GET", "/historical/orders?limit=100").json["orders"]
    assert {f"drain-{n}" for n in range(3)} <= {row["client_order_id"] for row in history}


def test_a_pause_may_begin_between_two_orders(exchange: Sandbox, caller: SignedClient) -> None:
    exchange.faults.add(
        "before", operation="CreateOrderV2", skip=1, commands=[{"action": "pause", "params": {}}]
    )
    assert caller.place("early").status == 201
    late = caller.place("late")
    assert (late.status, late.code) == (409, "trading_is_paused")


def test_a_fault_may_be_meant_for_one_account(exchange: Sandbox, caller: SignedClient) -> None:
    exchange.faults.add("throttle", account="maker", times=None)
    with signed_client(exchange, "maker") as maker:
        assert maker.call("GET", "/portfolio/balance").status == 429
    assert caller.call("GET", "/portfolio/balance").status == 200


def test_the_record_says_which_rule_lied(exchange: Sandbox, caller: SignedClient) -> None:
    rule = exchange.faults.add("html", operation="GetBalance")
    caller.call("GET", "/portfolio/balance")
    caller.call("GET", "/portfolio/balance")
    lied, honest = exchange.truth.requests()
    assert (lied.fault, lied.executed, lied.status) == (rule, False, 502)
    assert (honest.fault, honest.executed, honest.status) == (None, True, 200)
    counts = [(row["seen"], row["fired"]) for row in exchange.faults.list()]
    assert counts == [(2, 1)]


def test_a_rule_taken_back_acts_no_more(exchange: Sandbox, caller: SignedClient) -> None:
    rule = exchange.faults.add("throttle", times=None)
    assert caller.call("GET", "/portfolio/balance").status == 429
    exchange.faults.remove(rule)
    assert caller.call("GET", "/portfolio/balance").status == 200


@pytest.mark.parametrize(
    ("kind", "parameters", "complaint"),
    [
        ("explode", {}, "kind: one of html"),
        ("html", {"colour": "red"}, "takes status, executed"),
        ("throttle", {"seconds": 1}, "takes nothing beside"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    exchange: Sandbox, kind: str, parameters: dict[str, object], complaint: str
) -> None:
    with pytest.raises(SandboxError, match=complaint):
        exchange.faults.add(kind, **parameters)


def test_chance_strikes_the_same_requests_in_the_same_way_again(
    exchange: Sandbox, caller: SignedClient
) -> None:
    runs = []
    for _ in range(2):
        exchange.reset()
        exchange.faults.add("html", operation="GetBalance", times=None, chance=0.4)
        exchange.faults.add("garbage_body", operation="GetBalance", times=None, chance=0.4, size=8)
        answers = [caller.call("GET", "/portfolio/balance") for _ in range(20)]
        runs.append(
            [(answer.status, answer.raw if len(answer.raw) == 8 else b"") for answer in answers]
        )
    assert runs[0] == runs[1]
    assert {status for status, _ in runs[0]} == {200, 502}
    assert len({raw for _, raw in runs[0]}) > 2
