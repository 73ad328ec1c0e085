"""Run a test exchange that speaks both contracts on loopback.

Names are loaded when first used: importing this package costs nothing, and needs none of the
server's dependencies until a sandbox starts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kalshi_ext.sandbox.admin_client import Faults, SandboxError, Truth
    from kalshi_ext.sandbox.auth import Credentials
    from kalshi_ext.sandbox.proxy.proxy import NetworkProxy
    from kalshi_ext.sandbox.request_log import LoggedRequest
    from kalshi_ext.sandbox.sandbox import AsyncSandbox, Sandbox

_MODULE_OF = {
    "AsyncSandbox": "sandbox",
    "Credentials": "auth",
    "Faults": "admin_client",
    "LoggedRequest": "request_log",
    "NetworkProxy": "proxy.proxy",
    "Sandbox": "sandbox",
    "SandboxError": "admin_client",
    "Truth": "admin_client",
}

__all__ = [
    "AsyncSandbox",
    "Credentials",
    "Faults",
    "LoggedRequest",
    "NetworkProxy",
    "Sandbox",
    "SandboxError",
    "Truth",
]


if not TYPE_CHECKING:  # or a checker takes a misspelt name for Any

    def __getattr__(name: str) -> Any:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
