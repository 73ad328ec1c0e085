"""Earlier states of rows, kept only while reads lag behind."""

from __future__ import annotations

import copy
from bisect import bisect_right
from operator import itemgetter
from typing import Any, Protocol, TypeAlias, TypeVar

Snapshots: TypeAlias = list[tuple[int, Any]] | None
"""(moment of a change, the row as it was before), oldest first."""


class Snapshotted(Protocol):
    """A row whose earlier states can be seen."""

    snapshots: Snapshots


V = TypeVar("V", bound=Snapshotted)


def take_snapshot(row: Snapshotted, now: int, as_of: int) -> None:
    """Put a copy of a row aside before it changes; forget what no read can ask for again."""
    past = [entry for entry in row.snapshots or () if entry[0] > as_of]
    past.append((now, copy.copy(row)))
    row.snapshots = past


def row_as_of(row: V, as_of: int | None) -> V:
    """Give a row as it was at a moment; None: as it is."""
    if as_of is None or not row.snapshots:
        return row
    at = bisect_right(row.snapshots, as_of, key=itemgetter(0))
    return row if at == len(row.snapshots) else row.snapshots[at][1]
