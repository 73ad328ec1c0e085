"""Positions, balances, settlements and payments, in the current contract."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import pagination
from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.errors import invalid_query, permission_denied
from kalshi_ext.sandbox.engine.fixed_point import (
    CENT,
    ONE,
    format_count,
    format_dollars,
    format_time,
)
from kalshi_ext.sandbox.engine.order_reads import created_range
from kalshi_ext.sandbox.engine.request_parsing import (
    allowed_subaccount,
    query_acting_subaccount,
    query_choice,
    query_list,
    query_listed_subaccount,
    query_shard,
)
from kalshi_ext.sandbox.engine.serializers import payment_row, settlement_row
from kalshi_ext.sandbox.engine.state import row_as_of, sort_key

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Holding, TradingAccount
    from kalshi_ext.sandbox.engine.commands import Call
    from kalshi_ext.sandbox.engine.records import Settlement
    from kalshi_ext.sandbox.engine.state import EngineState

COUNT_FILTERS = ("position", "total_traded")


def is_historical_position(state: EngineState, holding: Holding) -> bool:
    """Tell whether a position is only under /historical; open ones never are."""
    return holding.position == 0 and holding.updated < state.cutoff("positions")


def list_holdings(
    state: EngineState,
    account: TradingAccount,
    request: Call,
    *,
    subaccount: int | None,
    historical: bool,
) -> list[Holding]:
    """List the holdings that were ever filled, as reads see them, by (created, id)."""
    ticker, event = request.query.get("ticker"), query_list(request.query, "event_ticker")
    shard = query_shard(request, least=0)
    as_of = state.as_of()
    found = [
        row
        for row in (row_as_of(holding, as_of) for holding in account.holdings.values())
        if row.created
        and (subaccount is None or row.subaccount == subaccount)
        and (not ticker or row.market.ticker == ticker)
        and (not event or row.market.event in event)
        and (shard is None or row.market.shard == shard)
        and is_historical_position(state, row) == historical
    ]
    return sorted(found, key=sort_key)


def get_positions(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetPositions."""
    page = pagination.parse_page_request(request.query, "positions")
    wanted = (
        query_choice(request.query, "settlement_status", ("unsettled", "settled", "all"))
        or "unsettled"
    )
    counted = query_list(request.query, "count_filter")
    if set(counted) - set(COUNT_FILTERS):
        raise invalid_query("count_filter", f"must name some of {', '.join(COUNT_FILTERS)}")
    subaccount = query_acting_subaccount(request)
    found = [
        holding
        for holding in list_holdings(
            state, account, request, subaccount=subaccount, historical=False
        )
        if wanted == "all" or holding.settled == (wanted == "settled")
        if not counted or any(_is_nonzero(holding, name) for name in counted)
    ]
    return Answer(200, _positions_body(state, found, page))


def _is_nonzero(holding: Holding, name: str) -> bool:
    return bool(holding.position if name == "position" else holding.traded)


def get_historical_positions(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetHistoricalPositions."""
    page = pagination.parse_page_request(request.query, "historical_positions")
    subaccount = query_listed_subaccount(request)
    found = list_holdings(state, account, request, subaccount=subaccount, historical=True)
    return Answer(200, _positions_body(state, found, page))


def _positions_body(
    state: EngineState, found: list[Holding], page: pagination.PageRequest
) -> dict[str, Any]:
    rows, cursor = pagination.take_page(pagination.newest_first(found, page), page, state.settings)
    if not rows and state.settings.empty_lists == "omit":
        return {}
    events = by_event(rows)
    return {
        **pagination.list_field(
            "market_positions", [_market_row(row) for row in rows], state.settings
        ),
        **pagination.list_field(
            "event_positions", [_event_row(*e) for e in events.items()], state.settings
        ),
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
        "total_traded_dollars": format_dollars(row.traded),
        "position_fp": format_count(row.position),
        "market_exposure_dollars": format_dollars(row.cost),
        "realized_pnl_dollars": format_dollars(row.realized),
        "fees_paid_dollars": format_dollars(row.fees),
        "last_updated_ts": format_time(row.updated),
    }


def _event_row(event: str, rows: list[Holding]) -> dict[str, Any]:
    return {
        "event_ticker": event,
        "total_cost_dollars": format_dollars(sum(row.traded for row in rows)),
        "total_cost_shares_fp": format_count(sum(abs(row.position) for row in rows)),
        "event_exposure_dollars": format_dollars(sum(row.cost for row in rows)),
        "realized_pnl_dollars": format_dollars(sum(row.realized for row in rows)),
        "fees_paid_dollars": format_dollars(sum(row.fees for row in rows)),
    }


def balances_by_shard(
    state: EngineState, account: TradingAccount, *, subaccount: int | None, shard: int | None
) -> dict[int, tuple[int, int]]:
    """Give (balance, last change) by shard, as reads see it; shard 0 is always there."""
    as_of = state.as_of()
    found: dict[int, tuple[int, int]] = {} if shard else {0: (0, account.opened)}
    for (sub, index), balance in sorted(account.balances.items()):
        if subaccount in (None, sub) and shard in (None, index):
            row = row_as_of(balance, as_of)
            shown = row.cash if state.settings.balance_shows == "cash" else row.available
            before, when = found.get(index, (0, 0))
            found[index] = (before + shown, max(when, row.updated))
    return found


def position_value(
    state: EngineState, account: TradingAccount, *, subaccount: int | None, shard: int | None
) -> int:
    """Value open positions at the last traded price, in micro-dollars."""
    as_of, total = state.as_of(), 0
    for holding in account.holdings.values():
        row, market = row_as_of(holding, as_of), holding.market
        if row.position and subaccount in (None, row.subaccount) and shard in (None, market.shard):
            price = market.last_price or 0
            total += price * row.position if row.position > 0 else (price - ONE) * row.position
    return total


def get_balance(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetBalance; balance and portfolio_value are integer cents, cut off."""
    subaccount, index = (
        query_acting_subaccount(request),
        query_shard(request),
    )
    shard = None if index is None or index < 0 else index
    rows = balances_by_shard(state, account, subaccount=subaccount, shard=shard)
    total = sum(balance for balance, _ in rows.values())
    body = {
        "balance": total // CENT,
        "balance_dollars": format_dollars(total),
        "portfolio_value": position_value(state, account, subaccount=subaccount, shard=shard)
        // CENT,
        "updated_ts": max((when for _, when in rows.values()), default=account.opened) // 1_000_000,
        "balance_breakdown": [
            {"exchange_index": k, "balance": format_dollars(v)} for k, (v, _) in rows.items()
        ],
    }
    return Answer(200, body)


def resting_value(state: EngineState, account: TradingAccount, request: Call) -> dict[int, int]:
    """Add up what resting orders would cost, by shard, in micro-dollars; 403 for non-members."""
    if state.settings.fcm_only_resting_value and not account.fcm:
        raise permission_denied("only for FCM members")
    locked, totals = allowed_subaccount(request, None), {0: 0}
    for order in account.open_orders.values():
        if locked in (None, order.subaccount):
            totals[order.market.shard] = totals.get(order.market.shard, 0) + order.value
    return totals


def get_resting_value(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetPortfolioRestingOrderTotalValue: the total in integer cents, cut off."""
    totals = resting_value(state, account, request)
    breakdown = [
        {"exchange_index": k, "balance": format_dollars(v)} for k, v in sorted(totals.items())
    ]
    body = {
        "total_resting_order_value": sum(totals.values()) // CENT,
        "resting_order_value_breakdown": breakdown,
    }
    return Answer(200, body)


def list_settlements(
    state: EngineState, account: TradingAccount, request: Call, page: pagination.PageRequest
) -> list[Settlement]:
    """List settlements, newest first, as the query filters them."""
    ticker, event = request.query.get("ticker"), request.query.get("event_ticker")
    least, most = created_range(request)
    subaccount = query_listed_subaccount(request)
    return [
        row
        for row in state.visible_rows(pagination.newest_first(account.settlements, page))
        if (not ticker or row.market.ticker == ticker)
        and (not event or row.market.event == event)
        and least <= row.created <= most
        and subaccount in (None, row.subaccount)
    ]


def get_settlements(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetSettlements."""
    page = pagination.parse_page_request(request.query, "settlements")
    found = list_settlements(state, account, request, page)
    return Answer(
        200, pagination.page_body("settlements", found, page, state.settings, settlement_row)
    )


def get_deposits(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetDeposits."""
    page = pagination.parse_page_request(request.query, "deposits", most=500)
    found = state.visible_rows(pagination.newest_first(account.deposits, page))
    return Answer(200, pagination.page_body("deposits", found, page, state.settings, payment_row))


def get_withdrawals(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetWithdrawals."""
    page = pagination.parse_page_request(request.query, "withdrawals", most=500)
    found = state.visible_rows(pagination.newest_first(account.withdrawals, page))
    return Answer(
        200, pagination.page_body("withdrawals", found, page, state.settings, payment_row)
    )
