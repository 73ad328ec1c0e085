"""What the exchange says when it refuses a request: status, code, message and details.

Codes and the nested shape were observed on the wire where README.md says O, and are assumed
elsewhere. The client never decides by a message, so messages here are the sandbox's own words.
"""

from __future__ import annotations

from typing import Any

SERVICE = "exchange"  # that errors name one was observed; which, is our own word


class ApiError(Exception):
    """Stop an operation. Whoever raises it has changed nothing yet: refusals leave no trace."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: str | None = None,
        *,
        query_error: bool = False,
        flat: bool = False,
    ) -> None:
        """Keep what goes into the body.

        query_error: {"msg": message} where so switched. flat: without the "error" around it, as
        whatever reads JSON before the exchange answers (observed).
        """
        super().__init__(status, code, message, details)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.query_error = query_error
        self.flat = flat

    def error_body(self) -> dict[str, Any]:
        """Give code, message, service (observed) and, where there are any, details."""
        body = {"code": self.code, "message": self.message, "service": SERVICE}
        if self.details is not None:
            body["details"] = self.details
        return body


def bad_request(message: str) -> ApiError:
    """Refuse JSON of the wrong type."""
    return ApiError(400, "bad_request", message, flat=True)


def invalid_parameters(message: str, details: str | None = None) -> ApiError:
    """Refuse a value of the right type that is not allowed."""
    return ApiError(400, "invalid_parameters", message, details)


def invalid_order(message: str, details: str | None = None) -> ApiError:
    """Refuse an order that breaks a rule."""
    return ApiError(400, "invalid_order", message, details)


def invalid_query(name: str, rule: str) -> ApiError:
    """Refuse a query parameter."""
    message = f"invalid parameter {name}: {rule}"
    return ApiError(400, "invalid_parameters", message, query_error=True)


def not_found() -> ApiError:
    """Refuse what is not there."""
    # observed: the same bytes for an order that never was, is cancelled, is executed or belongs
    # to somebody else, so that a 404 proves nothing about what became of an order
    return ApiError(404, "not_found", "not found")


def invalid_uuid(value: str) -> ApiError:
    """Refuse an order id that is no UUID (observed)."""
    return ApiError(400, "invalid_UUID", "invalid UUID", value[:80])


def user_not_found(user_id: str) -> ApiError:
    """Refuse an order on a shard where the account has no collateral (observed)."""
    # observed too: the code itself ends with the account's id on some answers
    return ApiError(404, "user_not_found", "user not found", user_id)


def permission_denied(details: str) -> ApiError:
    """Refuse what the key or the account may not do."""
    return ApiError(403, "permission_denied", "permission denied", details)


def insufficient_balance() -> ApiError:
    """Refuse what the cash of a subaccount on a shard does not cover."""
    return ApiError(400, "insufficient_balance", "insufficient balance")


def order_already_exists() -> ApiError:
    """Refuse a client_order_id that is taken."""
    # observed: the 409 names no order id; a client must look the order up
    return ApiError(409, "order_already_exists", "order already exists")
