"""A budget of tokens that several processes or machines share: a file or a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kalshi_ext.arguments import must_be, plain
from kalshi_ext.budget.store import BudgetStore, Demand, Grant
from kalshi_ext.errors import INSTALL, Misuse
from kalshi_ext.redact import Secret, as_secret

__all__ = ["BudgetStore", "Demand", "Grant", "open_budget"]

_LONGEST = 4096  # letters of a path or a URL


def open_budget(where: str | Path | Secret[Any], account: str) -> BudgetStore:
    """Open the budget of an account: a path is a file, postgresql://… a database.

    Nothing is connected before the first request. Raises Misuse.
    """
    where = as_secret(where)  # a URL may hold a password, and a traceback shows locals
    place = plain(where.reveal())
    named = str(place) if isinstance(place, str | Path) else ""
    if not named.strip() or not named.isprintable() or len(named) > _LONGEST:
        raise must_be("budget", place, "a path or a postgresql:// URL")
    if "://" not in str(place):
        from kalshi_ext.budget.sqlite import SqliteBudget

        return SqliteBudget(Path(place), account)
    if not str(place).startswith(("postgresql://", "postgres://")):
        raise Misuse("budget: expected a path or a postgresql:// URL")
    del place
    try:
        from kalshi_ext.budget.postgres import PostgresBudget
    except ImportError as error:
        raise Misuse(
            f"a postgresql:// budget needs psycopg ({error}); {INSTALL.format(extra='postgres')}"
        ) from error
    return PostgresBudget(where, account)
