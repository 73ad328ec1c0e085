"""Open latches: the groups take orders again first, so that a failure leaves all shut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    Misuse,
    NotFound,
)
from kalshi_ext.journal.stop_record import Latch, Standing
from kalshi_ext.protocol import telling
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Record,
    begin_call,
    request,
)
from kalshi_ext.protocol.limits import Deadline
from kalshi_ext.stop.auto_groups import place_of
from kalshi_ext.stop.run import JOURNAL_WITHIN, groups_of
from kalshi_ext.writes.wanted_state import send_remembered


def resume(
    contract: Contract,
    context: Context,
    wanted: Latch,
    *,
    deadline: Deadline | None = None,
) -> Flow[tuple[Latch, ...]]:
    """Open latches, after the groups they triggered take orders again; return those opened.

    `wanted` names the scope of one, or nothing: then all are opened. Raises Misuse where none has
    that scope; where a group cannot be reset its error is raised, and everything stays shut. What a
    stop shuts meanwhile stays shut; TradingStopped where that is what was to be opened.
    """
    began, shut = context.stops.count, context.stops.latches  # before anything is waited for
    limits = yield from begin_call(context, deadline)
    opening = shut if wanted == Latch() else tuple(each for each in shut if each == wanted)
    if not opening and wanted != Latch():
        there = "; ".join(each.scope for each in shut) or "none is shut"
        raise Misuse(f"resume: no latch has the scope {wanted.scope}: {there}")
    staying = [each for each in shut if each not in opening]
    gone = yield from _reset_groups(contract, context, limits, opening, staying)

    def edit(standing: Standing) -> Standing:
        opened = standing.opened(opening).with_groups(dict.fromkeys(gone))
        return opened.noted("resume", scope=wanted.scope)

    yield Record("change_stops", (edit,))
    context.stops.lift(opening, began)
    seen = {(each.scope, each.at) for each in shut}
    newer = [each for each in context.stops.latches if (each.scope, each.at) not in seen]
    yield from _stop_groups_again(contract, context, limits, newer)
    again = next((each for each in newer if each in opening), None)
    if again is not None:
        raise again.error("resume")
    scopes = [each.scope for each in opening]
    telling.latch_moved(context.events, "client.resume", scopes, lifted=True)
    return opening


def _stop_groups_again(
    contract: Contract, context: Context, limits: CallLimits, latches: Sequence[Latch]
) -> Flow[None]:
    """Trigger the groups of stops that were called while they were reset: which came last?"""
    standing = context.stops.record.read()
    stopped = dict(pair for each in latches for pair in groups_of(standing, each))
    for name, group in stopped.items():
        if contract.has_watermark:
            call = contract.order_groups.trigger(name, group.subaccount, group.exchange_index)
        else:
            call = contract.order_groups.delete(name, None, None)
        with suppress(NotFound):
            yield from request(call, context, limits=limits)


def _reset_groups(
    contract: Contract,
    context: Context,
    limits: CallLimits,
    opening: Sequence[Latch],
    staying: Sequence[Latch],
) -> Flow[list[str]]:
    """Let groups take orders again that no other latch stops; return the keys of those deleted."""
    standing, gone = context.stops.record.read(), list[str]()
    stopped = {name for each in opening or [Latch()] for name, _ in groups_of(standing, each)}
    kept = {name for each in staying for name, _ in groups_of(standing, each)}
    for key, name in standing.groups.items():
        if name not in stopped - kept:
            continue
        subaccount, shard = place_of(key) if contract.has_watermark else (None, None)
        call = contract.order_groups.reset(name, subaccount, shard)
        try:
            yield from send_remembered(call, context, limits, ("group", name))
        except NotFound:
            gone.append(key)
    return gone


def note(what: str, details: Mapping[str, Any]) -> Flow[None]:
    """Add a line to the record of stops. Raises JournalError where that does not answer soon."""
    yield Record("change_stops", (partial(_noted, what, details),), JOURNAL_WITHIN)


def _noted(what: str, details: Mapping[str, Any], standing: Standing) -> Standing:
    return standing.noted(what, **details)
