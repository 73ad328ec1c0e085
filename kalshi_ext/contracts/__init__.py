"""The two contracts, spoken in one language. Nothing else imports the generated clients."""

from __future__ import annotations

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import Misuse

__all__ = ["Contract", "contract"]


def contract(name: str) -> Contract:
    """Return a contract by name; its generated client is imported only then. Raises Misuse."""
    if name == "current":
        from kalshi_ext.contracts.current import CURRENT

        return CURRENT
    if name == "classic":
        from kalshi_ext.contracts.classic import CLASSIC

        return CLASSIC
    raise Misuse(f"contract must be 'current' or 'classic', not {name!r}")
