"""Quote both sides of several markets, unattended: the whole of a bot that may be killed any time.

    python examples/market_maker.py --sandbox --seconds 20     # an exchange of its own; no money
    python examples/market_maker.py KXRAIN-26DEC31-NYC         # where the KALSHI_ variables point

It owns its account: at the end everything that rests there is cancelled. Exit code: 0 nothing
rests, 1 the same after a bug, 3 something rests, 4 not known, 6 stopped earlier and not resumed.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from attrs import define, field

from kalshi_ext import (
    AsyncKalshi,
    BookSide,
    DeadMan,
    EarlierWriteUnsettled,
    KalshiError,
    Limits,
    Misuse,
    NotSent,
    OrderAck,
    OrderBook,
    OrderClosed,
    OrderGroupTriggered,
    OrderTicket,
    OutcomeUnknown,
    RateLimited,
    Refused,
    State,
    TradingStopped,
)
from kalshi_ext.sandbox import Sandbox

log = logging.getLogger("maker")
STOPPED = TradingStopped | OrderGroupTriggered
BID, ASK = BookSide.BID, BookSide.ASK
Outcome: TypeAlias = OrderAck | KalshiError
Prices: TypeAlias = Mapping[tuple[str, BookSide], Decimal | None]
MARKETS = ("KXRAIN-26DEC31-NYC", "KXRAIN-26DEC31-CHI", "KXCOMBO-26DEC31-A", "KXATP-26DEC31-WIN")
EXIT = {"flat": 0, "resting": 3, "unknown": 4}
LATCHED = 6
# Seconds: until a price is stale; between looks; of a deaf exchange until we give up.
FRESH, POLL, PATIENCE = 2.0, 0.25, 20.0
SECOND = timedelta(seconds=1)  # to which the exchange's time is known here
MINUTE = timedelta(minutes=1)  # the age of a quote; fills are read from so long before it


@define
class Quote:
    """An order of ours. Until it is known to have ended, all of it may trade."""

    order_id: str
    side: BookSide
    price: Decimal
    count: Decimal
    placed: datetime = field(factory=lambda: datetime.now(UTC))
    fills: dict[str, Decimal] = field(factory=dict[str, Decimal])

    @property
    def filled(self) -> Decimal:
        """Contracts known to have traded; reads lag, so it may be more."""
        return sum(self.fills.values(), Decimal())


@define
class Market:
    """What the bot knows of a market. `sure` is False until stock was taken, and whenever not."""

    ticker: str
    ticks: list[Decimal] = field(factory=list[Decimal])
    position: Decimal = Decimal()
    quotes: dict[BookSide, Quote] = field(factory=dict[BookSide, Quote])
    sure: bool = False
    rest: float = 0.0  # no orders before this moment (monotonic)

    def doubt(self, reason: object) -> None:
        """Stop quoting until stock was taken: something may have happened that we do not know."""
        log.warning("%s: unsure: %r", self.ticker, reason)
        self.sure = False

    def end(self, quote: Quote, filled: Decimal) -> None:
        """Count what an order traded that has ended."""
        self.position += filled if quote.side is BID else -filled
        del self.quotes[quote.side]

    def held(self, side: BookSide) -> Decimal:
        """Return the contracts held that an order of this side would add to."""
        return self.position if side is BID else -self.position

    def room(self, side: BookSide, limit: Decimal) -> Decimal:
        """Return the contracts a new order may have, were every order of this side filled."""
        quote = self.quotes.get(side)
        return limit - self.held(side) - (quote.count if quote else 0)

    def price(self, book: OrderBook, side: BookSide, lean: bool) -> Decimal | None:
        """Join the best price of the others, or a tick behind it; None where they have none."""
        mine = self.quotes.get(side)
        behind = (-1 if side is BID else 1) if lean else 0
        for level in book.bids if side is BID else book.asks:
            own = mine.count - mine.filled if mine and mine.price == level.price else 0
            if level.count > own and level.price in self.ticks:
                at = self.ticks.index(level.price) + behind
                return self.ticks[at] if 0 <= at < len(self.ticks) else None
        return None


@define
class Maker:
    """Trades until it is cancelled, or told that trading is stopped."""

    client: AsyncKalshi
    markets: dict[str, Market]
    size: Decimal
    limit: Decimal
    every: float
    switch: DeadMan | None = None
    life: str = field(factory=lambda: f"maker-{time.time_ns()}")
    rounds: int = 0

    async def trade(self) -> None:
        """Quote, again and again."""
        heard = told = time.monotonic()
        stock = asyncio.create_task(self.take_stock())
        while time.monotonic() - heard < PATIENCE:
            self.rounds += 1
            if self.switch is not None:
                self.switch.alive()
            if stock.done():
                stock.result()  # a bug in there is one here
                stock = asyncio.create_task(self.take_stock())
            try:
                await self.one_round()
                heard = time.monotonic()
            except (Misuse, TradingStopped, OrderGroupTriggered):
                raise
            except (KalshiError, TimeoutError) as error:  # of a read: nothing is lost with it
                log.warning("round %d: %r", self.rounds, error)
            if time.monotonic() - told > MINUTE.seconds:
                told, opened = time.monotonic(), (await self.client.health()).open_writes
                held = {market.ticker: str(market.position) for market in self.markets.values()}
                log.info("round %d: %s, %d open writes", self.rounds, held, len(opened))
            await asyncio.sleep(self.every)
        raise TimeoutError(f"the exchange was not heard for {PATIENCE:.0f} s")

    async def one_round(self) -> None:
        """Read books and fills, take back what is out of place, quote anew."""
        read = time.monotonic()
        sure = [market for market in self.markets.values() if market.sure]
        async with asyncio.timeout(FRESH):
            await self.read_fills(sure)
            reads = [self.client.markets.orderbook(market.ticker) for market in sure]
            books = await asyncio.gather(*reads, return_exceptions=True)
        wanted: dict[tuple[str, BookSide], Decimal | None] = {}
        for market, book in zip(sure, books, strict=True):
            for side in (BID, ASK):  # a book that cannot be read has no price: its quotes go
                lean = market.held(side) * 2 >= self.limit
                price = market.price(book, side, lean) if isinstance(book, OrderBook) else None
                wanted[market.ticker, side] = price
        # The old ones too: what ended without us (a pause, a trigger) would never be missed.
        await self.cancel(
            (market, quote)
            for market in sure
            for quote in market.quotes.values()
            if wanted[market.ticker, quote.side] != quote.price
            or quote.filled * 2 > quote.count
            or datetime.now(UTC) - quote.placed > MINUTE
        )
        tickets = list(self.missing(sure, wanted))
        if tickets and (left := read + FRESH - time.monotonic()) > 0:  # no stale price leaves
            placing = self.client.orders.place_many(tickets, deadline=left)
            for ticket, outcome in zip(tickets, await each(placing, tickets), strict=True):
                self.placed(self.markets[ticket.ticker], ticket, outcome)

    async def read_fills(self, sure: list[Market]) -> None:
        """Learn what traded. What reads do not show yet counts as open, never as room."""
        quotes = {q.order_id: (m, q) for m in sure for q in m.quotes.values()}
        if not quotes:
            return
        since = min(quote.placed for _, quote in quotes.values()) - MINUTE
        async for fill in self.client.portfolio.fills(since=since):
            if fill.order_id in quotes:
                self.client.trading.note(fill)
                quotes[fill.order_id][1].fills[fill.fill_id] = fill.count
        for market, quote in quotes.values():
            if quote.filled == quote.count:
                market.end(quote, quote.filled)

    async def cancel(self, old: Iterable[tuple[Market, Quote]]) -> None:
        """Take quotes back; where it is not known how one ended, its market is unsure."""
        pairs = list(old)
        if not pairs:
            return
        ids = [quote.order_id for _, quote in pairs]
        outcomes = await each(self.client.orders.cancel_many(ids, deadline=FRESH), ids)
        for (market, quote), outcome in zip(pairs, outcomes, strict=True):
            order = getattr(outcome, "order", None)  # of OrderClosed, and of what was looked up
            if isinstance(outcome, OrderAck | OrderClosed) and order is not None:
                market.end(quote, order.fill_count)
            elif isinstance(outcome, OrderAck) and outcome.reduced_by and not outcome.replayed:
                market.end(quote, quote.count - outcome.reduced_by)
            elif not isinstance(outcome, NotSent | RateLimited):  # those rest as before
                market.doubt(outcome)

    def missing(self, sure: list[Market], wanted: Prices) -> Iterator[OrderTicket]:
        """Make the orders that are wanted, not there, and within the limit if all of it trades."""
        for market in sure:
            for side in (BID, ASK):
                price, count = wanted[market.ticker, side], market.room(side, self.limit)
                free = market.sure and side not in market.quotes and market.rest < time.monotonic()
                if free and price is not None and count > 0:
                    # An intent names one order for ever: a second attempt cannot be another one.
                    yield OrderTicket.of(
                        market.ticker,
                        side=side.value,
                        count=min(self.size, count),
                        price=price,
                        post_only=True,
                        intent=f"{self.life}/{self.rounds}/{market.ticker}/{side.value}",
                    )

    def placed(self, market: Market, ticket: OrderTicket, outcome: OrderAck | KalshiError) -> None:
        """Take in what became of an order (docs/errors.md has the table)."""
        side, price = ticket.book_side, ticket.price
        if isinstance(outcome, OrderAck) and price is not None:
            market.quotes[side] = Quote(outcome.order_id, side, price, ticket.count)
            if outcome.ended:
                market.end(market.quotes[side], outcome.fill_count or Decimal())
        elif isinstance(outcome, STOPPED | Misuse):
            raise outcome  # a button was pressed, a fill limit reached; a bug of ours
        elif isinstance(outcome, Refused) and not isinstance(outcome, OutcomeUnknown):
            log.info("%s: %s refused: %s", market.ticker, side.value, outcome.code)
            market.rest = time.monotonic() + FRESH  # paused, closed, no money: not every round
        elif not isinstance(outcome, NotSent) or isinstance(outcome, EarlierWriteUnsettled):
            market.doubt(outcome)

    async def take_stock(self) -> None:
        """Make unsure markets sure: settle what the journal left open, cancel, count."""
        unsure = [market for market in self.markets.values() if not market.sure]
        try:
            found = await self.client.recover(deadline=PATIENCE / 4) if unsure else []
            unknown = {write.ticker for write in found if write.state is State.UNKNOWN}
            for write in found:
                log.info("%s: %s is %s", write.ticker, write.key, write.state.value)
            known = [market for market in unsure if market.ticker not in unknown]
            await asyncio.gather(*(self.count(market) for market in known))
            if known or self.rounds % 100 == 0:  # what nobody told the limits of
                await self.client.trading.refresh()
        except KalshiError as error:  # what is unsure yet is tried again
            log.warning("stock not taken: %r", error)

    async def count(self, market: Market) -> None:
        """Cancel what rests, wait until reads show it, take the position they show."""
        if not market.ticks:
            market.ticks = (await self.client.markets.get(market.ticker)).price_grid.ticks()
        since = self.client.now() + SECOND
        while True:
            while await self.client.exchange.data_timestamp() < since:  # noqa: ASYNC110 - a poll
                await asyncio.sleep(POLL)
            listed = self.client.orders.list(ticker=market.ticker, status="resting")
            resting = [order async for order in listed]
            if not resting:
                break
            await each(self.client.orders.cancel_many(resting, deadline=PATIENCE), resting)
            since = self.client.now() + SECOND
        held = self.client.portfolio.positions(ticker=market.ticker)
        market.position = sum([row.position async for row in held], Decimal())
        market.quotes.clear()
        market.sure = True
        log.info("%s: position %s", market.ticker, market.position)


async def each(call: Awaitable[list[Outcome]], items: Sequence[object]) -> list[Outcome]:
    """Await a bulk call; what is raised because it befell all of them is everybody's outcome."""
    try:
        return await call
    except Misuse:
        raise
    except KalshiError as error:
        return [error for _ in items]


async def run(client: AsyncKalshi, options: argparse.Namespace) -> int:
    """Trade until a signal, the end of the time or a failure; stop; return the exit code."""
    switch = client.deadman(timeout=PATIENCE) if options.deadman else None
    if latches := client.latches():
        log.error("stopped at %s by %s: see `kalshi-ext resume`", latches[0].at, latches[0].by)
        if switch is not None:
            switch.off()
        return LATCHED
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()

    def end(number: int, _frame: object) -> None:
        log.info("signal %d: stopping", number)
        loop.call_soon_threadsafe(stopped.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    markets = {ticker: Market(ticker) for ticker in options.tickers}
    maker = Maker(client, markets, options.size, options.limit, options.every, switch)
    trading = asyncio.create_task(maker.trade())
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait(
        {trading, waiting}, timeout=options.seconds, return_when=asyncio.FIRST_COMPLETED
    )
    # While the trading still runs: the latch ends what it was going to send.
    report = await client.stop(verify=True, deadline=options.patience)
    log.info("stopped: %s, %d cancelled", report.outcome, len(report.cancelled))
    for trouble in (*report.resting, *report.undecided, *report.unread):
        log.error("not flat: %s", trouble)
    trading.cancel()
    waiting.cancel()
    crash, _ = await asyncio.gather(trading, waiting, return_exceptions=True)
    failed = isinstance(crash, Exception) and not isinstance(crash, STOPPED)
    if failed:
        log.error("trading failed", exc_info=crash)
    if report.flat and switch is not None:
        switch.off()
    return EXIT[report.outcome] or int(failed)


@asynccontextmanager
async def open_client(options: argparse.Namespace) -> AsyncGenerator[AsyncKalshi]:
    """Open a client of the exchange of the KALSHI_ variables, or of a sandbox."""
    bounds = Limits(  # also where the bot counts wrong, or runs in circles
        tickers=options.tickers,
        order_contracts=options.size,
        position=options.limit,
        orders_per_minute=300 * len(options.tickers),
    )
    shared: dict[str, Any] = {"order_group": "auto", "limits": bounds}
    if not options.sandbox:
        journal = os.environ.get("KALSHI_JOURNAL", "market_maker.db")
        async with AsyncKalshi.from_env(journal=journal, **shared) as client:
            yield client
        return
    with Sandbox() as box, tempfile.TemporaryDirectory() as directory:
        shared |= {"key_id": box.key_id, "private_key": box.private_key, "environment": box.url}
        async with AsyncKalshi(journal=f"{directory}/journal.db", **shared) as client:
            others = asyncio.create_task(trade_against(box, options.tickers))
            yield client
            others.cancel()
        box.truth.check_invariants()
        resting = [row for row in box.truth.orders(account="trader") if row["status"] == "resting"]
        print(len(box.truth.fills(account="trader")), "fills,", len(resting), "orders left resting")


async def trade_against(box: Sandbox, tickers: Sequence[str]) -> None:
    """Be the others: hit the best bid or ask of one market after the other."""
    for ticker, taker in itertools.cycle(itertools.product(tickers, ("ask", "bid"))):
        maker = "bid" if taker == "ask" else "ask"
        book = await asyncio.to_thread(box.markets.book, ticker)
        for price, _ in book[f"{maker}s"][:1]:
            once = {"time_in_force": "immediate_or_cancel"}
            await asyncio.to_thread(box.markets.quote, ticker, taker, price, "303", **once)
            await asyncio.to_thread(box.markets.quote, ticker, maker, price, "300")
        await asyncio.sleep(POLL)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Quote both sides of markets.")
    parser.add_argument("tickers", nargs="*", default=MARKETS)
    parser.add_argument("--sandbox", action="store_true", help="start an exchange of its own")
    parser.add_argument("--deadman", action="store_true", help="start a dead man's switch")
    parser.add_argument("--seconds", type=float, help="stop after so many")
    parser.add_argument("--patience", type=float, help="seconds the stop may look")
    parser.add_argument("--every", type=float, default=0.5, help="seconds between rounds")
    parser.add_argument("--size", type=Decimal, default=Decimal(5), help="contracts of a quote")
    parser.add_argument("--limit", type=Decimal, default=Decimal(20), help="contracts held")
    return parser.parse_args()


async def main() -> int:
    """Run the bot."""
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("kalshi_ext").setLevel(logging.WARNING)  # its INFO is a line for each call
    async with open_client(options) as client:
        return await run(client, options)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
