"""What looking for a change shows, and looking with patience."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

from attrs import frozen

from kalshi_ext.calls import Call
from kalshi_ext.contracts.language import Contract
from kalshi_ext.flow import Context, Flow, Now, Sleep
from kalshi_ext.writes.verdicts import Accepted, Rejected
from kalshi_ext.writes.watermark import Patience, Sending, freshness

T = TypeVar("T")


@frozen
class NotDone(Generic[T]):
    """What looking showed: it is not done. `again` is how to send it again, None for never.

    `telling` says whether a success of that tells that the change is done.
    """

    again: Call[T] | None = None
    telling: bool = True


@frozen
class Unclear:
    """Looking showed nothing that could be relied on."""


Sight: TypeAlias = Accepted[T] | Rejected | NotDone[T] | Unclear


def look_until_seen(
    contract: Contract,
    look: Callable[[], Flow[Sight[T]]],
    context: Context,
    *,
    sent_at: float | None,
) -> Flow[Sight[T]]:
    """Look with patience; `sent_at` as in `Sending`.

    Accepted is believed once the reads are fresher than the sending: an older state may happen to
    be the wanted one. NotDone is returned only when no copy can be accepted any more.
    """
    sending = Sending(sent_at)
    patience = Patience(context.policy, (yield Now()))
    while True:
        fresh = yield from freshness(contract, context)
        sight = yield from look()
        if isinstance(sight, Rejected):
            return sight
        if isinstance(sight, Accepted) and sending.seen(fresh):
            return sight
        dead = sending.seen(fresh, after=context.policy.signature_life)
        if isinstance(sight, NotDone) and dead:
            return sight
        if patience.over((yield Now())):
            return Unclear()
        yield Sleep(patience.wait())
