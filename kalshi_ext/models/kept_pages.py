"""The JSON of a row that was read by the fast path: parsed from its page once somebody asks.

A long list would keep every row twice, as fields and as the dict they were read from. A row of the
fast path keeps its page's bytes instead, and its place among the rows of that page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any


class KeptPage:
    """The body of one page. Parsed once, by the first row that is asked; then the bytes go."""

    __slots__ = ("_body", "_parse", "_rows")

    def __init__(self, body: bytes, parse: Callable[[bytes], list[Any]]) -> None:
        self._body = body
        self._parse = parse
        self._rows: list[Any] | None = None

    def row(self, index: int) -> Any:
        """Return the row at a place of the page, as parsed JSON."""
        rows = self._rows
        if rows is None:  # two threads may both parse: each gets rows that are equal
            rows = self._rows = self._parse(self._body)
            self._body = b""
        return rows[index]


class FromPage:
    """The base of a model with `raw`: where that was not given, it is read from the kept page.

    `raw` stays a field of the model: equality, repr, pickles and copies are as if it had been
    given. The two slots are no fields; a pickle or a copy has `raw` instead.
    """

    __slots__ = ("_index", "_page")
    _page: KeptPage
    _index: int

    if not TYPE_CHECKING:  # checkers would take any name for an attribute

        def __getattr__(self, name):
            if name != "raw":
                raise AttributeError(
                    f"{type(self).__name__} has no attribute {name}", name=name, obj=self
                )
            try:
                raw = FromPage._page.__get__(self).row(FromPage._index.__get__(self))
            except AttributeError:
                raise AttributeError("a model that was not built has no raw", name=name) from None
            type(self).raw.__set__(self, raw)  # the model is frozen; its slot is not
            return raw
