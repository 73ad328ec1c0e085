"""Keys with scopes or one subaccount; and the invariants notice what is broken."""

from __future__ import annotations

import uuid

import pytest
from engine_harness import Harness, error_code

from kalshi_ext.sandbox.engine import Caller, InvariantBroken, admin


def test_a_broken_balance_is_noticed():
    harness = Harness()
    harness.engine._state.accounts["amy"].balances[0, 0].cash += 1
    with pytest.raises(InvariantBroken, match="paid in"):
        harness.engine.check_invariants()


def test_a_broken_reservation_is_noticed():
    harness = Harness()
    harness.place("bid", "0.40")
    harness.engine._state.accounts["amy"].balances[0, 0].reserved -= 10_000
    with pytest.raises(InvariantBroken, match="reserved in all"):
        harness.engine.check_invariants()


def test_a_broken_queue_is_noticed():
    harness = Harness()
    order = harness.place("bid", "0.40")
    harness.place("bid", "0.40")
    harness.engine._state.orders[order].seq = 99
    with pytest.raises(InvariantBroken, match="turns in time"):
        harness.engine.check_invariants()


def test_a_key_locked_to_a_subaccount_acts_on_it_alone():
    harness = Harness()
    harness.admin(admin.fund("amy", "100", subaccount=1))
    locked = Caller("amy", subaccount=1)
    order = harness.place("bid", "0.40", by=locked)
    main = harness.place("bid", "0.40")
    assert harness.stored_order(order)["subaccount_number"] == 1
    assert error_code(harness.order("bid", "0.40", by=locked, subaccount=0)) == (
        403,
        "permission_denied",
    )
    assert [row["order_id"] for row in harness.get("GetOrders", by=locked)["orders"]] == [order]
    assert error_code(harness.call("GetOrders", by=locked, subaccount=0)) == (
        403,
        "permission_denied",
    )
    assert harness.call("GetOrder", by=locked, path={"order_id": main}).status == 404
    assert harness.cancel(main, by=locked).status == 404
    key = str(uuid.uuid4())
    body = {"client_transfer_id": key, "from_subaccount": 1, "to_subaccount": 0, "amount_cents": 1}
    refused = harness.call("ApplySubaccountTransfer", body, by=locked)
    assert error_code(refused) == (403, "permission_denied")
    harness.call("CancelAllOrders", by=locked)
    assert harness.stored_order(main)["status"] == "resting"
    assert harness.stored_order(order)["status"] == "canceled"


def test_a_key_does_only_what_its_scopes_say():
    harness = Harness()
    reader, writer = Caller("amy", frozenset({"read"})), Caller("amy", frozenset({"write"}))
    assert error_code(harness.order("bid", "0.40", by=reader)) == (403, "permission_denied")
    assert harness.call("GetOrders", by=reader).status == 200
    assert error_code(harness.call("GetOrders", by=writer)) == (403, "permission_denied")
    assert harness.order("bid", "0.40", by=writer).status == 201
