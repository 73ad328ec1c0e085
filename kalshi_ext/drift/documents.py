"""The contracts this version was built from, and which paths of the exchange's document are ours.

Ours is a rule, not a list of today's operations: a path that appears under one of the prefixes
next week belongs to us and is noticed. Of public market data four reads are ours, by name: what a
position is worth, on which ticks an order may stand. The rest is other people's subject, also
where it sits under /historical.
"""

from __future__ import annotations

import copy
import functools
import re
from pathlib import Path
from typing import Any, Final, Literal

from kalshi_ext.drift.limits import Unreadable
from kalshi_ext.drift.load import load

OURS: Final = (
    "/portfolio",
    "/historical",
    "/account",
    "/exchange/status",
    "/exchange/schedule",
    "/exchange/user_data_timestamp",
)
# A placeholder may have any name.
MARKETS: Final = ("/markets", "/markets/trades", "/markets/{}", "/markets/{}/orderbook")
MARKET_DATA: Final = ("/historical/markets", "/historical/trades", "/historical/events")

DocumentName = Literal["current", "classic", "upstream"]

FILES: Final[dict[str, str]] = {
    "current": "portfolio.yaml",
    "classic": "classic.yaml",
    "upstream": "upstream.yaml",
}
_PACKAGE: Final = Path(__file__).resolve().parent


def is_ours(path: str) -> bool:
    """Tell whether a path is part of the contract that this library speaks."""
    return _shape(path) in MARKETS or (_under(path, OURS) and not _under(path, MARKET_DATA))


def _shape(path: str) -> str:
    return re.sub(r"\{[^}/]*\}", "{}", path)


def _under(path: str, prefixes: tuple[str, ...]) -> bool:
    # Whole segments: /portfoliomanager is not below /portfolio.
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def document(name: DocumentName) -> dict[str, Any]:
    """Give a contract as a tree of your own: change it as you like.

    "current" is the maintained contract, "upstream" what the exchange publishes of it in normal
    form, "classic" the 2.x one. Reading takes about half a second, once in a process.
    """
    return copy.deepcopy(_load_once(name))


def document_path(name: DocumentName) -> Path:
    """Find the file: in the wheel below this package, in a checkout in openapi/."""
    if name not in FILES:
        raise Unreadable(f"document: must be one of {sorted(FILES)}, not {name!r}")
    # The wheel's copy first: an installed package may stand inside somebody else's checkout.
    candidates = (_PACKAGE / "openapi" / FILES[name], _PACKAGE.parents[1] / "openapi" / FILES[name])
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise Unreadable(f"{FILES[name]} is neither in the package nor in a checkout around it")


def is_checkout() -> bool:
    """Tell a checkout of this library, which has the scripts of an adoption, from a wheel."""
    is_wheel = (_PACKAGE / "openapi").is_dir()
    return not is_wheel and (_PACKAGE.parents[1] / "scripts" / "adopt.py").is_file()


@functools.cache
def _load_once(name: DocumentName) -> dict[str, Any]:
    return load(document_path(name))
