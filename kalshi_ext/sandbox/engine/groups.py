"""Order groups: a limit on what may be matched within a rolling window."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.records import Order

LARGEST_LIMIT = 100_000_000
"""A million contracts."""


@define(eq=False)
class Group:
    """Hold a group's limit, its recent volume and its resting orders."""

    id: str
    created: int
    subaccount: int
    shard: int
    limit: int
    triggered: bool = False
    orders: dict[str, Order] = field(factory=dict[str, "Order"])
    """Resting ones only."""
    recent: deque[tuple[int, int]] = field(factory=deque[tuple[int, int]])
    """(moment, count) of the fills within the window."""
    volume: int = 0

    def add_volume(self, now: int, count: int, window: int) -> None:
        """Add a fill to the rolling volume."""
        self.recent.append((now, count))
        self.volume += count
        self.expire_volume(now - window)

    def expire_volume(self, before: int) -> None:
        """Drop the fills that have left the window."""
        while self.recent and self.recent[0][0] <= before:
            self.volume -= self.recent.popleft()[1]

    def reset(self) -> None:
        """Start over: no volume, orders welcome."""
        self.recent.clear()
        self.volume = 0
        self.triggered = False
