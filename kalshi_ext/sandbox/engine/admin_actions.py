"""Handlers of the exchange's own side; admin.py has one builder for each and documents it.

Action names and parameters stand in the command logs of state files, so both must stay readable:
a new parameter needs a default. A ValueError or KeyError becomes a 400 that says why; as with
requests, it is raised before anything has changed.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from attrs import evolve, fields_dict

from kalshi_ext.sandbox.engine import book, ledger, placement, trading_status, transfers
from kalshi_ext.sandbox.engine.accounts import (
    LAST_SUBACCOUNT,
    TradingAccount,
    check_account_name,
)
from kalshi_ext.sandbox.engine.admin import FOREIGN
from kalshi_ext.sandbox.engine.book import Market, valid_prices
from kalshi_ext.sandbox.engine.fixed_point import (
    CENT,
    parse_count,
    parse_dollars,
    parse_price,
    to_microseconds,
)
from kalshi_ext.sandbox.engine.ledger import FeeModel
from kalshi_ext.sandbox.engine.order_writes import create_body
from kalshi_ext.sandbox.engine.placement import OrderRequest
from kalshi_ext.sandbox.engine.rate_limits import TIERS
from kalshi_ext.sandbox.engine.records import Payment
from kalshi_ext.sandbox.engine.serializers import payment_row
from kalshi_ext.sandbox.engine.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kalshi_ext.sandbox.engine.state import EngineState

    Params = Mapping[str, Any]

Json = dict[str, Any]


def _parse_price(text: str) -> int:
    # not parse_price of fixed_point.py: that one answers a request's 400
    return parse_dollars(text) // 100


def _parse_ranges(bands: list[dict[str, str]]) -> tuple[tuple[int, int, int], ...]:
    ranges = tuple(
        (_parse_price(band["start"]), _parse_price(band["end"]), _parse_price(band["step"]))
        for band in bands
    )
    if any(step <= 0 for _, _, step in ranges):
        raise ValueError("price_ranges: step must be at least 0.0001")
    return ranges


def add_market(state: EngineState, params: Params) -> Json:
    ticker = params["ticker"]
    if ticker in state.markets:
        raise ValueError(f"market {ticker!r} exists already")
    ranges = _parse_ranges(params.get("price_ranges") or [])
    shard = int(params.get("exchange_index", 0))
    taker, maker = _fee_models(params)
    market = Market(
        ticker=ticker,
        event=params.get("event_ticker") or ticker.rpartition("-")[0] or ticker,
        shard=shard,
        price_ranges=ranges,
        taker_fees=taker,
        maker_fees=maker,
        valid_prices=valid_prices(ranges),
        created=state.now,
        updated=state.now,
    )
    state.shards.add(shard)
    state.markets[ticker] = market
    state.record_event("market", ticker=ticker, what="added", exchange_index=shard)
    return {"ticker": ticker, "event_ticker": market.event, "exchange_index": shard}


def _fee_models(params: Params) -> tuple[FeeModel, FeeModel]:
    fixed = params.get("fixed_fee")
    taker = FeeModel(
        parse_dollars(params.get("fee_rate", "0.07")),
        None if fixed is None else parse_dollars(fixed),
    )
    return taker, FeeModel(parse_dollars(params.get("maker_fee_rate", "0")))


def set_fees(state: EngineState, params: Params) -> Json:
    market = state.markets[params["ticker"]]
    market.taker_fees, market.maker_fees = _fee_models(params)
    return {"ticker": market.ticker}


def open_account(state: EngineState, name: str, **attributes: Any) -> TradingAccount:
    account = TradingAccount(name=name, user_id=state.new_id(), opened=state.now, **attributes)
    account.balance(0, 0)
    state.accounts[name] = account
    state.record_event("account", account=name, what="opened")
    return account


def add_account(state: EngineState, params: Params) -> Json:
    name = check_account_name(params["account"])
    if name in state.accounts:
        raise ValueError(f"account {name!r} exists already")
    # All is read before the account is opened: a request that is refused changes nothing.
    funds = parse_dollars(params.get("funds", "0"))
    subaccounts = int(params.get("subaccounts", 0))
    if not 0 <= subaccounts <= LAST_SUBACCOUNT:
        raise ValueError(f"subaccounts must be 0 to {LAST_SUBACCOUNT}, not {subaccounts}")
    account = open_account(
        state,
        name,
        precision=parse_dollars(params.get("precision", "0.01")),
        tier=_check_tier(params.get("tier", "basic")),
        fcm=bool(params.get("fcm", True)),
    )
    _add_funds(state, account, funds)
    for _ in range(subaccounts):
        transfers.open_next_subaccount(state, account)
    return {"account": name, "user_id": account.user_id}


def _check_tier(name: str) -> str:
    if name not in TIERS:
        raise ValueError(f"tier must be one of {', '.join(TIERS)}, not {name!r}")
    return name


def set_account(state: EngineState, params: Params) -> Json:
    """Change an account's tier or membership; its buckets start full again."""
    account = state.accounts[params["account"]]
    account.tier = _check_tier(params.get("tier", account.tier))
    account.fcm = bool(params.get("fcm", account.fcm))
    account.buckets.clear()
    return {"account": account.name, "tier": account.tier, "fcm": account.fcm}


def _add_funds(
    state: EngineState, account: TradingAccount, amount: int, *, where: tuple[int, int] = (0, 0)
) -> None:
    ledger.move_cash(state, account.balance(*where), amount)
    account.funded += amount  # what is conserved grows by it too
    if amount:
        state.record_event(
            "funds", account=account.name, amount=amount, subaccount=where[0], shard=where[1]
        )


def fund(state: EngineState, params: Params) -> Json:
    account = state.accounts[params["account"]]
    where = (int(params.get("subaccount", 0)), int(params.get("exchange_index", 0)))
    if where[0] not in account.subaccounts or where[1] not in state.shards:
        raise ValueError(f"no subaccount {where[0]} or no shard {where[1]}")
    _add_funds(state, account, parse_dollars(params["amount"]), where=where)
    return {"account": account.name, "cash": account.balance(*where).cash / 1_000_000}


def _record_payment(state: EngineState, params: Params, *, sign: Literal[1, -1]) -> Json:
    account, status = state.accounts[params["account"]], params.get("status", "applied")
    cents, fee = int(params["cents"]), int(params.get("fee_cents", 0))
    row = Payment(
        id=state.new_id(),
        created=state.now,
        kind=params.get("kind", "ach"),
        status=status,
        cents=cents,
        fee_cents=fee,
        finalized=None if status == "pending" else state.now,
    )
    state.insert_sorted(account.deposits if sign > 0 else account.withdrawals, row)
    # a pending withdrawal has left the balance already, a pending deposit has not come
    if status == "applied" or (sign < 0 and status == "pending"):
        _add_funds(state, account, (sign * cents - fee) * CENT)
    return payment_row(row)


def liquidity(state: EngineState, params: Params) -> Json:
    name = params.get("account", FOREIGN)
    draft = OrderRequest(
        account=state.accounts[name],
        subaccount=0,
        ticker=params["ticker"],
        bid=params["side"] == "bid",
        price=parse_price(params["price"]),
        count=parse_count(params["count"]),
        time_in_force=params.get("time_in_force", "good_till_canceled"),
        # the rest of the world is many traders: it must not stop at its own resting orders
        self_trade="maker",
    )
    return create_body(placement.place(state, draft))


def _end_order(state: EngineState, params: Params, *, reason: str) -> Json:
    order = state.orders[params["order_id"]]
    if order.status != "resting":
        raise ValueError(f"order {order.id} is {order.status}")
    return {"reduced_by": book.cancel_resting(state, order, reason) / 100}


def cutoff(state: EngineState, params: Params) -> Json:
    """Move cutoffs; one that is later already stays."""
    for kind in fields_dict(type(state.cutoffs)):
        if kind in params:
            moved = to_microseconds(datetime.fromisoformat(params[kind]))
            setattr(state.cutoffs, kind, max(getattr(state.cutoffs, kind), moved))
    return dict(params)


def configure(state: EngineState, params: Params) -> Json:
    """Change settings while running; log it like any command, so that a replay changes them too."""
    Settings.from_mapping(params)
    # with the lag as it was: reads must not lose sight of what they have shown
    as_of = state.as_of()
    state.lag_floor = state.now if as_of is None else as_of
    state.settings = evolve(state.settings, **params)
    # the setting `reservation` may be among them
    for account in state.accounts.values():
        for holding in account.holdings.values():
            ledger.update_reserve(state, account, holding)
    return dict(params)


ACTIONS: dict[str, Callable[[EngineState, Params], Json]] = {
    "add_market": add_market,
    "set_fees": set_fees,
    "add_account": add_account,
    "set_account": set_account,
    "fund": fund,
    "deposit": partial(_record_payment, sign=1),
    "withdrawal": partial(_record_payment, sign=-1),
    "liquidity": liquidity,
    "cancel": partial(_end_order, reason="exchange"),
    "expire": partial(_end_order, reason="expired"),
    "close_market": trading_status.close_market,
    "settle": trading_status.settle,
    "pause": trading_status.pause,
    "resume": trading_status.resume,
    "cutoff": cutoff,
    "configure": configure,
}
