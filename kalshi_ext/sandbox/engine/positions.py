"""Positions, balances, settlements and payments, in the current contract."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import access, pages
from kalshi_ext.sandbox.engine.amounts import CENT, ONE, count_text, dollars_text, time_text
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import LAST_SHARD, whole, word, words
from kalshi_ext.sandbox.engine.order_reads import between
from kalshi_ext.sandbox.engine.refusals import bad_query, forbidden
from kalshi_ext.sandbox.engine.rows import payment_row, settlement_row
from kalshi_ext.sandbox.engine.state import row_key
from kalshi_ext.sandbox.engine.versions import seen

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.holdings import Holding
    from kalshi_ext.sandbox.engine.records import Settlement
    from kalshi_ext.sandbox.engine.state import Exchange

COUNTED = ("position", "total_traded")


def archived(ex: Exchange, holding: Holding) -> bool:
    """Tell whether a position is only under /historical; open ones never are."""
    return holding.position == 0 and holding.updated < ex.boundary("positions")


def holdings_of(
    ex: Exchange, who: Account, call: Call, *, subaccount: int | None, historical: bool
) -> list[Holding]:
    """List the holdings that were ever filled, as reads see them, by (created, id)."""
    ticker, event = call.query.get("ticker"), words(call.query, "event_ticker")
    shard = whole(call.query, "exchange_index", least=0, most=LAST_SHARD)
    as_of = ex.as_of()
    found = [
        row
        for row in (seen(holding, as_of) for holding in who.holdings.values())
        if row.created
        and (subaccount is None or row.subaccount == subaccount)
        and (not ticker or row.market.ticker == ticker)
        and (not event or row.market.event in event)
        and (shard is None or row.market.shard == shard)
        and archived(ex, row) == historical
    ]
    return sorted(found, key=row_key)


def get_positions(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetPositions."""
    page = pages.page_asked(call.query, "positions")
    wanted = word(call.query, "settlement_status", ("unsettled", "settled", "all")) or "unsettled"
    counted = words(call.query, "count_filter")
    if set(counted) - set(COUNTED):
        raise bad_query("count_filter", f"must name some of {', '.join(COUNTED)}")
    subaccount = access.acting_query(call)
    found = [
        holding
        for holding in holdings_of(ex, who, call, subaccount=subaccount, historical=False)
        if wanted == "all" or holding.settled == (wanted == "settled")
        if not counted or any(_counts(holding, name) for name in counted)
    ]
    return Answer(200, _positions(ex, found, page))


def _counts(holding: Holding, name: str) -> bool:
    return bool(holding.position if name == "position" else holding.traded)


def get_historical_positions(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetHistoricalPositions."""
    page = pages.page_asked(call.query, "historical_positions")
    subaccount = access.listed_query(call)
    found = holdings_of(ex, who, call, subaccount=subaccount, historical=True)
    return Answer(200, _positions(ex, found, page))


def _positions(ex: Exchange, found: list[Holding], page: pages.Page) -> dict[str, Any]:
    rows, cursor = pages.cut(pages.newest_first(found, page), page, ex.settings)
    if not rows and ex.settings.empty_lists == "omit":
        return {}
    events = by_event(rows)
    return {
        **pages.listed("market_positions", [_market_row(row) for row in rows], ex.settings),
        **pages.listed("event_positions", [_event_row(*e) for e in events.items()], ex.settings),
        "cursor": cursor,
    }


def by_event(rows: list[Holding]) -> dict[str, list[Holding]]:
    """Group holdings by event."""
    events: defaultdict[str, list[Holding]] = defaultdict(list)
    for row in rows:
        events[row.market.event].append(row)
    return events


def _market_row(row: Holding) -> dict[str, Any]:
    return {
        "ticker": row.market.ticker,
        "exchange_index": row.market.shard,
        "total_traded_dollars": dollars_text(row.traded),
        "position_fp": count_text(row.position),
        "market_exposure_dollars": dollars_text(row.cost),
        "realized_pnl_dollars": dollars_text(row.realized),
        "fees_paid_dollars": dollars_text(row.fees),
        "last_updated_ts": time_text(row.updated),
    }


def _event_row(event: str, rows: list[Holding]) -> dict[str, Any]:
    return {
        "event_ticker": event,
        "total_cost_dollars": dollars_text(sum(row.traded for row in rows)),
        "total_cost_shares_fp": count_text(sum(abs(row.position) for row in rows)),
        "event_exposure_dollars": dollars_text(sum(row.cost for row in rows)),
        "realized_pnl_dollars": dollars_text(sum(row.realized for row in rows)),
        "fees_paid_dollars": dollars_text(sum(row.fees for row in rows)),
    }


def shards_of(
    ex: Exchange, who: Account, *, subaccount: int | None, shard: int | None
) -> dict[int, tuple[int, int]]:
    """Give (balance, last change) by shard, as reads see it; shard 0 is always there."""
    as_of = ex.as_of()
    found: dict[int, tuple[int, int]] = {} if shard else {0: (0, who.opened)}
    for (sub, index), purse in sorted(who.purses.items()):
        if subaccount in (None, sub) and shard in (None, index):
            row = seen(purse, as_of)
            shown = row.cash if ex.settings.balance_shows == "cash" else row.available
            before, when = found.get(index, (0, 0))
            found[index] = (before + shown, max(when, row.updated))
    return found


def value_of(ex: Exchange, who: Account, *, subaccount: int | None, shard: int | None) -> int:
    """Value open positions at the last traded price, in micro-dollars."""
    as_of, total = ex.as_of(), 0
    for holding in who.holdings.values():
        row, market = seen(holding, as_of), holding.market
        if row.position and subaccount in (None, row.subaccount) and shard in (None, market.shard):
            price = market.last_price or 0
            total += price * row.position if row.position > 0 else (price - ONE) * row.position
    return total


def get_balance(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetBalance; balance and portfolio_value are integer cents, cut off."""
    subaccount, index = access.acting_query(call), access.shard_query(call)
    shard = None if index is None or index < 0 else index
    rows = shards_of(ex, who, subaccount=subaccount, shard=shard)
    total = sum(balance for balance, _ in rows.values())
    body = {
        "balance": total // CENT,
        "balance_dollars": dollars_text(total),
        "portfolio_value": value_of(ex, who, subaccount=subaccount, shard=shard) // CENT,
        "updated_ts": max((when for _, when in rows.values()), default=who.opened) // 1_000_000,
        "balance_breakdown": [
            {"exchange_index": k, "balance": dollars_text(v)} for k, (v, _) in rows.items()
        ],
    }
    return Answer(200, body)


def resting_value(ex: Exchange, who: Account, call: Call) -> dict[int, int]:
    """Add up what resting orders would cost, by shard, in micro-dollars; 403 for non-members."""
    if ex.settings.fcm_only_resting_value and not who.fcm:
        raise forbidden("only for FCM members")
    locked, totals = access.locked_or(call, None), {0: 0}
    for order in who.open.values():
        if locked in (None, order.subaccount):
            totals[order.market.shard] = totals.get(order.market.shard, 0) + order.value
    return totals


def get_resting_value(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetPortfolioRestingOrderTotalValue: the total in integer cents, cut off."""
    totals = resting_value(ex, who, call)
    breakdown = [
        {"exchange_index": k, "balance": dollars_text(v)} for k, v in sorted(totals.items())
    ]
    body = {
        "total_resting_order_value": sum(totals.values()) // CENT,
        "resting_order_value_breakdown": breakdown,
    }
    return Answer(200, body)


def settlements_found(ex: Exchange, who: Account, call: Call, page: pages.Page) -> list[Settlement]:
    """List settlements, newest first, as the query filters them."""
    ticker, event = call.query.get("ticker"), call.query.get("event_ticker")
    least, most = between(call)
    subaccount = access.listed_query(call)
    return [
        row
        for row in ex.shown(pages.newest_first(who.settlements, page))
        if (not ticker or row.market.ticker == ticker)
        and (not event or row.market.event == event)
        and least <= row.created <= most
        and subaccount in (None, row.subaccount)
    ]


def get_settlements(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetSettlements."""
    page = pages.page_asked(call.query, "settlements")
    found = settlements_found(ex, who, call, page)
    return Answer(200, pages.answer("settlements", found, page, ex.settings, settlement_row))


def get_deposits(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetDeposits."""
    page = pages.page_asked(call.query, "deposits", most=500)
    found = ex.shown(pages.newest_first(who.deposits, page))
    return Answer(200, pages.answer("deposits", found, page, ex.settings, payment_row))


def get_withdrawals(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetWithdrawals."""
    page = pages.page_asked(call.query, "withdrawals", most=500)
    found = ex.shown(pages.newest_first(who.withdrawals, page))
    return Answer(200, pages.answer("withdrawals", found, page, ex.settings, payment_row))
