"""What an order cannot be: refused by name, before anything is signed or sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import core_clients as clients
import pytest

from kalshi_ext import Misuse, OrderTicket

GOOD: dict[str, Any] = {
    "ticker": "KXRAIN-26DEC31-NYC",
    "side": "yes",
    "action": "buy",
    "count": 10,
    "price": "0.56",
}
NUMBERS = [
    (0.56, "a float is inexact"),
    (float("nan"), "a float is inexact"),
    (float("inf"), "a float is inexact"),
    (True, "not a plain number"),
    (Decimal("NaN"), "not a plain number"),
    (Decimal("sNaN"), "not a plain number"),
    (Decimal("Infinity"), "not a plain number"),
    ("NaN", "not a plain number"),
    ("inf", "not a plain number"),
    ("", "not a plain number"),
    ("1 0", "not a plain number"),
    ("1e2", "not a plain number"),
    ("1_0", "not a plain number"),
    ("０.５", "not a plain number"),
    (b"0.5", "not a plain number"),
    ([], "not a plain number"),
    ({}, "not a plain number"),
]
PRICES = [
    *NUMBERS,
    (56, "may mean cents or dollars"),
    (0, "may mean cents or dollars"),
    ("0", "above 0 and below 1"),
    ("0.00", "above 0 and below 1"),
    ("1", "above 0 and below 1"),
    ("1.00", "above 0 and below 1"),
    ("-0.56", "above 0 and below 1"),
    ("56", "above 0 and below 1"),
    ("0.56789", "smallest step is 0.0001"),
    (Decimal("0.00001"), "smallest step is 0.0001"),
    (Decimal("0.1") + Decimal("1e-20"), "smallest step is 0.0001"),
]
COUNTS = [
    *NUMBERS,
    (None, "not a plain number"),
    (0, "above 0"),
    (-1, "above 0"),
    ("-0.01", "above 0"),
    ("0.00", "above 0"),
    ("0.001", "smallest step is 0.01"),
    (Decimal("1.005"), "smallest step is 0.01"),
    (10**9 + 1, "at most 1,000,000,000"),
]
IDS = [
    ("", "not empty"),
    (None, "not empty"),
    (5, "not empty"),
    (b"T", "not empty"),
    (".", "printable"),
    ("..", "printable"),
    ("...", "printable"),
    ("a\nb", "printable"),
    ("a\0", "printable"),
    ("\ud800", "printable"),
    ("x" * 129, "longer"),
]
INVALID_SIDES = [
    {"side": "both"},
    {"side": ""},
    {"side": None},
    {"side": 1},
    {"side": ["yes"]},
    {"side": {}},
    {"action": "hold"},
    {"action": None},
    {"action": ""},
    {"action": ["buy"]},
    {"action": 1},
    {"side": "bid"},
    {"side": "ask", "action": "sell"},
    {"side": "bid", "action": 5},
    {"side": "bid", "action": ["x"]},
]
COMBINATIONS = [
    ({"expires": 1_900_000_000, "time_in_force": "immediate_or_cancel"}, "expires goes only with"),
    ({"expires": 1_900_000_000, "time_in_force": "fill_or_kill"}, "expires goes only with"),
    ({"reduce_only": True}, "reduce_only goes only with"),
    ({"post_only": True, "time_in_force": "immediate_or_cancel"}, "post_only cannot rest"),
    ({"post_only": True, "time_in_force": "fill_or_kill"}, "post_only cannot rest"),
    ({"client_order_id": "a", "intent": "b"}, "not both"),
    ({"time_in_force": "day"}, "time_in_force must be one of"),
    ({"time_in_force": None}, "time_in_force must be one of"),
    ({"time_in_force": 5}, "time_in_force must be one of"),
    ({"self_trade_prevention": "both"}, "self_trade_prevention must be one of"),
    ({"post_only": "yes"}, "post_only must be True, False or None"),
    ({"post_only": 1}, "post_only must be True, False or None"),
    ({"reduce_only": "no"}, "reduce_only must be True"),
    ({"cancel_order_on_pause": 0}, "cancel_order_on_pause must be True"),
    ({"subaccount": 64}, "subaccount must be a whole number from 0 to 63"),
    ({"subaccount": -1}, "subaccount must be"),
    ({"subaccount": True}, "subaccount must be"),
    ({"subaccount": "0"}, "subaccount must be"),
    ({"subaccount": 1.0}, "subaccount must be"),
    ({"exchange_index": -2}, "exchange_index must be"),
    ({"exchange_index": 101}, "exchange_index must be"),
    ({"exchange_index": True}, "exchange_index must be"),
    ({"order_group_id": ""}, "order_group_id"),
    ({"order_group_id": "../x"}, "order_group_id"),
    ({"intent": ""}, "intent must be"),
    ({"intent": "  "}, "intent must be"),
    ({"intent": 5}, "intent must be"),
    ({"client_order_id": ""}, "client_order_id"),
    ({"client_order_id": "x" * 65}, "client_order_id"),
    ({"client_order_id": "ü"}, "client_order_id"),
    ({"client_order_id": " a"}, "client_order_id"),
    ({"client_order_id": 7}, "client_order_id"),
    ({"expires": "tomorrow"}, "expires"),
    ({"expires": "2027-01-01T00:00:00"}, "expires.*no time zone"),
    ({"expires": 1_900_000_000_000}, "expires"),
    ({"expires": -1}, "expires"),
    ({"expires": True}, "expires"),
    ({"sell_position_floor": 1.5}, "sell_position_floor must be a whole number"),
    ({"sell_position_floor": "1"}, "sell_position_floor must be a whole number"),
    ({"sell_position_floor": True}, "sell_position_floor must be a whole number"),
    ({"sell_position_floor": -1}, "sell_position_floor must be a whole number"),
    ({"max_cost": 5}, "max_cost"),
    ({"max_cost": "0"}, "max_cost"),
]
ONLY_CURRENT = [
    {"time_in_force": "fill_or_kill"},
    {"self_trade_prevention": "maker"},
    {"reduce_only": True, "time_in_force": "immediate_or_cancel"},
    {"cancel_order_on_pause": False},
    {"subaccount": 0},
    {"exchange_index": 0},
    {"count": "1.5"},
    {"price": "0.5651"},
    {"price": None},
]
ONLY_CLASSIC = [{"price": None}, {"max_cost": "5.00"}, {"sell_position_floor": 0}]
CASES = [
    *[({"price": value}, f"price=.*{rule}") for value, rule in PRICES],
    *[({"count": value}, f"count=.*{rule}") for value, rule in COUNTS],
    *[({"ticker": value}, f"ticker=.*{rule}") for value, rule in IDS],
    *[(arguments, "side and action must be") for arguments in INVALID_SIDES],
    *COMBINATIONS,
]


def refused(arguments: dict[str, Any], rule: str, contract: str = "current") -> None:
    """Place a bad order with the sync and the async client; nothing may be sent."""
    order = {**GOOD, **arguments}
    transport = clients.RecordingTransport()
    for error in clients.sync_and_async(
        lambda client: client.orders.place(**order), transport, contract=contract
    ):
        assert isinstance(error, Misuse)
        assert isinstance(error, ValueError)
        with pytest.raises(Misuse, match=rule):
            raise error
    assert transport.requests == []


@pytest.mark.parametrize(("arguments", "rule"), CASES, ids=repr)
def test_an_order_that_cannot_be_is_refused_and_nothing_is_sent(
    arguments: dict[str, Any], rule: str
) -> None:
    refused(arguments, rule)


@pytest.mark.parametrize("arguments", ONLY_CURRENT, ids=repr)
def test_what_only_the_current_contract_can_say_is_refused_on_classic(
    arguments: dict[str, Any],
) -> None:
    refused(arguments, "classic contract|whole c|max_cost", "classic")


@pytest.mark.parametrize("arguments", ONLY_CLASSIC, ids=repr)
def test_what_only_the_classic_contract_can_say_is_refused_on_current(
    arguments: dict[str, Any],
) -> None:
    refused(arguments, "no market orders|classic contract only")


@pytest.mark.parametrize("name", ["side", "count", "price", "ticker"])
def test_an_order_needs_each_of_its_parts(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        OrderTicket.of(**{key: value for key, value in GOOD.items() if key != name})


def test_what_an_order_may_be_is_sent() -> None:
    """The refusals above mean nothing unless the good order passes the same way."""
    answer = {"order_id": "o1", "fill_count": "0.00", "remaining_count": "1.00"}
    transport = clients.answering(201, answer)
    acks = clients.sync_and_async(lambda client: client.orders.place(**GOOD), transport)
    assert [ack.order_id for ack in acks] == ["o1", "o1"]
    assert len(transport.requests) == 2
