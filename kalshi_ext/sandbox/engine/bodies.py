"""Reading request bodies and query parameters, with the refusals the exchange gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from kalshi_ext.sandbox.engine.amounts import LAST_SECOND
from kalshi_ext.sandbox.engine.refusals import (
    ApiError,
    bad_request,
    invalid_parameters,
    invalid_query,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kalshi_ext.sandbox.engine.api import Call

_INT64_LIMIT = 2**63
LAST_SHARD = 2**31 - 1
"""The contract's 32-bit bound; which shards there are is another matter."""


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether JSON is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Tell whether JSON is a list."""
    return isinstance(value, list)


class BodyFields:
    """Read the fields of a JSON object; null counts as absent."""

    def __init__(self, value: object) -> None:
        """Take an object; 400 for any other JSON."""
        if not is_object(value):
            raise bad_request("the body must be an object")
        self.raw = value

    def require(self, *names: str) -> None:
        """Answer 400 when a field is absent."""
        missing = [name for name in names if self.raw.get(name) is None]
        if missing:
            raise ApiError(400, "missing_parameters", "missing parameters", ", ".join(missing))

    def string(self, name: str, default: str = "") -> str:
        """Give a string."""
        value = self.raw.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise bad_request(f"{name} must be a string")
        return value

    def choice(self, name: str, allowed: tuple[str, ...], default: str = "") -> str:
        """Give one of a few words."""
        value = self.string(name, default)
        if value not in allowed and (value != default or name in self.raw):
            raise invalid_parameters(f"{name} must be one of {', '.join(allowed)}", value)
        return value

    def boolean(self, name: str) -> bool:
        """Give a boolean; False when absent."""
        value = self.raw.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise bad_request(f"{name} must be a boolean")
        return value

    def integer(self, name: str) -> int | None:
        """Give a 64-bit integer."""
        value = self.raw.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise bad_request(f"{name} must be an integer")
        if not -_INT64_LIMIT <= value < _INT64_LIMIT:
            raise bad_request(f"{name} must fit in 64 bits")
        return value

    def bounded_integer(self, name: str, *, least: int, most: int) -> int | None:
        """Give an integer within bounds."""
        value = self.integer(name)
        if value is not None and not least <= value <= most:
            raise invalid_parameters(f"{name} must be from {least} to {most}", str(value))
        return value

    def unix_seconds(self, name: str) -> int | None:
        """Give a Unix time in seconds."""
        return self.bounded_integer(name, least=0, most=LAST_SECOND)

    def entries(self, name: str, most: int | None = None) -> list[Any]:
        """Give a list, not empty."""
        self.require(name)
        rows: object = self.raw[name]
        if not is_list(rows):
            raise bad_request(f"{name} must be a list")
        if not rows or (most is not None and len(rows) > most):
            raise invalid_parameters(
                f"{name} must have from 1 to {most or 'many'} entries", str(len(rows))
            )
        return rows


def body_fields(request: Call) -> BodyFields:
    """Read a request's body, which must be a JSON object."""
    if request.body_is == "absent":
        raise ApiError(400, "invalid_content_type", "the body must be JSON; send {} for nothing")
    if request.body_is == "garbage":
        raise bad_request("the body is not JSON")
    return BodyFields(request.body)


def optional_body_fields(request: Call) -> BodyFields:
    """Read a request's body where none may come."""
    return BodyFields({}) if request.body_is == "absent" else body_fields(request)


def query_integer(query: Mapping[str, str], name: str, *, least: int, most: int) -> int | None:
    """Read an integer query parameter; 400 out of bounds."""
    text = query.get(name)
    if text is None:
        return None
    if len(text) > 20 or not text.removeprefix("-").isdecimal() or not text.isascii():
        raise invalid_query(name, f"must be an integer, not {text[:40]!r}")
    value = int(text)
    if not least <= value <= most:
        raise invalid_query(name, f"must be from {least} to {most}")
    return value


def query_time(query: Mapping[str, str], name: str) -> int | None:
    """Read a Unix time in seconds as microseconds."""
    value = query_integer(query, name, least=-_INT64_LIMIT, most=_INT64_LIMIT - 1)
    return None if value is None else value * 1_000_000


def query_list(query: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Read a comma-separated list."""
    return tuple(word for word in query.get(name, "").split(",") if word)


def query_choice(query: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str | None:
    """Read one of a few words."""
    value = query.get(name) or None
    if value is not None and value not in allowed:
        raise invalid_query(name, f"must be one of {', '.join(allowed)}")
    return value
