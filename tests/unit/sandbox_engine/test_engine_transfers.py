"""Subaccounts, shards, transfers and payments."""

from __future__ import annotations

import uuid

import pytest
from engine_harness import Harness, error_code

from kalshi_ext.sandbox.engine import admin


def transfer(
    harness: Harness, key: str, cents: object, source: int = 0, to: int = 1, **more: object
):
    body = {
        "client_transfer_id": key,
        "from_subaccount": source,
        "to_subaccount": to,
        "amount_cents": cents,
    }
    return harness.call("ApplySubaccountTransfer", body | more)


def test_a_transfer_between_subaccounts_happens_once_for_each_id():
    harness, key = Harness(), str(uuid.uuid4())
    assert transfer(harness, key, 1234).status == 200
    again = transfer(harness, key.upper(), 99)
    assert error_code(again) == (409, "transfer_already_applied")
    assert (harness.cash("amy"), harness.cash("amy", subaccount=1)) == ("987.6600", "12.3400")
    row = harness.get("GetSubaccountTransfers")["transfers"][0]
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
    harness = Harness()
    before = harness.engine.digest()
    assert error_code(transfer(harness, key, cents, 0, to)) == (400, expected)
    assert harness.engine.digest() == before


def test_what_orders_reserve_cannot_be_transferred():
    harness = Harness(funds="10")
    harness.place("bid", "0.90")
    assert transfer(harness, str(uuid.uuid4()), 101).status == 400
    assert transfer(harness, str(uuid.uuid4()), 100).status == 200


def test_subaccounts_run_to_63_and_no_further():
    harness = Harness()
    numbers = [harness.call("CreateSubaccount").body["subaccount_number"] for _ in range(61)]
    assert numbers == list(range(3, 64))
    assert error_code(harness.call("CreateSubaccount", {})) == (400, "invalid_parameters")


def test_subaccounts_have_their_own_balances_orders_and_positions():
    harness = Harness()
    harness.admin(admin.fund("amy", "50", subaccount=1))
    order = harness.place("bid", "0.40", subaccount=1)
    harness.place("ask", "0.40", by="bob")
    assert harness.get("GetPositions")["market_positions"] == []
    assert len(harness.get("GetPositions", subaccount=1)["market_positions"]) == 1
    assert harness.get("GetBalance", subaccount=1)["balance_dollars"] == "46.0000"
    assert [row["order_id"] for row in harness.get("GetOrders")["orders"]] == [order]
    assert harness.get("GetOrders", subaccount=0)["orders"] == []
    rows = harness.get("GetSubaccountBalances")["subaccount_balances"]
    assert [(row["subaccount_number"], row["balance"]) for row in rows] == [
        (0, "1000.0000"),
        (1, "46.0000"),
        (2, "0.0000"),
    ]


def test_netting_is_kept_for_each_subaccount():
    harness = Harness()
    assert (
        harness.call("UpdateSubaccountNetting", {"subaccount_number": 1, "enabled": True}).status
        == 200
    )
    rows = harness.get("GetSubaccountNetting")["netting_configs"]
    assert [row["enabled"] for row in rows] == [False, True, False]


def transfer_between_shards(harness: Harness, amount: object, **more: object):
    body = {"source": "event_contract", "destination": "event_contract", "amount": amount}
    return harness.call("IntraExchangeInstanceTransfer", body | more)


def test_a_transfer_between_shards_takes_centicents_and_tells_dollars():
    harness = Harness()
    harness.admin(admin.add_market("COIN", exchange_index=2))
    # observed: where the account has no collateral, it is not known
    assert error_code(harness.order("bid", "0.40", ticker="COIN")) == (404, "user_not_found")
    answer = transfer_between_shards(harness, 100_000, destination_exchange_shard=2)
    transfer_id = answer.body["transfer_id"]
    path = {"transfer_id": transfer_id}
    row = harness.get("GetIntraExchangeInstanceTransfer", path=path)["transfer"]
    assert (row["amount"], row["status"]) == ("10.0000", "complete")
    assert harness.get("GetIntraExchangeInstanceTransfers")["transfers"] == [row]
    assert harness.cash("amy", shard=2) == "10.0000"
    assert harness.order("bid", "0.40", ticker="COIN").status == 201
    breakdown = harness.get("GetBalance")["balance_breakdown"]
    assert breakdown == [
        {"exchange_index": 0, "balance": "990.0000"},
        {"exchange_index": 2, "balance": "6.0000"},
    ]
    assert harness.get("GetBalance", exchange_index=2)["balance"] == 600


def test_a_transfer_may_stay_pending_for_a_while():
    harness = Harness(instance_transfer_seconds=5)
    answer = transfer_between_shards(harness, 50_000, destination="margined")
    path = {"transfer_id": answer.body["transfer_id"]}

    def status() -> str:
        row = harness.get("GetIntraExchangeInstanceTransfer", path=path)["transfer"]
        return str(row["status"])

    assert status() == "pending"
    assert harness.cash("amy") == "995.0000"
    harness.wait(5)
    assert status() == "complete"
    assert harness.truth.balances(account="amy")[-1]["cash"] == "5.0000"


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
    harness = Harness()
    before = harness.engine.digest()
    assert transfer_between_shards(harness, amount, **more).status == 400
    assert harness.engine.digest() == before


def test_a_client_transfer_id_works_once_for_shards_too():
    harness, key = Harness(), str(uuid.uuid4())
    assert (
        transfer_between_shards(harness, 5, destination="margined", client_transfer_id=key).status
        == 200
    )
    again = transfer_between_shards(harness, 5, destination="margined", client_transfer_id=key)
    assert error_code(again) == (409, "transfer_already_applied")


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
    harness = Harness()
    assert harness.call("SetTargetBalanceAllocation", {"allocations": rows}).status == 400


def test_deposits_and_withdrawals_are_recorded_and_move_cash_when_applied():
    harness = Harness()
    harness.admin(admin.deposit("amy", 5000, fee_cents=100))
    harness.wait(1)
    harness.admin(admin.deposit("amy", 7000, kind="wire", status="pending"))
    harness.admin(admin.withdrawal("amy", 1000, status="pending"))
    assert harness.cash("amy") == "1039.0000"
    rows = harness.get("GetDeposits")["deposits"]
    assert [(row["type"], row["status"]) for row in rows] == [
        ("wire", "pending"),
        ("ach", "applied"),
    ]
    assert harness.get("GetWithdrawals")["withdrawals"][0]["finalized_ts"] is None
    assert harness.get("GetDeposits", limit=1)["cursor"]
