"""Reads of positions, balances, settlements and payments in the current contract.

A balance is what is available (assumed; `balance_shows`), positions are valued at the last
trade (assumed), and integer cents are cut off, not rounded (documented).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.errors import invalid_query, permission_denied
from kalshi_ext.sandbox.engine.fixed_point import (
    CENT,
    SECOND,
    contract_cost,
    format_count,
    format_dollars,
    format_time,
)
from kalshi_ext.sandbox.engine.operations import handles
from kalshi_ext.sandbox.engine.order_reads import created_range
from kalshi_ext.sandbox.engine.pagination import (
    PageRequest,
    list_field,
    newest_first,
    page_answer,
    parse_page_request,
    take_page,
)
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
    from kalshi_ext.sandbox.engine.accounts import CashBalance, Holding, TradingAccount
    from kalshi_ext.sandbox.engine.commands import ApiRequest
    from kalshi_ext.sandbox.engine.records import Settlement
    from kalshi_ext.sandbox.engine.state import EngineState

SETTLEMENT_STATUSES = ("unsettled", "settled", "all")
COUNT_FILTERS = ("position", "total_traded")


def is_historical_position(state: EngineState, holding: Holding) -> bool:
    """Tell whether a position is only under /historical; an open one never is (documented)."""
    return holding.position == 0 and holding.updated < state.cutoff("positions")


def list_holdings(
    state: EngineState,
    account: TradingAccount,
    request: ApiRequest,
    *,
    subaccount: int | None,
    historical: bool,
) -> list[Holding]:
    """List the holdings that were ever filled, as reads see them, by (created, id)."""
    ticker, event = request.query.get("ticker"), query_list(request.query, "event_ticker")
    shard = query_shard(request, least=0)
    as_of = state.as_of()
    holdings = [
        row
        for row in (row_as_of(holding, as_of) for holding in account.holdings.values())
        # a holding without fills exists for its resting orders only
        if row.created
        and (subaccount is None or row.subaccount == subaccount)
        and (not ticker or row.market.ticker == ticker)
        and (not event or row.market.event in event)
        and (shard is None or row.market.shard == shard)
        and is_historical_position(state, row) == historical
    ]
    return sorted(holdings, key=sort_key)


@handles("GetPositions")
def get_positions(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    page = parse_page_request(request.query, "positions")
    status = query_choice(request.query, "settlement_status", SETTLEMENT_STATUSES) or "unsettled"
    counted = query_list(request.query, "count_filter")
    if set(counted) - set(COUNT_FILTERS):
        raise invalid_query("count_filter", f"must name some of {', '.join(COUNT_FILTERS)}")
    subaccount = query_acting_subaccount(request)
    live = list_holdings(state, account, request, subaccount=subaccount, historical=False)
    holdings = [
        holding
        for holding in live
        if status == "all" or holding.settled == (status == "settled")
        if not counted or any(_is_nonzero(holding, name) for name in counted)
    ]
    return Answer(200, _positions_body(state, holdings, page))


def _is_nonzero(holding: Holding, name: str) -> bool:
    return bool(holding.position if name == "position" else holding.traded)


@handles("GetHistoricalPositions")
def get_historical_positions(
    state: EngineState, account: TradingAccount, request: ApiRequest
) -> Answer:
    page = parse_page_request(request.query, "historical_positions")
    subaccount = query_listed_subaccount(request)
    holdings = list_holdings(state, account, request, subaccount=subaccount, historical=True)
    return Answer(200, _positions_body(state, holdings, page))


def _positions_body(
    state: EngineState, holdings: list[Holding], page: PageRequest
) -> dict[str, Any]:
    settings = state.settings
    rows, cursor = take_page(newest_first(holdings, page), page, settings)
    if not rows and settings.empty_lists == "omit":
        return {}
    markets = [_market_row(row) for row in rows]
    # an event's sums cover the page, not the event: the client pages to see all of it
    events = [_event_row(*event) for event in by_event(rows).items()]
    return {
        **list_field("market_positions", markets, settings),
        **list_field("event_positions", events, settings),
        "cursor": cursor,
    }


def by_event(rows: list[Holding]) -> dict[str, list[Holding]]:
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
    """Give (balance, time of its last change) by shard, as reads see it; shard 0 always."""
    as_of = state.as_of()
    totals: dict[int, tuple[int, int]] = {} if shard else {0: (0, account.opened)}
    for (number, index), balance in sorted(account.balances.items()):
        if subaccount in (None, number) and shard in (None, index):
            row = row_as_of(balance, as_of)
            total, updated = totals.get(index, (0, 0))
            totals[index] = (total + shown_balance(state, row), max(updated, row.updated))
    return totals


def shown_balance(state: EngineState, balance: CashBalance) -> int:
    """Give the part of a balance that reads show (assumed; `balance_shows`), in micro-dollars."""
    return balance.cash if state.settings.balance_shows == "cash" else balance.available


def position_value(
    state: EngineState, account: TradingAccount, *, subaccount: int | None, shard: int | None
) -> int:
    """Value open positions at the last traded price, in micro-dollars."""
    as_of, total = state.as_of(), 0
    for holding in account.holdings.values():
        row, market = row_as_of(holding, as_of), holding.market
        if row.position and subaccount in (None, row.subaccount) and shard in (None, market.shard):
            price = market.last_price or 0
            total += contract_cost(price, bid=row.position > 0) * abs(row.position)
    return total


@handles("GetBalance")
def get_balance(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    subaccount, index = query_acting_subaccount(request), query_shard(request)
    shard = None if index is None or index < 0 else index
    rows = balances_by_shard(state, account, subaccount=subaccount, shard=None)
    counted = {k: v for k, v in rows.items() if shard in (None, k)}
    total = sum(balance for balance, _ in counted.values())
    value = position_value(state, account, subaccount=subaccount, shard=shard)
    updated = max((updated for _, updated in counted.values()), default=account.opened)
    body = {
        "balance": total // CENT,
        "balance_dollars": format_dollars(total),
        "portfolio_value": value // CENT,
        "updated_ts": updated // SECOND,
        # observed: a shard in the query leaves every row of the breakdown
        "balance_breakdown": [
            {"exchange_index": k, "balance": format_dollars(v)} for k, (v, _) in rows.items()
        ],
    }
    return Answer(200, body)


def resting_value(
    state: EngineState, account: TradingAccount, request: ApiRequest
) -> dict[int, int]:
    """Add up what resting orders would cost, by shard, in micro-dollars."""
    # observed: some accounts are refused, by their kind of membership (`fcm_only_resting_value`)
    if state.settings.fcm_only_resting_value and not account.fcm:
        raise permission_denied("only for FCM members")
    locked, totals = allowed_subaccount(request, None), {0: 0}
    for order in account.open_orders.values():
        if locked in (None, order.subaccount):
            totals[order.market.shard] = totals.get(order.market.shard, 0) + order.value
    return totals


@handles("GetPortfolioRestingOrderTotalValue")
def get_resting_value(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
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
    state: EngineState, account: TradingAccount, request: ApiRequest, page: PageRequest
) -> list[Settlement]:
    """List settlements, newest first, as the query filters them."""
    ticker, event = request.query.get("ticker"), request.query.get("event_ticker")
    least, most = created_range(request)
    subaccount = query_listed_subaccount(request)
    return [
        row
        for row in state.visible_rows(newest_first(account.settlements, page))
        if (not ticker or row.market.ticker == ticker)
        and (not event or row.market.event == event)
        and least <= row.created <= most
        and subaccount in (None, row.subaccount)
    ]


@handles("GetSettlements")
def get_settlements(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    page = parse_page_request(request.query, "settlements")
    settlements = list_settlements(state, account, request, page)
    return page_answer("settlements", settlements, page, state.settings, settlement_row)


@handles("GetDeposits")
def get_deposits(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    page = parse_page_request(request.query, "deposits", most=500)
    deposits = state.visible_rows(newest_first(account.deposits, page))
    return page_answer("deposits", deposits, page, state.settings, payment_row)


@handles("GetWithdrawals")
def get_withdrawals(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    page = parse_page_request(request.query, "withdrawals", most=500)
    withdrawals = state.visible_rows(newest_first(account.withdrawals, page))
    return page_answer("withdrawals", withdrawals, page, state.settings, payment_row)
