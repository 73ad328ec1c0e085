"""What looking for a change shows, and looking with patience."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

from attrs import frozen

from kalshi_ext.calls import Call
from kalshi_ext.contracts.language import Contract
from kalshi_ext.flow import Context, Flow, Now, Sleep
from kalshi_ext.writes.looking import freshness
from kalshi_ext.writes.verdicts import Accepted, Rejected

T = TypeVar("T")


@frozen
class NotDone(Generic[T]):
    """What looking showed: it is not done. `again` is how to send it again, None for never."""

    again: Call[T] | None = None


@frozen
class Unclear:
    """Looking showed nothing that could be relied on."""


Sight: TypeAlias = Accepted[T] | Rejected | NotDone[T] | Unclear


def look_until_seen(
    contract: Contract, look: Callable[[], Flow[Sight[T]]], context: Context, *, sent_at: float
) -> Flow[Sight[T]]:
    """Look with patience; NotDone is returned only when no copy can be accepted any more."""
    policy = context.policy
    started = yield Now()
    dead_at = sent_at + policy.signature_life
    wait = policy.poll
    while True:
        began = yield Now()
        fresh = yield from freshness(contract, context)
        sight = yield from look()
        if isinstance(sight, Accepted | Rejected):
            return sight
        if isinstance(sight, NotDone) and began >= dead_at and fresh.covers(dead_at):
            return sight
        if began - started >= policy.resolve_within:
            return Unclear()
        yield Sleep(wait)
        wait = min(wait * 2, policy.poll_ceiling)
