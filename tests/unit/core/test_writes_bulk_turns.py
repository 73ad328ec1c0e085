"""Bulk calls: which request goes next, how often an item goes again, and what progress tells."""

from __future__ import annotations

import json
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve
from bulk_orders import place, tickets

from kalshi_ext import bulk, errors
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.context import Context
from kalshi_ext.protocol.messages import Lost, Reply, Request
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.protocol.rate_limits import TokenBucket
from kalshi_ext.requests import AmendTicket, Target

BATCH = "/portfolio/events/orders/batched"


def items_of(request: Request) -> list[dict[str, Any]]:
    body = json.loads(request.body or b"{}")
    rows: list[dict[str, Any]] = body.get("orders", [body])
    return rows


def placed(request: Request) -> Reply | None:
    """Acknowledge creates and cancels, alone and in batches."""
    rows = items_of(request)
    if request.method == "DELETE":
        ids = [each.get("order_id") or request.path.rpartition("/")[2] for each in rows]
        acks = [{"order_id": each, "reduced_by": "5.00"} for each in ids]
    elif request.method == "POST":
        numbers = [int(each["client_order_id"].removeprefix("c")) for each in rows]
        acks = [json.loads(ex.created(number).body) for number in numbers]
    else:
        return None
    is_batch = request.path.endswith("/batched")
    status = 201 if request.method == "POST" else 200
    return core.reply(status, {"orders": acks} if is_batch else acks[0])


def world(*handlers: ex.Handler, pacer: Pacer | None = None, **policy: Any) -> ex.FakeExchange:
    exchange = ex.FakeExchange([*handlers, placed])
    chosen = evolve(ex.PATIENT, **policy)
    exchange.context = Context(policy=chosen, pacer=pacer or Pacer.of_tier("basic"))
    return exchange


def times_sent(exchange: ex.FakeExchange) -> dict[str, int]:
    """Say how often each order was sent."""
    counts: dict[str, int] = {}
    for request in exchange.sent("POST"):
        for each in items_of(request):
            counts[each["client_order_id"]] = counts.get(each["client_order_id"], 0) + 1
    return counts


THROTTLED = ex.always(core.THROTTLED, method="POST")


def learned(exchange: ex.FakeExchange, capacity: float) -> None:
    """Let the write bucket turn out to be smaller when the second batch has been reserved."""
    reserve, count = exchange.journal.reserve_many, 0

    def reserve_and_learn(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == 2 and exchange.context.pacer is not None:
            bucket = exchange.context.pacer.write
            bucket.rate, bucket.capacity = capacity, capacity
        return reserve(*arguments)

    exchange.journal.reserve_many = reserve_and_learn  # type: ignore[method-assign]


@pytest.mark.parametrize(("capacity", "size"), [(10, 1), (30, 1), (50, 2), (80, 4)])
def test_a_bucket_that_turns_out_smaller_makes_batches_smaller_and_loses_none(
    capacity: float, size: int
) -> None:
    exchange = world(pacer=Pacer(TokenBucket(1_000, 1_000), TokenBucket(200, 200)))
    learned(exchange, capacity)
    results = place(exchange, tickets(32))
    assert [each.client_order_id for each in results] == [f"c{n}" for n in range(1, 33)]
    assert {type(each) for each in results} == {OrderAck}
    first, *rest = (len(items_of(each)) for each in exchange.sent("POST"))
    assert (first, max(rest)) == (10, size)
    assert set(times_sent(exchange).values()) == {1}


def test_a_bucket_that_turns_out_to_hold_no_order_ends_the_call_with_the_reason() -> None:
    exchange = world(pacer=Pacer(TokenBucket(1_000, 1_000), TokenBucket(200, 200)))
    learned(exchange, 5)
    placed_, *others = (place(exchange, tickets(32))[at] for at in (0, 10, 31))
    assert isinstance(placed_, OrderAck)
    assert {type(each) for each in others} <= {errors.Misuse, errors.NotSent}
    assert all("the bucket holds 5" in str(each) for each in others)
    assert len(exchange.sent("POST")) == 1


def test_what_only_the_common_bucket_pays_for_goes_first_then_the_longest_queue() -> None:
    exchange = world()
    listed = [
        *(ex.ticket(n, exchange_index=1) for n in range(1, 8)),
        *(ex.ticket(n, exchange_index=2) for n in range(100, 160)),
        *(ex.ticket(n) for n in range(200, 206)),
    ]
    assert {type(each) for each in place(exchange, listed)} == {OrderAck}
    batches = [items_of(each) for each in exchange.sent("POST", "/batched")]
    assert [rows[0].get("exchange_index") for rows in batches[:3]] == [None, None, 2]


def test_batches_of_cancels_take_the_tokens_that_are_kept_for_them_and_orders_do_not() -> None:
    exchange = world(pacer=Pacer(TokenBucket(1_000, 1_000), TokenBucket(1_000, 100)))
    targets = [Target.of(ex.row(n)["order_id"]) for n in range(120)]
    exchange.run(bulk.cancel_many(core.CURRENT, targets, exchange.context))
    place(exchange, tickets(30))
    cancels, orders = (
        [len(items_of(each)) for each in exchange.sent(m)] for m in ("DELETE", "POST")
    )
    assert (max(cancels), max(orders)) == (50, 9)  # at 2 and 10 tokens; a tenth is kept


@pytest.mark.parametrize("attempts", [1, 2])
def test_an_item_that_the_rate_limit_refuses_goes_again_three_times(attempts: int) -> None:
    exchange = world(ex.always(core.THROTTLED, method="POST"), attempts=attempts)
    results = place(exchange, tickets(12))
    assert {type(each) for each in results} == {errors.RateLimited}
    assert set(times_sent(exchange).values()) == {4 * attempts}


def test_progress_is_told_after_each_request_whatever_became_of_it() -> None:
    refusals = [core.refused(400), None, core.lost(bytes_sent=False), None]

    def every_other(request: Request) -> Reply | Lost | None:
        return refusals.pop(0) if refusals and request.method == "POST" else None

    exchange, told = world(every_other, attempts=1), list[tuple[int, int]]()
    results = place(exchange, tickets(20), on_progress=lambda *each: told.append(each))
    assert {type(each) for each in results} == {OrderAck, errors.BadRequest, errors.NotSent}
    assert told == [(5, 20), (10, 20), (15, 20), (20, 20)]


@pytest.mark.parametrize("number", [3, 60], ids=["one request", "several"])
def test_progress_of_cancels_counts_each_order_once(number: int) -> None:
    exchange, seen = world(), list[tuple[int, int]]()
    ids = [ex.row(n)["order_id"] for n in range(number)]
    flow = bulk.cancel_many(
        core.CURRENT,
        [Target.of(each) for each in (*ids, ids[0])],
        exchange.context,
        on_progress=lambda *each: seen.append(each),
    )
    assert [each.order_id for each in exchange.run(flow)] == [*ids, ids[0]]
    assert seen[-1] == (number, number)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert len(seen) == len(exchange.sent("DELETE"))


@pytest.mark.parametrize("number", [3, 60], ids=["one request", "several"])
def test_no_order_is_cancelled_where_one_names_what_the_contract_cannot_say(number: int) -> None:
    exchange = world()
    targets = [Target.of(ex.row(n)["order_id"]) for n in range(number)]
    targets[-1] = Target.of(targets[-1].order_id, subaccount=3)
    with pytest.raises(errors.Misuse, match="subaccount"):
        exchange.run(bulk.cancel_many(core.CLASSIC, targets, exchange.context))
    assert exchange.requests == []


def test_cancels_of_any_number_first_stop_what_would_change_their_orders() -> None:
    exchange, covered = world(), list[bool]()
    ids = [ex.row(n)["order_id"] for n in range(60)]

    def note(request: Request) -> None:
        stops = exchange.context.stops
        covered.append(all(stops.since(0, [("order", each)]) is not None for each in ids))

    exchange.handlers.insert(0, note)
    targets = [Target.of(each) for each in ids]
    exchange.run(bulk.cancel_many(core.CURRENT, targets, exchange.context))
    assert len(covered) > 1
    assert all(covered)


@pytest.mark.parametrize("first", [core.THROTTLED, core.lost(bytes_sent=False)])
def test_a_request_that_waits_to_be_tried_again_holds_no_other_up(first: Reply | Lost) -> None:
    exchange = world(ex.once(first), attempts=2, backoff=core.no_jitter(first=20.0))
    assert {type(each) for each in place(exchange, tickets(20))} == {OrderAck}
    numbers = [items_of(each)[0]["client_order_id"] for each in exchange.sent("POST")]
    assert numbers == ["c1", "c6", "c11", "c16", "c1"]


def test_a_fault_of_the_client_itself_ends_the_items_of_its_request_alone() -> None:
    def faulty(request: Request) -> None:
        if request.method == "POST" and "c7" in {
            row["client_order_id"] for row in items_of(request)
        }:
            raise RuntimeError("of the transport")

    results = place(world(faulty), tickets(12))
    failed = [each for each in results if not isinstance(each, OrderAck)]
    assert [each.client_order_id for each in failed] == ["c6", "c7", "c8", "c9", "c10"]
    assert {type(each) for each in failed} == {errors.NotSent}
    assert all("RuntimeError: of the transport" in str(each) for each in failed)


def test_a_cancel_goes_again_however_old_it_is_and_an_order_does_not() -> None:
    cancels = world(ex.once(*[core.THROTTLED] * 5, method="DELETE"), attempts=1, resend_within=0.01)
    targets = [Target.of(ex.row(n)["order_id"]) for n in range(120)]
    results = cancels.run(bulk.cancel_many(core.CURRENT, targets, cancels.context))
    assert {type(each) for each in results} == {OrderAck}
    orders = world(ex.once(*[core.THROTTLED] * 5), attempts=1, resend_within=0.01)
    assert errors.RateLimited in {type(each) for each in place(orders, tickets(25))}
    assert set(times_sent(orders).values()) == {1}


def test_amends_of_a_shard_also_use_the_bucket_of_their_shard() -> None:
    def amends(request: Request) -> Reply | None:
        one = request.path.split("/")[-2]
        body = {"order_id": one, "fill_count": "0.00", "remaining_count": "4.00"}
        return core.reply(200, body) if request.path.endswith("/amend") else None

    exchange = world(amends)
    listed = [
        AmendTicket.of(
            ex.row(n)["order_id"], exchange_index=n % 2,
            ticker=ex.TICKER, side="bid", price="0.5", count=4,
        )
        for n in range(40)
    ]  # fmt: skip
    results = exchange.run(bulk.amend_many(core.CURRENT, listed, exchange.context))
    assert [each.order_id for each in results] == [ex.row(n)["order_id"] for n in range(40)]
    assert exchange.waited < 2.0  # one bucket alone would take 3 s
