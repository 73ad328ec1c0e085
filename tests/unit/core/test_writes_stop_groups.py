"""Automatic groups: who makes one, who waits for it, and when it is forgotten."""

from __future__ import annotations

import json
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve
from stop_exchange import GROUP, Exchange, exchange_of, stop

from kalshi_ext import bulk, errors, writes
from kalshi_ext import stop as stops
from kalshi_ext.journal import Latch
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.flow import Record
from kalshi_ext.protocol.messages import Reply, Request
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.stop import AutoGroups
from kalshi_ext.values import count


def automatic(*handlers: Any) -> Exchange:
    exchange = exchange_of(*handlers, group=True)
    exchange.context = evolve(exchange.context, auto_groups=AutoGroups(count(10)))
    return exchange


def test_a_group_that_is_triggered_ends_the_orders_that_wait_to_go_into_it() -> None:
    exchange = automatic()
    flow = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    effect = next(flow)
    while not (isinstance(effect, Record) and effect.verb == "reserve_many"):
        effect = flow.send(exchange.perform(effect))
    exchange.context.stops.add([("group", GROUP)], "order_groups.trigger", exchange.monotonic())

    def rest() -> None:
        current = effect
        while True:
            current = flow.send(exchange.perform(current))

    with pytest.raises(errors.NotSent, match=r"order_groups\.trigger was called meanwhile"):
        rest()
    assert exchange.sent("POST") == []


@pytest.mark.parametrize("answer", [core.reply(200, b"<"), core.lost(bytes_sent=True)])
def test_an_order_whose_shard_is_not_known_goes_into_no_group_and_is_not_sent(answer: Any) -> None:
    exchange = automatic(ex.always(answer, method="GET", ending=ex.TICKER))
    with pytest.raises(errors.NotSent, match=f"the shard of {ex.TICKER} is not known"):
        exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    assert exchange.sent("POST") == []


NO_GROUP = core.reply(400, {"error": {"code": "invalid_order", "message": "no such order group"}})


@pytest.mark.parametrize(
    ("refusal", "there", "kept"),
    [
        (NO_GROUP, ex.not_found(), False),
        (NO_GROUP, core.reply(200, {"orders": []}), True),
        (NO_GROUP, core.reply(500), True),
        (core.refused(400), ex.not_found(), True),  # it does not speak of the group
    ],
)
def test_a_group_is_forgotten_only_where_it_was_refused_and_is_gone(
    refusal: Reply, there: Reply, kept: bool
) -> None:
    path = f"/order_groups/{GROUP}"
    exchange = automatic(
        ex.once(refusal, ending="/orders"), ex.always(there, method="GET", ending=path)
    )
    with pytest.raises(errors.BadRequest):
        exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    assert (GROUP in exchange.journal.stops.record.read().groups.values()) is kept


def test_orders_that_need_the_same_new_group_at_once_share_it() -> None:
    refusal = ex.once(core.THROTTLED, ending="/create")
    exchange = exchange_of(refusal, placed_in_groups)
    policy = evolve(exchange.context.policy, backoff=core.no_jitter(first=1.0))
    groups = AutoGroups(count(10))
    exchange.context = evolve(
        exchange.context, auto_groups=groups, policy=policy, pacer=Pacer.of_tier("basic")
    )
    listed = [ex.ticket(number, exchange_index=1) for number in range(1, 13)]
    results = exchange.run(bulk.place_many(core.CURRENT, listed, exchange.context))
    assert {type(each) for each in results} == {OrderAck}
    assert len(exchange.sent("POST", "/create")) == 2  # the first was refused


def placed_in_groups(request: Request) -> Reply | None:
    """Acknowledge orders that name the group, alone and in batches."""
    is_batch = request.path.endswith("/batched")
    if request.method != "POST" or not (is_batch or request.path.endswith("/orders")):
        return None
    body = json.loads(request.body or b"{}")
    rows = body["orders"] if is_batch else [body]
    assert {each.get("order_group_id") for each in rows} == {GROUP}
    numbers = [int(each["client_order_id"].removeprefix("c")) for each in rows]
    acks = [json.loads(ex.created(number).body) for number in numbers]
    return core.reply(201, {"orders": acks} if is_batch else acks[0])


def resumed(exchange: Exchange) -> None:
    stop(exchange)
    exchange.run(stops.resume(core.CURRENT, exchange.context, Latch()))


def reset_by_its_caller(exchange: Exchange) -> None:
    call = core.CURRENT.order_groups.reset(GROUP, None, None)
    exchange.run(writes.send_idempotent(call, exchange.context, state_of=("group", GROUP)))


@pytest.mark.parametrize("is_lost", [True, False])
@pytest.mark.parametrize("reset", [resumed, reset_by_its_caller])
def test_a_group_that_a_late_reset_may_open_shuts_out_no_order_that_may_still_arrive(
    reset: Any, is_lost: bool
) -> None:
    exchange = automatic()
    exchange.handlers = [
        ex.once(core.lost(bytes_sent=True), method="PUT", ending="reset")
    ] * is_lost
    reset(exchange)
    exchange.handlers = [ex.once(core.lost(bytes_sent=True), ending="/orders")]
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context, deadline=2))
    report = stop(exchange, deadline=10)
    assert report.flat is not is_lost
    assert report.undecided == ("c1",) * is_lost
    assert stop(exchange).flat
