"""Ids and tickers: refused when they could turn a request towards another resource.

`..` in a path turns DELETE /portfolio/orders/.. into DELETE /portfolio, and an empty id turns
one order into the whole list; quoting does not help, because clients resolve dots themselves.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from kalshi_ext.arguments import misuse, plain

MAX_ID: Final = 128
MAX_CLIENT_ORDER_ID: Final = 64

# Every id seen is made of these (observed); they travel unescaped in a path.
_SAFE = re.compile(r"[A-Za-z0-9._~:-]+", re.ASCII)
# Printable ASCII by the exchange's FIX documents; unverified over HTTP.
_PRINTABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)


def path_id(value: object, name: str) -> str:
    """Check an id that goes into a path: letters, digits and ._~:- only, not dots alone.

    Accepts text or a UUID, at most 128 characters. Raises Misuse.
    """
    text = _text(value, name, max_length=MAX_ID)
    if not _SAFE.fullmatch(text) or not text.strip("."):
        raise misuse(name, value, "only letters, digits and ._~:- make an id")
    return text


def ticker(value: object, name: str = "ticker") -> str:
    """Check a market, event or series ticker: printable text; its case is kept. Raises Misuse.

    Spaces around it are dropped. Every ticker seen is made of capitals, digits, - and . (observed);
    which others the exchange may use is for it to say: a ticker travels in JSON or in a query,
    where any text is encoded.
    """
    given = plain(value)
    text = _text(given.strip() if type(given) is str else given, name, max_length=MAX_ID)
    if not text.isprintable() or not text.strip("."):
        raise misuse(name, value, "must be a text of printable characters")
    return text


def path_ticker(value: object) -> str:
    """Check a ticker that goes into a path, where it is one segment. Raises Misuse."""
    text = ticker(value)
    # It is sent encoded, but servers were seen to decode before they split.
    if any(letter in text for letter in "/\\?#%"):
        raise misuse("ticker", value, "a ticker in a path must not hold / \\ ? # or %")
    return text


def client_order_id(value: object, name: str = "client_order_id") -> str:
    """Check a client_order_id: 1 to 64 printable ASCII characters. Raises Misuse."""
    # 64 is the bound of the exchange's FIX documents. Orders of the web app carry "" (observed), so
    # an empty id would match orders that nobody placed here.
    text = _text(value, name, max_length=MAX_CLIENT_ORDER_ID)
    if not _PRINTABLE.fullmatch(text):
        raise misuse(name, value, "only printable ASCII, without spaces at its ends")
    return text


def _text(value: object, name: str, *, max_length: int) -> str:
    text = str(value) if type(value) is UUID else plain(value)
    if type(text) is not str or not text:
        raise misuse(name, value, "must be a text that is not empty")
    if len(text) > max_length:
        raise misuse(name, value, f"longer than {max_length} characters")
    return text
