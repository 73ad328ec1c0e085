"""Bulk calls: every item ends in exactly one outcome, whatever the answers look like."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve
from bulk_orders import place, tickets

from kalshi_ext import bulk, errors, writes
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.context import Context
from kalshi_ext.protocol.messages import Reply, Request
from kalshi_ext.protocol.pacer import Costs, Pacer
from kalshi_ext.requests import AmendTicket, Target

BATCH = "/portfolio/events/orders/batched"
Odd = Callable[[int, list[dict[str, Any]]], Any]


PLACE_MANY = "orders.place_many"


def number_of(key: str) -> int:
    return int(key.removeprefix("c"))


def ack(number: int) -> dict[str, Any]:
    return json.loads(ex.created(number).body)


def creates(odd: Odd | None = None) -> ex.Handler:
    """Answer creates and batches of them; `odd` changes the answer to the n-th batch."""
    count = 0

    def handler(request: Request) -> Any:
        nonlocal count
        if request.method != "POST":
            return None
        body = json.loads(request.body or b"{}")
        if not request.path.endswith("/batched"):
            return core.reply(201, ack(number_of(body["client_order_id"])))
        count += 1
        entries = [ack(number_of(each["client_order_id"])) for each in body["orders"]]
        changed = odd(count, entries) if odd else None
        return core.reply(201, {"orders": entries}) if changed is None else changed

    return handler


def world(odd: Odd | None = None, pace: str = "basic") -> ex.FakeExchange:
    exchange = ex.FakeExchange([creates(odd)])
    exchange.context = Context(policy=ex.PATIENT, pacer=Pacer.of_tier(pace))
    return exchange


@pytest.mark.parametrize("count", [3, 33])  # one request, and several
def test_orders_placed_together_may_expire_at_the_deadline_of_their_call(count: int) -> None:
    exchange = world(pace="expert")
    place(exchange, tickets(count), deadline=90.5, expire_at_deadline=True)
    bodies = [json.loads(each.body or b"") for each in exchange.sent("POST")]
    sent = [each for body in bodies for each in body.get("orders", [body])]
    assert [each["expiration_time"] for each in sent] == [int(core.EPOCH + 90)] * count


@pytest.mark.parametrize(
    ("changes", "options"),
    [({}, {}), ({"expires": 1_900_000_000}, {"deadline": 5.0})],
)
def test_no_order_is_sent_where_one_cannot_expire_at_the_deadline(
    changes: dict[str, Any], options: dict[str, Any]
) -> None:
    exchange = world()
    listed = [*tickets(1), ex.ticket(2, **changes)]
    with pytest.raises(errors.Misuse, match="expire_at_deadline"):
        place(exchange, listed, expire_at_deadline=True, **options)
    assert exchange.requests == []


def ids(results: list[Any]) -> list[Any]:
    return [each.client_order_id for each in results]


def test_orders_are_split_into_batches_that_fit_and_all_are_placed_in_order() -> None:
    exchange = world()
    results = place(exchange, tickets(103))
    assert ids(results) == [f"c{number}" for number in range(1, 104)]
    assert all(isinstance(each, OrderAck) for each in results)
    sizes = [len(json.loads(r.body or b"")["orders"]) for r in exchange.sent("POST", BATCH)]
    assert sum(sizes) == 103
    assert max(sizes) <= 10
    optimum = (103 * 10 - 100) / 100
    assert exchange.waited == pytest.approx(optimum, abs=1.0)


@pytest.mark.parametrize("count", [1, 2, 10])
def test_what_fits_into_one_request_goes_in_one(count: int) -> None:
    exchange = world()
    assert len(place(exchange, tickets(count))) == count
    assert len(exchange.requests) == 1


@pytest.mark.parametrize("cost", [0.0, -5.0, 0.001])
@pytest.mark.parametrize("shards", [1, 2])
def test_orders_that_are_told_to_cost_nothing_still_go_in_batches(cost: float, shards: int) -> None:
    exchange = world(pace="prestige")
    batch = next(each for each in core.CURRENT.operations.values() if each.facade == PLACE_MANY)
    exchange.context.pacer.costs = Costs(special={(batch.method, batch.path): cost})  # type: ignore[union-attr]
    listed = [ex.ticket(n, exchange_index=n % shards) for n in range(1, 502)]
    assert ids(place(exchange, listed)) == [f"c{n}" for n in range(1, 502)]
    bodies = [json.loads(each.body or b"") for each in exchange.sent("POST", "/batched")]
    assert max(len(each["orders"]) for each in bodies) <= 200


def test_without_a_budget_a_bulk_call_is_paced_all_the_same() -> None:
    exchange = world()
    exchange.context = evolve(exchange.context, pacer=None)
    results = place(exchange, tickets(60))
    assert all(isinstance(each, OrderAck) for each in results)
    assert exchange.waited > 4.0


def test_an_id_that_stands_twice_is_refused_before_anything_is_sent() -> None:
    exchange = world()
    with pytest.raises(errors.DuplicateIdConflict, match="'c7' stands twice"):
        place(exchange, [*tickets(40), ex.ticket(7)])
    same = ex.ticket(3)
    with pytest.raises(errors.DuplicateIdConflict, match="'c3' stands twice"):
        place(exchange, [same, same])
    assert exchange.requests == []


def test_an_order_that_the_contract_cannot_say_is_refused_before_anything_is_sent() -> None:
    exchange = world()
    with pytest.raises(errors.Misuse, match="market orders"):
        place(exchange, [*tickets(40), ex.ticket(41, price=None)])
    assert exchange.requests == []


REFUSED = {"error": {"code": "invalid_price", "message": "no"}}
ODD: dict[str, Odd] = {
    "reversed": lambda n, rows: core.reply(201, {"orders": rows[::-1]}),
    "an entry refused": lambda n, rows: core.reply(
        201, {"orders": [REFUSED | {"client_order_id": rows[0]["client_order_id"]}, *rows[1:]]}
    ),
    "a batch refused": lambda n, rows: ex.refused(400, "invalid_price") if n == 2 else None,
    "rate limited": lambda n, rows: (
        core.reply(429, {"error": "too many requests"}) if n in range(2, 8) else None
    ),
    "an entry missing": lambda n, rows: core.reply(201, {"orders": rows[:-1]}),
    "nothing in it": lambda n, rows: core.reply(201, {"orders": []}) if n == 2 else None,
    "a page of a proxy": lambda n, rows: core.reply(502, b"<html>") if n == 2 else None,
    "lost": lambda n, rows: core.lost(bytes_sent=True) if n == 2 else None,
    "entries of others": lambda n, rows: (
        core.reply(201, {"orders": [ack(900), *rows[1:]]}) if n == 2 else None
    ),
    "entries twice": lambda n, rows: core.reply(201, {"orders": rows * 2}) if n == 2 else None,
    "no list": lambda n, rows: core.reply(201, {"orders": 5}) if n == 2 else None,
}


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("name", ODD)
def test_each_item_ends_in_exactly_one_outcome_of_its_own(name: str, executed: bool) -> None:
    exchange = world(ODD[name])
    exchange.orders = [ex.row(number) for number in range(1, 34)] if executed else []
    results = place(exchange, tickets(33))
    assert len(results) == 33
    for number, result in enumerate(results, 1):
        assert isinstance(result, OrderAck | errors.KalshiError)
        if isinstance(result, OrderAck):
            assert result.client_order_id == f"c{number}"
        else:
            assert result.__dict__.get("client_order_id", f"c{number}") == f"c{number}"
    assert sum(isinstance(each, OrderAck) for each in results) >= 22
    if executed and "refused" not in name:
        assert all(isinstance(each, OrderAck) for each in results)


def test_an_order_in_doubt_holds_no_other_up() -> None:
    exchange = world(ODD["lost"])
    times: list[tuple[float, int]] = []
    place(
        exchange, tickets(33), on_progress=lambda done, total: times.append((exchange.time, done))
    )
    placed = [at - core.EPOCH for at, done in times if done >= 27]
    assert placed[0] < 10.0  # a lost one is looked for for a minute
    assert times[-1][1] == 33


def test_at_the_deadline_the_rest_ends_as_not_sent() -> None:
    exchange = world()
    results = place(exchange, tickets(100), deadline=2.0)
    kinds = [type(each) for each in results]
    placed = kinds.count(OrderAck)
    assert 20 <= placed <= 30
    assert kinds == [OrderAck] * placed + [errors.NotSent] * (100 - placed)
    assert ids(results) == [f"c{number}" for number in range(1, 101)]
    assert exchange.waited <= 2.0
    assert "the deadline of the call has passed" in str(results[-1])


def test_a_stop_ends_what_was_not_sent_yet() -> None:
    exchange = world()

    def stop(done: int, total: int) -> None:
        if done == 20:
            exchange.context.stops.add([("all", None)], "orders.cancel_all", exchange.monotonic())

    results = place(exchange, tickets(50), on_progress=stop)
    unsent = [each for each in results if not isinstance(each, OrderAck)]
    assert len(results) - len(unsent) <= 25
    assert all("orders.cancel_all was called meanwhile" in str(each) for each in unsent)
    assert {type(each) for each in unsent} == {errors.NotSent}


def test_refused_credentials_end_the_call_and_lose_no_success() -> None:
    denied = ex.refused(403, "permission_denied")
    exchange = world(lambda n, rows: denied if n >= 3 else None)
    results = place(exchange, tickets(60))
    kinds = [type(each).__name__ for each in results]
    assert kinds.count("OrderAck") == 10
    assert kinds.count("Forbidden") == 5
    assert kinds.count("NotSent") == 45
    assert ids(results) == [f"c{number}" for number in range(1, 61)]
    assert len(exchange.requests) == 3


@pytest.mark.parametrize("number", [3, 25], ids=["one request", "several"])
def test_progress_counts_up_to_all_and_what_it_raises_is_ignored(number: int) -> None:
    exchange, seen = world(), []

    def note(done: int, total: int) -> None:
        seen.append((done, total))
        raise ValueError("of the caller")

    assert len(place(exchange, tickets(number), on_progress=note)) == number
    assert seen == sorted(seen)
    assert seen[-1] == (number, number)


def test_orders_of_a_shard_also_use_the_bucket_of_their_shard() -> None:
    exchange = world()
    results = place(exchange, tickets(60, exchange_index=2))
    assert all(isinstance(each, OrderAck) for each in results)
    singles = exchange.sent("POST", "/orders")
    assert len(singles) > 15
    assert exchange.waited < 3.5  # one bucket alone would take 5 s
    assert all(
        b'"exchange_index": 2' in (r.body or b"") or b'"exchange_index":2' in (r.body or b"")
        for r in singles
    )


def test_a_batch_holds_orders_of_one_shard() -> None:
    exchange = world()
    listed = [ex.ticket(n, exchange_index=n % 3) for n in range(1, 61)]
    Random(1).shuffle(listed)
    results = place(exchange, listed)
    assert ids(results) == [each.client_order_id for each in listed]
    for request in exchange.sent("POST", BATCH):
        shards = {each.get("exchange_index") for each in json.loads(request.body or b"")["orders"]}
        assert len(shards) == 1


def test_every_order_is_in_the_journal_once_and_told() -> None:
    exchange = world(ODD["reversed"])
    place(exchange, tickets(33))
    assert len(exchange.states()) == 33
    assert exchange.run(writes.recover(core.CURRENT, exchange.context)) == []


def order_id(number: int) -> str:
    return f"{number:08d}-1111-4111-8111-111111111111"


def cancels(request: Request) -> Reply | None:
    if request.method != "DELETE":
        return None
    if not request.path.endswith("/batched"):
        one = request.path.rpartition("/")[2]
        return core.reply(200, {"order_id": one, "reduced_by": "5.00"})
    rows = [
        {"order_id": each["order_id"], "reduced_by": "5.00"}
        for each in json.loads(request.body or b"")["orders"]
    ]
    return core.reply(200, {"orders": rows[::-1]})


def test_cancels_of_any_number_end_in_the_callers_order_and_twice_is_once() -> None:
    exchange = world()
    exchange.handlers = [cancels]
    targets = [Target.of(order_id(number)) for number in (*range(1, 81), 5)]
    flow = bulk.cancel_many(core.CURRENT, targets, exchange.context)
    results = exchange.run(flow)
    assert [each.order_id for each in results] == [each.order_id for each in targets]
    asked = [json.loads(r.body or b"")["orders"] for r in exchange.sent("DELETE", BATCH)]
    assert sum(map(len, asked)) == 80


def test_amends_go_one_by_one_in_the_callers_order() -> None:
    exchange = world()

    def amends(request: Request) -> Reply | None:
        if request.method != "POST" or not request.path.endswith("/amend"):
            return None
        one = request.path.split("/")[-2]
        return core.reply(200, {"order_id": one, "fill_count": "0.00", "remaining_count": "4.00"})

    exchange.handlers = [amends]
    listed = [
        AmendTicket.of(order_id(n), ticker=ex.TICKER, side="bid", price="0.5", count=4)
        for n in range(1, 26)
    ]
    flow = bulk.amend_many(core.CURRENT, listed, exchange.context)
    assert [each.order_id for each in exchange.run(flow)] == [order_id(n) for n in range(1, 26)]
    with pytest.raises(errors.Misuse, match="stands twice"):
        exchange.run(bulk.amend_many(core.CURRENT, [listed[0]] * 2, exchange.context))


def test_an_interrupt_closes_every_request_that_waits() -> None:
    exchange = world(ODD["lost"])
    flow = bulk.place_many(core.CURRENT, tickets(33), exchange.context)
    exchange.run_until(flow, lambda effect: len(exchange.sent("POST", BATCH)) == 4)
    flow.close()
    assert exchange.context.pacer is not None
    assert exchange.context.pacer.budget(exchange.monotonic()).write.queued == 0
    assert not [n for n in range(1, 34) if f"c{n}" in exchange.context.locks]


@pytest.mark.parametrize("within", [5.0, 1_000.0])
def test_an_order_that_the_rate_limit_refused_goes_again_only_while_it_is_young(
    within: float,
) -> None:
    first: dict[str, float] = {}
    latest: dict[str, float] = {}

    def handler(request: Request) -> Any:
        if request.method != "POST":
            return None
        body = json.loads(request.body or b"{}")
        for each in body.get("orders", [body]):
            first.setdefault(each["client_order_id"], exchange.time)
            latest[each["client_order_id"]] = exchange.time
        return core.reply(429, {"error": "too many requests"})

    exchange = ex.FakeExchange([handler])
    policy = evolve(ex.PATIENT, resend_within=within)
    exchange.context = Context(policy=policy, pacer=Pacer.of_tier("basic"))
    results = place(exchange, tickets(40))
    assert {type(each) for each in results} <= {errors.RateLimited, errors.NotSent}
    waits = [latest[key] - first[key] for key in first]
    assert (max(waits) > 6.0) is (within > 5.0)


@pytest.mark.parametrize("deadline", [None, 3.0])
def test_nothing_was_sent_is_not_said_of_what_was_sent_and_refused(deadline: float | None) -> None:
    handler = ex.always(core.reply(429, {"error": "too many requests"}), method="POST")
    exchange = ex.FakeExchange([handler])
    exchange.context = Context(policy=ex.PATIENT, pacer=Pacer.of_tier("basic"))
    results = place(exchange, tickets(120), deadline=deadline)
    sent = {
        each["client_order_id"]
        for request in exchange.sent("POST")
        for each in json.loads(request.body or b"{}")["orders"]
    }
    told = {f"c{n}" for n, each in enumerate(results, 1) if isinstance(each, errors.NotSent)}
    assert told.isdisjoint(sent)
    assert bool(told) is (deadline is not None)


@pytest.mark.parametrize(
    ("contract", "count", "sizes"),
    [
        (core.CLASSIC, 20, [20]),
        (core.CLASSIC, 21, [20, 1]),
        (core.CLASSIC, 45, [20, 20, 5]),
        (core.CURRENT, 200, [200]),
        (core.CURRENT, 201, [200, 1]),
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_batch_holds_no_more_than_its_contract_takes(
    contract: Any, count: int, sizes: list[int], method: str
) -> None:
    exchange = ex.FakeExchange([ex.always(core.refused(400), method=method)])
    exchange.context = Context(policy=ex.PATIENT, pacer=Pacer.of_tier("prestige"))
    if method == "POST":
        flow = bulk.place_many(contract, tickets(count), exchange.context)
    else:
        targets = [Target.of(order_id(number)) for number in range(count)]
        flow = bulk.cancel_many(contract, targets, exchange.context)
    if len(sizes) == 1:  # all of them met the one refusal
        with pytest.raises(errors.BadRequest):
            exchange.run(flow)
    else:
        assert {type(each) for each in exchange.run(flow)} == {errors.BadRequest}
    bodies = [json.loads(each.body or b"") for each in exchange.sent(method, "/batched")]
    assert [len(each.get("orders") or each["order_ids"]) for each in bodies] == sizes
