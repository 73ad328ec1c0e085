"""A budget of tokens that several processes or machines share: a file or a database.

Imported when a client with such a budget is made, and by no other. Whoever has a store finds the
room loaded: an import from it in the middle of a function opens no file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kalshi_ext.arguments import place_fault, plain
from kalshi_ext.budget.store import BudgetStore, Demand, Grant
from kalshi_ext.errors import INSTALL, Misuse
from kalshi_ext.redact import Secret, as_secret

__all__ = ["BudgetStore", "Demand", "Grant", "open_budget"]


def open_budget(where: str | Path | Secret[Any], account: str) -> BudgetStore:
    """Open the budget of an account: a path is a file, postgresql://… a database.

    Nothing is connected before the first request. Raises Misuse.
    """
    where = as_secret(where)  # a URL may hold a password, and a traceback shows locals
    fault = place_fault("budget", where, "a path or a postgresql:// URL")
    if fault is not None:
        raise Misuse(fault)
    place = Secret(str(plain(where.reveal())))
    if "://" not in place.reveal():
        from kalshi_ext.budget.sqlite import SqliteBudget

        return SqliteBudget(Path(place.reveal()), account)
    if not place.reveal().startswith(("postgresql://", "postgres://")):
        raise Misuse("budget: expected a path or a postgresql:// URL")
    try:
        from kalshi_ext.budget.postgres import PostgresBudget
    except ImportError as error:
        raise Misuse(
            f"a postgresql:// budget needs psycopg ({error}); {INSTALL.format(extra='postgres')}"
        ) from error
    return PostgresBudget(place, account)
