"""What the exchange says when it says no."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
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
        self.query_error = bare

    def error_body(self) -> dict[str, Any]:
        """Give code, message and, where there are any, details."""
        body = {"code": self.code, "message": self.message}
        if self.details is not None:
            body["details"] = self.details
        return body


def bad_request(message: str) -> ApiError:
    """Say that the JSON is not of the right type."""
    return ApiError(400, "bad_request", message)


def invalid_parameters(message: str, details: str | None = None) -> ApiError:
    """Say that a value is not allowed."""
    return ApiError(400, "invalid_parameters", message, details)


def invalid_order(message: str, details: str | None = None) -> ApiError:
    """Say that an order breaks a rule."""
    return ApiError(400, "invalid_order", message, details)


def invalid_query(name: str, rule: str) -> ApiError:
    """Say that a query parameter is not allowed."""
    return ApiError(400, "invalid_parameters", f"invalid parameter {name}: {rule}", bare=True)


def not_found() -> ApiError:
    """Say that there is no such thing: the same bytes for what never was and what is over."""
    return ApiError(404, "not_found", "not found")


def permission_denied(details: str) -> ApiError:
    """Say that the key may not do this."""
    return ApiError(403, "permission_denied", "permission denied", details)


def insufficient_balance() -> ApiError:
    """Say that the money does not suffice."""
    return ApiError(400, "insufficient_balance", "insufficient balance")


def order_already_exists() -> ApiError:
    """Say that the client_order_id is taken; no order and no order id is named."""
    return ApiError(409, "order_already_exists", "order already exists")
