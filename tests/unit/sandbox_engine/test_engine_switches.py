"""Each value of each setting: what is not known for certain about the exchange."""

from __future__ import annotations

import uuid
from random import Random
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from engine_harness import TICKER, Harness, error_code

from kalshi_ext.sandbox.engine import ApiRequest, Caller, Settings, admin

VALUES = [
    (name, value)
    for name, hint in get_type_hints(Settings).items()
    for value in ([True, False] if hint is bool else get_args(hint))
    if hint is bool or get_origin(hint) is Literal
]
BEYOND_THE_CONTRACT = {("empty_lists", "omit"), ("empty_lists", "null"), ("error_shape", "flat")}
BEYOND_THE_CONTRACT |= {("empty_answers", "object")}
"""Answers that were observed against the documents, and {} where no body is promised."""


def trade_at_random(harness: Harness, steps: int, seed: int) -> None:
    """Trade at random between two accounts on two markets, with every kind of change."""
    chance, ids = Random(seed), ["none"]
    harness.admin(admin.add_market("OTHER", exchange_index=2))
    for name in ("amy", "bob"):
        harness.admin(admin.fund(name, "50", exchange_index=2))
    for _ in range(steps):
        harness.wait(chance.choice([0, 1, 20]))
        who, side = chance.choice(["amy", "bob"]), chance.choice(["bid", "ask"])
        price, count = f"0.{chance.randrange(40, 60)}", str(chance.randrange(1, 60))
        match chance.randrange(6):
            case 0 | 1 | 2:
                more = {"ticker": chance.choice([TICKER, "OTHER"])}
                answer = harness.order(side, price, count, by=who, **more)
                ids.append(answer.body.get("order_id", "none"))
            case 3:
                harness.cancel(chance.choice(ids), by=who)
            case 4:
                harness.amend(chance.choice(ids), side, price, count, by=who)
            case _:
                for read in ("GetOrders", "GetFills", "GetPositions", "GetBalance"):
                    harness.call(read, by=who)
    harness.admin(admin.settle(TICKER, "scalar", value="0.37"))
    harness.engine.check_invariants(history=True)


@pytest.mark.parametrize(("name", "value"), [v for v in VALUES if v not in BEYOND_THE_CONTRACT])
def test_books_balance_and_answers_keep_the_contract_whatever_is_switched(name, value):
    trade_at_random(Harness(**{name: value}), 30, seed=3)


@pytest.mark.parametrize("mode", ["none", "max"])
@pytest.mark.parametrize("seed", range(2))
def test_books_balance_whatever_resting_orders_hold_back_even_with_little_money(mode, seed):
    trade_at_random(Harness(reservation=mode, funds="40"), 100, seed)


def reserved(harness: Harness) -> str:
    return str(harness.truth.balances(account="amy")[0]["reserved"])


@pytest.mark.parametrize(
    ("mode", "reserve"), [("none", "0.0000"), ("max", "5.0000"), ("sum", "9.0000")]
)
def test_two_sided_quotes_hold_back_nothing_the_dearer_side_or_both(mode, reserve):
    harness = Harness(reservation=mode)
    harness.place("bid", "0.40")
    harness.place("ask", "0.50")
    assert reserved(harness) == reserve


def test_with_max_a_second_side_costs_only_what_it_adds():
    harness = Harness(reservation="max", funds="5")
    harness.place("bid", "0.40")
    harness.place("ask", "0.60")
    assert error_code(harness.order("ask", "0.60", "3")) == (400, "insufficient_balance")


def test_with_none_one_may_quote_more_than_one_has_and_is_dropped_when_it_cannot_be_paid():
    harness = Harness(reservation="none", funds="5")
    first, second = harness.place("bid", "0.50"), harness.place("bid", "0.49")
    harness.admin(admin.liquidity(TICKER, "ask", "0.49", "20"))
    assert harness.stored_order(first)["status"] == "executed"
    assert harness.stored_order(second)["reason"] == "insufficient_balance"
    assert harness.cash("amy") == "0.0000"


@pytest.mark.parametrize("reaches", ["documented", "everything"])
def test_the_lag_reaches_the_documented_reads_or_all_of_them(reaches):
    harness = Harness(read_lag_seconds=5, lag_reaches=reaches)
    harness.wait(60)
    harness.place("bid", "0.40")
    harness.place("ask", "0.40", "4", by="bob")
    harness.call("CreateOrderGroup", {"contracts_limit": 5})
    harness.admin(admin.deposit("amy", 100))
    move = {"client_transfer_id": str(uuid.uuid4()), "from_subaccount": 0, "to_subaccount": 1}
    harness.call("ApplySubaccountTransfer", move | {"amount_cents": 1})
    lists = {
        "GetOrderQueuePositions": "queue_positions",
        "GetOrderGroups": "order_groups",
        "GetDeposits": "deposits",
        "GetSubaccountTransfers": "transfers",
    }

    scope = {"GetOrderQueuePositions": {"market_tickers": TICKER}}

    def visible_counts() -> list[int]:
        bodies = {each: harness.get(each, **scope.get(each, {})) for each in lists}
        return [len(bodies[operation][name] or ()) for operation, name in lists.items()]

    assert harness.get("GetOrders")["orders"] == []
    assert visible_counts() == ([1] * 4 if reaches == "documented" else [0] * 4)
    harness.wait(6)
    assert len(harness.get("GetOrders")["orders"]) == 1
    assert visible_counts() == [1] * 4


def test_a_settlement_lags_too_where_everything_does():
    harness = Harness(read_lag_seconds=5, lag_reaches="everything")
    harness.place("bid", "0.40")
    harness.place("ask", "0.40", by="bob")
    harness.wait(60)
    harness.admin(admin.settle(TICKER, "yes"))
    assert harness.get("GetSettlements")["settlements"] == []
    harness.wait(6)
    assert len(harness.get("GetSettlements")["settlements"]) == 1


def set_allocation(harness: Harness, **percents: int) -> int:
    rows = [{"exchange_index": int(k[1:]), "percent": v} for k, v in percents.items()]
    return harness.call("SetTargetBalanceAllocation", {"allocations": rows}).status


def test_a_target_allocation_moves_no_cash_unless_switched_on():
    harness = Harness()
    assert set_allocation(harness, s0=25, s2=75) == 200
    assert harness.cash("amy") == "1000.0000"


def test_a_sweep_divides_free_cash_between_shards_and_leaves_what_orders_hold():
    harness = Harness(allocation_sweep="at_once")
    harness.place("bid", "0.40", "250")
    assert set_allocation(harness, s0=25, s2=75) == 200
    assert (harness.cash("amy"), harness.cash("amy", shard=2)) == ("325.0000", "675.0000")
    assert set_allocation(harness, s1=33, s3=67) == 200
    assert (harness.cash("amy"), harness.cash("amy", shard=1)) == ("100.0000", "297.0000")


def test_opening_a_subaccount_may_need_the_advanced_level():
    harness = Harness(subaccount_tier="advanced")
    refused = error_code(harness.call("CreateSubaccount", {}))
    assert refused == (403, "subaccount_creation_requires_advanced_api_usage_level")
    harness.call("UpgradeAccountApiUsageLevel")
    assert harness.call("CreateSubaccount", {}).status == 201


@pytest.mark.parametrize(("mode", "body"), [("nothing", None), ("object", {})])
def test_an_answer_without_a_promised_body_is_empty_or_an_empty_object(mode, body):
    harness = Harness(empty_answers=mode)
    assert harness.execute(ApiRequest("UpgradeAccountApiUsageLevel", Caller("amy"))).body == body
    assert harness.execute(ApiRequest("CancelAllOrders", Caller("amy"))).body is None
