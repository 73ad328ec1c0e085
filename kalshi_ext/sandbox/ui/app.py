"""The page: its files, and the stream of what it shows.

The page's files are open to anybody on this machine; what they show and do needs the admin
token. The token reaches the page in the fragment of its address, which no browser sends to any
server, and every request carries it in a header, which no other site can make a browser send.

The stream (server-sent events) is one "setting" event, then a "now" event with a snapshot whenever
something changed. Taking a snapshot changes nothing: no admin command, no tick of a fixed clock.
Orders that are due expire, as with any read.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, frozen
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from kalshi_ext.sandbox.engine import CLASSIC, CURRENT, ApiRequest
from kalshi_ext.sandbox.exchange import SimulatedExchange
from kalshi_ext.sandbox.faults import CATALOGUE
from kalshi_ext.sandbox.http_messages import Asgi, Message, Receive, Send
from kalshi_ext.sandbox.options import TRADER
from kalshi_ext.sandbox.request_log import LoggedRequest

PAGE = Path(__file__).parent / "page"
MARKETS = 100
"""Most markets shown at once; the page has a filter."""
LEVELS = 10
"""Most price levels shown of each side."""
ROWS = 40
"""Most orders, fills and requests shown."""
INTERVAL = 0.2
"""Seconds between two snapshots; more where one takes long, so that they cost a tenth at most."""

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        b"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        b"require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


@frozen
class PageQuery:
    """Say what one page wants to see."""

    account: str = TRADER
    ticker: str = ""
    """The market whose book is shown; "": the first one listed."""
    find: str = ""
    """Only markets with this in their ticker, in any case."""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> PageQuery:
        """Read the query of a stream; what it leaves out has a default."""
        return cls(query.get("account") or TRADER, query.get("ticker", ""), query.get("find", ""))


@define
class UiApp:
    """Be the ASGI application behind the page."""

    exchange: SimulatedExchange
    authorized: Callable[[str], bool]
    """Tell whether a value of the Authorization header is the owner's."""
    contract: str
    url: str
    """Where the exchange's API is, to be shown."""
    closed: bool = False

    def app(self) -> Asgi:
        """Build the application."""
        routes = [
            Route("/stream", self._stream, methods=["GET"]),
            Mount("/", StaticFiles(directory=PAGE, html=True)),
        ]
        return with_security_headers(Starlette(routes=routes))

    def close(self) -> None:
        """End every open stream before its next snapshot: a server waits for open streams."""
        self.closed = True

    async def _stream(self, request: Request) -> Response:
        if not self.authorized(request.headers.get("authorization", "")):
            return JSONResponse({"error": "the admin token is missing or wrong"}, 401)
        query = PageQuery.from_query(request.query_params)
        return StreamingResponse(self._events(query), media_type="text/event-stream")

    async def _events(self, query: PageQuery) -> AsyncIterator[str]:
        yield _event("setting", static_data(self.exchange, contract=self.contract, url=self.url))
        previous = ""
        while not self.closed:
            start = time.perf_counter()
            # The beat makes an event at least each second, so that the page notices a lost stream.
            data = {**snapshot(self.exchange, query), "beat": int(time.monotonic())}
            event = _event("now", data)
            elapsed = time.perf_counter() - start
            if event != previous:
                yield event
            previous = event
            await asyncio.sleep(max(INTERVAL, 10 * elapsed))


def with_security_headers(app: Asgi) -> Asgi:
    """Add to every answer the headers that keep other pages and foreign text out."""

    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        await app(scope, receive, send_with_headers)

    return wrapped


def _event(name: str, data: Any) -> str:
    # JSON has no bare line breaks, so one data line is enough.
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


def static_data(exchange: SimulatedExchange, *, contract: str, url: str) -> dict[str, Any]:
    """Give what does not change while the exchange runs."""
    served = {"current": CURRENT, "classic": CLASSIC, "both-today": CURRENT + CLASSIC}[contract]
    return {
        "contract": contract,
        "url": url,
        "operations": sorted({operation.id for operation in served}),
        "kinds": {
            name: {"layer": kind.layer, "does": kind.does, "parameters": dict(kind.parameters)}
            for name, kind in CATALOGUE.items()
        },
        "recording": exchange.request_log.enabled,
    }


def snapshot(exchange: SimulatedExchange, query: PageQuery) -> dict[str, Any]:
    """Give what is true now, cut to what a page can show."""
    exchange.engine.advance(now=exchange.clock.now())
    truth = exchange.engine.truth
    accounts = truth.accounts()
    account = query.account if query.account in accounts else accounts[0]
    markets, market_count = _markets(exchange, query)
    ticker = query.ticker or next((row["ticker"] for row in markets), "")
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
        "listed": market_count,
        "book": _book(exchange, ticker),
        **truth.recent(account=account, newest=ROWS),
        "rules": [rule.to_data() for rule in exchange.faults.rules],
        "requests": [_request_row(entry) for entry in exchange.request_log.requests[-ROWS:][::-1]],
    }


def _markets(exchange: SimulatedExchange, query: PageQuery) -> tuple[list[dict[str, Any]], int]:
    """Give the rows to show, open markets first, and how many there are to show from."""
    part = query.find.lower()
    rows = [row for row in exchange.engine.truth.markets() if part in row["ticker"].lower()]
    rows.sort(key=lambda row: row["status"] != "active")
    return [{name: row[name] for name in _MARKET_FIELDS} for row in rows[:MARKETS]], len(rows)


_MARKET_FIELDS = (
    *("ticker", "status", "result", "exchange_index"),
    *("best_bid", "best_ask", "last_price", "volume"),
)


def _book(exchange: SimulatedExchange, ticker: str) -> dict[str, Any] | None:
    try:
        book = exchange.engine.truth.book(ticker)
    except KeyError:  # a page may name any ticker
        return None
    sides = {side: book[side][:LEVELS] for side in ("bids", "asks")}
    deeper = {side: len(book[side]) - len(sides[side]) for side in sides}
    return {"ticker": ticker, **sides, "deeper": deeper}


def _status(exchange: SimulatedExchange) -> dict[str, bool]:
    # By the engine, at the time that is: exchange.execute would move a fixed clock.
    call = ApiRequest("GetExchangeStatus")
    body = exchange.engine.execute(call, now=exchange.clock.now()).body
    return {name: bool(body[name]) for name in ("exchange_active", "trading_active")}


def _request_row(entry: LoggedRequest) -> dict[str, Any]:
    names = ("seq", "method", "operation", "account", "status", "outcome", "fault", "replay_of")
    return {
        **{name: getattr(entry, name) for name in names},
        "target": entry.target,
        "time": entry.received.isoformat(timespec="milliseconds"),
    }
