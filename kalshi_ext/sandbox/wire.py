"""Give HTTP requests and replies as plain values, and the error bodies of the server's edge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl

from attrs import define, field, frozen

Json: TypeAlias = Any
Headers: TypeAlias = Mapping[bytes, bytes]
JSON_TYPE = "application/json"


@define
class Request:
    """Carry one HTTP request as received."""

    method: str
    path: str
    """Raw, as on the request line, without the query."""
    query: bytes
    headers: Headers = field(repr=False)
    """Names in lower case; of a repeated header the last value."""
    body: bytes = field(repr=False)

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query.decode('latin-1')}" if self.query else self.path

    def parameters(self) -> dict[str, str]:
        """Read the query; of a repeated name the last value."""
        if not self.query:
            return {}
        return dict(parse_qsl(self.query.decode("latin-1"), keep_blank_values=True))

    def content(self) -> tuple[Json, Literal["absent", "json", "garbage"]]:
        """Read the body as JSON; a body of another declared type counts as absent."""
        if not self.body or not _declares_json(self.headers.get(b"content-type", b"")):
            return None, "absent"
        try:
            return _DECODER.decode(self.body.decode()), "json"
        except (ValueError, RecursionError):
            return None, "garbage"


@frozen
class Reply:
    """Carry one HTTP reply."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(factory=dict[str, str])


def json_reply(status: int, body: Json) -> Reply:
    """Render JSON; None gives a reply without a body."""
    if body is None:
        return Reply(status, b"", "")
    return Reply(status, _ENCODER.encode(body).encode())


def refusal(status: int, code: str, message: str = "", details: str | None = None) -> Reply:
    """Render an error in the nested shape that the exchange's edge uses."""
    error = {"code": code, "message": message or code.replace("_", " ")}
    if details is not None:
        error["details"] = details
    return json_reply(status, {"error": error})


def _declares_json(content_type: bytes) -> bool:
    media = content_type.partition(b";")[0].strip().lower()
    return media == b"application/json" or media.endswith(b"+json")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"))
