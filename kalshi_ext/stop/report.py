"""What a stop did: the report that `client.stop` and `kalshi-ext stop` return."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from attrs import asdict, field, frozen

from kalshi_ext.bases import Value
from kalshi_ext.models import Fill, Order


@frozen(kw_only=True, eq=False, repr=False)
class StoppedGroup(Value):
    """An automatic order group; `triggered` once the exchange said so, else `error` says why not.

    On the classic contract, which cannot trigger one, it is deleted: that too ends its orders and
    refuses later ones.
    """

    id: str
    subaccount: int
    exchange_index: int
    triggered: bool = False
    error: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class RestingOrder(Value):
    """An order that rests after the stop, and why."""

    order: Order
    why: str


@frozen(kw_only=True, eq=False, repr=False)
class StopReport(Value):
    """What a stop did, and what it could not find out.

    `latch_error` says why the latch is in no journal, None where it is kept. `cancelled` are the
    orders that ended by cancellation, and `filled` what traded, from the stop on; `uncounted` says
    what of these two could not be read. `resting` was seen to rest at the last look. `undecided`
    are journal keys of orders that may still arrive. `unread` is what had to be read to know that
    nothing rests, and could not. `verified` is False where nobody looked (`verify=False`).
    `inferred` are the markets of which only the ticker says that they are of the event, and why the
    event's markets could not be read.
    """

    ticker: str | None = None
    event_ticker: str | None = None
    subaccount: int | None = None
    latch_error: str | None = None
    groups: tuple[StoppedGroup, ...] = ()
    cancelled: tuple[Order, ...] = ()
    filled: tuple[Fill, ...] = ()
    uncounted: tuple[str, ...] = ()
    resting: tuple[RestingOrder, ...] = ()
    undecided: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    inferred: tuple[str, ...] = ()
    verified: bool = True
    took: timedelta = field(default=timedelta(), eq=False)

    @property
    def outcome(self) -> Literal["flat", "resting", "unknown"]:
        """Say whether nothing rests, something was seen to rest, or neither is known."""
        if self.resting:
            return "resting"
        known = self.verified and not self.unread and not self.undecided
        return "flat" if known else "unknown"

    @property
    def flat(self) -> bool:
        """Whether it is proven that nothing of what was stopped rests or can still come."""
        return self.outcome == "flat"

    def summary(self) -> dict[str, Any]:
        """Give it as JSON values, orders and fills by their ids."""
        return {
            "outcome": self.outcome,
            "scope": {
                "ticker": self.ticker,
                "event_ticker": self.event_ticker,
                "subaccount": self.subaccount,
            },
            "latch_error": self.latch_error,
            "groups": [asdict(group) for group in self.groups],
            "cancelled": [order.order_id for order in self.cancelled],
            "filled": [
                {"fill_id": each.fill_id, "order_id": each.order_id, "count": str(each.count)}
                for each in self.filled
            ],
            "uncounted": list(self.uncounted),
            "resting": [
                {"order_id": each.order.order_id, "ticker": each.order.ticker, "why": each.why}
                for each in self.resting
            ],
            "undecided": list(self.undecided),
            "unread": list(self.unread),
            "inferred": list(self.inferred),
            "verified": self.verified,
            "seconds": round(self.took.total_seconds(), 3),
        }
