from __future__ import annotations

import hashlib
import json
import pickle
import uuid
from decimal import Decimal
from typing import Any

import core_samples as core
import pytest
from attrs import evolve, fields, frozen

from kalshi_ext import Misuse, OrderTicket
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol import flow
from kalshi_ext.requests import (
    AmendTicket,
    DecreaseTicket,
    Target,
    new_client_order_id,
    transfer_key,
)
from kalshi_ext.requests.orders import _SINCE_THE_FIRST, NOT_FINGERPRINTED
from kalshi_ext.writes.journal_codec import encode_order, encode_ticket

ARGUMENTS: dict[str, Any] = {"side": "yes", "action": "buy", "count": 10, "price": "0.56"}


def order(**changes: Any) -> Order:
    row = {
        "order_id": "o1",
        "client_order_id": "c1",
        "ticker": "T",
        "book_side": "ask",
        "outcome_side": "no",
        "status": "resting",
        "yes_price_dollars": "0.40",
        "fill_count_fp": "3.00",
        "remaining_count_fp": "7.00",
        "subaccount_number": 2,
        "exchange_index": 3,
        **changes,
    }
    call = core.CURRENT.orders.get("o1")
    return core.ScriptedDriver([core.reply(200, {"order": row})]).run(
        flow.request(call, core.context())
    )


def test_an_id_is_made_before_anything_is_sent_and_each_time_anew() -> None:
    first, second = OrderTicket.of("T", **ARGUMENTS), OrderTicket.of("T", **ARGUMENTS)
    assert first.client_order_id != second.client_order_id
    assert uuid.UUID(first.client_order_id).version == 4


def test_an_intent_names_the_same_order_for_ever() -> None:
    """The id is pinned: another one would place yesterday's orders again."""
    assert new_client_order_id("rebalance-2026-11-22/T") == "71b1cf40-fb93-5a64-b37f-c109b5649a40"


def test_the_fingerprint_is_of_what_is_asked_not_of_its_name_or_words() -> None:
    base = OrderTicket.of("T", **ARGUMENTS)
    same = [
        OrderTicket.of("T", **ARGUMENTS),
        OrderTicket.of("T", **ARGUMENTS, intent="x"),
        OrderTicket.of("T", side="bid", count="10.00", price=Decimal("0.5600")),
        OrderTicket.of("T", side="no", action="sell", count=10, price="0.44"),
    ]
    others = [
        OrderTicket.of("U", **ARGUMENTS),
        OrderTicket.of("T", **{**ARGUMENTS, "count": "10.01"}),
        OrderTicket.of("T", **{**ARGUMENTS, "price": "0.5601"}),
        OrderTicket.of("T", **{**ARGUMENTS, "action": "sell"}),
        OrderTicket.of("T", **ARGUMENTS, subaccount=0),
        OrderTicket.of("T", **ARGUMENTS, post_only=True),
        OrderTicket.of("T", **ARGUMENTS, time_in_force="fill_or_kill"),
        OrderTicket.of("T", **ARGUMENTS, expires=1_900_000_000),
        OrderTicket.of("T", **ARGUMENTS, exchange_index=0),
        OrderTicket.of("T", **ARGUMENTS, order_group_id="g"),
    ]
    assert {ticket.fingerprint() for ticket in same} == {base.fingerprint()}
    assert len({ticket.fingerprint() for ticket in [base, *others]}) == 1 + len(others)


def test_a_ticket_survives_pickling() -> None:
    ticket = OrderTicket.of("T", **ARGUMENTS, intent="x")
    duplicate = pickle.loads(pickle.dumps(ticket))
    assert duplicate == ticket
    assert duplicate.fingerprint() == ticket.fingerprint()


def test_a_target_knows_what_the_order_knows() -> None:
    target = Target.of(order())
    assert (target.order_id, target.ticker, target.client_order_id) == ("o1", "T", "c1")
    assert (target.subaccount, target.exchange_index) == (2, 3)
    named = Target.of(order(), ticker="U", subaccount=0, exchange_index=-1)
    assert (named.ticker, named.subaccount, named.exchange_index) == ("U", 0, -1)


def test_a_target_of_an_acknowledgement_keeps_its_ticker() -> None:
    ack = OrderAck(order_id="o9", ticker="T", raw={})
    assert Target.of(ack).ticker == "T"
    full = OrderAck(order_id="o1", order=order(), raw={})
    assert Target.of(full).exchange_index == 3


def test_an_empty_client_order_id_is_no_id_to_amend_by() -> None:
    assert Target.of(order(client_order_id="")).client_order_id is None


def test_an_amend_of_an_order_keeps_what_is_not_said() -> None:
    ticket = AmendTicket.of(order(), price="0.41")
    assert (ticket.book_side.value, ticket.price) == ("ask", Decimal("0.41"))
    assert ticket.count == Decimal(10)
    assert AmendTicket.of(order(), count=5).price == Decimal("0.40")
    assert AmendTicket.of(order(), expires=0).expires == 0


def test_an_amend_of_an_order_takes_the_price_of_the_side_that_is_named() -> None:
    ticket = AmendTicket.of(order(), price="0.59", side="no", action="buy")
    assert ticket.price == Decimal("0.41")


@pytest.mark.parametrize(("side", "action"), [("yes", "buy"), ("no", "sell"), ("bid", None)])
def test_an_amend_cannot_change_the_side(side: str, action: str | None) -> None:
    with pytest.raises(Misuse, match="cannot change the side: the order is ask"):
        AmendTicket.of(order(), price="0.5", side=side, action=action)


def test_a_classic_amend_says_the_words_of_the_order_again() -> None:
    row = {
        "order_id": "o1",
        "client_order_id": "c1",
        "ticker": "T",
        "side": "yes",
        "action": "sell",
        "status": "resting",
        "yes_price": 40,
        "no_price": 60,
        "remaining_count": 7,
    }
    call = core.CLASSIC.orders.get("o1")
    classic_order = core.ScriptedDriver([core.reply(200, {"order": row})]).run(
        flow.request(call, core.context())
    )
    body = (
        core.CLASSIC.orders.amend(AmendTicket.of(classic_order, price="0.41")).request.body or b""
    )
    assert b'"side":"yes"' in body
    assert b'"action":"sell"' in body
    assert b'"yes_price":41' in body


def test_a_decrease_may_go_down_to_nothing_but_not_by_nothing() -> None:
    target = Target(order_id="o")
    assert DecreaseTicket.of(target, to=0).to == 0
    with pytest.raises(Misuse, match="by="):
        DecreaseTicket.of(target, by=0)


@pytest.mark.parametrize("key", [None, "5D1A9C52-7F8E-5A0B-9D53-0C6A3E1B7F24", uuid.uuid4()])
def test_the_key_of_a_transfer_is_a_uuid_in_one_form(key: Any) -> None:
    text = transfer_key(key)
    assert str(uuid.UUID(text)) == text
    assert key is None or uuid.UUID(str(key)) == uuid.UUID(text)


@pytest.mark.parametrize("key", ["", "x", 5, b"", []])
def test_a_key_that_is_no_uuid_is_refused(key: Any) -> None:
    with pytest.raises(Misuse, match="client_transfer_id must be a UUID"):
        transfer_key(key)


def test_what_journals_keep_of_a_ticket_never_changes() -> None:
    """Texts written by the first version: another one would make every older entry a conflict."""
    ticket = OrderTicket.of(
        "T",
        side="no",
        action="buy",
        count="5.00",
        price="0.44",
        client_order_id="c1",
        expires="2030-01-01T00:00:00Z",
        post_only=True,
        subaccount=1,
    )
    digest = "05ef83747cbf17676d522d27cc567e3955861500085167b5514ade226621ab9d"
    assert ticket.fingerprint() == digest
    text = encode_order("CreateOrderV2", ticket, 1.5).ticket
    assert text == (
        '{"action":"buy","book_side":"ask","client_order_id":"c1","count":"5.00",'
        '"expires":1893456000,"post_only":true,"price":"0.5600",'
        '"self_trade_prevention":"taker_at_cross","side":"no","subaccount":1,"ticker":"T",'
        '"time_in_force":"good_till_canceled"}'
    )


@frozen(kw_only=True)
class TicketOfTomorrow(OrderTicket):
    """A ticket as a later release may know it."""

    iceberg_count: Decimal | None = None


def test_a_release_that_adds_an_optional_field_recognises_older_orders() -> None:
    words = {"side": "bid", "count": 5, "price": "0.44", "client_order_id": "c1"}
    today, tomorrow = OrderTicket.of("T", **words), TicketOfTomorrow.of("T", **words)
    assert tomorrow.fingerprint() == today.fingerprint()
    used = evolve(tomorrow, iceberg_count=Decimal(1))
    assert used.fingerprint() != today.fingerprint()
    assert {part.name for part in fields(OrderTicket)} - NOT_FINGERPRINTED == _SINCE_THE_FIRST


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"intent": "naïve “one”", "post_only": True, "expires": 1_900_000_000},
        {"client_order_id": "c-1", "subaccount": 3, "exchange_index": 0, "order_group_id": "g"},
        {"time_in_force": "fill_or_kill", "reduce_only": True, "cancel_order_on_pause": False},
    ],
)
def test_a_ticket_is_recorded_in_the_text_of_the_standard_library(asked: dict[str, Any]) -> None:
    """Entries of earlier versions hold that text, and fingerprints are made of it."""
    ticket = OrderTicket.of("T", **ARGUMENTS, **asked)
    plain = {
        n: v for part in fields(OrderTicket) if (v := getattr(ticket, n := part.name)) is not None
    }
    compact: dict[str, Any] = {"default": str, "sort_keys": True, "separators": (",", ":")}
    assert encode_ticket(ticket) == json.dumps(plain, **compact)
    content = {name: getattr(ticket, name) for name in _SINCE_THE_FIRST}
    text = json.dumps(content, **compact)
    assert ticket.fingerprint() == hashlib.sha256(text.encode()).hexdigest()


def test_a_new_id_is_written_as_the_standard_library_writes_a_random_uuid() -> None:
    for text in (new_client_order_id() for _ in range(200)):
        made = uuid.UUID(text)
        assert (str(made), made.version, made.variant) == (text, 4, uuid.RFC_4122)
