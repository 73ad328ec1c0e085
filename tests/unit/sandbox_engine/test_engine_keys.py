"""Keys with scopes or one subaccount; and the invariants notice what is broken."""

from __future__ import annotations

import uuid

import pytest
from engine_desk import Desk, code

from kalshi_ext.sandbox.engine import Caller, InvariantBroken, admin


def test_a_broken_balance_is_noticed():
    desk = Desk()
    desk.engine._state.accounts["amy"].balances[0, 0].cash += 1
    with pytest.raises(InvariantBroken, match="paid in"):
        desk.engine.check_invariants()


def test_a_broken_reservation_is_noticed():
    desk = Desk()
    desk.place("bid", "0.40")
    desk.engine._state.accounts["amy"].balances[0, 0].reserved -= 10_000
    with pytest.raises(InvariantBroken, match="reserved in all"):
        desk.engine.check_invariants()


def test_a_broken_queue_is_noticed():
    desk = Desk()
    order = desk.place("bid", "0.40")
    desk.place("bid", "0.40")
    desk.engine._state.orders[order].seq = 99
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
