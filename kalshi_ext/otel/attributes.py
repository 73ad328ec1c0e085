"""The names of HTTP's semantic conventions (1.27 and later), and what our events say in them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from kalshi_ext.events import AttemptLost, AttemptSent, CallEnded

Attributes: TypeAlias = dict[str, str | int | float | bool]

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.27.0"
# Advised for http.client.request.duration, in seconds.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_PORTS: Final = {"https": 443, "http": 80}
_CLASS: Final = re.compile(r"[A-Z][A-Za-z]{2,60}(?=:|$)")
OTHER: Final = "_OTHER"


@lru_cache(maxsize=16)
def _server(base_url: str) -> tuple[str, str, int, str]:
    url = urlsplit(base_url)
    return url.scheme, url.hostname or "", url.port or _PORTS.get(url.scheme, 0), url.path


def of_request(event: AttemptSent) -> Attributes:
    """Return what is the same for all attempts of an operation, as spans and metrics have it.

    There is no url.full: it would hold ids, and events have none of a query.
    """
    scheme, host, port, prefix = _server(event.server)
    known: Attributes = {
        "http.request.method": event.method,
        "server.address": host,
        "server.port": port,
        "url.scheme": scheme,
    }
    if event.operation != "request":  # of any path, which may be full of ids
        known["url.template"] = prefix + event.path
    return known


def span_name(attributes: Attributes) -> str:
    """Return the name of an attempt's span: method and template, never an id."""
    names = (attributes["http.request.method"], attributes.get("url.template"))
    return " ".join(str(name) for name in names if name)


def of_status(status: int) -> Attributes:
    """Return what an answer adds."""
    known: Attributes = {"http.response.status_code": status}
    return known | ({"error.type": str(status)} if status >= 400 else {})


def of_loss(event: AttemptLost) -> Attributes:
    """Return what a loss adds: the class that ended it, where one did."""
    found = _CLASS.match(event.reason)
    return {"error.type": found[0] if found else OTHER}


def of_outcome(event: CallEnded) -> Attributes:
    """Return which order a call was about."""
    known: Attributes = {}
    if event.order_id is not None:
        known["kalshi_ext.order_id"] = event.order_id
    if event.client_order_id is not None:
        known["kalshi_ext.client_order_id"] = event.client_order_id
    return known | ({"kalshi_ext.replayed": True} if event.replayed else {})
