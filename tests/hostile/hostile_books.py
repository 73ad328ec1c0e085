"""The books of the hostile exchange: what truly stands, and which request made it stand.

The books are the judge. Nothing here knows a client, a connection or an answer: an order has
versions, each with the exchange's time, so that a read can be as old as a freedom wants it; and
each change names the attempt that made it, an attempt being one signed request of the client,
however many copies of it a network delivers.
"""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Literal

from attrs import define, evolve, field, frozen

Status = Literal["resting", "canceled", "executed"]
STRANGER = -1  # the attempt of what somebody else did


class Refusal(Exception):
    """The exchange says no, in its own words; nothing was done."""

    def __init__(self, status: int, code: str, message: str = "no") -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@frozen
class Attempt:
    """One request as the client signed it: its number, the step of the script, its arrival."""

    number: int
    step: int
    arrived: float  # monotonic seconds


@frozen
class OrderRequest:
    """What a create asks for, in the words of neither contract: prices are of YES, in dollars."""

    client_order_id: str
    ticker: str
    side: Literal["bid", "ask"]
    price: Decimal
    count: Decimal
    time_in_force: str = "good_till_canceled"
    expires: int | None = None
    group: str | None = None
    words: tuple[str, str] | None = None  # side and action as the classic contract said them


@frozen
class Version:
    """What an order was from a moment on (Unix seconds of the exchange's clock)."""

    since: float
    status: Status
    price: Decimal
    total: Decimal
    filled: Decimal
    expires: int | None = None

    @property
    def remaining(self) -> Decimal:
        return self.total - self.filled if self.status == "resting" else Decimal(0)


@frozen
class Change:
    """One change of an order and the attempt that made it; `amount` is what it took off."""

    kind: Literal["create", "cancel", "amend", "decrease", "fill"]
    attempt: int
    at: float
    amount: Decimal = Decimal(0)
    price: Decimal | None = None
    total: Decimal | None = None


@define
class BookOrder:
    """One order, for ever."""

    serial: int
    order_id: str
    request: OrderRequest
    account: str
    shard: int
    versions: list[Version]
    changes: list[Change] = field(factory=list[Change])

    @property
    def now(self) -> Version:
        return self.versions[-1]

    @property
    def created(self) -> float:
        return self.versions[0].since

    def as_of(self, moment: float) -> Version | None:
        """Return what the order was at a moment; None before it was made."""
        known = [version for version in self.versions if version.since <= moment]
        return known[-1] if known else None

    def ended_at(self) -> float | None:
        """Return when the order ended; None while it rests."""
        ends = [version.since for version in self.versions if version.status != "resting"]
        return ends[0] if ends else None

    def made_by(self) -> int:
        """Return the attempt that made the order."""
        return self.changes[0].attempt

    def put(self, at: float, **changes: object) -> None:
        """Begin a new version; times never go back."""
        since = max(at, self.now.since)
        self.versions.append(evolve(self.now, since=since, **changes))  # type: ignore[arg-type]


@define
class BookGroup:
    """One order group; `limit` in contracts."""

    group_id: str
    limit: Decimal
    made_by: int
    made_at: float
    account: str
    deleted_at: float | None = None
    deleted_by: int = STRANGER
    triggered: bool = False
    # What was done to it, by which attempt, and the limit that it had then.
    changes: list[tuple[str, int, Decimal]] = field(factory=list[tuple[str, int, Decimal]])

    def change(self, word: str, attempt: int) -> None:
        """Keep who changed it."""
        self.changes.append((word, attempt, self.limit))


@define
class Books:
    """All accounts of the exchange. `shards` says where each ticker's orders live."""

    orders: list[BookOrder] = field(factory=list[BookOrder])
    groups: list[BookGroup] = field(factory=list[BookGroup])
    shards: dict[str, int] = field(factory=dict[str, int])
    # What the market does to each new order at once: the share that is filled.
    fill_at_once: Decimal = Decimal(0)
    sweeps: list[tuple[float, int]] = field(factory=list[tuple[float, int]])
    _serial: itertools.count[int] = field(factory=lambda: itertools.count(1))

    def create(self, account: str, wanted: OrderRequest, attempt: int, now: float) -> BookOrder:
        """Make an order; whether its id was known is the door's question, not the books'."""
        if wanted.expires and wanted.expires <= now:
            raise Refusal(400, "invalid_order", "the expiration is in the past")
        group = self.group(wanted.group) if wanted.group else None
        if wanted.group and (group is None or group.triggered):
            raise Refusal(400, "invalid_order", "the group takes no orders")
        number = next(self._serial)
        version = Version(now, "resting", wanted.price, wanted.count, Decimal(0), wanted.expires)
        order = BookOrder(
            number, f"o-{number:06d}", wanted, account, self.shards.get(wanted.ticker, 0), [version]
        )
        order.changes.append(Change("create", attempt, now))
        share = Decimal(1) if wanted.time_in_force == "fill_or_kill" else self.fill_at_once
        self.orders.append(order)
        self.fill(order, (wanted.count * share).to_integral_value(), now)
        if wanted.time_in_force == "immediate_or_cancel" and order.now.status == "resting":
            order.put(now, status="canceled")
        return order

    def fill(self, order: BookOrder, count: Decimal, now: float) -> None:
        """Let somebody trade with an order."""
        count = min(count, order.now.remaining)
        if count <= 0:
            return
        filled = order.now.filled + count
        status: Status = "executed" if filled == order.now.total else "resting"
        order.put(now, filled=filled, status=status)
        order.changes.append(Change("fill", STRANGER, now, count))

    def cancel(self, order: BookOrder, attempt: int, now: float) -> Decimal:
        """Cancel what rests of an order and return how much that was."""
        if order.now.status != "resting":
            raise Refusal(404, "not_found", "not found")
        rest = order.now.remaining
        order.put(now, status="canceled")
        order.changes.append(Change("cancel", attempt, now, rest))
        return rest

    def expire(self, now: float) -> None:
        """Let the orders die whose own expiry has come."""
        for order in self.orders:
            ends = order.now.expires
            if order.now.status == "resting" and ends and ends <= now:
                order.put(ends, status="canceled")

    def cancel_all(self, account: str, attempt: int, now: float) -> None:
        """Cancel every resting order of an account."""
        for order in self.orders:
            if order.account == account and order.now.status == "resting":
                self.cancel(order, attempt, now)
        self.sweeps.append((now, attempt))

    def amend(
        self,
        order: BookOrder,
        attempt: int,
        now: float,
        *,
        price: Decimal,
        total: Decimal,
        expires: int | None,
    ) -> None:
        """Set price, total and expiry (None keeps it) of a resting order."""
        last = order.now
        if last.status != "resting":
            raise Refusal(404, "not_found", "not found")
        if total < last.filled:
            raise Refusal(400, "invalid_order", "below what is filled")
        keeps_expiry = expires is None or expires == (last.expires or 0)
        if (price, total) == (last.price, last.total) and keeps_expiry:
            raise Refusal(400, "AMEND_ORDER_NO_OP", "nothing to change")
        ended: Status = "executed" if total == last.filled else "resting"
        wanted = last.expires if expires is None else expires or None
        order.put(now, price=price, total=total, expires=wanted, status=ended)
        order.changes.append(Change("amend", attempt, now, price=price, total=total))

    def decrease(
        self,
        order: BookOrder,
        attempt: int,
        now: float,
        *,
        by: Decimal | None,
        to: Decimal | None,
    ) -> None:
        """Take contracts off a resting order: by a difference, or down to a rest."""
        last = order.now
        if last.status != "resting":
            raise Refusal(404, "not_found", "not found")
        off = min(by, last.remaining) if by is not None else last.remaining - (to or Decimal(0))
        if off < 0:
            raise Refusal(400, "invalid_order", "that would be more")
        ended: Status = "resting" if off < last.remaining else "canceled"
        order.put(now, total=last.total - off, status=ended)
        order.changes.append(Change("decrease", attempt, now, off))

    def create_group(self, account: str, limit: Decimal, attempt: int, now: float) -> BookGroup:
        """Make an order group."""
        group = BookGroup(f"g-{len(self.groups) + 1:04d}", limit, attempt, now, account)
        self.groups.append(group)
        return group

    def group(self, group_id: str) -> BookGroup | None:
        """Return a group that was not deleted."""
        return next((g for g in self.groups if g.group_id == group_id and not g.deleted_at), None)

    def end_group(self, group: BookGroup, attempt: int, now: float, *, delete: bool) -> None:
        """Cancel a group's orders; delete it, or keep it triggered."""
        for order in self.orders:
            if order.request.group == group.group_id and order.now.status == "resting":
                self.cancel(order, attempt, now)
        group.triggered = True
        group.change("delete" if delete else "trigger", attempt)
        if delete:
            group.deleted_at, group.deleted_by = now, attempt

    def order(self, account: str, order_id: str) -> BookOrder | None:
        """Return an order of an account by the exchange's id."""
        found = (o for o in self.orders if (o.account, o.order_id) == (account, order_id))
        return next(found, None)

    def named(self, account: str, client_order_id: str) -> list[BookOrder]:
        """Return the orders that were ever made under an id."""
        wanted = (account, client_order_id)
        return [o for o in self.orders if (o.account, o.request.client_order_id) == wanted]
