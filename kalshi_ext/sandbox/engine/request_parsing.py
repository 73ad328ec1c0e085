"""Reading a request: its body, its query, and the subaccount and shard it means.

Whatever does not fit raises the ApiError that the exchange answers. Three kinds are told apart
(observed): JSON of the wrong type is bad_request, a value that is not allowed is
invalid_parameters, and a query parameter has a body of its own ({"msg": ...}).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeGuard

from kalshi_ext.sandbox.engine.accounts import LAST_SUBACCOUNT
from kalshi_ext.sandbox.engine.errors import (
    ApiError,
    bad_request,
    invalid_parameters,
    invalid_query,
    permission_denied,
)
from kalshi_ext.sandbox.engine.fixed_point import LAST_SECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.commands import ApiRequest, Caller

_INT64_LIMIT = 2**63
LAST_SHARD = 2**31 - 1
"""The contract's 32-bit bound; which shards exist is checked where one is used."""
UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
AUTOMATIC_SHARD = -1
"""exchange_index: the exchange finds the shard by itself."""


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


class BodyFields:
    """Read the fields of a JSON object.

    null counts as absent (assumed): clients write null for what they leave out.
    """

    def __init__(self, value: object) -> None:
        if not is_object(value):
            raise bad_request("the body must be an object")
        self.raw = value

    def require(self, *names: str) -> None:
        """Answer 400 when a field is absent."""
        # all at once: the answer names every missing field
        missing = [name for name in names if self.raw.get(name) is None]
        if missing:
            raise ApiError(400, "missing_parameters", "missing parameters", ", ".join(missing))

    def string(self, name: str, default: str = "") -> str:
        value = self.raw.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise bad_request(f"{name} must be a string")
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """Give one of the allowed words; 400 for any other, "" when absent."""
        value = self.string(name)
        if value not in allowed and (value or name in self.raw):
            raise invalid_parameters(f"{name} must be one of {', '.join(allowed)}", value)
        return value

    def boolean(self, name: str) -> bool:
        value = self.raw.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise bad_request(f"{name} must be a boolean")
        return value

    def integer(self, name: str) -> int | None:
        """Give a 64-bit integer; None when absent."""
        value = self.raw.get(name)
        if value is None:
            return None
        # bool is a subclass of int in Python: true is not the integer 1 on the wire
        if not isinstance(value, int) or isinstance(value, bool):
            raise bad_request(f"{name} must be an integer")
        if not -_INT64_LIMIT <= value < _INT64_LIMIT:
            raise bad_request(f"{name} must fit in 64 bits")
        return value

    def bounded_integer(self, name: str, *, least: int, most: int) -> int | None:
        value = self.integer(name)
        if value is not None and not least <= value <= most:
            raise invalid_parameters(f"{name} must be from {least} to {most}", str(value))
        return value

    def time(self, name: str) -> int | None:
        """Give a Unix time in seconds, as microseconds."""
        value = self.bounded_integer(name, least=0, most=LAST_SECOND)
        return None if value is None else value * SECOND

    def subaccount(self, name: str = "subaccount") -> int | None:
        return self.bounded_integer(name, least=0, most=LAST_SUBACCOUNT)

    def shard(self, name: str = "exchange_index", *, least: int = AUTOMATIC_SHARD) -> int | None:
        return self.bounded_integer(name, least=least, most=LAST_SHARD)

    def entries(self, name: str, most: int | None = None) -> list[Any]:
        """Give a list of 1 to `most` entries."""
        self.require(name)
        rows: object = self.raw[name]
        if not is_list(rows):
            raise bad_request(f"{name} must be a list")
        if not rows or (most is not None and len(rows) > most):
            raise invalid_parameters(
                f"{name} must have from 1 to {most or 'many'} entries", str(len(rows))
            )
        return rows


def body_fields(request: ApiRequest) -> BodyFields:
    """Read a body that must be a JSON object."""
    # observed: no body at all is refused, also where {} is all there is to send
    if request.body_is == "absent":
        message = "the body must be JSON; send {} for nothing"
        raise ApiError(400, "invalid_content_type", message, flat=True)
    if request.body_is == "garbage":
        raise bad_request("the body is not JSON")
    return BodyFields(request.body)


def optional_body_fields(request: ApiRequest) -> BodyFields:
    """Read a body that may be left out."""
    return BodyFields({}) if request.body_is == "absent" else body_fields(request)


def query_integer(query: Mapping[str, str], name: str, *, least: int, most: int) -> int | None:
    """Read an integer; 400 out of bounds, not clamped (observed)."""
    text = query.get(name)
    if text is None:
        return None
    # the length first: int() of a very long text takes quadratic time
    if len(text) > 20 or not text.removeprefix("-").isdecimal() or not text.isascii():
        raise invalid_query(name, f"must be an integer, not {text[:40]!r}")
    value = int(text)
    if not least <= value <= most:
        raise invalid_query(name, f"must be from {least} to {most}")
    return value


def query_time(query: Mapping[str, str], name: str) -> int | None:
    """Read a Unix time in seconds as microseconds."""
    value = query_integer(query, name, least=-_INT64_LIMIT, most=_INT64_LIMIT - 1)
    return None if value is None else value * SECOND


def query_list(query: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Read a comma-separated list; empty entries are dropped."""
    return tuple(word for word in query.get(name, "").split(",") if word)


def query_choice(query: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    """Read one of the allowed words; an empty one counts as absent."""
    value = query.get(name) or None
    if value is not None and value not in allowed:
        raise invalid_query(name, f"must be one of {', '.join(allowed)}")
    return value


def require_scope(caller: Caller, scope: str) -> None:
    """Answer 403 when the key lacks a scope."""
    if scope not in caller.scopes:
        raise permission_denied(f"the key lacks the scope {scope}")


def require_unlocked_key(request: ApiRequest) -> None:
    """Answer 403 to a key locked to one subaccount."""
    if request.caller and request.caller.subaccount is not None:
        raise permission_denied("the key is locked to one subaccount")


def allowed_subaccount(request: ApiRequest, wanted: int | None) -> int | None:
    """Give the subaccount meant: a locked key's own, 403 for any other; None: not named."""
    # documented: a key may be locked to one subaccount; it acts there and sees only that
    locked = request.caller.subaccount if request.caller else None
    if locked is None:
        return wanted
    if wanted is not None and wanted != locked:
        raise permission_denied("the key is locked to another subaccount")
    return locked


def acting_subaccount(request: ApiRequest, wanted: int | None) -> int:
    """Give the subaccount an operation acts on; the primary one by default."""
    return allowed_subaccount(request, wanted) or 0


def query_acting_subaccount(request: ApiRequest) -> int:
    """Give the subaccount that the query lets an operation act on; the primary one by default."""
    return query_listed_subaccount(request) or 0


def query_listed_subaccount(request: ApiRequest) -> int | None:
    """Give the subaccount that the query lets an operation list; None: all."""
    wanted = query_integer(request.query, "subaccount", least=0, most=LAST_SUBACCOUNT)
    return allowed_subaccount(request, wanted)


def require_subaccount(account: TradingAccount, subaccount: int) -> int:
    """Answer 400 for a subaccount that was never made."""
    if subaccount not in account.subaccounts:
        raise invalid_parameters("subaccount does not exist", str(subaccount))
    return subaccount


def query_shard(request: ApiRequest, *, least: int = AUTOMATIC_SHARD) -> int | None:
    return query_integer(request.query, "exchange_index", least=least, most=LAST_SHARD)
