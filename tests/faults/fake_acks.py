"""Answers of the simulated world that are not what they should be.

Each form was seen on an exchange or is to be feared. `request` is what the client sent; `body` is
the engine's true answer, which spoil_row changes in place and the others copy.
"""

from __future__ import annotations

from random import Random
from typing import Any

from kalshi_ext.protocol.messages import Request

NOT_FOUND = {"error": {"code": "not_found", "message": "not found"}}
CONFLICTS_WITHOUT_CODE = (
    {"error": {"message": "conflict"}},
    {"error": "conflict"},
    {"msg": "conflict"},
    {"error": {"code": "order_conflict", "message": "conflict"}},
    None,
)
LISTS = ("orders", "fills", "order_groups", "transfers", "subaccount_balances")
ACKNOWLEDGED = {
    "CreateOrderV2",
    "AmendOrderV2",
    "DecreaseOrderV2",
    "CancelOrderV2",
    "BatchCreateOrdersV2",
    "BatchCancelOrdersV2",
}


def false_status(rng: Random, request: Request, status: int, body: Any) -> tuple[int, Any]:
    """Answer 404 for an order that exists, or a 409 without the code that says why."""
    names_an_order = "/orders/" in request.path and request.method in ("GET", "DELETE")
    if names_an_order and status == 200 and not request.path.endswith("/batched"):
        return 404, NOT_FOUND
    if status == 409:
        return status, rng.choice(CONFLICTS_WITHOUT_CODE)
    return status, body


def spoil_row(rng: Random, body: Any) -> None:
    """Make one row of a list unreadable, with its names or without."""
    lists = [body[name] for name in LISTS if isinstance(body, dict) and body.get(name)]
    if not lists or not isinstance(lists[0], list):
        return
    rows = lists[0]
    at = rng.randrange(len(rows))
    rows[at] = rng.choice((None, "row", {**rows[at], "ticker": None, "id": None}))


def false_ack(rng: Random, operation: str, status: int, body: Any) -> Any:
    """Make an acknowledgement say what cannot be."""
    if operation not in ACKNOWLEDGED or status not in (200, 201) or not isinstance(body, dict):
        return body
    if isinstance(body.get("orders"), list):
        return _false_batch_ack(rng, body)
    changes: list[dict[str, Any]] = [{"order_id": None}, {"order_id": ""}]
    # Of a create only what contradicts the request: an ack that names our client_order_id and
    # another order's id cannot be told from a true one (README, "Beyond the promise").
    if operation == "CreateOrderV2":
        changes += [
            {"client_order_id": "somebody-elses", "order_id": "another-order"},
            {"remaining_count": "100000.00"},
        ]
    else:
        changes.append({"order_id": "another-order"})
    return {**body, **rng.choice(changes)}


def _false_batch_ack(rng: Random, body: dict[str, Any]) -> dict[str, Any]:
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
