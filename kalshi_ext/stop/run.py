"""One stop under way: what was sent and confirmed, and the list of what rests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, cast

from attrs import define, evolve, field

from kalshi_ext.bases import Printed
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    KalshiError,
    Misuse,
)
from kalshi_ext.journal.stop_record import Latch, Standing
from kalshi_ext.models import Order
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Monotonic,
)
from kalshi_ext.protocol.pagination import Paginator
from kalshi_ext.reads.watermark import SentAt
from kalshi_ext.requests import Target
from kalshi_ext.requests.filters import MAX_PAGE, ListQuery
from kalshi_ext.stop.auto_groups import place_of
from kalshi_ext.stop.report import StoppedGroup

# Seconds that a stop waits for its journal: a database that stands still must not hold it up.
JOURNAL_WITHIN: Final = 2.0
QUICK: Final = 2.0  # seconds for each request of the first round; twice as many in the next


@define(eq=False, repr=False)
class Run(Printed):
    """One stop under way."""

    contract: Contract
    context: Context
    limits: CallLimits
    latch: Latch
    groups: dict[str, StoppedGroup] = field(factory=dict[str, StoppedGroup])
    latch_error: str | None = None
    cancels_all: bool = False  # whether a cancel_all is still to be confirmed
    sent: SentAt = field(factory=SentAt)  # the latest request that ended orders
    cancelled: dict[str, SentAt] = field(factory=dict[str, SentAt])  # by order id, as acknowledged
    refusals: dict[str, str] = field(factory=dict[str, str])  # why a cancel failed, by order id
    refusal: str = ""  # why the latest request that ends orders failed
    resting: list[Order] = field(factory=list[Order])
    # The orders of rows that cannot be read, but for what a cancel needs; by order id.
    half_read: dict[str, Target] = field(factory=dict[str, Target])
    unread: dict[str, str] = field(factory=dict[str, str])  # what was not read, and why
    undecided: list[str] = field(factory=list[str])
    inferred: dict[str, str] = field(factory=dict[str, str])  # what is of the event by its name
    proven: bool = False
    rounds: int = 0

    def quick(self) -> Context:
        """Return the context of one round, in which each request is sent once."""
        policy = self.context.policy
        timeout = min(policy.timeout, QUICK * 2**self.rounds)
        return evolve(self.context, policy=evolve(policy, timeout=timeout, attempts=1))

    @property
    def query(self) -> ListQuery:
        latch = self.latch
        return ListQuery(
            ticker=latch.ticker,
            event_ticker=latch.event_ticker,
            subaccount=latch.subaccount,
            status="resting",
            size=MAX_PAGE,
        )


def read_resting(run: Run) -> Flow[None]:
    """Read what rests. Where the list breaks off, what it showed until then is to cancel too."""
    call = run.contract.orders.list(run.query)
    paginator = Paginator(call, run.quick(), limits=run.limits, invalid="allowed")
    rows: list[Order] = []
    try:
        yield from _read_pages(run, paginator, rows)
    except Misuse:
        raise
    except KalshiError as error:
        run.unread["resting orders"] = str(error.args[0])
        rows.extend(run.resting)  # those seen before stay
    latch = run.latch
    seen = {row.order_id: row for row in reversed(rows)}.values()
    run.resting = [row for row in seen if _may_rest(row.status) and _is_of(latch, row.ticker)]
    half_read = filter(None, (_half_read(latch, each.row) for each in paginator.invalid_rows))
    run.half_read = {target.order_id: target for target in half_read}
    if paginator.invalid_rows:
        reason = paginator.invalid_rows[0].reason
        run.unread["resting orders"] = f"{len(paginator.invalid_rows)} rows: {reason}"
    elif not paginator.keyed:
        run.unread["resting orders"] = "an answer has no list"


def _read_pages(run: Run, paginator: Paginator[Order], rows: list[Order]) -> Flow[None]:
    """Add the rows of all pages, in at most half of the time that is left."""
    now: float = yield Monotonic()
    until = now + (run.limits.ends - now) / 2
    while (step := paginator.next_page()) is not None:
        page = yield from step
        rows.extend(page.items)  # first: a page that is refused below shows what rests all the same
        paginator.take(page)
        if page.cursor and (yield Monotonic()) > until:
            raise KalshiError("the list did not end in half of the time")


def _may_rest(status: object) -> bool:
    return status not in ("canceled", "executed")


def _is_of(latch: Latch, ticker: str) -> bool:
    # An exchange that takes a ticker in any case answers in its own.
    return latch.ticker is None or latch.ticker.casefold() == ticker.casefold()


def _half_read(latch: Latch, row: Any) -> Target | None:
    """Return what to cancel of a row that cannot be read; None where it may be out of scope."""
    if not isinstance(row, Mapping):
        return None
    known = cast("Mapping[str, Any]", row)
    ticker, subaccount = known.get("ticker"), known.get("subaccount_number")
    is_covered = latch == Latch() or (
        isinstance(ticker, str) and latch.covers(ticker, _subaccount(subaccount))
    )
    if not is_covered or not _may_rest(known.get("status")):
        return None
    place = {
        "ticker": ticker,
        "subaccount": subaccount,
        "exchange_index": known.get("exchange_index"),
    }
    with suppress(Misuse):
        target = Target.of(known.get("order_id", ""))
        for name, value in place.items():
            with suppress(Misuse):  # what of it cannot be sent does not stand in the way either
                target = _with(target, name, value)
        return target
    return None


def _with(target: Target, name: str, value: Any) -> Target:
    changes: dict[str, Any] = {name: value}
    return evolve(target, **changes)


def _subaccount(value: object) -> int:
    if value is None:
        return 0
    return value if isinstance(value, int) else -1  # of none that can be stopped


def groups_of(standing: Standing, latch: Latch) -> Iterator[tuple[str, StoppedGroup]]:
    if latch.ticker is not None or latch.event_ticker is not None:
        return
    for key, name in standing.groups.items():
        subaccount, shard = place_of(key)
        if latch.subaccount in (None, subaccount):
            yield name, StoppedGroup(id=name, subaccount=subaccount, exchange_index=shard)
