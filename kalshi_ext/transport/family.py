"""The one place that names the HTTP library whose requests, answers and errors this room speaks.

`httpx` 0.28 is the default that users were promised. A fork or successor with the same classes
(httpx2) would be chosen here, and everything else in this room would follow.
"""

from __future__ import annotations

import sys
from typing import Any

import httpx as httpx

__all__ = ["httpx", "is_patched", "tells_its_steps"]

_HOME = "httpx._transports.default"


def is_patched(method: Any) -> bool:
    """Tell whether a tool has put its own function in the place of a transport's method.

    vcrpy and pytest-httpx replace `handle_request` of httpx's transports, respx also replaces
    methods of httpcore's pools. Such a tool has to see our requests.
    """
    if getattr(method, "__globals__", {}).get("__name__") != _HOME:
        return True
    httpcore = sys.modules.get("httpcore")
    return httpcore is not None and any(
        getattr(function, "__globals__", {}).get("__name__", "").split(".")[0] != "httpcore"
        for function in (
            httpcore.ConnectionPool.handle_request,
            httpcore.AsyncConnectionPool.handle_async_request,
        )
    )


def tells_its_steps(transport: Any) -> bool:
    """Tell whether a transport of the user's reports to the `trace` extension all that it does.

    Only httpx's own do. A subclass or a wrapper may also send in a way that is not reported.
    """
    return type(transport) in (httpx.HTTPTransport, httpx.AsyncHTTPTransport)
