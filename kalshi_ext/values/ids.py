"""Ids and tickers: refused when they could turn a request towards another resource.

`..` in a path turns DELETE /portfolio/orders/.. into DELETE /portfolio, and an empty id turns
one order into the whole list; quoting does not help, because clients resolve dots themselves.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from kalshi_ext.errors import Misuse
from kalshi_ext.redact import redacted_repr

MAX_ID: Final = 128
MAX_CLIENT_ORDER_ID: Final = 64

# Every id and ticker seen is made of these (observed); they travel unescaped in a path and in a
# comma-separated query value.
_SAFE = re.compile(r"[A-Za-z0-9._~:-]+", re.ASCII)
# Printable ASCII by the exchange's FIX documents; unverified over HTTP.
_PRINTABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)


def path_id(value: object, *, name: str) -> str:
    """Check an id that goes into a path: letters, digits and ._~:- only, not dots alone.

    Accepts text or a UUID, at most 128 characters. Raises Misuse.
    """
    text = _text(value, name, max_length=MAX_ID)
    if not _SAFE.fullmatch(text) or not text.strip("."):
        raise Misuse(f"{name}={redacted_repr(value)}: only letters, digits and ._~:- make an id")
    return text


def ticker(value: object, *, name: str = "ticker") -> str:
    """Check a market, event or series ticker; its case is kept. Raises Misuse."""
    return path_id(value, name=name)


def client_order_id(value: object, *, name: str = "client_order_id") -> str:
    """Check a client_order_id: 1 to 64 printable ASCII characters. Raises Misuse."""
    # 64 is the bound of the exchange's FIX documents. Orders of the web app carry "" (observed), so
    # an empty id would match orders that nobody placed here.
    text = _text(value, name, max_length=MAX_CLIENT_ORDER_ID)
    if not _PRINTABLE.fullmatch(text):
        raise Misuse(
            f"{name}={redacted_repr(value)}: only printable ASCII, without spaces at its ends"
        )
    return text


def _text(value: object, name: str, *, max_length: int) -> str:
    text = str(value) if isinstance(value, UUID) else value
    if not isinstance(text, str) or not text:
        raise Misuse(f"{name}={redacted_repr(value)}: must be a text that is not empty")
    if len(text) > max_length:
        raise Misuse(f"{name}={redacted_repr(value)}: longer than {max_length} characters")
    return text
