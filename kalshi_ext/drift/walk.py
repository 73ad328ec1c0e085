"""Walk two schemas side by side, each pair compared once, recursion ended where it repeats."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from kalshi_ext.drift.difference import Difference
from kalshi_ext.drift.document import MAX_PAIRS
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.schema import Schema
from kalshi_ext.drift.structure import Comparison, compare_schemas

Key = tuple[tuple[str, ...], tuple[str, ...], str]


@define(eq=False)
class Walker:
    """Compares schemas of two documents and remembers each comparison."""

    known: dict[Key, Comparison] = field(factory=dict[Key, Comparison], repr=False)

    def differences(
        self, base: Schema, new: Schema, direction: str
    ) -> Iterator[tuple[Difference, str]]:
        """Give every difference below a pair of schemas and the path of fields to it."""
        seen: set[Key] = set()
        todo = [(base, new, "")]
        while todo:
            mine, theirs, path = todo.pop()
            key = (mine.key, theirs.key, direction)
            if key in seen or _written_alike(mine, theirs):
                continue
            seen.add(key)
            found = self._compared(key, mine, theirs)
            yield from ((each, path) for each in found.differences)
            todo += [(c.base, c.new, path + c.step) for c in reversed(found.children)]

    def _compared(self, key: Key, base: Schema, new: Schema) -> Comparison:
        found = self.known.get(key)
        if found is None:
            if len(self.known) >= MAX_PAIRS:
                raise CannotCompare(f"more than {MAX_PAIRS} pairs of schemas: too involved")
            found = self.known[key] = compare_schemas(base, new, key[2])
        return found


def _written_alike(base: Schema, new: Schema) -> bool:
    return base.text is not None and base.text == new.text
