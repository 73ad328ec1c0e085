"""The one place that names the HTTP library whose requests, answers and errors this room speaks.

    httpx     the default that users were promised
    httpx2    its maintained continuation, with the same classes: `KALSHI_EXT_HTTPX=httpx2`, read
              once, when this module is imported; the extra `httpx2` installs it

A transport that a user brings may be of either library, whichever is chosen here: its requests are
made by the library of its own class (`family_of`). So one process can hold both.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from kalshi_ext.errors import INSTALL, Misuse

if TYPE_CHECKING:
    import httpcore as httpcore
    import httpx as httpx

__all__ = ["Family", "family_of", "httpcore_of", "httpx", "is_patched", "tells_its_steps"]

VARIABLE: Final = "KALSHI_EXT_HTTPX"
_CORES: Final = {"httpx": "httpcore", "httpx2": "httpcore2"}
Family = Any
"""A module: httpx or httpx2."""


def chosen(name: str) -> Family:
    """Import the library of that name. Raises Misuse."""
    if name not in _CORES:
        raise Misuse(f"{VARIABLE}: must be one of {', '.join(_CORES)}")
    try:
        return import_module(name)
    except ImportError as error:
        raise Misuse(f"{VARIABLE}={name}: {error}; {INSTALL.format(extra='httpx2')}") from None


if not TYPE_CHECKING:
    httpx = chosen(os.environ.get(VARIABLE, "httpx"))


def httpcore_of(family: Family) -> Any:
    """Import the library beneath httpx or httpx2; nothing of ours needs it on its usual path."""
    return import_module(_CORES[family.__name__])


def family_of(transport: object) -> Family:
    """Return the library whose requests a transport takes: that of its nearest base class."""
    for base in type(transport).__mro__:
        root = base.__module__.partition(".")[0]
        if root in _CORES:
            return sys.modules[root]
    return httpx


def is_patched(method: Any) -> bool:
    """Tell whether a tool has put its own function in the place of a transport's method.

    vcrpy and pytest-httpx replace `handle_request` of httpx's transports, respx also replaces
    methods of httpcore's pools. Such a tool has to see our requests.
    """
    if _module_of(method) != f"{httpx.__name__}._transports.default":
        return True
    name = _CORES[httpx.__name__]
    core = sys.modules.get(name)
    return core is not None and any(
        _module_of(function).split(".")[0] != name
        for function in (
            core.ConnectionPool.handle_request,
            core.AsyncConnectionPool.handle_async_request,
        )
    )


def _module_of(function: Any) -> str:
    name: str = getattr(function, "__globals__", {}).get("__name__", "")
    return name


def tells_its_steps(transport: object, family: Family) -> bool:
    """Tell whether a transport of the user's reports to the `trace` extension all that it does.

    Only httpx's own do. A subclass or a wrapper may also send in a way that is not reported.
    """
    return type(transport) in (family.HTTPTransport, family.AsyncHTTPTransport)
