"""Subaccounts, shards, transfers and payments."""

from __future__ import annotations

import uuid

import pytest
from engine_desk import Desk, code

from kalshi_ext.sandbox.engine import admin


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
