"""The commands that fill a new exchange, so that every operation has something to answer.

Three months of one trader's life: deposits, trades, settlements, transfers, and today's open
orders in markets of every shard and price grid, with others' liquidity to trade against.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen

from kalshi_ext.sandbox.engine import ApiRequest, Caller, Command, admin
from kalshi_ext.sandbox.options import TRADER

MAKER = "maker"
"""A second account, for those who want to be the other side themselves."""

_CENTS = [{"start": "0", "end": "1", "step": "0.01"}]
_FINE = [{"start": "0", "end": "1", "step": "0.0001"}]
_MILLS = [{"start": "0", "end": "1", "step": "0.001"}]
_TAPERED = [
    {"start": "0", "end": "0.10", "step": "0.001"},
    {"start": "0.10", "end": "0.90", "step": "0.01"},
    {"start": "0.90", "end": "1", "step": "0.001"},
]


@frozen
class Listing:
    """Describe a market of the seed data."""

    ticker: str
    event: str
    shard: int
    grid: list[dict[str, str]]
    bids: tuple[tuple[str, str], ...] = (("0.54", "300"), ("0.53", "500"), ("0.50", "2000"))
    asks: tuple[tuple[str, str], ...] = (("0.56", "300"), ("0.57", "500"), ("0.60", "2000"))


LIVE = (
    Listing("KXRAIN-26DEC31-NYC", "KXRAIN-26DEC31", 0, _CENTS),
    Listing("KXRAIN-26DEC31-CHI", "KXRAIN-26DEC31", 0, _CENTS),
    Listing(
        "KXFED-26DEC-CUT",
        "KXFED-26DEC",
        0,
        _TAPERED,
        bids=(("0.072", "400"), ("0.07", "900")),
        asks=(("0.075", "400"), ("0.08", "900")),
    ),
    Listing("KXCOMBO-26DEC31-A", "KXCOMBO-26DEC31", 1, _FINE),
    Listing("KXBTC-26DEC31-B100", "KXBTC-26DEC31", 2, _MILLS),
    Listing("KXATP-26DEC31-WIN", "KXATP-26DEC31", 3, _CENTS),
)
SETTLED = (
    (Listing("KXRAIN-26SEP30-NYC", "KXRAIN-26SEP30", 0, _CENTS), "yes", None),
    (Listing("KXRAIN-26SEP30-CHI", "KXRAIN-26SEP30", 0, _CENTS), "no", None),
    (Listing("KXTEMP-26OCT31-AVG", "KXTEMP-26OCT31", 0, _CENTS), "scalar", "0.37"),
)


def seed_commands(now: datetime, *, trading: bool) -> Iterator[tuple[datetime, Command]]:
    """List the commands with their times, oldest first; without trading only the accounts."""
    past = now - timedelta(days=120)
    for command in _accounts():
        yield past, command
    if not trading:
        return
    for command in _first_deposit_and_markets():
        yield past, command
    yield from _past_trading(now)
    for command in _todays_commands():
        yield now - timedelta(minutes=5), command


def _accounts() -> Iterator[Command]:
    yield admin.add_account(TRADER, funds="5000", tier="basic", subaccounts=2)
    yield admin.add_account(MAKER, funds="100000", tier="prime", subaccounts=1)
    for account in (TRADER, MAKER):
        for shard in (1, 2, 3):
            yield admin.fund(account, "2500", exchange_index=shard)


def _first_deposit_and_markets() -> Iterator[Command]:
    yield admin.deposit(TRADER, 500_000, kind="ach")
    for listing, _result, _value in SETTLED:
        yield from _market_commands(listing)


def _past_trading(now: datetime) -> Iterator[tuple[datetime, Command]]:
    """Trade the markets of the past, and settle them."""
    # Older than the engine's history window, so that the historical operations have rows.
    long_ago = now - timedelta(days=110)
    for index, (listing, _result, _value) in enumerate(SETTLED):
        side, price = ("ask", "0.54") if index == 1 else ("bid", "0.56")
        time = long_ago + timedelta(hours=index)
        yield time, _order(listing.ticker, side, price, "20", f"season-{index}")
    yield long_ago + timedelta(hours=5), _order(SETTLED[0][0].ticker, "bid", "0.30", "5", "rest-0")
    for index, (listing, result, value) in enumerate(SETTLED):
        age = (100, 39, 38)[index]  # days: the first one's position is history, the others' are not
        yield now - timedelta(days=age), admin.settle(listing.ticker, result, value=value)
    yield now - timedelta(days=30), admin.withdrawal(TRADER, 25_000, kind="wire", fee_cents=500)
    yield now - timedelta(days=2), admin.deposit(TRADER, 10_000, kind="debit", fee_cents=200)
    yield now - timedelta(days=1), admin.deposit(TRADER, 7_500, kind="ach", status="pending")


def _todays_commands() -> Iterator[Command]:
    for listing in LIVE:
        yield from _market_commands(listing)
    yield from _todays_orders()
    yield _call(
        "ApplySubaccountTransfer",
        body={
            "client_transfer_id": _uuid("subaccount transfer"),
            "from_subaccount": 0,
            "to_subaccount": 1,
            "amount_cents": 50_000,
        },
    )
    yield _call(
        "IntraExchangeInstanceTransfer",
        body={
            "source": "event_contract",
            "destination": "event_contract",
            "amount": 1_000_000,
            "destination_exchange_shard": 2,
            "client_transfer_id": _uuid("shard transfer"),
        },
    )
    netting = {"subaccount_number": 1, "enabled": True}
    yield _call("UpdateSubaccountNetting", body=netting)


def _todays_orders() -> Iterator[Command]:
    rain, fed, _combo, btc = LIVE[0].ticker, LIVE[2].ticker, LIVE[3].ticker, LIVE[4].ticker
    yield _order(rain, "bid", "0.56", "10", "seed-taken")
    yield _order(rain, "bid", "0.54", "25", "seed-resting")
    yield _order(rain, "ask", "0.70", "5", "seed-ask")
    yield _order(fed, "bid", "0.072", "40", "seed-fed")
    yield _order(btc, "bid", "0.55", "12", "seed-maker")
    yield admin.liquidity(btc, "ask", "0.55", "7")
    yield _order(LIVE[1].ticker, "bid", "0.20", "3", "seed-immediate", "immediate_or_cancel")


def _market_commands(listing: Listing) -> Iterator[Command]:
    yield admin.add_market(
        listing.ticker,
        event_ticker=listing.event,
        exchange_index=listing.shard,
        price_ranges=listing.grid,
    )
    for side, levels in (("bid", listing.bids), ("ask", listing.asks)):
        for price, count in levels:
            yield admin.liquidity(listing.ticker, side, price, count)


def _order(
    ticker: str, side: str, price: str, count: str, name: str, force: str = "good_till_canceled"
) -> ApiRequest:
    return _call(
        "CreateOrderV2",
        body={
            "ticker": ticker,
            "client_order_id": name,
            "side": side,
            "count": count,
            "price": price,
            "time_in_force": force,
            "self_trade_prevention_type": "taker_at_cross",
        },
    )


def _call(operation: str, *, body: dict[str, Any]) -> ApiRequest:
    return ApiRequest(operation, Caller(TRADER), body=body, body_is="json")


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"kalshi-ext sandbox {name}"))
