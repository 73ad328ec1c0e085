"""Switches: what is not known for certain, each value of each, tried."""

from __future__ import annotations

import uuid
from random import Random
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from engine_desk import TICKER, Desk, code

from kalshi_ext.sandbox.engine import Call, Caller, Settings, admin

VALUES = [
    (name, value)
    for name, hint in get_type_hints(Settings).items()
    for value in ([True, False] if hint is bool else get_args(hint))
    if hint is bool or get_origin(hint) is Literal
]
BEYOND_THE_CONTRACT = {("empty_lists", "omit"), ("empty_lists", "null"), ("error_shape", "flat")}
BEYOND_THE_CONTRACT |= {("empty_answers", "object")}
"""Answers the documents do not know, which were seen all the same; and {} where nothing is due."""


def trade(desk: Desk, steps: int, seed: int) -> None:
    """Trade at random between two accounts on two markets, with every kind of change."""
    chance, ids = Random(seed), ["none"]
    desk.admin(admin.add_market("OTHER", exchange_index=2))
    for name in ("amy", "bob"):
        desk.admin(admin.fund(name, "50", exchange_index=2))
    for _ in range(steps):
        desk.later(chance.choice([0, 1, 20]))
        who, side = chance.choice(["amy", "bob"]), chance.choice(["bid", "ask"])
        price, count = f"0.{chance.randrange(40, 60)}", str(chance.randrange(1, 60))
        match chance.randrange(6):
            case 0 | 1 | 2:
                more = {"ticker": chance.choice([TICKER, "OTHER"])}
                answer = desk.order(side, price, count, by=who, **more)
                ids.append(answer.body.get("order_id", "none"))
            case 3:
                desk.cancel(chance.choice(ids), by=who)
            case 4:
                desk.amend(chance.choice(ids), side, price, count, by=who)
            case _:
                for read in ("GetOrders", "GetFills", "GetPositions", "GetBalance"):
                    desk.call(read, by=who)
    desk.admin(admin.settle(TICKER, "scalar", value="0.37"))
    desk.engine.check_invariants(history=True)


@pytest.mark.parametrize(("name", "value"), [v for v in VALUES if v not in BEYOND_THE_CONTRACT])
def test_books_balance_and_answers_keep_the_contract_whatever_is_switched(name, value):
    trade(Desk(**{name: value}), 30, seed=3)


@pytest.mark.parametrize("mode", ["none", "max"])
@pytest.mark.parametrize("seed", range(2))
def test_books_balance_whatever_resting_orders_hold_back_even_with_little_money(mode, seed):
    trade(Desk(reservation=mode, funds="40"), 100, seed)


def reserved(desk: Desk) -> str:
    return str(desk.truth.balances(account="amy")[0]["reserved"])


@pytest.mark.parametrize(
    ("mode", "held"), [("none", "0.0000"), ("max", "5.0000"), ("sum", "9.0000")]
)
def test_two_sided_quotes_hold_back_nothing_the_dearer_side_or_both(mode, held):
    desk = Desk(reservation=mode)
    desk.place("bid", "0.40")
    desk.place("ask", "0.50")
    assert reserved(desk) == held


def test_with_max_a_second_side_costs_only_what_it_adds():
    desk = Desk(reservation="max", funds="5")
    desk.place("bid", "0.40")
    desk.place("ask", "0.60")
    assert code(desk.order("ask", "0.60", "3")) == (400, "insufficient_balance")


def test_with_none_one_may_quote_more_than_one_has_and_is_dropped_when_it_cannot_be_paid():
    desk = Desk(reservation="none", funds="5")
    first, second = desk.place("bid", "0.50"), desk.place("bid", "0.49")
    desk.admin(admin.liquidity(TICKER, "ask", "0.49", "20"))
    assert desk.truly(first)["status"] == "executed"
    assert desk.truly(second)["reason"] == "insufficient_balance"
    assert desk.cash("amy") == "0.0000"


@pytest.mark.parametrize("reaches", ["documented", "everything"])
def test_the_lag_reaches_the_documented_reads_or_all_of_them(reaches):
    desk = Desk(read_lag_seconds=5, lag_reaches=reaches)
    desk.later(60)
    desk.place("bid", "0.40")
    desk.place("ask", "0.40", "4", by="bob")
    desk.call("CreateOrderGroup", {"contracts_limit": 5})
    desk.admin(admin.deposit("amy", 100))
    move = {"client_transfer_id": str(uuid.uuid4()), "from_subaccount": 0, "to_subaccount": 1}
    desk.call("ApplySubaccountTransfer", move | {"amount_cents": 1})
    lists = {
        "GetOrderQueuePositions": "queue_positions",
        "GetOrderGroups": "order_groups",
        "GetDeposits": "deposits",
        "GetSubaccountTransfers": "transfers",
    }

    def seen() -> list[int]:
        return [len(desk.get(operation)[name]) for operation, name in lists.items()]

    assert desk.get("GetOrders")["orders"] == []
    assert seen() == ([1] * 4 if reaches == "documented" else [0] * 4)
    desk.later(6)
    assert len(desk.get("GetOrders")["orders"]) == 1
    assert seen() == [1] * 4


def test_a_settlement_lags_too_where_everything_does():
    desk = Desk(read_lag_seconds=5, lag_reaches="everything")
    desk.place("bid", "0.40")
    desk.place("ask", "0.40", by="bob")
    desk.later(60)
    desk.admin(admin.settle(TICKER, "yes"))
    assert desk.get("GetSettlements")["settlements"] == []
    desk.later(6)
    assert len(desk.get("GetSettlements")["settlements"]) == 1


def allocate(desk: Desk, **percents: int) -> int:
    rows = [{"exchange_index": int(k[1:]), "percent": v} for k, v in percents.items()]
    return desk.call("SetTargetBalanceAllocation", {"allocations": rows}).status


def test_a_target_allocation_moves_no_cash_unless_switched_on():
    desk = Desk()
    assert allocate(desk, s0=25, s2=75) == 200
    assert desk.cash("amy") == "1000.0000"


def test_a_sweep_divides_free_cash_between_shards_and_leaves_what_orders_hold():
    desk = Desk(allocation_sweep="at_once")
    desk.place("bid", "0.40", "250")
    assert allocate(desk, s0=25, s2=75) == 200
    assert (desk.cash("amy"), desk.cash("amy", shard=2)) == ("325.0000", "675.0000")
    assert allocate(desk, s1=33, s3=67) == 200
    assert (desk.cash("amy"), desk.cash("amy", shard=1)) == ("100.0000", "297.0000")


def test_opening_a_subaccount_may_need_the_advanced_level():
    desk = Desk(subaccount_tier="advanced")
    refused = code(desk.call("CreateSubaccount", {}))
    assert refused == (403, "subaccount_creation_requires_advanced_api_usage_level")
    desk.call("UpgradeAccountApiUsageLevel")
    assert desk.call("CreateSubaccount", {}).status == 201


@pytest.mark.parametrize(("mode", "body"), [("nothing", None), ("object", {})])
def test_an_answer_without_a_promised_body_is_empty_or_an_empty_object(mode, body):
    desk = Desk(empty_answers=mode)
    assert desk.do(Call("UpgradeAccountApiUsageLevel", Caller("amy"))).body == body
    assert desk.do(Call("CancelAllOrders", Caller("amy"))).body is None
