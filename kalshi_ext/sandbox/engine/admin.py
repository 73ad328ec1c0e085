"""The exchange's own side, as commands: one builder an action.

Money, prices and counts are decimal text ("0.56"), times aware datetimes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.commands import Admin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

FOREIGN = "foreign"
"""The account of the rest of the world: it always exists and its funds are never checked."""


def _admin(action: str, **params: Any) -> Admin:
    # what is left out takes the handler's default, now and when an old log is replayed
    return Admin(action, {name: value for name, value in params.items() if value is not None})


def add_market(
    ticker: str,
    *,
    event_ticker: str | None = None,
    exchange_index: int = 0,
    price_ranges: Sequence[Mapping[str, str]] | None = None,
    fee_rate: str = "0.07",
    maker_fee_rate: str = "0",
    fixed_fee: str | None = None,
) -> Admin:
    """List a market. price_ranges: [{"start","end","step"}] in dollars text, default whole cents.

    fee_rate is the multiplier of count x p x (1-p); fixed_fee replaces the model by an amount
    for each fill. event_ticker defaults to the ticker without its last -part.
    """
    return _admin(
        "add_market",
        ticker=ticker,
        event_ticker=event_ticker,
        exchange_index=exchange_index,
        price_ranges=None if price_ranges is None else [dict(band) for band in price_ranges],
        fee_rate=fee_rate,
        maker_fee_rate=maker_fee_rate,
        fixed_fee=fixed_fee,
    )


def set_fees(
    ticker: str, *, fee_rate: str = "0.07", maker_fee_rate: str = "0", fixed_fee: str | None = None
) -> Admin:
    """Change a market's fee model."""
    return _admin(
        "set_fees",
        ticker=ticker,
        fee_rate=fee_rate,
        maker_fee_rate=maker_fee_rate,
        fixed_fee=fixed_fee,
    )


def add_account(
    account: str,
    *,
    funds: str = "0",
    precision: str = "0.0001",
    tier: str = "basic",
    fcm: bool = True,
    subaccounts: int = 0,
) -> Admin:
    """Open an account with cash on subaccount 0, shard 0; precision 0.01: not a direct member."""
    return _admin(
        "add_account",
        account=account,
        funds=funds,
        precision=precision,
        tier=tier,
        fcm=fcm,
        subaccounts=subaccounts,
    )


def set_account(account: str, *, tier: str | None = None, fcm: bool | None = None) -> Admin:
    """Change an account's tier or membership."""
    return _admin("set_account", account=account, tier=tier, fcm=fcm)


def fund(account: str, amount: str, *, subaccount: int = 0, exchange_index: int = 0) -> Admin:
    """Add cash (or take it, amount below 0) without a deposit record."""
    return _admin(
        "fund",
        account=account,
        amount=amount,
        subaccount=subaccount,
        exchange_index=exchange_index,
    )


def deposit(
    account: str, cents: int, *, kind: str = "ach", status: str = "applied", fee_cents: int = 0
) -> Admin:
    """Record a deposit; one that is applied adds cents - fee_cents."""
    return _admin(
        "deposit", account=account, cents=cents, kind=kind, status=status, fee_cents=fee_cents
    )


def withdrawal(
    account: str, cents: int, *, kind: str = "ach", status: str = "applied", fee_cents: int = 0
) -> Admin:
    """Record a withdrawal; one that is pending or applied takes cents + fee_cents."""
    return _admin(
        "withdrawal", account=account, cents=cents, kind=kind, status=status, fee_cents=fee_cents
    )


def liquidity(
    ticker: str,
    side: str,
    price: str,
    count: str,
    *,
    account: str = FOREIGN,
    time_in_force: str = "good_till_canceled",
) -> Admin:
    """Place another trader's order: side bid or ask, price the YES price. It may trade at once.

    The answer's body is that of CreateOrderV2.
    """
    return _admin(
        "liquidity",
        ticker=ticker,
        side=side,
        price=price,
        count=count,
        account=account,
        time_in_force=time_in_force,
    )


def cancel(order_id: str) -> Admin:
    """Cancel anybody's resting order on the exchange's behalf."""
    return _admin("cancel", order_id=order_id)


def expire(order_id: str) -> Admin:
    """Let anybody's resting order expire now."""
    return _admin("expire", order_id=order_id)


def close_market(ticker: str) -> Admin:
    """Stop trading a market for good; its resting orders are cancelled."""
    return _admin("close_market", ticker=ticker)


def settle(ticker: str, result: str, *, value: str | None = None) -> Admin:
    """Settle a market: result yes, no or scalar (then value: what YES pays, in dollars)."""
    return _admin("settle", ticker=ticker, result=result, value=value)


def pause(
    what: str = "trading",
    *,
    exchange_index: int | None = None,
    until: datetime | None = None,
    ticker: str | None = None,
) -> Admin:
    """Pause trading (cancels allowed), exchange (nothing allowed) or transfers; one shard or all.

    ticker: pause that market alone. until is only shown in the exchange's status: resume() ends a
    pause.
    """
    return _admin(
        "pause",
        what=what,
        exchange_index=exchange_index,
        until=until.isoformat() if until else None,
        ticker=ticker,
    )


def resume(
    what: str = "trading", *, exchange_index: int | None = None, ticker: str | None = None
) -> Admin:
    """End the pause that is named, and no other one."""
    return _admin("resume", what=what, exchange_index=exchange_index, ticker=ticker)


def cutoff(
    *,
    orders: datetime | None = None,
    trades: datetime | None = None,
    positions: datetime | None = None,
    markets: datetime | None = None,
) -> Admin:
    """Move the boundary between live and historical rows; it never moves back."""
    kinds = {"orders": orders, "trades": trades, "positions": positions, "markets": markets}
    times = {kind: time.isoformat() for kind, time in kinds.items() if time is not None}
    return _admin("cutoff", **times)


def configure(**settings: Any) -> Admin:
    """Change settings while running (read_lag_seconds=2, dedupe="while_open", ...)."""
    return Admin("configure", settings)
