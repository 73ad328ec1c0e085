"""One log, one state: whatever the clock did and whether reads were kept or not."""

from __future__ import annotations

import json
from datetime import timedelta
from random import Random

import pytest
from engine_harness import START, TICKER, Harness

from kalshi_ext.sandbox.engine import (
    ApiRequest,
    Caller,
    Engine,
    Settings,
    admin,
    command_from_data,
    command_to_data,
)


def trade_at_random(seed: int, **settings: object) -> Harness:
    """Run a few hundred mixed commands."""
    harness, chance = Harness(**settings), Random(seed)
    ids = ["none"]
    for step in range(300):
        harness.wait(chance.choice([0, 0.001, 1, 7, -3]))
        who, side = chance.choice(["amy", "bob"]), chance.choice(["bid", "ask"])
        price, count = f"0.{chance.randrange(40, 60)}", str(chance.randrange(1, 9))
        when = int(harness.now.timestamp()) + chance.randrange(1, 30)
        more = {"expiration_time": when} if chance.random() < 0.3 else {}
        match chance.randrange(6):
            case 0 | 1 | 2:
                answer = harness.order(
                    side, price, count, by=who, client_order_id=str(step), **more
                )
                ids.append(answer.body.get("order_id", "none"))
            case 3:
                harness.cancel(chance.choice(ids), by=who)
            case 4:
                harness.amend(chance.choice(ids), side, price, count, by=who)
            case _:
                harness.call("GetOrders", by=who, limit=2)
    return harness


def replay(harness: Harness, *, keep: object, **settings: object) -> Engine:
    engine = Engine(
        Settings.from_mapping({"classic_writes": "served", "rate_limits": False} | settings)
    )
    for now, command in harness.log:
        if keep(command):
            data = json.loads(json.dumps(command_to_data(command)))
            engine.execute(command_from_data(data), now=now)
    engine.advance(now=harness.engine.now)
    return engine


@pytest.mark.parametrize("seed", range(4))
def test_a_replayed_log_gives_the_same_state_byte_for_byte(seed):
    harness = trade_at_random(seed)
    again = replay(harness, keep=lambda command: True)
    assert again.digest() == harness.engine.digest()
    assert again.truth.events() == harness.truth.events()


@pytest.mark.parametrize("seed", range(4))
def test_a_log_without_reads_gives_the_same_state_too(seed):
    harness = trade_at_random(seed)
    again = replay(harness, keep=harness.engine.changes)
    assert again.digest() == harness.engine.digest()
    assert again.truth.events() == harness.truth.events()


def test_reads_belong_into_the_log_when_they_are_billed():
    call = ApiRequest("GetOrders", Caller("amy"))
    assert not Harness().engine.changes(call)
    assert Harness(rate_limits=True).engine.changes(call)
    assert Harness().engine.changes(admin.fund("amy", "1"))


def test_ids_depend_on_the_seed_alone():
    first, second, reseeded = Harness(), Harness(), Harness(seed=7)
    ids = [harness.place("bid", "0.40") for harness in (first, second, reseeded)]
    assert ids[0] == ids[1] != ids[2]


def test_time_never_runs_backwards():
    harness = Harness()
    harness.wait(10)
    harness.place("bid", "0.40")
    harness.now = START
    order = harness.place("bid", "0.41")
    assert harness.stored_order(order)["created_time"] == "2026-11-23T15:00:10.000000Z"
    assert harness.engine.now == START + timedelta(seconds=10)


def test_a_command_survives_json():
    commands = [
        ApiRequest(
            "CreateOrderV2", Caller("amy", frozenset({"read"}), 3), {"a": "b"}, {"c": "d"}, [1]
        ),
        ApiRequest("GetExchangeStatus"),
        admin.cutoff(orders=START),
        admin.add_market("X", price_ranges=[{"start": "0.1", "end": "0.2", "step": "0.01"}]),
    ]
    for command in commands:
        data = json.loads(json.dumps(command_to_data(command)))
        assert command_from_data(data) == command


def test_every_event_is_numbered_and_can_be_told_as_json():
    harness = trade_at_random(1)
    harness.admin(admin.settle(TICKER, "yes"))
    events = harness.truth.events()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert harness.truth.events(since=len(events) - 3) == events[-3:]
    for event in events:
        json.dumps(dict(event.data))
    kinds = {event.kind for event in events}
    assert {"market", "account", "funds", "order", "fill", "cancel", "settle"} <= kinds


def test_events_are_not_kept_when_switched_off():
    harness = Harness(log_events=False)
    harness.place("bid", "0.40")
    assert harness.truth.events() == []


def test_the_truth_finds_an_order_by_its_client_order_id():
    harness = Harness()
    harness.place("bid", "0.40", client_order_id="one")
    harness.place("bid", "0.40", client_order_id="one", by="bob")
    rows = harness.truth.orders(client_order_id="one")
    assert [row["account"] for row in rows] == ["amy", "bob"]
    assert len(harness.truth.orders(account="amy", client_order_id="one")) == 1
    assert harness.truth.markets()[0]["ticker"] == TICKER
    assert harness.truth.accounts() == ["foreign", "amy", "bob"]
