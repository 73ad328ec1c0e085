"""Settle the earlier writes of a ticker before new ones that build on them are let through."""

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
    own: Collection[str] = (),
) -> Flow[bool]:
    """Resolve earlier writes of these tickers; say whether there was one.

    Raises EarlierWriteUnsettled where one stays open, JournalUnwritable where the journal cannot
    tell; `facade` is what has to wait, and `own` are its keys. What a living client elsewhere
    drives is let through, and asked again before the next write.
    """
    had_prior = False
    try:
        if context.locks.abandoned or not context.pending_writes.loaded:
            yield from _load_open_entries(context)
        for ticker in dict.fromkeys(tickers):
            keys = context.pending_writes.by_ticker.get(ticker, set()).difference(own)
            if keys:
                had_prior = True
                yield from _settle(contract, context, ticker, sorted(keys))
    except JournalError as error:  # nothing of the new write was sent
        raise JournalUnwritable(f"{facade}: {error.args[0]}") from error
    return had_prior


def _load_open_entries(context: Context) -> Flow[None]:
    # What a torn down flow left stands open in the journal, if it was there.
    context.locks.abandoned = context.pending_writes.loaded = False
    entries: list[Entry] = yield Record("open_entries", (None,))
    for entry in entries:
        if entry.key not in context.locks:
            context.pending_writes.add(entry.ticker, entry.key)
    context.pending_writes.loaded = True


def _settle(contract: Contract, context: Context, ticker: str, keys: list[str]) -> Flow[None]:
    patience = PollSchedule(context.policy, (yield Now()))
    while keys:
        mine, driven = yield from _take_over_free(context, ticker, keys)
        resolutions = yield from recovery.resolve_locked(contract, context, mine)
        _raise_unsettled(
            ticker, (found.key for found in resolutions if found.state is State.UNKNOWN)
        )
        seen = {found.key for found in resolutions}
        keys = [*driven, *(entry.key for entry in mine if entry.key not in seen)]
        if keys and patience.expired((yield Now())):
            _raise_unsettled(ticker, keys)
        if keys:
            yield Sleep(patience.next_wait())


def _take_over_free(
    context: Context, ticker: str, keys: Iterable[str]
) -> Flow[tuple[list[Entry], list[str]]]:
    """Return the entries that are ours to resolve, and the keys another flow is driving."""
    mine: list[Entry] = []
    driven: list[str] = []
    for key in keys:
        entry: Entry | None = yield Record("get", (key,))
        if entry is None or not entry.is_open:
            context.pending_writes.drop(ticker, key)
        elif key in context.locks:
            driven.append(key)
        elif (yield Record("take_over", (key, entry.owner))):
            mine.append(entry)
    return mine, driven


def _raise_unsettled(ticker: str, keys: Iterable[str]) -> None:
    left = list(keys)
    if left:
        raise EarlierWriteUnsettled(
            f"{ticker}: {len(left)} earlier write(s) without a verdict: {', '.join(left)}"
        )
