"""Money: reservations, positions, settlements, subaccounts, shards, payments."""

from __future__ import annotations

import uuid

import pytest
from engine_desk import TICKER, Desk, code

from kalshi_ext.sandbox.engine import Caller, InvariantBroken, admin


def reserved(desk: Desk, account: str = "amy") -> str:
    return str(desk.truth.balances(account=account)[0]["reserved"])


def test_a_bid_reserves_its_price_and_an_ask_the_rest_of_the_dollar():
    desk = Desk()
    desk.place("bid", "0.40")
    assert reserved(desk) == "4.0000"
    desk.place("ask", "0.70")
    assert reserved(desk) == "7.0000"
    assert desk.get("GetBalance")["balance_dollars"] == "993.0000"
    desk.call("CancelAllOrders")
    assert reserved(desk) == "0.0000"


def test_an_ask_that_closes_a_position_reserves_nothing():
    desk = Desk()
    desk.place("ask", "0.40", by="bob")
    desk.place("bid", "0.40")
    desk.place("ask", "0.60")
    assert reserved(desk) == "0.0000"
    desk.place("ask", "0.80")
    assert reserved(desk) == "2.0000"
    desk.place("ask", "0.70")
    assert reserved(desk) == "5.0000"


def test_balances_can_be_told_with_what_is_reserved():
    desk = Desk(balance_shows="cash")
    desk.place("bid", "0.40")
    assert desk.get("GetBalance")["balance_dollars"] == "1000.0000"


def test_the_taker_fee_must_be_affordable_too():
    desk = Desk(funds="4")
    desk.place("ask", "0.40", by="bob", count="5")
    assert desk.order("bid", "0.40").status == 400
    assert desk.order("bid", "0.40", "9").status == 201


@pytest.mark.parametrize(
    ("mode", "held"), [("sum", "7.0000"), ("max", "4.0000"), ("none", "0.0000")]
)
def test_what_resting_orders_reserve_is_an_accounts_choice(mode, held):
    desk = Desk()
    body = {
        "allocations": [{"exchange_index": 0, "percent": 100}],
        "resting_margin_reservation": mode,
    }
    assert desk.call("SetTargetBalanceAllocation", body).status == 200
    assert desk.get("GetTargetBalanceAllocation")["resting_margin_reservation"] == mode
    desk.place("bid", "0.40")
    desk.place("ask", "0.70")
    assert reserved(desk) == held


def test_a_maker_that_reserved_nothing_and_cannot_pay_is_cancelled_when_its_turn_comes():
    desk = Desk(reservation="none", funds="5")
    broke = desk.place("bid", "0.50")
    other = desk.place("bid", "0.40")
    desk.admin(admin.fund("bob", "100"))
    answer = desk.order("ask", "0.40", "10", by="bob")
    assert desk.truly(broke)["fill_count_fp"] == "10.00"
    answer = desk.order("ask", "0.40", "10", by="bob")
    assert answer.body["fill_count"] == "0.00"
    assert desk.truly(other)["reason"] == "insufficient_balance"


def test_total_resting_value_adds_up_what_resting_orders_cost_in_cents():
    desk = Desk()
    desk.place("bid", "0.40")
    desk.place("ask", "0.70")
    body = desk.get("GetPortfolioRestingOrderTotalValue")
    assert body["total_resting_order_value"] == 700
    assert body["resting_order_value_breakdown"] == [{"exchange_index": 0, "balance": "7.0000"}]


def test_total_resting_value_is_for_fcm_members_only_when_so_switched():
    desk = Desk(fcm_only_resting_value=True)
    desk.admin(admin.set_account("amy", fcm=False))
    assert code(desk.call("GetPortfolioRestingOrderTotalValue")) == (403, "permission_denied")
    assert desk.call("GetPortfolioRestingOrderTotalValue", by="bob").status == 200


def test_a_position_is_told_with_cost_profit_and_fees():
    desk = Desk()
    desk.place("ask", "0.40", by="bob")
    desk.place("bid", "0.40")
    desk.place("bid", "0.50", "4", by="bob")
    desk.place("ask", "0.50", "4")
    row = desk.get("GetPositions")["market_positions"][0]
    assert row["position_fp"] == "6.00"
    assert row["market_exposure_dollars"] == "2.4000"
    assert row["realized_pnl_dollars"] == "0.4000"
    assert row["total_traded_dollars"] == "6.0000"
    event = desk.get("GetPositions")["event_positions"][0]
    assert (event["event_ticker"], event["event_exposure_dollars"]) == ("KXTEST-26NOV23", "2.4000")


def test_a_sale_through_zero_turns_the_position():
    desk = Desk()
    desk.place("ask", "0.40", by="bob")
    desk.place("bid", "0.40")
    desk.place("bid", "0.50", "15", by="bob")
    desk.place("ask", "0.50", "15")
    row = desk.truth.positions(account="amy")[0]
    assert (row["position"], row["cost"], row["realized"]) == ("-5.00", "2.5000", "1.0000")


def held(desk: Desk) -> None:
    """Give amy 10 YES at 0.40 and bob the NO."""
    desk.admin(admin.set_fees(TICKER, fee_rate="0"))
    desk.place("bid", "0.40")
    desk.place("ask", "0.40", by="bob")


@pytest.mark.parametrize(
    ("result", "value", "amy", "bob"),
    [
        ("yes", None, "1006.0000", "994.0000"),
        ("no", None, "996.0000", "1004.0000"),
        ("scalar", "0.25", "998.5000", "1001.5000"),
    ],
)
def test_a_settlement_pays_a_dollar_a_pair_as_the_result_says(result, value, amy, bob):
    desk = Desk()
    held(desk)
    resting = desk.place("bid", "0.30")
    desk.admin(admin.settle(TICKER, result, value=value))
    assert (desk.cash("amy"), desk.cash("bob")) == (amy, bob)
    assert desk.truly(resting)["status"] == "canceled"
    desk.engine.check_invariants(history=True)


def test_a_settlement_row_tells_counts_costs_and_revenue_in_cents():
    desk = Desk()
    held(desk)
    desk.admin(admin.settle(TICKER, "scalar", value="0.25"))
    row = desk.get("GetSettlements")["settlements"][0]
    assert row["market_result"] == "scalar"
    assert (row["revenue"], row["value"]) == (250, 25)
    assert (row["yes_count_fp"], row["yes_total_cost_dollars"]) == ("10.00", "4.0000")
    other = desk.get("GetSettlements", by="bob")["settlements"][0]
    assert (other["revenue"], other["no_count_fp"]) == (750, "10.00")


def test_settled_positions_are_told_only_when_asked_for():
    desk = Desk()
    held(desk)
    desk.admin(admin.settle(TICKER, "yes"))
    assert desk.get("GetPositions")["market_positions"] == []
    for status in ("settled", "all"):
        rows = desk.get("GetPositions", settlement_status=status)["market_positions"]
        assert [row["realized_pnl_dollars"] for row in rows] == ["6.0000"]
    assert desk.call("GetPositions", settlement_status="never").status == 400


def test_a_market_settles_once():
    desk = Desk()
    desk.admin(admin.settle(TICKER, "yes"))
    assert desk.do(admin.settle(TICKER, "no")).status == 400
    assert code(desk.order("bid", "0.40")) == (409, "market_closed")


@pytest.mark.parametrize(
    ("result", "value"), [("scalar", None), ("scalar", "1.5"), ("maybe", None)]
)
def test_an_impossible_result_settles_nothing(result, value):
    desk = Desk()
    assert desk.do(admin.settle(TICKER, result, value=value)).status == 400
    desk.place("bid", "0.40")


def transfer(desk: Desk, key: str, cents: object, source: int = 0, to: int = 1, **more: object):
    body = {
        "client_transfer_id": key,
        "from_subaccount": source,
        "to_subaccount": to,
        "amount_cents": cents,
    }
    return desk.call("ApplySubaccountTransfer", body | more)


def test_a_transfer_between_subaccounts_happens_once_for_each_id():
    desk, key = Desk(), str(uuid.uuid4())
    assert transfer(desk, key, 1234).status == 200
    again = transfer(desk, key.upper(), 99)
    assert code(again) == (409, "transfer_already_applied")
    assert (desk.cash("amy"), desk.cash("amy", subaccount=1)) == ("987.6600", "12.3400")
    row = desk.get("GetSubaccountTransfers")["transfers"][0]
    assert (row["from_subaccount"], row["to_subaccount"], row["amount_cents"]) == (0, 1, 1234)


@pytest.mark.parametrize(
    ("key", "cents", "to", "expected"),
    [
        ("not-a-uuid", 1, 1, "bad_request"),
        (None, 1, 1, "missing_parameters"),
        (str(uuid.UUID(int=1)), 0, 1, "invalid_parameters"),
        (str(uuid.UUID(int=1)), "5", 1, "bad_request"),
        (str(uuid.UUID(int=1)), 100_001, 1, "insufficient_balance"),
        (str(uuid.UUID(int=1)), 1, 0, "invalid_parameters"),
        (str(uuid.UUID(int=1)), 1, 60, "invalid_parameters"),
    ],
)
def test_a_wrong_transfer_is_refused_and_may_be_sent_again(key, cents, to, expected):
    desk = Desk()
    before = desk.engine.digest()
    assert code(transfer(desk, key, cents, 0, to)) == (400, expected)
    assert desk.engine.digest() == before


def test_what_orders_reserve_cannot_be_transferred():
    desk = Desk(funds="10")
    desk.place("bid", "0.90")
    assert transfer(desk, str(uuid.uuid4()), 101).status == 400
    assert transfer(desk, str(uuid.uuid4()), 100).status == 200


def test_subaccounts_run_to_63_and_no_further():
    desk = Desk()
    numbers = [desk.call("CreateSubaccount").body["subaccount_number"] for _ in range(61)]
    assert numbers == list(range(3, 64))
    assert code(desk.call("CreateSubaccount", {})) == (400, "invalid_parameters")


def test_subaccounts_have_their_own_balances_orders_and_positions():
    desk = Desk()
    desk.admin(admin.fund("amy", "50", subaccount=1))
    order = desk.place("bid", "0.40", subaccount=1)
    desk.place("ask", "0.40", by="bob")
    assert desk.get("GetPositions")["market_positions"] == []
    assert len(desk.get("GetPositions", subaccount=1)["market_positions"]) == 1
    assert desk.get("GetBalance", subaccount=1)["balance_dollars"] == "46.0000"
    assert [row["order_id"] for row in desk.get("GetOrders")["orders"]] == [order]
    assert desk.get("GetOrders", subaccount=0)["orders"] == []
    rows = desk.get("GetSubaccountBalances")["subaccount_balances"]
    assert [(row["subaccount_number"], row["balance"]) for row in rows] == [
        (0, "1000.0000"),
        (1, "46.0000"),
        (2, "0.0000"),
    ]


def test_netting_is_kept_for_each_subaccount():
    desk = Desk()
    assert (
        desk.call("UpdateSubaccountNetting", {"subaccount_number": 1, "enabled": True}).status
        == 200
    )
    rows = desk.get("GetSubaccountNetting")["netting_configs"]
    assert [row["enabled"] for row in rows] == [False, True, False]


def instances(desk: Desk, amount: object, **more: object):
    body = {"source": "event_contract", "destination": "event_contract", "amount": amount}
    return desk.call("IntraExchangeInstanceTransfer", body | more)


def test_a_transfer_between_shards_takes_centicents_and_tells_dollars():
    desk = Desk()
    desk.admin(admin.add_market("COIN", exchange_index=2))
    assert desk.order("bid", "0.40", ticker="COIN").status == 400
    answer = instances(desk, 100_000, destination_exchange_shard=2)
    transfer_id = answer.body["transfer_id"]
    path = {"transfer_id": transfer_id}
    row = desk.get("GetIntraExchangeInstanceTransfer", path=path)["transfer"]
    assert (row["amount"], row["status"]) == ("10.0000", "complete")
    assert desk.get("GetIntraExchangeInstanceTransfers")["transfers"] == [row]
    assert desk.cash("amy", shard=2) == "10.0000"
    assert desk.order("bid", "0.40", ticker="COIN").status == 201
    breakdown = desk.get("GetBalance")["balance_breakdown"]
    assert breakdown == [
        {"exchange_index": 0, "balance": "990.0000"},
        {"exchange_index": 2, "balance": "6.0000"},
    ]
    assert desk.get("GetBalance", exchange_index=2)["balance"] == 600


def test_a_transfer_may_stay_pending_for_a_while():
    desk = Desk(instance_transfer_seconds=5)
    answer = instances(desk, 50_000, destination="margined")
    path = {"transfer_id": answer.body["transfer_id"]}

    def status() -> str:
        row = desk.get("GetIntraExchangeInstanceTransfer", path=path)["transfer"]
        return str(row["status"])

    assert status() == "pending"
    assert desk.cash("amy") == "995.0000"
    desk.later(5)
    assert status() == "complete"
    assert desk.truth.balances(account="amy")[-1]["cash"] == "5.0000"


@pytest.mark.parametrize(
    ("amount", "more"),
    [
        (0, {}),
        (1, {}),
        (10**9, {"destination": "margined"}),
        (1, {"destination": "moon"}),
        (1, {"destination_exchange_shard": 50}),
    ],
)
def test_a_wrong_transfer_between_shards_is_refused(amount, more):
    desk = Desk()
    before = desk.engine.digest()
    assert instances(desk, amount, **more).status == 400
    assert desk.engine.digest() == before


def test_a_client_transfer_id_works_once_for_shards_too():
    desk, key = Desk(), str(uuid.uuid4())
    assert instances(desk, 5, destination="margined", client_transfer_id=key).status == 200
    again = instances(desk, 5, destination="margined", client_transfer_id=key)
    assert code(again) == (409, "transfer_already_applied")


@pytest.mark.parametrize(
    "rows",
    [
        [{"exchange_index": 0, "percent": 99}],
        [{"exchange_index": 0, "percent": 50}, {"exchange_index": 0, "percent": 50}],
        [{"exchange_index": 0, "percent": 101}],
        [{"percent": 100}],
        [],
    ],
)
def test_allocations_name_each_shard_once_and_add_up_to_100(rows):
    desk = Desk()
    assert desk.call("SetTargetBalanceAllocation", {"allocations": rows}).status == 400


def test_deposits_and_withdrawals_are_recorded_and_move_cash_when_applied():
    desk = Desk()
    desk.admin(admin.deposit("amy", 5000, fee_cents=100))
    desk.later(1)
    desk.admin(admin.deposit("amy", 7000, kind="wire", status="pending"))
    desk.admin(admin.withdrawal("amy", 1000, status="pending"))
    assert desk.cash("amy") == "1039.0000"
    rows = desk.get("GetDeposits")["deposits"]
    assert [(row["type"], row["status"]) for row in rows] == [
        ("wire", "pending"),
        ("ach", "applied"),
    ]
    assert desk.get("GetWithdrawals")["withdrawals"][0]["finalized_ts"] is None
    assert desk.get("GetDeposits", limit=1)["cursor"]


def test_a_broken_balance_is_noticed():
    desk = Desk()
    desk.engine._ex.accounts["amy"].purses[0, 0].cash += 1
    with pytest.raises(InvariantBroken, match="paid in"):
        desk.engine.check_invariants()


def test_a_broken_reservation_is_noticed():
    desk = Desk()
    desk.place("bid", "0.40")
    desk.engine._ex.accounts["amy"].purses[0, 0].reserved -= 10_000
    with pytest.raises(InvariantBroken, match="reserved in all"):
        desk.engine.check_invariants()


def test_a_broken_queue_is_noticed():
    desk = Desk()
    order = desk.place("bid", "0.40")
    desk.place("bid", "0.40")
    desk.engine._ex.orders[order].seq = 99
    with pytest.raises(InvariantBroken, match="turns in time"):
        desk.engine.check_invariants()


def test_a_key_locked_to_a_subaccount_acts_on_it_alone():
    desk = Desk()
    desk.admin(admin.fund("amy", "100", subaccount=1))
    locked = Caller("amy", subaccount=1)
    order = desk.place("bid", "0.40", by=locked)
    main = desk.place("bid", "0.40")
    assert desk.truly(order)["subaccount_number"] == 1
    assert code(desk.order("bid", "0.40", by=locked, subaccount=0)) == (403, "permission_denied")
    assert [row["order_id"] for row in desk.get("GetOrders", by=locked)["orders"]] == [order]
    assert code(desk.call("GetOrders", by=locked, subaccount=0)) == (403, "permission_denied")
    assert desk.call("GetOrder", by=locked, path={"order_id": main}).status == 404
    assert desk.cancel(main, by=locked).status == 404
    key = str(uuid.uuid4())
    body = {"client_transfer_id": key, "from_subaccount": 1, "to_subaccount": 0, "amount_cents": 1}
    refused = desk.call("ApplySubaccountTransfer", body, by=locked)
    assert code(refused) == (403, "permission_denied")
    desk.call("CancelAllOrders", by=locked)
    assert desk.truly(main)["status"] == "resting"
    assert desk.truly(order)["status"] == "canceled"


def test_a_key_does_only_what_its_scopes_say():
    desk = Desk()
    reader, writer = Caller("amy", frozenset({"read"})), Caller("amy", frozenset({"write"}))
    assert code(desk.order("bid", "0.40", by=reader)) == (403, "permission_denied")
    assert desk.call("GetOrders", by=reader).status == 200
    assert code(desk.call("GetOrders", by=writer)) == (403, "permission_denied")
    assert desk.order("bid", "0.40", by=writer).status == 201
