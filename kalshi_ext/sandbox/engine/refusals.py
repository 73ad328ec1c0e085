"""What the exchange says when it says no."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """Stop an operation with a status, a code and a message; nothing has changed by then."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: str | None = None,
        *,
        bare: bool = False,
    ) -> None:
        """Keep what goes into the body; bare: {"msg": message} where the settings want it."""
        super().__init__(status, code, message, details)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.bare = bare

    def error(self) -> dict[str, Any]:
        """Give code, message and, where there are any, details."""
        body = {"code": self.code, "message": self.message}
        if self.details is not None:
            body["details"] = self.details
        return body


def bad_request(message: str) -> Refusal:
    """Say that the JSON is not of the right type."""
    return Refusal(400, "bad_request", message)


def invalid(message: str, details: str | None = None) -> Refusal:
    """Say that a value is not allowed."""
    return Refusal(400, "invalid_parameters", message, details)


def invalid_order(message: str, details: str | None = None) -> Refusal:
    """Say that an order breaks a rule."""
    return Refusal(400, "invalid_order", message, details)


def bad_query(name: str, rule: str) -> Refusal:
    """Say that a query parameter is not allowed."""
    return Refusal(400, "invalid_parameters", f"invalid parameter {name}: {rule}", bare=True)


def not_found() -> Refusal:
    """Say that there is no such thing: the same bytes for what never was and what is over."""
    return Refusal(404, "not_found", "not found")


def forbidden(details: str) -> Refusal:
    """Say that the key may not do this."""
    return Refusal(403, "permission_denied", "permission denied", details)


def insufficient_balance() -> Refusal:
    """Say that the money does not suffice."""
    return Refusal(400, "insufficient_balance", "insufficient balance")


def duplicate_order() -> Refusal:
    """Say that the client_order_id is taken; no order and no order id is named."""
    return Refusal(409, "order_already_exists", "order already exists")
