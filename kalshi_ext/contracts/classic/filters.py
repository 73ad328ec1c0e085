"""What the classic lists can be asked for."""

from __future__ import annotations

from attrs import fields

from kalshi_ext.errors import Misuse
from kalshi_ext.requests.filters import ListQuery


def page_size_of(query: ListQuery, operation: str, *names: str) -> int | None:
    """Return the size of a page; refuse filters the classic contract does not have. Misuse."""
    given = {a.name for a in fields(ListQuery) if getattr(query, a.name) is not None}
    extra = sorted(given - set(names) - {"size", "explicit_size"})
    if extra:
        raise Misuse(f"this list has no {', '.join(extra)} in the classic contract")
    return query.page_size(operation)
