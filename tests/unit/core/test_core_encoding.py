"""From arguments to the wire: every side, action and tick of both contracts."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from typing import Any

import core_meaning as meaning
import core_samples as core
import pytest
from case_samples import sampled
from kalshi_portfolio.api import orders as api
from kalshi_portfolio.models import BatchCreateOrdersV2Request, CreateOrderV2Request

from kalshi_ext import Misuse, OrderTicket
from kalshi_ext.contracts.current.orders import create_body
from kalshi_ext.contracts.decoding import to_json
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.requests import AmendTicket

TICKS = sampled(meaning.TICKS, 11)
Build = Callable[[Contract, str, "str | None", str], "bytes | None"]


def place_body(contract: Contract, side: str, action: str | None, price: str) -> bytes | None:
    ticket = OrderTicket.of(
        "T", side=side, action=action, count=1, price=price, client_order_id="i"
    )
    return contract.orders.place(ticket).request.body


def batch_entry(contract: Contract, side: str, action: str | None, price: str) -> bytes | None:
    ticket = OrderTicket.of(
        "T", side=side, action=action, count=1, price=price, client_order_id="i"
    )
    body = contract.orders.place_many([ticket]).request.body
    assert body is not None
    return body.removeprefix(b'{"orders":[').removesuffix(b"]}")


def amend_body(contract: Contract, side: str, action: str | None, price: str) -> bytes | None:
    ticket = AmendTicket.of(
        "o1", ticker="T", side=side, action=action, count=1, price=price, client_order_id="i"
    )
    return contract.orders.amend(ticket).request.body


def encode_all(
    contract: Contract,
    build: Build,
    read: Callable[[bytes], meaning.Meaning],
    ticks: Iterable[int],
) -> tuple[int, list[object]]:
    """Return how many were tried, and those whose meaning changed on the way."""
    tried, mismatches = 0, []
    for tick in ticks:
        price = meaning.dollars(tick)
        for side, action in meaning.SIDES_AND_ACTIONS:
            tried += 1
            body = build(contract, side, action, price)
            if body is None or read(body) != meaning.meaning_of(side, action, tick):
                mismatches.append((side, action, price, body))
    return tried, mismatches


@pytest.mark.parametrize("build", [place_body, amend_body])
def test_current_bodies_mean_what_was_said_at_every_tick(build: Build) -> None:
    result = encode_all(core.CURRENT, build, meaning.current_body, TICKS)
    assert result == (6 * len(TICKS), [])


def test_an_entry_of_a_batch_means_what_the_same_order_alone_means() -> None:
    result = encode_all(core.CURRENT, batch_entry, meaning.current_body, meaning.CENTS)
    assert result == (6 * 99, [])


@pytest.mark.parametrize("build", [place_body, batch_entry, amend_body])
def test_classic_bodies_mean_what_was_said_at_every_cent(build: Build) -> None:
    result = encode_all(core.CLASSIC, build, meaning.classic_body, meaning.CENTS)
    assert result == (6 * 99, [])


def test_the_classic_contract_refuses_every_tick_between_cents() -> None:
    tried = refused = 0
    for tick in set(meaning.TICKS) - set(meaning.CENTS):
        for side, action in meaning.SIDES_AND_ACTIONS[tick % 6 :][:1]:
            tried += 1
            try:
                place_body(core.CLASSIC, side, action, meaning.dollars(tick))
            except Misuse:
                refused += 1
    assert tried == refused == 9_900


def test_classic_keeps_the_words_in_which_an_order_was_said() -> None:
    for side, action in meaning.SIDES_AND_ACTIONS[:4]:
        body = place_body(core.CLASSIC, side, action, "0.40")
        assert body is not None
        assert f'"side":"{side}"'.encode() in body
        assert f'"action":"{action}"'.encode() in body
        assert f'"{side}_price":40'.encode() in body


@pytest.mark.parametrize("upper", ["YES", "Yes"])
def test_words_may_be_written_in_capitals(upper: str) -> None:
    body = place_body(core.CURRENT, upper, "BUY", "0.40")
    assert body is not None
    assert meaning.current_body(body) == (+1, 4_000)


def test_prices_are_exact_whatever_the_precision_the_caller_chose_for_decimals() -> None:
    from decimal import localcontext

    with localcontext(prec=2):
        for contract, read, price in (
            (core.CURRENT, meaning.current_body, "0.5678"),
            (core.CLASSIC, meaning.classic_body, "0.57"),
        ):
            body = place_body(contract, "no", "buy", price)
            assert body is not None
            assert read(body) == (-1, 10_000 - meaning.ticks(price))


OPTIONS: dict[str, list[Any]] = {
    "side": ["bid", "ask"],
    "count": ["1", "0.01", "1000000"],
    "price": ["0.01", "0.5", "0.9999", "0.123"],
    "time_in_force": ["good_till_canceled", "immediate_or_cancel"],
    "self_trade_prevention": ["taker_at_cross", "maker"],
    "client_order_id": ["c-1"],
    "post_only": [None, False],
    "reduce_only": [None, False],
    "cancel_order_on_pause": [None, True, False],
    "subaccount": [None, 0, 7],
    "exchange_index": [None, 0, -1],
    "order_group_id": [None, "g-1"],
}


def test_the_body_of_a_create_is_to_the_byte_what_the_generated_model_writes() -> None:
    """It is written without the model, which costs four times as much."""
    choose = random.Random(1).choice
    for _ in range(300):
        asked: dict[str, Any] = {name: choose(values) for name, values in OPTIONS.items()}
        if asked["time_in_force"] == "good_till_canceled" and choose([True, False]):
            asked["expires"] = 1_900_000_000
        ticket = OrderTicket.of("KXRAIN-26DEC31-NYC", **asked)
        body = core.CURRENT.orders.place(ticket).request.body
        assert body is not None
        model = CreateOrderV2Request.from_dict(json.loads(body))
        assert not model.additional_properties
        assert to_json(model.to_dict()) == body
        batch = BatchCreateOrdersV2Request(orders=[model, model])
        assert core.CURRENT.orders.place_many([ticket, ticket]).request.body == to_json(
            batch.to_dict()
        )


def test_creates_go_where_the_generated_client_sends_them() -> None:
    ticket = OrderTicket.of("T", side="bid", count=1, price="0.5")
    model = CreateOrderV2Request.from_dict(create_body(ticket))
    one = api.create_order_v2._get_kwargs(body=model)
    many = api.batch_create_orders_v2._get_kwargs(body=BatchCreateOrdersV2Request(orders=[model]))
    for kwargs, call in (
        (one, core.CURRENT.orders.place(ticket)),
        (many, core.CURRENT.orders.place_many([ticket])),
    ):
        assert (call.request.method, call.request.path) == (kwargs["method"].upper(), kwargs["url"])
