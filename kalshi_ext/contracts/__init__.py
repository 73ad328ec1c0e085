"""The two contracts, spoken in one language. Nothing else imports the generated clients."""

from __future__ import annotations

from kalshi_ext.arguments import must_be, plain
from kalshi_ext.contracts.interface import Contract

__all__ = ["Contract", "contract"]


def contract(name: object) -> Contract:
    """Return a contract by name; its generated client is imported only then. Raises Misuse."""
    word = plain(name)
    if type(word) is not str:
        word = ""
    if word == "current":
        from kalshi_ext.contracts.current import CURRENT

        return CURRENT
    if word == "classic":
        from kalshi_ext.contracts.classic import CLASSIC

        return CLASSIC
    raise must_be("contract", name, "'current' or 'classic'")
