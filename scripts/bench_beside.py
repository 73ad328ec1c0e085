"""The rows of docs/performance.md that nothing is demanded of: parts of a call, and the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import bench_answers as answers
import httpx
from attrs import evolve
from bench_turns import Plan, Row, Work, compare, core_of, keep_to, repeat
from bench_work import KINDS, RAIN, ByHand, client_of, credentials_of, place
from kalshi_portfolio import AuthenticatedClient  # noqa: TID251 - what is measured beside
from kalshi_portfolio import models as generated  # noqa: TID251 - what is measured beside
from kalshi_portfolio.api.orders import create_order_v2, get_orders  # noqa: TID251 - what is measured beside

from kalshi_ext import contracts
from kalshi_ext.protocol.deviations import DeviationCounter
from kalshi_ext.protocol.messages import Reply
from kalshi_ext.protocol.responses import decode, parse_json
from kalshi_ext.requests.filters import list_query
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.transport.signing import signer

UNREACHABLE = "http://127.0.0.1:9/trade-api/v2"


def place_with_generated(client: AuthenticatedClient) -> Work:
    """Place one resting order with the generated client alone, without journal or retries."""
    body = generated.CreateOrderV2Request(
        ticker=RAIN,
        side=generated.BookSide.BID,
        count="1.00",
        price="0.01",
        time_in_force=generated.TimeInForce.GOOD_TILL_CANCELED,
        self_trade_prevention_type=generated.SelfTradePreventionType.TAKER_AT_CROSS,
    )
    return lambda: create_order_v2.sync_detailed(client=client, body=body)


def generated_client(url: str, **more: Any) -> AuthenticatedClient:
    """Build the generated client as its own documentation shows."""
    return AuthenticatedClient(base_url=url, token="t", httpx_args=more)  # noqa: S106 - no token


def in_memory(plan: Plan) -> Iterator[Row]:
    """Compare without a network: what is left is this library, and httpx."""
    transport = httpx.MockTransport(answers.answer)
    with client_of(UNREACHABLE, {"bearer_token": "t"}, transport=transport) as client:
        bare_client = generated_client(UNREACHABLE, transport=transport)
        yield compare(
            "place, no network, no signature",
            ("place()", repeat(plan.orders, place(client))),
            ("generated + httpx", repeat(plan.orders, place_with_generated(bare_client))),
            units=plan.orders,
            turns=plan.turns,
        )
        page = list_query(limit=1000)
        yield compare(
            "list 1000 orders, no network",
            ("list().all()", lambda: client.orders.list(limit=page.size).all()),
            ("generated + httpx", lambda: get_orders.sync_detailed(client=bare_client, limit=1000)),
            turns=plan.turns,
        )


def decoding(plan: Plan) -> Iterator[Row]:
    """Compare reading a page of 1000 orders that is JSON already."""
    call = contracts.contract("current").orders.list(list_query(limit=1000))
    document = parse_json(answers.PAGE)
    yield compare(
        "read 1000 rows of parsed JSON",
        ("models", lambda: call.decode(document)),
        ("generated from_dict", lambda: generated.GetOrdersResponse.from_dict(document)),
        turns=plan.turns,
    )
    reply, deviations = Reply(200, {}, answers.PAGE), DeviationCounter()
    ways = {"strict": call, "tolerant": evolve(call, decode_fast=None)}
    for name, way in ways.items():
        yield compare(
            "read 1000 rows of JSON",
            (f"typed, {name} pass", partial(decode, way, reply, deviations)),
            ("json.loads", lambda: json.loads(answers.PAGE)),
            turns=plan.turns,
        )


def on_the_sandbox(plan: Plan) -> Iterator[Row]:
    """Compare creates on the sandbox, which verifies the signature and matches the order."""
    with Sandbox(settings={"rate_limits": False}) as box:
        if box.pid is not None:
            keep_to(core_of("exchange"), box.pid)
        for kind in KINDS:
            key = box.account("trader", kind=kind.lower())
            by_hand = ByHand(box.url, {"key_id": key.key_id, "private_key": key.private_key})
            with (
                client_of(box.url, by_hand.credentials) as client,
                httpx.Client(**by_hand.options()) as plain,
            ):
                yield compare(
                    f"create on the sandbox, sync, {kind}",
                    ("place()", repeat(plan.orders, place(client))),
                    ("httpx, signed by hand", repeat(plan.orders, by_hand.place(plain))),
                    units=plan.orders,
                    turns=plan.turns,
                )


def signing(plan: Plan) -> Iterator[Row]:
    """Compare the two kinds of keys."""
    path = b"/trade-api/v2/portfolio/events/orders"
    work = {
        kind: repeat(
            100, partial(signer(**credentials_of(kind)).headers, "POST", path, 1_700_000_000_000)
        )
        for kind in KINDS
    }
    yield compare(
        "sign one request",
        ("Ed25519", work["Ed25519"]),
        ("RSA-2048", work["RSA"]),
        units=100,
        turns=plan.turns,
    )


BESIDE: tuple[Callable[[Plan], Iterator[Row]], ...] = (
    in_memory,
    decoding,
    on_the_sandbox,
    signing,
)
