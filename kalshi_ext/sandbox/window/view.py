"""Choose what the page shows, as JSON-ready data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from kalshi_ext.sandbox.engine import CLASSIC, CURRENT, ApiRequest
from kalshi_ext.sandbox.exchange import Exchange
from kalshi_ext.sandbox.faults import CATALOGUE
from kalshi_ext.sandbox.oracle import Exchanged
from kalshi_ext.sandbox.seed_data import TRADER

MARKETS = 100
"""Most markets shown at once; the page has a filter."""
LEVELS = 10
"""Most price levels shown of each side."""
ROWS = 40
"""Most orders, fills and requests shown."""


@frozen
class Look:
    """Say where one page looks."""

    account: str = TRADER
    ticker: str = ""
    """The market whose book is shown; "": the first one listed."""
    find: str = ""
    """Only markets with this in their ticker, in any case."""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Look:
        """Read a page's wish; what it does not say has a default."""
        return cls(query.get("account") or TRADER, query.get("ticker", ""), query.get("find", ""))


def setting(exchange: Exchange, *, contract: str, url: str) -> dict[str, Any]:
    """Tell what does not change while the exchange runs."""
    served = {"current": CURRENT, "classic": CLASSIC, "both-today": CURRENT + CLASSIC}[contract]
    return {
        "contract": contract,
        "url": url,
        "operations": sorted({operation.id for operation in served}),
        "kinds": {
            name: {"layer": kind.layer, "does": kind.does, "parameters": dict(kind.parameters)}
            for name, kind in CATALOGUE.items()
        },
        "recording": exchange.oracle.keeping,
    }


def snapshot(exchange: Exchange, look: Look) -> dict[str, Any]:
    """Tell what is true now, in short."""
    exchange.engine.advance(now=exchange.clock.now())
    truth = exchange.engine.truth
    accounts = truth.accounts()
    account = look.account if look.account in accounts else accounts[0]
    markets, listed = _markets(exchange, look)
    chosen = look.ticker or next((row["ticker"] for row in markets), "")
    return {
        "time": exchange.clock.now().isoformat(timespec="seconds"),
        "fixed": exchange.clock.fixed is not None,
        "status": _status(exchange),
        "accounts": accounts,
        "account": account,
        "purses": truth.balances(account=account),
        "positions": {
            f"{row['ticker']} {row['subaccount']}": row for row in truth.positions(account=account)
        },
        "markets": markets,
        "listed": listed,
        "book": _book(exchange, chosen),
        **truth.recent(account=account, newest=ROWS),
        "rules": [rule.to_data() for rule in exchange.faults.rules],
        "requests": [_told(entry) for entry in exchange.oracle.requests[-ROWS:][::-1]],
    }


def _markets(exchange: Exchange, look: Look) -> tuple[list[dict[str, Any]], int]:
    """Give the rows to show, open markets first, and how many there are to show from."""
    wanted = look.find.lower()
    rows = [row for row in exchange.engine.truth.markets() if wanted in row["ticker"].lower()]
    rows.sort(key=lambda row: row["status"] != "active")
    return [{name: row[name] for name in _MARKET} for row in rows[:MARKETS]], len(rows)


_MARKET = (
    *("ticker", "status", "result", "exchange_index"),
    *("best_bid", "best_ask", "last_price", "volume"),
)


def _book(exchange: Exchange, ticker: str) -> dict[str, Any] | None:
    try:
        book = exchange.engine.truth.book(ticker)
    except KeyError:
        return None
    sides = {side: book[side][:LEVELS] for side in ("bids", "asks")}
    deeper = {side: len(book[side]) - len(sides[side]) for side in sides}
    return {"ticker": ticker, **sides, "deeper": deeper}


def _status(exchange: Exchange) -> dict[str, bool]:
    """Ask without moving a fixed clock: looking changes nothing."""
    asked = ApiRequest("GetExchangeStatus")
    body = exchange.engine.execute(asked, now=exchange.clock.now()).body
    return {name: bool(body[name]) for name in ("exchange_active", "trading_active")}


def _told(entry: Exchanged) -> dict[str, Any]:
    names = ("seq", "method", "operation", "account", "status", "executed", "fault", "replay_of")
    return {
        **{name: getattr(entry, name) for name in names},
        "target": entry.target,
        "time": entry.received.isoformat(timespec="milliseconds"),
    }
