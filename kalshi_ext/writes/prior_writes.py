"""Settle the earlier writes of a ticker before new ones that build on them are let through."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import EarlierWriteUnsettled, JournalUnwritable
from kalshi_ext.journal import Entry, JournalError, State
from kalshi_ext.protocol.flow import Context, Flow, Now, Record, Sleep
from kalshi_ext.writes import recovery
from kalshi_ext.writes.watermark import Patience


def clear_the_way(
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
    met = False
    try:
        if context.in_flight.abandoned or not context.unsettled.read:
            yield from _read_open(context)
        for ticker in dict.fromkeys(tickers):
            keys = context.unsettled.by_ticker.get(ticker, set()).difference(own)
            if keys:
                met = True
                yield from _settle(contract, context, ticker, sorted(keys))
    except JournalError as error:  # nothing of the new write was sent
        raise JournalUnwritable(f"{facade}: {error.args[0]}") from error
    return met


def _read_open(context: Context) -> Flow[None]:
    # What a torn down flow left stands open in the journal, if it was there.
    context.in_flight.abandoned = context.unsettled.read = False
    entries: list[Entry] = yield Record("open_entries", (None,))
    for entry in entries:
        if entry.key not in context.in_flight:
            context.unsettled.add(entry.ticker, entry.key)
    context.unsettled.read = True


def _settle(contract: Contract, context: Context, ticker: str, keys: list[str]) -> Flow[None]:
    patience = Patience(context.policy, (yield Now()))
    while keys:
        mine, driven = yield from _sorted_out(context, ticker, keys)
        resolutions = yield from recovery.driving(contract, context, mine)
        _refuse(ticker, (found.key for found in resolutions if found.state is State.UNKNOWN))
        seen = {found.key for found in resolutions}
        keys = [*driven, *(entry.key for entry in mine if entry.key not in seen)]
        if keys and patience.over((yield Now())):
            _refuse(ticker, keys)
        if keys:
            yield Sleep(patience.wait())


def _sorted_out(
    context: Context, ticker: str, keys: Iterable[str]
) -> Flow[tuple[list[Entry], list[str]]]:
    """Return the entries that are ours to resolve, and the keys another flow is driving."""
    mine: list[Entry] = []
    driven: list[str] = []
    for key in keys:
        entry: Entry | None = yield Record("get", (key,))
        if entry is None or not entry.is_open:
            context.unsettled.drop(ticker, key)
        elif key in context.in_flight:
            driven.append(key)
        elif (yield Record("take_over", (key, entry.owner))):
            mine.append(entry)
    return mine, driven


def _refuse(ticker: str, keys: Iterable[str]) -> None:
    left = list(keys)
    if left:
        raise EarlierWriteUnsettled(
            f"{ticker}: {len(left)} earlier write(s) without a verdict: {', '.join(left)}"
        )
