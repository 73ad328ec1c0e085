"""Answers that are not what they should be, in the ways that were seen or are to be feared."""

from __future__ import annotations

from random import Random
from typing import Any

from kalshi_ext.protocol.messages import Request

NOT_FOUND = {"error": {"code": "not_found", "message": "not found"}}
CODELESS = (
    {"error": {"message": "conflict"}},
    {"error": "conflict"},
    {"msg": "conflict"},
    {"error": {"code": "client_order_id_taken", "message": "conflict"}},
    None,
)
LISTS = ("orders", "fills", "order_groups", "transfers", "subaccount_balances")
ACKS = {
    "CreateOrderV2",
    "AmendOrderV2",
    "DecreaseOrderV2",
    "CancelOrderV2",
    "BatchCreateOrdersV2",
    "BatchCancelOrdersV2",
}


def lie(rng: Random, request: Request, status: int, body: Any) -> tuple[int, Any]:
    """Answer 404 for an order that exists, or a 409 without the code that says why."""
    one_order = "/orders/" in request.path and request.method in ("GET", "DELETE")
    if one_order and status == 200 and not request.path.endswith("/batched"):
        return 404, NOT_FOUND
    if status == 409:
        return status, rng.choice(CODELESS)
    return status, body


def spoil_a_row(rng: Random, body: Any) -> None:
    """Make one row of a list unreadable, with its names or without."""
    rows = [body[name] for name in LISTS if isinstance(body, dict) and body.get(name)]
    if not rows or not isinstance(rows[0], list):
        return
    at = rng.randrange(len(rows[0]))
    rows[0][at] = rng.choice((None, "row", {**rows[0][at], "ticker": None, "id": None}))


def wrong(rng: Random, operation: str, status: int, body: Any) -> Any:
    """Make an acknowledgement say what cannot be."""
    if operation not in ACKS or status not in (200, 201) or not isinstance(body, dict):
        return body
    if isinstance(body.get("orders"), list):
        return _wrong_batch(rng, body)
    lies: list[dict[str, Any]] = [{"order_id": None}, {"order_id": ""}]
    if operation == "CreateOrderV2":
        lies += [
            {"client_order_id": "somebody-elses", "order_id": "another-order"},
            {"remaining_count": "100000.00"},
        ]
    else:
        lies.append({"order_id": "another-order"})
    return {**body, **rng.choice(lies)}


def _wrong_batch(rng: Random, body: dict[str, Any]) -> dict[str, Any]:
    rows = list(body["orders"])
    at = rng.randrange(len(rows))
    failed = {"code": rng.choice(("internal_server_error", "")), "message": "failed"}
    rows[at : at + 1] = rng.choice(
        (
            [],  # an entry is missing
            [rows[at], {**rows[at], "order_id": "another-order"}],  # one is there twice
            [{"client_order_id": rows[at].get("client_order_id"), "error": failed}],
            [{"error": failed}],
        )
    )
    return {**body, "orders": rows}
