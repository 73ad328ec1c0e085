"""What the exchange's own side may do; admin.py builds these commands."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, fields_dict

from kalshi_ext.sandbox.engine import ledger, matching, placing, settling, subaccounts
from kalshi_ext.sandbox.engine.accounts import Account
from kalshi_ext.sandbox.engine.admin import FOREIGN
from kalshi_ext.sandbox.engine.amounts import CENT, micro, read_count, read_price, to_moment
from kalshi_ext.sandbox.engine.budgets import TIERS
from kalshi_ext.sandbox.engine.fees import FeeModel
from kalshi_ext.sandbox.engine.order_calls import created
from kalshi_ext.sandbox.engine.placing import Wish
from kalshi_ext.sandbox.engine.records import Market, Order, Payment, ticks
from kalshi_ext.sandbox.engine.rows import payment_row
from kalshi_ext.sandbox.engine.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kalshi_ext.sandbox.engine.state import Exchange

Json = dict[str, Any]


def _price(text: str) -> int:
    return micro(text) // 100


def add_market(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """List a market."""
    ticker = ask["ticker"]
    if ticker in ex.markets:
        raise ValueError(f"market {ticker!r} exists already")
    bands: list[dict[str, str]] = ask.get("price_ranges") or []
    ranges = tuple((_price(b["start"]), _price(b["end"]), _price(b["step"])) for b in bands)
    if any(step <= 0 for _, _, step in ranges):
        raise ValueError("price_ranges: step must be at least 0.0001")
    shard = int(ask.get("exchange_index", 0))
    taker, maker = _fee_models(ask)
    market = Market(
        ticker=ticker,
        event=ask.get("event_ticker") or ticker.rpartition("-")[0] or ticker,
        shard=shard,
        ranges=ranges,
        taker_fees=taker,
        maker_fees=maker,
        ticks=ticks(ranges),
    )
    ex.shards.add(shard)
    ex.markets[ticker] = market
    ex.record("market", ticker=ticker, what="added", exchange_index=shard)
    return {"ticker": ticker, "event_ticker": market.event, "exchange_index": shard}


def _fee_models(ask: Mapping[str, Any]) -> tuple[FeeModel, FeeModel]:
    fixed = ask.get("fixed_fee")
    taker = FeeModel(micro(ask.get("fee_rate", "0.07")), None if fixed is None else micro(fixed))
    return taker, FeeModel(micro(ask.get("maker_fee_rate", "0")))


def set_fees(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Change a market's fee model."""
    market = ex.markets[ask["ticker"]]
    market.taker_fees, market.maker_fees = _fee_models(ask)
    return {"ticker": market.ticker}


def open_account(ex: Exchange, name: str, **words: Any) -> Account:
    """Open an account."""
    account = Account(name=name, user_id=ex.new_id(), opened=ex.now, **words)
    account.purse(0, 0)
    ex.accounts[name] = account
    ex.record("account", account=name, what="opened")
    return account


def add_account(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Open an account, with cash and subaccounts."""
    name = ask["account"]
    if name in ex.accounts:
        raise ValueError(f"account {name!r} exists already")
    account = open_account(
        ex,
        name,
        precision=micro(ask.get("precision", "0.01")),
        tier=_tier(ask.get("tier", "basic")),
        fcm=bool(ask.get("fcm", True)),
    )
    _credit(ex, account, micro(ask.get("funds", "0")))
    for _ in range(int(ask.get("subaccounts", 0))):
        subaccounts.open_next(ex, account)
    return {"account": name, "user_id": account.user_id}


def _tier(name: str) -> str:
    if name not in TIERS:
        raise ValueError(f"tier must be one of {', '.join(TIERS)}, not {name!r}")
    return name


def set_account(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Change an account's tier or membership."""
    account = ex.accounts[ask["account"]]
    account.tier = _tier(ask.get("tier", account.tier))
    account.fcm = bool(ask.get("fcm", account.fcm))
    account.buckets.clear()
    return {"account": account.name, "tier": account.tier, "fcm": account.fcm}


def _credit(
    ex: Exchange, account: Account, amount: int, *, where: tuple[int, int] = (0, 0)
) -> None:
    ledger.move_cash(ex, account.purse(*where), amount)
    account.funded += amount
    if amount:
        ex.record("funds", account=account.name, amount=amount, subaccount=where[0], shard=where[1])


def fund(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Add or take cash."""
    account = ex.accounts[ask["account"]]
    where = (int(ask.get("subaccount", 0)), int(ask.get("exchange_index", 0)))
    if where[0] not in account.subaccounts or where[1] not in ex.shards:
        raise ValueError(f"no subaccount {where[0]} or no shard {where[1]}")
    _credit(ex, account, micro(ask["amount"]), where=where)
    return {"account": account.name, "cash": account.purse(*where).cash / 1_000_000}


def _pay(ex: Exchange, ask: Mapping[str, Any], *, sign: Literal[1, -1]) -> Json:
    account, status = ex.accounts[ask["account"]], ask.get("status", "applied")
    cents, fee = int(ask["cents"]), int(ask.get("fee_cents", 0))
    row = Payment(
        id=ex.new_id(),
        created=ex.now,
        kind=ask.get("kind", "ach"),
        status=status,
        cents=cents,
        fee_cents=fee,
        finalized=None if status == "pending" else ex.now,
    )
    ex.file(account.deposits if sign > 0 else account.withdrawals, row)
    if status == "applied" or (sign < 0 and status == "pending"):
        _credit(ex, account, (sign * cents - fee) * CENT)
    return payment_row(row)


def deposit(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Record a deposit."""
    return _pay(ex, ask, sign=1)


def withdrawal(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Record a withdrawal."""
    return _pay(ex, ask, sign=-1)


def liquidity(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Place another trader's order."""
    name = ask.get("account", FOREIGN)
    wish = Wish(
        account=ex.accounts[name],
        subaccount=0,
        ticker=ask["ticker"],
        bid=ask["side"] == "bid",
        price=read_price(ask["price"]),
        count=read_count(ask["count"]),
        time_in_force=ask.get("time_in_force", "good_till_canceled"),
        self_trade="maker",
    )
    return created(placing.place(ex, wish))


def _resting(ex: Exchange, ask: Mapping[str, Any]) -> Order:
    order = ex.orders[ask["order_id"]]
    if order.status != "resting":
        raise ValueError(f"order {order.id} is {order.status}")
    return order


def cancel(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Cancel anybody's order."""
    return {"reduced_by": matching.end(ex, _resting(ex, ask), "exchange") / 100}


def expire(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Let anybody's order expire."""
    return {"reduced_by": matching.end(ex, _resting(ex, ask), "expired") / 100}


def cutoff(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Move cutoffs forward."""
    for kind in fields_dict(type(ex.cutoffs)):
        if kind in ask:
            moved = to_moment(datetime.fromisoformat(ask[kind]))
            setattr(ex.cutoffs, kind, max(getattr(ex.cutoffs, kind), moved))
    return dict(ask)


def configure(ex: Exchange, ask: Mapping[str, Any]) -> Json:
    """Change settings while running."""
    Settings.from_mapping(ask)
    as_of = ex.as_of()
    ex.lag_floor = ex.now if as_of is None else as_of
    ex.settings = evolve(ex.settings, **ask)
    for account in ex.accounts.values():
        for holding in account.holdings.values():
            ledger.reserve(ex, account, holding)
    return dict(ask)


ACTIONS: dict[str, Callable[[Exchange, Mapping[str, Any]], Json]] = {
    "add_market": add_market,
    "set_fees": set_fees,
    "add_account": add_account,
    "set_account": set_account,
    "fund": fund,
    "deposit": deposit,
    "withdrawal": withdrawal,
    "liquidity": liquidity,
    "cancel": cancel,
    "expire": expire,
    "close_market": settling.close_market,
    "settle": settling.settle,
    "pause": settling.pause,
    "resume": settling.resume,
    "cutoff": cutoff,
    "configure": configure,
}
