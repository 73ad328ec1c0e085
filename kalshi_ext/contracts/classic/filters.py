"""What the classic lists can be asked for."""

from __future__ import annotations

from kalshi_ext.requests.filters import ListQuery


def page_size_of(query: ListQuery, operation: str, *names: str) -> int | None:
    """Return the size of a page; refuse filters the classic contract does not have. Misuse."""
    query.refuse_all_but("classic", *names)
    return query.page_size(operation)
