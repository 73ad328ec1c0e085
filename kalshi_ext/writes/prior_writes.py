"""Settle the open writes of a ticker before a new write that builds on them is let through.

A bot that places an order decides from what it believes of the market: an earlier order whose
outcome is open may stand beside the new one. And two open differences of one order could not be
told apart by reading its total. So both wait until the earlier writes have a verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import EarlierWriteUnsettled, JournalUnwritable
from kalshi_ext.journal import Entry, JournalError, State
from kalshi_ext.protocol.flow import Context, Flow, Now, Record, Sleep
from kalshi_ext.writes import recovery
from kalshi_ext.writes.watermark import PollSchedule


def settle_prior_writes(
    contract: Contract,
    context: Context,
    tickers: Iterable[str],
    *,
    facade: str,
    own_keys: Collection[str] = (),
) -> Flow[bool]:
    """Resolve earlier writes of these tickers; say whether there was one.

    `facade` names the new write, `own_keys` are its journal keys. Raises EarlierWriteUnsettled
    where an earlier write stays open, JournalUnwritable where the journal cannot tell.
    """
    had_prior = False
    try:
        if context.locks.abandoned or not context.pending_writes.loaded:
            yield from _load_open_entries(context)
        for ticker in dict.fromkeys(tickers):
            keys = context.pending_writes.by_ticker.get(ticker, set()).difference(own_keys)
            if keys:
                had_prior = True
                yield from _settle(contract, context, ticker, sorted(keys))
    except JournalError as error:  # nothing of the new write was sent
        raise JournalUnwritable(f"{facade}: {error.args[0]}") from error
    return had_prior


def _load_open_entries(context: Context) -> Flow[None]:
    # Asked once, and again after an interrupt that ended a flow before it could name its open
    # writes: the journal has them. What other processes add later is theirs to settle.
    context.locks.abandoned = context.pending_writes.loaded = False
    entries: list[Entry] = yield Record("open_entries", (None,))
    for entry in entries:
        if entry.key not in context.locks:
            context.pending_writes.add(entry.ticker, entry.key)
    context.pending_writes.loaded = True


def _settle(contract: Contract, context: Context, ticker: str, keys: list[str]) -> Flow[None]:
    schedule = PollSchedule(context.policy, (yield Now()))
    while keys:
        entries, locked_keys = yield from _take_over_free(context, ticker, keys)
        resolutions = yield from recovery.lock_and_resolve(contract, context, entries)
        _raise_unsettled(ticker, (done.key for done in resolutions if done.state is State.UNKNOWN))
        # Between the take-over and the lock another flow may have begun to drive an entry.
        resolved_keys = {resolution.key for resolution in resolutions}
        keys = [*locked_keys, *(entry.key for entry in entries if entry.key not in resolved_keys)]
        if keys and schedule.expired((yield Now())):
            _raise_unsettled(ticker, keys)
        if keys:
            yield Sleep(schedule.next_wait())


def _take_over_free(
    context: Context, ticker: str, keys: Iterable[str]
) -> Flow[tuple[list[Entry], list[str]]]:
    """Return the entries this client took over, and the keys another of its flows drives.

    An entry that a living process elsewhere drives is in neither: it holds nothing back now, and
    is asked for again before the next write.
    """
    taken_over: list[Entry] = []
    locked_keys: list[str] = []
    for key in keys:
        entry: Entry | None = yield Record("get", (key,))
        if entry is None or not entry.is_open:
            context.pending_writes.drop(ticker, key)
        elif key in context.locks:
            locked_keys.append(key)
        elif (yield Record("take_over", (key, entry.owner))):
            taken_over.append(entry)
    return taken_over, locked_keys


def _raise_unsettled(ticker: str, keys: Iterable[str]) -> None:
    unsettled = list(keys)
    if unsettled:
        raise EarlierWriteUnsettled(
            f"{ticker}: {len(unsettled)} earlier write(s) without a verdict: {', '.join(unsettled)}"
        )
