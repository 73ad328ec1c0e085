"""The one place that names the HTTP library whose requests, answers and errors this room speaks.

    httpx     the default that users were promised
    httpx2    its maintained continuation, with the same classes: `KALSHI_EXT_HTTPX=httpx2`, read
              once, when this module is imported; the extra `httpx2` installs it

A transport that a user brings may be of either library, whichever is chosen here: its requests are
made by the library of its own class (`family_of`). So one process can hold both.

The library is imported when something of it is used first. A client of the default never does: its
requests go as bytes (`pool.py`). A proxy, a transport of the user's and a tool that patches httpx
do; the latter two have imported it.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from kalshi_ext.errors import INSTALL, Misuse
from kalshi_ext.transport.failures import TransportFailure

if TYPE_CHECKING:
    import httpcore as httpcore
    import httpx as httpx

__all__ = [
    "Family",
    "as_httpx",
    "default_tls_context",
    "family_of",
    "httpcore_of",
    "httpx",
    "is_patched",
    "loaded",
    "tells_its_steps",
]

VARIABLE: Final = "KALSHI_EXT_HTTPX"
_CORES: Final = {"httpx": "httpcore", "httpx2": "httpcore2"}
Family = Any
"""A module: httpx or httpx2."""


def checked_name(name: str) -> str:
    """Return the name of a library that can be imported. Raises Misuse."""
    if name not in _CORES:
        raise Misuse(f"{VARIABLE}: must be one of {', '.join(_CORES)}")
    if name not in sys.modules and find_spec(name) is None:
        missing = f"No module named '{name}'"
        raise Misuse(f"{VARIABLE}={name}: {missing}; {INSTALL.format(extra='httpx2')}")
    return name


NAME: Final = checked_name(os.environ.get(VARIABLE, "httpx"))


class _LateModule:
    """The library, imported by the first use of a name of it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(NAME), name)


if not TYPE_CHECKING:
    httpx = _LateModule()


def loaded() -> Family | None:
    """Return the library if anything in this process has imported it."""
    return _imported(NAME)


def _imported(name: str) -> Any:
    """Return a module, None for one that is not imported, or only half, by another thread."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    return None if getattr(spec, "_initializing", False) else module


@contextmanager
def as_httpx() -> Generator[None]:
    """Raise the failures of our connections as httpx's exceptions of the same names."""
    try:
        yield
    except TransportFailure as error:
        kind = getattr(httpx, type(error).__name__, None)
        if kind is None:  # BodyTooLarge is ours alone
            raise
        raise kind(str(error)) from error


def default_tls_context() -> ssl.SSLContext:
    """Return a context with the library's root certificates, whatever the environment says."""
    if NAME == "httpx":
        import certifi

        return ssl.create_default_context(cafile=certifi.where())  # as httpx does
    return httpx.create_ssl_context(trust_env=False)


def httpcore_of(family: Family) -> Any:
    """Import the library beneath httpx or httpx2; nothing of ours needs it on its usual path."""
    return import_module(_CORES[NAME if family is httpx else family.__name__])


def family_of(transport: object) -> Family:
    """Return the library whose requests a transport takes: that of its nearest base class."""
    for base in type.__getattribute__(type(transport), "__mro__"):
        # Not by its attributes: a metaclass of the caller's may raise anything.
        root = str(type.__getattribute__(base, "__module__")).partition(".")[0]
        if root in _CORES:
            return sys.modules[root]
    return httpx


def is_patched(method: Any) -> bool:
    """Tell whether a tool has put its own function in the place of a transport's method.

    vcrpy and pytest-httpx replace `handle_request` of httpx's transports, respx also replaces
    methods of httpcore's pools. Such a tool has to see our requests.
    """
    if _module_of(method) != f"{NAME}._transports.default":
        return True
    name = _CORES[NAME]
    core = _imported(name)
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
    kind = type(transport)
    return kind is family.HTTPTransport or kind is family.AsyncHTTPTransport
