"""Rows and acknowledgements in the words of either contract, written from openapi/*.yaml."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hostile_books import BookGroup, BookOrder, OrderRequest, Refusal, Version
from hostile_freedoms import Freedoms

# side and action, of the classic contract, to the side of the one book of YES prices
BOOK = {
    ("yes", "buy"): "bid",
    ("no", "sell"): "bid",
    ("no", "buy"): "ask",
    ("yes", "sell"): "ask",
}
DIRECTION = {"bid": ("yes", "buy"), "ask": ("no", "buy")}


def iso(moment: float) -> str:
    """Return a moment as the exchange writes it."""
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


def read_create(body: Any, contract: str) -> OrderRequest:
    """Read a create's body."""
    if contract == "classic":
        words = (body["side"], body["action"])
        cents = body.get("yes_price")
        price = Decimal(100 - body["no_price"] if cents is None else cents) / 100
        count, side = Decimal(body["count"]), BOOK[words]
        return OrderRequest(
            client_order_id=body.get("client_order_id", ""),
            ticker=body["ticker"],
            side=side,  # type: ignore[arg-type]
            price=price,
            count=count,
            expires=body.get("expiration_ts"),
            group=body.get("order_group_id"),
            words=words,
        )
    for name in ("count", "price"):
        if not isinstance(body[name], str):
            raise Refusal(400, "bad_request", f"{name} must be text")
    return OrderRequest(
        client_order_id=body.get("client_order_id", ""),
        ticker=body["ticker"],
        side=body["side"],
        price=Decimal(body["price"]),
        count=Decimal(body["count"]),
        time_in_force=body["time_in_force"],
        expires=body.get("expiration_time"),
        group=body.get("order_group_id"),
    )


def order_row(order: BookOrder, version: Version, freedoms: Freedoms) -> dict[str, Any]:
    """Write an order as a list shows it."""
    row = _classic_row(order, version) if freedoms.contract == "classic" else _row(order, version)
    if freedoms.row_ids == "missing":
        row.pop("client_order_id")
    elif freedoms.row_ids == "blank":
        row["client_order_id"] = ""
    return row


def _row(order: BookOrder, version: Version) -> dict[str, Any]:
    wanted, yes = order.request, version.price
    side, action = DIRECTION[wanted.side]
    row = {
        "order_id": order.order_id,
        "user_id": order.account,
        "client_order_id": wanted.client_order_id,
        "ticker": wanted.ticker,
        "book_side": wanted.side,
        "outcome_side": side,
        "side": side,
        "action": action,
        "type": "limit",
        "status": version.status,
        "yes_price_dollars": f"{yes:.4f}",
        "no_price_dollars": f"{1 - yes:.4f}",
        "initial_count_fp": f"{wanted.count:.2f}",
        "fill_count_fp": f"{version.filled:.2f}",
        "remaining_count_fp": f"{version.remaining:.2f}",
        "created_time": iso(order.created),
        "last_update_time": iso(version.since),
        "exchange_index": order.shard,
        "subaccount_number": 0,
        "self_trade_prevention_type": "taker_at_cross",
    }
    row |= {f"{who}_fees_dollars": "0.000000" for who in ("taker", "maker")}
    row |= {f"{who}_fill_cost_dollars": "0.000000" for who in ("taker", "maker")}
    row |= {"expiration_time": iso(version.expires)} if version.expires else {}
    return row | ({"order_group_id": wanted.group} if wanted.group else {})


def _classic_row(order: BookOrder, version: Version) -> dict[str, Any]:
    wanted = order.request
    side, action = wanted.words or DIRECTION[wanted.side]
    cents = int(version.price * 100)
    row = {
        "order_id": order.order_id,
        "client_order_id": wanted.client_order_id,
        "ticker": wanted.ticker,
        "side": side,
        "action": action,
        "type": "limit",
        "status": version.status,
        "yes_price": cents,
        "no_price": 100 - cents,
        "initial_count": int(wanted.count),
        "fill_count": int(version.filled),
        "remaining_count": int(version.remaining),
        "created_time": iso(order.created),
        "updated_time": iso(version.since),
    }
    return row | ({"expiration_time": iso(version.expires)} if version.expires else {})


def fill_row(order: BookOrder, count: Decimal, at: float, number: int, freedoms: Freedoms) -> Any:
    """Write a fill as a list shows it; fills name no client_order_id (documented)."""
    wanted, price = order.request, order.now.price
    row = {
        "fill_id": f"f-{order.serial}-{number}",
        "order_id": order.order_id,
        "ticker": wanted.ticker,
        "is_taker": True,
        "created_time": iso(at),
    }
    side, action = wanted.words or DIRECTION[wanted.side]
    if freedoms.contract == "classic":
        cents = int(price * 100)
        price_of_side = cents if side == "yes" else 100 - cents
        return row | {"side": side, "action": action, "count": int(count), "price": price_of_side}
    return row | {
        "trade_id": f"t-{order.serial}-{number}",
        "market_ticker": wanted.ticker,
        "book_side": wanted.side,
        "outcome_side": DIRECTION[wanted.side][0],
        "count_fp": f"{count:.2f}",
        "yes_price_dollars": f"{price:.4f}",
        "no_price_dollars": f"{1 - price:.4f}",
        "fee_cost": "0.000000",
        "exchange_index": order.shard,
        "subaccount_number": 0,
    }


def ack(order: BookOrder, freedoms: Freedoms, *, counts: bool = True) -> dict[str, Any]:
    """Write the acknowledgement of a create, an amend or a decrease."""
    if freedoms.contract == "classic":
        row = _classic_row(order, order.now)
        if freedoms.ack_ids == "missing":
            row.pop("client_order_id")
        return {"order": row}
    answer: dict[str, Any] = {"order_id": order.order_id, "ts_ms": int(order.now.since * 1000)}
    if freedoms.ack_ids == "full":
        answer["client_order_id"] = order.request.client_order_id
    if counts:
        answer["fill_count"] = f"{order.now.filled:.2f}"
        answer["remaining_count"] = f"{order.now.remaining:.2f}"
    return answer


def cancel_ack(order: BookOrder, off: Decimal, freedoms: Freedoms) -> dict[str, Any]:
    """Write the acknowledgement of a cancel."""
    if freedoms.contract == "classic":
        return {"order": _classic_row(order, order.now), "reduced_by": int(off)}
    # It omits the client_order_id (recorded, 6 of 6).
    stamp = int(order.now.since * 1000)
    return {"order_id": order.order_id, "reduced_by": f"{off:.2f}", "ts_ms": stamp}


def group_row(group: BookGroup, freedoms: Freedoms) -> dict[str, Any]:
    """Write an order group as a list shows it."""
    row = {"id": group.group_id, "is_auto_cancel_enabled": True}
    if freedoms.contract == "current":
        row |= {"contracts_limit_fp": f"{group.limit:.2f}", "exchange_index": 0}
    return row


def error_body(refusal: Refusal, freedoms: Freedoms) -> Any:
    """Write a refusal in one of the exchange's own shapes."""
    if refusal.status == 429:
        return {"error": "too many requests"}
    fields = {"code": refusal.code, "message": refusal.message}
    if not refusal.code:
        fields = {"message": refusal.message}
        return {"error": fields}
    return {"error": fields} if freedoms.error_shape == "nested" else fields
