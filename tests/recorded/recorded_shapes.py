"""Shapes of answers that others recorded on the real exchange, held against client and sandbox.

The shapes are facts: names, JSON types, what is absent, which status. Every value is invented here.
Each shape is read by the client as if it had come over the wire, and asked of the sandbox in the
dialect that has it. `table()` renders what came of it for docs/witnesses.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs
from attrs import frozen

from kalshi_ext import values
from kalshi_ext.contracts import contract
from kalshi_ext.protocol.deviations import DeviationCounter
from kalshi_ext.protocol.messages import Page, Reply
from kalshi_ext.protocol.responses import decode
from kalshi_ext.requests import OrderTicket, Target
from kalshi_ext.requests.filters import ListQuery

ALL = ListQuery()
RAIN = "KXRAIN-26DEC31-NYC"
TICKET = OrderTicket.of(RAIN, side="yes", action="buy", count=7, price="0.04", intent="shape")

# Leaves that no model shows, with the reason; everything else must be found in what was read.
NOT_TOLD = {
    "side": "read into the direction",
    "action": "read into the direction",
    "user_id": "names the account, which every row of it does",
    "resting_order_count": "a count of orders, not a position",
    "cursor": "the walk over pages takes it",
    "initial_count": "the same as count",
    "market_ticker": "the same as ticker",
    "ts": "the same as created_time",
}


@frozen
class Shape:
    """One recorded shape: where the fact stands, who asks, what came.

    `fact` is the row of the facts, `served` the sandbox (contract, dialect) that has it, `ask` what
    it is asked, None where nothing comparable can be asked. `book_side` is the direction meant.
    """

    name: str
    fact: str
    contract: str
    call: Callable[[Any], Any]
    body: Any
    status: int = 200
    served: tuple[str, str] | None = None
    ask: Callable[[Any], Any] | None = None
    book_side: str | None = None


def read(shape: Shape) -> Any:
    """Read a shape as the client would, with the exact reader of answers."""
    call = shape.call(contract(shape.contract))
    reply = Reply(shape.status, {}, json.dumps(shape.body).encode())
    return decode(call, reply, DeviationCounter())


def leaves(document: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """List the values of a body that tell something: no null, no empty text, no empty list."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from leaves(value, key)
    elif isinstance(document, list):
        for value in document:
            yield from leaves(value, name)
    elif document is not None and document != "":
        yield name, document


def told(answer: Any) -> list[Any]:
    """List everything a model tells, `.raw` left out, prices of NO included."""
    if isinstance(answer, Page):
        return [value for row in answer.items for value in told(row)]
    if isinstance(answer, list | tuple):
        return [value for row in answer for value in told(row)]
    if attrs.has(type(answer)):
        names = [a.name for a in attrs.fields(type(answer)) if a.name != "raw"]
        names += ["no_price"] if hasattr(answer, "no_price") else []
        return [value for name in names for value in told(getattr(answer, name))]
    if isinstance(answer, Exception):
        return [answer.__dict__.get(name) for name in ("code", "message", "details", "order_id")]
    return [] if answer is None else [answer]


def lost(shape: Shape) -> list[str]:
    """List the leaves of a shape that are nowhere in what the client made of it."""
    found = told(read(shape))
    rows = dict(leaves(shape.body))
    return [
        f"{name}={value!r}"
        for name, value in leaves(shape.body)
        if name not in NOT_TOLD
        and f"{name}_dollars" not in rows  # the rounded twin of an exact amount
        and not any(_is_same(name, value, each) for each in found)
    ]


def _is_same(name: str, value: Any, told_value: Any) -> bool:
    if isinstance(told_value, datetime):
        try:
            return values.read_time(value) == told_value
        except (ValueError, TypeError):
            return False
    if isinstance(told_value, bool) or isinstance(value, bool):
        return told_value is value
    if isinstance(told_value, Decimal | int):
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            return False
        exact = name.endswith(
            ("_dollars", "_fp", "_fixed", "fee_cost", "_fee_paid", "_index", "_number")
        )
        return told_value == number or (not exact and told_value == number / 100)
    return str(told_value) == str(value)


def fields(document: Any, path: str = "") -> set[tuple[str, str]]:
    """Name the fields of a body with their JSON types; entries of a map count as one."""
    if isinstance(document, dict):
        return {field for key, v in document.items() for field in fields(v, f"{path}.{_key(key)}")}
    if isinstance(document, list):
        return {field for value in document for field in fields(value, f"{path}[]")}
    kind = "number" if isinstance(document, int | float) and not isinstance(document, bool) else ""
    return {(path.lstrip("."), kind or type(document).__name__)}


def _key(key: str) -> str:
    return "*" if key.count("-") == 4 else key  # an order id as the key of a map


ORDER_ID = "5f1d3c7a-0b5e-4f64-9a53-6a2f0d5c9e11"
CLASSIC_ORDER = {
    "order_id": ORDER_ID,
    "client_order_id": "shape-1",
    "ticker": RAIN,
    "side": "no",
    "action": "buy",
    "type": "limit",
    "status": "resting",
    "yes_price": 4,
    "no_price": 96,
    "initial_count": 7,
    "fill_count": 3,
    "remaining_count": 2,
    "taker_fees": 11,
    "maker_fees": 13,
    "created_time": "2025-12-01T10:00:00.123456Z",
}
RECORDED_ORDER = {
    **CLASSIC_ORDER,
    "taker_fill_cost": 192,
    "maker_fill_cost": 96,
    "taker_fill_cost_dollars": "1.9200",
    "maker_fill_cost_dollars": "0.9600",
    "last_update_time": "2025-12-01T10:00:05.5Z",
}
DOCUMENT_ORDER = {**CLASSIC_ORDER, "count": 7, "updated_time": "2025-12-01T10:00:05.5Z"}
TODAYS_ORDER = {
    "order_id": ORDER_ID,
    "user_id": "u",
    "client_order_id": "shape-1",
    "ticker": RAIN,
    "side": "yes",
    "action": "buy",
    "outcome_side": "no",
    "book_side": "ask",
    "type": "limit",
    "status": "resting",
    "yes_price_dollars": "0.0400",
    "no_price_dollars": "0.9600",
    "initial_count_fp": "7.00",
    "fill_count_fp": "3.00",
    "remaining_count_fp": "2.00",
    "taker_fill_cost_dollars": "1.920000",
    "maker_fill_cost_dollars": "0.960000",
    "taker_fees_dollars": "0.011000",
    "maker_fees_dollars": "0.013700",
    "created_time": "2026-06-01T10:00:00.123456Z",
    "last_update_time": "2026-06-01T10:00:05.5Z",
    "self_trade_prevention_type": "taker_at_cross",
    "subaccount_number": 5,
    "exchange_index": 2,
}
CLASSIC_FILL = {
    "fill_id": "fill-1",
    "order_id": ORDER_ID,
    "ticker": RAIN,
    "side": "no",
    "action": "buy",
    "count": 3,
    "is_taker": True,
    "created_time": "2025-12-01T10:00:01Z",
}
RECORDED_FILL = {
    **CLASSIC_FILL,
    "price": 0.04,
    "yes_price": 4,
    "no_price": 96,
    "yes_price_fixed": "0.0400",
}
TODAYS_FILL = {
    "fill_id": "fill-1",
    "trade_id": "trade-1",
    "order_id": ORDER_ID,
    "ticker": RAIN,
    "market_ticker": RAIN,
    "side": "yes",
    "action": "sell",
    "outcome_side": "no",
    "book_side": "ask",
    "count_fp": "3.00",
    "yes_price_dollars": "0.0400",
    "no_price_dollars": "0.9600",
    "is_taker": True,
    "fee_cost": "0.008064",
    "created_time": "2026-06-01T10:00:01Z",
    "ts": 1780308001,
    "subaccount_number": 5,
    "exchange_index": 2,
}
DOCUMENT_POSITION = {
    "ticker": RAIN,
    "event_ticker": "KXRAIN-26DEC31",
    "market_result": "yes",
    "position": -3,
    "realized_pnl": 17,
    "fees_paid": 19,
    "total_cost": 288,
    "resting_order_count": 1,
}
RECORDED_POSITION = {
    **DOCUMENT_POSITION,
    "market_exposure": 284,
    "total_traded": 291,
    "last_updated_ts": "2025-12-01T10:00:06Z",
}
DOCUMENT_EVENT = {
    "event_ticker": "KXRAIN-26DEC31",
    "total_cost": 288,
    "total_cost_dollars": "2.8812",
    "event_exposure": 284,
    "event_exposure_dollars": "2.8412",
    "realized_pnl": 17,
    "realized_pnl_dollars": "0.1712",
    "fees_paid": 19,
    "fees_paid_dollars": "0.1912",
    "resting_order_count": 1,
}
TODAYS_POSITION = {
    "ticker": RAIN,
    "position_fp": "-3.00",
    "market_exposure_dollars": "2.8412",
    "realized_pnl_dollars": "0.1712",
    "fees_paid_dollars": "0.1912",
    "total_traded_dollars": "2.9112",
    "last_updated_ts": "2026-06-01T10:00:06Z",
    "exchange_index": 2,
}
TODAYS_EVENT = {
    "event_ticker": "KXRAIN-26DEC31",
    "total_cost_dollars": "2.8812",
    "total_cost_shares_fp": "31.00",
    "event_exposure_dollars": "2.8412",
    "realized_pnl_dollars": "0.1712",
    "fees_paid_dollars": "0.1912",
}
DOCUMENT_SETTLEMENT = {
    "ticker": RAIN,
    "yes_count": 21,
    "no_count": 22,
    "revenue": 2300,
    "settled_time": "2025-12-02T00:00:00Z",
}
TODAYS_SETTLEMENT = {
    "ticker": RAIN,
    "event_ticker": "KXRAIN-26DEC31",
    "market_result": "scalar",
    "yes_count_fp": "21.00",
    "no_count_fp": "22.00",
    "yes_total_cost_dollars": "5.110000",
    "no_total_cost_dollars": "6.120000",
    "revenue": 2300,
    "value": 37,
    "fee_cost": "0.134500",
    "settled_time": "2026-06-02T00:00:00Z",
    "exchange_index": 2,
}


@frozen
class RawSandbox:
    """Asks a sandbox without the client, and gives the JSON it answered."""

    http: Any

    def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Send one request; a failure of the sandbox fails the test that asked."""
        answer = self.http.request(method, path.lstrip("/"), json=body, params=query or None)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


def entry(key: str, price: int = 4) -> dict[str, Any]:
    """Make the body of a classic order that rests, with an expiry."""
    fields = {"ticker": RAIN, "side": "yes", "action": "buy", "count": 7, "type": "limit"}
    return {**fields, "yes_price": price, "client_order_id": key}


def batch_created(ask: RawSandbox) -> Any:
    """Create a batch of one good and one bad order."""
    body = {"orders": [entry("batch-1"), {**entry("batch-2"), "yes_price": 0}]}
    return ask("POST", "/portfolio/orders/batched", body)


def batch_cancelled(ask: RawSandbox) -> Any:
    """Cancel a batch of one order that rests and one that does not exist."""
    created = ask("POST", "/portfolio/orders", entry("gone-1"))["order"]["order_id"]
    return ask("DELETE", "/portfolio/orders/batched", {"order_ids": [created, ORDER_ID]})


def queue_of_all(ask: RawSandbox) -> Any:
    """Ask for the queue positions of a market with a GET."""
    ask("POST", "/portfolio/orders", entry("queue-1"))
    return ask("GET", "/portfolio/orders/queue_positions", market_tickers=RAIN)


def queue_of_orders(ask: RawSandbox) -> Any:
    """Ask for the queue positions of orders with a POST."""
    order_id = ask("POST", "/portfolio/orders", entry("queue-1"))["order"]["order_id"]
    return ask("POST", "/portfolio/orders/queue_positions", {"order_ids": [order_id]})


def new_group(ask: RawSandbox) -> str:
    """Create an order group and give its path."""
    body = {"contracts_limit": 5}
    group = ask("POST", "/portfolio/order_groups/create", body)["order_group_id"]
    return f"/portfolio/order_groups/{group}"


def group_with_an_order(ask: RawSandbox) -> Any:
    """Ask for a group that has an order."""
    group = new_group(ask)
    grouped = {"order_group_id": group.rpartition("/")[2]}
    ask("POST", "/portfolio/orders", {**entry("grouped-1"), **grouped})
    return ask("GET", group)


def cancelled(ask: RawSandbox) -> Any:
    """Place an order of the current contract and cancel it."""
    order_id = placed(ask, "0.0400", "good_till_canceled")["order_id"]
    return ask("DELETE", f"/portfolio/events/orders/{order_id}", market_ticker=RAIN)


def placed(ask: RawSandbox, price: str, time_in_force: str) -> Any:
    """Place an order of the current contract."""
    body = {
        "ticker": RAIN,
        "client_order_id": f"placed-{price}-{time_in_force}",
        "side": "bid",
        "count": "7.00",
        "price": price,
        "time_in_force": time_in_force,
        "self_trade_prevention_type": "taker_at_cross",
    }
    return ask("POST", "/portfolio/events/orders", body)


def listed(path: str) -> Callable[[RawSandbox], Any]:
    """Ask for a list."""
    return lambda ask: ask("GET", path)


ORDERS, FILLS = "/portfolio/orders", "/portfolio/fills"
POSITIONS, SETTLEMENTS = "/portfolio/positions", "/portfolio/settlements"
RECORDED, DOCUMENT = ("classic", "recorded"), ("classic", "document")
TODAY, CURRENT = ("both-today", "document"), ("current", "document")
REFUSED = {"error": {"code": "invalid_price", "message": "price must be 1 to 99"}}
ACK = {"order_id": ORDER_ID, "client_order_id": TICKET.client_order_id, "ts_ms": 1780308001123}


def _classic(call: Callable[[Any], Any], *shapes: tuple[str, str, Any, Any]) -> list[Shape]:
    """Make the three shapes of one classic read: documents, the wire of 2.x, today's answer."""
    dialects = {"documents": DOCUMENT, "2.x wire": RECORDED, "today": TODAY}
    facts = {
        "documents": "published models",
        "2.x wire": "2.x as recorded on the wire",
        "today": "Classic reads today",
    }
    return [
        Shape(
            f"{name}, {dialect}",
            facts[dialect],
            "classic",
            call,
            body,
            served=dialects[dialect],
            ask=ask,
            book_side="ask" if name in {"orders", "fills"} else None,
        )
        for name, dialect, body, ask in shapes
    ]


SHAPES = [
    *_classic(
        lambda c: c.orders.list(ALL),
        ("orders", "documents", {"orders": [DOCUMENT_ORDER], "cursor": ""}, listed(ORDERS)),
        ("orders", "2.x wire", {"orders": [RECORDED_ORDER], "cursor": ""}, listed(ORDERS)),
        ("orders", "today", {"orders": [TODAYS_ORDER], "cursor": ""}, listed(ORDERS)),
    ),
    *_classic(
        lambda c: c.portfolio.fills(ALL),
        ("fills", "documents", {"fills": [{**CLASSIC_FILL, "price": 96}]}, listed(FILLS)),
        ("fills", "2.x wire", {"fills": [RECORDED_FILL]}, listed(FILLS)),
        ("fills", "today", {"fills": [TODAYS_FILL]}, listed(FILLS)),
    ),
    Shape(
        "fills with `price` alone, a JSON number of YES dollars",
        "2.x as recorded on the wire: fill",
        "classic",
        lambda c: c.portfolio.fills(ALL),
        {"fills": [{**CLASSIC_FILL, "price": 0.04}]},
        book_side="ask",
    ),
    *_classic(
        lambda c: c.portfolio.positions(ALL),
        ("positions", "documents", {"market_positions": [DOCUMENT_POSITION]}, listed(POSITIONS)),
        ("positions", "2.x wire", {"market_positions": [RECORDED_POSITION]}, listed(POSITIONS)),
        ("positions", "today", {"market_positions": [TODAYS_POSITION]}, listed(POSITIONS)),
    ),
    *_classic(
        lambda c: c.portfolio.event_positions(ALL),
        ("event positions", "documents", {"event_positions": [DOCUMENT_EVENT]}, listed(POSITIONS)),
        (
            "event positions",
            "2.x wire",
            {"event_positions": [{**DOCUMENT_EVENT, "total_cost_shares": 31}]},
            listed(POSITIONS),
        ),
        ("event positions", "today", {"event_positions": [TODAYS_EVENT]}, listed(POSITIONS)),
    ),
    *_classic(
        lambda c: c.portfolio.settlements(ALL),
        (
            "settlements",
            "documents",
            {"settlements": [{**DOCUMENT_SETTLEMENT, "result": "yes"}]},
            listed(SETTLEMENTS),
        ),
        (
            "settlements",
            "2.x wire",
            {"settlements": [{**DOCUMENT_SETTLEMENT, "market_result": "scalar"}]},
            listed(SETTLEMENTS),
        ),
        ("settlements", "today", {"settlements": [TODAYS_SETTLEMENT]}, listed(SETTLEMENTS)),
    ),
    *_classic(
        lambda c: c.portfolio.balance(None, None),
        ("balance", "documents", {"balance": 16896}, listed("/portfolio/balance")),
        (
            "balance",
            "2.x wire",
            {"balance": 16896, "portfolio_value": 4312, "updated_ts": 1764583200},
            listed("/portfolio/balance"),
        ),
        (
            "balance",
            "today",
            {
                "balance": 16896,
                "balance_dollars": "168.9612",
                "portfolio_value": 4312,
                "updated_ts": 1780308000,
                "balance_breakdown": [
                    {"exchange_index": 0, "balance": "100.9600"},
                    {"exchange_index": 2, "balance": "68.0012"},
                ],
            },
            listed("/portfolio/balance"),
        ),
    ),
    *_classic(
        lambda c: c.orders.place_many([TICKET]),
        (
            "batch create",
            "documents",
            {"responses": [{"order": DOCUMENT_ORDER}, {"error": REFUSED}]},
            batch_created,
        ),
        (
            "batch create",
            "2.x wire",
            {"orders": [{"order": RECORDED_ORDER}, {"error": REFUSED}]},
            batch_created,
        ),
    ),
    *_classic(
        lambda c: c.orders.cancel_many([Target.of(ORDER_ID)]),
        (
            "batch cancel",
            "documents",
            {"responses": [{"order_id": ORDER_ID, "reduced_by": 2}]},
            batch_cancelled,
        ),
        (
            "batch cancel",
            "2.x wire",
            {"orders": [{"order_id": ORDER_ID, "reduced_by": 2}]},
            batch_cancelled,
        ),
    ),
    *_classic(
        lambda c: c.orders.queue_positions([ORDER_ID], None, None, None),
        ("queue positions", "documents", {"queue_positions": {ORDER_ID: 23}}, queue_of_orders),
    ),
    *_classic(
        lambda c: c.orders.queue_positions(None, [RAIN], None, None),
        (
            "queue positions",
            "2.x wire",
            {
                "queue_positions": [
                    {"order_id": ORDER_ID, "market_ticker": RAIN, "queue_position": 23}
                ]
            },
            queue_of_all,
        ),
    ),
    *_classic(
        lambda c: c.order_groups.reset("g-1", None, None),
        ("group reset", "2.x wire", {}, lambda ask: ask("PUT", f"{new_group(ask)}/reset", {})),
        ("group reset", "today", {}, lambda ask: ask("PUT", f"{new_group(ask)}/reset", {})),
    ),
    *_classic(
        lambda c: c.order_groups.get("g-1", None),
        (
            "one group",
            "2.x wire",
            {"is_auto_cancel_enabled": True, "orders": [ORDER_ID]},
            group_with_an_order,
        ),
    ),
    *_classic(
        lambda c: c.order_groups.delete("g-1", None, None),
        ("group delete", "2.x wire", {}, lambda ask: ask("DELETE", new_group(ask))),
    ),
    Shape(
        "order without expiry, group and pause switch",
        "Order rows leave out `expiration_time`, `order_group_id`, `cancel_order_on_pause`",
        "current",
        lambda c: c.orders.list(ALL),
        {"orders": [TODAYS_ORDER]},
        served=CURRENT,
        ask=listed(ORDERS),
        book_side="ask",
    ),
    Shape(
        "fill with a fee of six decimals",
        "Fees and costs in `*_dollars` have 6 decimals",
        "current",
        lambda c: c.portfolio.fills(ALL),
        {"fills": [TODAYS_FILL]},
        served=CURRENT,
        ask=listed(FILLS),
        book_side="ask",
    ),
    Shape(
        "create that fills, its average fee cut",
        "`average_fee_paid` is per contract and cut",
        "current",
        lambda c: c.orders.place(TICKET),
        {
            **ACK,
            "fill_count": "3.00",
            "remaining_count": "4.00",
            "average_fill_price": "0.0400",
            "average_fee_paid": "0.0154",
        },
        status=201,
        served=CURRENT,
        ask=lambda ask: placed(ask, "0.9900", "immediate_or_cancel"),
    ),
    Shape(
        "create that ends at once",
        "An order that ends at once: 201 with fill 0.00 and remaining 0.00",
        "current",
        lambda c: c.orders.place(TICKET),
        {**ACK, "fill_count": "0.00", "remaining_count": "0.00"},
        status=201,
        served=CURRENT,
        ask=lambda ask: placed(ask, "0.0100", "immediate_or_cancel"),
    ),
    Shape(
        "cancel without client_order_id",
        "A cancel's answer omits `client_order_id`",
        "current",
        lambda c: c.orders.cancel(Target.of(ORDER_ID)),
        {"order_id": ORDER_ID, "reduced_by": "2.00", "ts_ms": 1780308001123},
        served=CURRENT,
        ask=cancelled,
    ),
    Shape(
        "no queue positions: null",
        "`queue_positions` was `null` when empty",
        "current",
        lambda c: c.orders.queue_positions(None, [RAIN], None, None),
        {"queue_positions": None},
    ),
    Shape(
        "no target allocations",
        "`target_balance_allocation` was without `resting_margin_reservation`",
        "current",
        lambda c: c.portfolio.target_allocation(),
        {"allocations": []},
    ),
    Shape(
        "balance of one shard that names all",
        "`balance?exchange_index=1` keeps every row of its breakdown",
        "current",
        lambda c: c.portfolio.balance(None, 1),
        {
            "balance": 6800,
            "balance_dollars": "68.0012",
            "portfolio_value": 4312,
            "updated_ts": 1780308000,
            "balance_breakdown": [
                {"exchange_index": 0, "balance": "100.9600"},
                {"exchange_index": 1, "balance": "68.0012"},
            ],
        },
        served=CURRENT,
        ask=listed("/portfolio/balance"),
    ),
]


def table(fidelity: Callable[[Shape], str]) -> str:
    """Render the table; `fidelity` says how many of a shape's fields the sandbox has."""
    lines = [
        "| shape (values invented) | client | values read of told | lost | fields in the sandbox |",
        "|---|---|---|---|---|",
    ]
    for shape in SHAPES:
        names = [name for name, _ in leaves(shape.body) if name not in NOT_TOLD]
        missing = lost(shape)
        count = f"{len(names) - len(missing)} of {len(names)}"
        lines.append(
            f"| {shape.name} | {shape.contract} | {count} | {len(missing)} | {fidelity(shape)} |"
        )
    return "\n".join(lines)
