"""The contracts this version was built from, also where the package is installed from a wheel."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any, Final, Literal

from kalshi_ext.spec.errors import Unreadable
from kalshi_ext.spec.load import load

Which = Literal["current", "classic", "upstream"]

FILES: Final[dict[str, str]] = {
    "current": "portfolio.yaml",
    "classic": "classic.yaml",
    "upstream": "upstream.yaml",
}
_ROOM: Final = Path(__file__).resolve().parent


def document(which: Which) -> dict[str, Any]:
    """Give a contract as a tree of your own: change it as you like.

    "current" is the maintained contract, "upstream" what the exchange publishes of it in normal
    form, "classic" the 2.x one. Reading takes about half a second, once in a process.
    """
    return copy.deepcopy(_loaded(which))


def path(which: Which) -> Path:
    """Say where the document lies: in the wheel beside this module, in a checkout in openapi/."""
    if which not in FILES:
        raise Unreadable(f"document: must be one of {sorted(FILES)}, not {which!r}")
    places = (_ROOM / "openapi" / FILES[which], _ROOM.parents[1] / "openapi" / FILES[which])
    for place in places:
        if place.is_file():
            return place
    raise Unreadable(f"{FILES[which]} is neither in the package nor in a checkout around it")


@functools.cache
def _loaded(which: Which) -> dict[str, Any]:
    return load(path(which))
