"""Which markets a stopped event has: those that the exchange lists, where it can be asked.

Nobody has published that a market's ticker begins with its event's; all that were seen do. So a
latch goes by the ticker at once, and learns afterwards what the exchange lists under the event:
a market of another name is covered from then on. One that is not listed and fits by its ticker
stays covered: it may be new, and a stop that covers too much costs less than one that does not.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from attrs import evolve

from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.journal import Entry, JournalError
from kalshi_ext.journal.stop_record import Latch, Standing, is_of_event
from kalshi_ext.protocol.flow import Flow, Record
from kalshi_ext.protocol.pagination import Paginator, collect
from kalshi_ext.requests.filters import MAX_PAGE, ListQuery
from kalshi_ext.requests.markets import MarketQuery
from kalshi_ext.stop.run import JOURNAL_WITHIN, Run


def learn_markets(run: Run) -> Flow[bool]:
    """Read the event's markets into the latch; say whether it covers more by that.

    Where the ticker alone says that an order in doubt is of the event, the report says so.
    """
    event = str(run.latch.event_ticker)
    try:
        listed = yield from _listed(run, event)
    except Misuse:
        raise
    except KalshiError as error:
        why = f"could not be read, so tickers alone say what is of it: {error.args[0]}"
        run.inferred[f"the markets of {event}"] = why
        return False
    for ticker in sorted((yield from _in_doubt())):
        if is_of_event(ticker, event) and ticker not in listed:
            run.inferred[ticker] = f"{event} does not list it, its ticker begins with the event's"
    others = tuple(sorted(each for each in listed if not is_of_event(each, event)))
    if not others:
        return False
    run.latch = evolve(run.latch, markets=others)
    run.context.stops.shut(run.latch)
    try:
        yield Record("change_stops", (partial(_widen, run.latch),), JOURNAL_WITHIN)
    except KalshiError as error:
        run.latch_error = str(error.args[0])
    run.proven = False
    return True


def _widen(latch: Latch, standing: Standing) -> Standing:
    return standing.shut(latch)


def _listed(run: Run, event: str) -> Flow[set[str]]:
    """Return the tickers that the exchange lists under an event. Raises what a read raises."""
    if not run.contract.has_watermark:
        raise KalshiError("the classic contract has no list of markets")
    query = MarketQuery(page=ListQuery(event_ticker=event, size=MAX_PAGE))
    paginator = Paginator(
        run.contract.markets.list(query), run.quick(), limits=run.limits, invalid="any_row"
    )
    rows: list[Any] = yield from collect(paginator)
    if not paginator.keyed:
        raise KalshiError("an answer has no list")
    # An exchange that knows no such filter lists everything.
    return {row.ticker for row in rows if row.event_ticker == event}


def _in_doubt() -> Flow[set[str]]:
    """Return the markets of orders without a verdict; what rests the exchange lists itself."""
    try:
        entries: list[Entry] = yield Record("open_entries", (None,), JOURNAL_WITHIN)
    except JournalError:
        return set()
    kinds = ((json.loads(entry.ticket).get("kind", "order"), entry.ticker) for entry in entries)
    return {ticker for kind, ticker in kinds if kind == "order" and ticker}
