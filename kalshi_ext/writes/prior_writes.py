"""Before a write is sent: the open writes of its ticker, or changes of its order, are settled.

A bot that places an order decides from what it believes of the market: an earlier order whose
outcome is open may stand beside the new one. And two open differences of one order could not be
told apart by reading its total. So both wait until the earlier writes have a verdict; but for one
that was looked for in vain before, there is a single look, as waiting on would show nothing new.
A change of an order waits for earlier changes of that order alone, and only as long as a copy of
them may arrive, which would undo the new one. What cannot be told of them then, the new one hides
for ever, so their entries end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import EarlierWriteUnsettled, JournalUnwritable
from kalshi_ext.journal import (
    Entry,
    IllegalTransition,
    JournalError,
    NotOwner,
    State,
    Transition,
)
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, Record
from kalshi_ext.reads.watermark import poll
from kalshi_ext.writes import journal_codec, recovery


def settle_prior_writes(
    contract: Contract,
    context: Context,
    limits: CallLimits,
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
            keys = context.pending_writes.by_ticker.get(ticker)
            keys = keys.difference(own_keys) if keys else None
            if keys:
                had_prior = True
                yield from _settle(contract, context, limits, ticker, sorted(keys))
    except JournalError as error:  # nothing of the new write was sent
        raise JournalUnwritable(f"{facade}: {error.args[0]}") from error
    return had_prior


def settle_prior_changes(
    contract: Contract, context: Context, limits: CallLimits, order_id: str, facade: str
) -> Flow[None]:
    """Resolve earlier changes of an order, of kinds a late copy of which would undo a new one.

    A decrease to a size waits for no other: a late one only takes off more, and a smaller order
    must not wait. `facade` names the new change.
    Raises EarlierWriteUnsettled where such a copy may still arrive, JournalUnwritable as above.
    """
    try:
        if context.locks.abandoned or not context.pending_writes.loaded:
            yield from _load_open_entries(context)
        for ticker, keys in tuple(context.pending_writes.by_ticker.items()):
            changes = yield from _changes_of(order_id, sorted(keys))
            waited = [e.key for e in changes if _can_undo(journal_codec.kind_of(e), facade)]
            if waited:
                yield from _settle(contract, context, limits, ticker, waited, order_id)
            yield from _note_hidden(e for e in changes if e.key not in waited)
    except JournalError as error:
        raise JournalUnwritable(f"{facade}: {error.args[0]}") from error


def _can_undo(kind: str, facade: str) -> bool:
    return kind == "amend" or facade == "orders.amend"


def _changes_of(order_id: str, keys: Iterable[str]) -> Flow[list[Entry]]:
    changes: list[Entry] = []
    for key in keys:
        if not key.startswith(journal_codec.KEYLESS):  # an order's own id
            continue
        entry: Entry | None = yield Record("get", (key,))
        if entry is None or journal_codec.kind_of(entry) not in ("amend", "decrease"):
            continue
        if journal_codec.target_of(entry) == order_id:
            changes.append(entry)
    return changes


def _note_hidden(changes: Iterable[Entry]) -> Flow[None]:
    """Note of open differences that totals tell them no more: the order is about to be changed."""
    for entry in filter(journal_codec.is_difference, changes):
        # Also of one that recovery is looking for: it asks for this note after each look.
        if (yield Record("take_over", (entry.key, entry.owner))):
            hidden = Transition(entry.key, State.UNKNOWN, verdict=journal_codec.HIDDEN)
            with suppress(NotOwner, IllegalTransition):  # it has just got its verdict
                yield Record("advance_many", ([hidden],))


def _load_open_entries(context: Context) -> Flow[None]:
    # Asked once, and again after an interrupt that ended a flow before it could name its open
    # writes: the journal has them. What other processes add later is theirs to settle.
    context.locks.abandoned = context.pending_writes.loaded = False
    entries: list[Entry] = yield Record("open_entries", (None,))
    for entry in entries:
        if entry.key not in context.locks:
            context.pending_writes.add(entry.ticker, entry.key)
    context.pending_writes.loaded = True


def _settle(
    contract: Contract,
    context: Context,
    limits: CallLimits,
    ticker: str,
    keys: list[str],
    order_id: str | None = None,
) -> Flow[None]:
    """Resolve these writes; `order_id` where they are changes of that order, for another one."""
    waiting, name = keys, order_id or ticker

    def look() -> Flow[bool | None]:
        nonlocal waiting
        entries, locked_keys = yield from _take_over_free(context, ticker, waiting)
        resolutions = yield from recovery.lock_and_resolve(
            contract, context, limits, entries, overtaken=order_id is not None
        )
        _raise_unsettled(name, [r.key for r in resolutions if r.state is State.UNKNOWN])
        # Between the take-over and the lock another flow may have begun to drive an entry.
        resolved_keys = {resolution.key for resolution in resolutions}
        left = [entry.key for entry in entries if entry.key not in resolved_keys]
        waiting = [*locked_keys, *left]
        return None if waiting else True

    if (yield from poll(look, context, limits)) is None:
        _raise_unsettled(name, waiting)


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


def _raise_unsettled(name: str, unsettled: list[str]) -> None:
    if unsettled:
        raise EarlierWriteUnsettled(
            f"{name}: {len(unsettled)} earlier write(s) without a verdict: {', '.join(unsettled)}"
        )
