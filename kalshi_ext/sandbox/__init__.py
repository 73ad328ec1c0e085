"""Run a test exchange that speaks both contracts on loopback.

Names are loaded when first used: importing this package costs nothing, and needs none of the
server's dependencies until a sandbox starts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kalshi_ext.sandbox.handle import AsyncSandbox, Sandbox
    from kalshi_ext.sandbox.keyring import Credentials
    from kalshi_ext.sandbox.oracle import Exchanged
    from kalshi_ext.sandbox.proxy.standalone import NetworkProxy
    from kalshi_ext.sandbox.remote import Faults, SandboxError, Truth

_HOME = {
    "AsyncSandbox": "handle",
    "Credentials": "keyring",
    "Exchanged": "oracle",
    "Faults": "remote",
    "NetworkProxy": "proxy.standalone",
    "Sandbox": "handle",
    "SandboxError": "remote",
    "Truth": "remote",
}

__all__ = [
    "AsyncSandbox",
    "Credentials",
    "Exchanged",
    "Faults",
    "NetworkProxy",
    "Sandbox",
    "SandboxError",
    "Truth",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
