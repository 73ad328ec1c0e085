"""The exchange's JSON as types, both contracts together.

Derived by `make generate` from openapi/portfolio.yaml and openapi/classic.yaml; do not edit.
"""

from __future__ import annotations

from decimal import Decimal

from kalshi_ext.values.enums import OpenEnum
from kalshi_ext.values.shapes import TypedDict


class BookSide(OpenEnum):
    ASK = "ask"
    BID = "bid"


class ExchangeInstance(OpenEnum):
    EVENT_CONTRACT = "event_contract"
    MARGINED = "margined"


class IntraExchangeInstanceTransferStatus(OpenEnum):
    COMPLETE = "complete"
    PENDING = "pending"


class MarketResult(OpenEnum):
    NO = "no"
    SCALAR = "scalar"
    YES = "yes"


class MarketStatus(OpenEnum):
    ACTIVE = "active"
    AMENDED = "amended"
    CLOSED = "closed"
    DETERMINED = "determined"
    DISPUTED = "disputed"
    FINALIZED = "finalized"
    INACTIVE = "inactive"
    INITIALIZED = "initialized"


class MarketStatusFilter(OpenEnum):
    CLOSED = "closed"
    OPEN = "open"
    PAUSED = "paused"
    SETTLED = "settled"
    UNOPENED = "unopened"


class MarketType(OpenEnum):
    BINARY = "binary"
    SCALAR = "scalar"


class MveFilter(OpenEnum):
    EXCLUDE = "exclude"
    ONLY = "only"


class OrderAction(OpenEnum):
    BUY = "buy"
    SELL = "sell"


class OrderStatus(OpenEnum):
    CANCELED = "canceled"
    EXECUTED = "executed"
    PENDING = "pending"
    RESTING = "resting"


class OrderType(OpenEnum):
    LIMIT = "limit"
    MARKET = "market"


class OutcomeSide(OpenEnum):
    NO = "no"
    YES = "yes"


class PaymentStatus(OpenEnum):
    APPLIED = "applied"
    FAILED = "failed"
    PENDING = "pending"
    RETURNED = "returned"


class PaymentType(OpenEnum):
    ACH = "ach"
    APM = "apm"
    CRYPTO = "crypto"
    DEBIT = "debit"
    WIRE = "wire"


class RestingMarginReservation(OpenEnum):
    MAX = "max"
    NONE = "none"
    SUM = "sum"


class SelfTradePreventionType(OpenEnum):
    MAKER = "maker"
    TAKER_AT_CROSS = "taker_at_cross"


class SettlementBoundsType(OpenEnum):
    DEFAULT = "default"
    FLOOR = "floor"


class SettlementStatusFilter(OpenEnum):
    ALL = "all"
    SETTLED = "settled"
    UNSETTLED = "unsettled"


class StrikeType(OpenEnum):
    BETWEEN = "between"
    CUSTOM = "custom"
    FUNCTIONAL = "functional"
    GREATER = "greater"
    GREATER_OR_EQUAL = "greater_or_equal"
    LESS = "less"
    LESS_OR_EQUAL = "less_or_equal"
    STRUCTURED = "structured"


class TimeInForce(OpenEnum):
    FILL_OR_KILL = "fill_or_kill"
    GOOD_TILL_CANCELED = "good_till_canceled"
    IMMEDIATE_OR_CANCEL = "immediate_or_cancel"


class AccountApiUsageLevelVolumeGoal(TypedDict, total=False):
    earn_volume_goal_fp: str
    keep_volume_goal_fp: str
    level: str


class AccountApiUsageLevelVolumeProgress(TypedDict, total=False):
    computed_ts: int
    goals: list[AccountApiUsageLevelVolumeGoal]
    trailing_30d_volume_fp: str


class AmendOrderRequest(TypedDict, total=False):
    action: str
    client_order_id: str
    count: int
    no_price: int
    side: str
    ticker: str
    updated_client_order_id: str
    yes_price: int


class AmendOrderResponse(TypedDict, total=False):
    order: Order


class AmendOrderV2Request(TypedDict, total=False):
    client_order_id: str
    count: str
    exchange_index: int
    expiration_time: int
    price: str
    side: str
    ticker: str
    updated_client_order_id: str


class AmendOrderV2Response(TypedDict, total=False):
    average_fee_paid: str | None
    average_fill_price: str | None
    client_order_id: str
    fill_count: str | None
    order_id: str
    remaining_count: str | None
    ts_ms: int


class ApiUsageLevelGrant(TypedDict, total=False):
    exchange_instance: str
    expires_ts: int | None
    level: str
    source: str


class ApplySubaccountTransferRequest(TypedDict, total=False):
    amount_cents: int
    client_transfer_id: str
    exchange_index: int
    from_subaccount: int
    to_subaccount: int


class ApplySubaccountTransferResponse(TypedDict, total=False):
    pass


class BatchCancelOrdersRequest(TypedDict, total=False):
    order_ids: list[str]


class BatchCancelOrdersResponse(TypedDict, total=False):
    responses: list[BatchCancelOrdersResponseEntry]


class BatchCancelOrdersResponseEntry(TypedDict, total=False):
    error: ErrorResponse | None
    order_id: str
    reduced_by: int


class BatchCancelOrdersV2Request(TypedDict, total=False):
    orders: list[BatchCancelOrdersV2RequestEntry]


class BatchCancelOrdersV2RequestEntry(TypedDict, total=False):
    exchange_index: int
    market_ticker: str
    order_id: str
    subaccount: int


class BatchCancelOrdersV2Response(TypedDict, total=False):
    orders: list[BatchCancelOrdersV2ResponseEntry]


class BatchCancelOrdersV2ResponseEntry(TypedDict, total=False):
    client_order_id: str | None
    error: ErrorResponse | None
    order_id: str
    reduced_by: str
    ts_ms: int | None


class BatchCreateOrdersRequest(TypedDict, total=False):
    orders: list[CreateOrderRequest]


class BatchCreateOrdersResponse(TypedDict, total=False):
    responses: list[BatchCreateOrdersResponseEntry]


class BatchCreateOrdersResponseEntry(TypedDict, total=False):
    error: ErrorResponse | None
    order: Order | None


class BatchCreateOrdersV2Request(TypedDict, total=False):
    orders: list[CreateOrderV2Request]


class BatchCreateOrdersV2Response(TypedDict, total=False):
    orders: list[BatchCreateOrdersV2ResponseEntry]


class BatchCreateOrdersV2ResponseEntry(TypedDict, total=False):
    average_fee_paid: str | None
    average_fill_price: str | None
    client_order_id: str | None
    error: ErrorResponse | None
    fill_count: str | None
    order_id: str
    remaining_count: str | None
    ts_ms: int | None


class BucketLimit(TypedDict, total=False):
    bucket_capacity: int
    refill_rate: int


class CancelOrderResponse(TypedDict, total=False):
    order: Order
    reduced_by: int


class CancelOrderV2Response(TypedDict, total=False):
    client_order_id: str
    order_id: str
    reduced_by: str
    ts_ms: int


class CreateOrderGroupRequest(TypedDict, total=False):
    contracts_limit: int
    contracts_limit_fp: str | None
    exchange_index: int
    subaccount: int


class CreateOrderGroupResponse(TypedDict, total=False):
    exchange_index: int
    order_group_id: str
    subaccount: int


class CreateOrderRequest(TypedDict, total=False):
    action: str
    buy_max_cost: int
    client_order_id: str
    count: int
    expiration_ts: int
    no_price: int
    order_group_id: str
    post_only: bool
    sell_position_floor: int
    side: str
    ticker: str
    type: str
    yes_price: int


class CreateOrderResponse(TypedDict, total=False):
    order: Order


class CreateOrderV2Request(TypedDict, total=False):
    cancel_order_on_pause: bool
    client_order_id: str
    count: str
    exchange_index: int
    expiration_time: int
    order_group_id: str
    post_only: bool
    price: str
    reduce_only: bool
    self_trade_prevention_type: str
    side: str
    subaccount: int
    ticker: str
    time_in_force: str


class CreateOrderV2Response(TypedDict, total=False):
    average_fee_paid: str
    average_fill_price: str
    client_order_id: str
    fill_count: str
    order_id: str
    remaining_count: str
    ts_ms: int


class CreateSubaccountRequest(TypedDict, total=False):
    exchange_index: int


class CreateSubaccountResponse(TypedDict, total=False):
    subaccount_number: int


class DailySchedule(TypedDict, total=False):
    close_time: str
    open_time: str


class DecreaseOrderRequest(TypedDict, total=False):
    reduce_by: int


class DecreaseOrderResponse(TypedDict, total=False):
    order: Order


class DecreaseOrderV2Request(TypedDict, total=False):
    exchange_index: int
    market_ticker: str
    reduce_by: str | None
    reduce_to: str | None


class DecreaseOrderV2Response(TypedDict, total=False):
    client_order_id: str
    order_id: str
    remaining_count: str
    ts_ms: int


class Deposit(TypedDict, total=False):
    amount_cents: int
    created_ts: int
    fee_cents: int
    finalized_ts: int | None
    id: str
    status: str
    type: str


class EmptyResponse(TypedDict, total=False):
    pass


class EndpointTokenCost(TypedDict, total=False):
    cost: int
    method: str
    path: str


class ErrorDetail(TypedDict, total=False):
    code: str
    details: str | None
    message: str
    service: str


class ErrorResponse(TypedDict, total=False):
    code: str
    details: str | None
    error: ErrorDetail | str
    message: str
    msg: str
    service: str


class EventPosition(TypedDict, total=False):
    event_exposure: int
    event_exposure_dollars: str
    event_ticker: str
    fees_paid: int
    fees_paid_dollars: str
    realized_pnl: int
    realized_pnl_dollars: str
    resting_order_count: int
    total_cost: int
    total_cost_dollars: str
    total_cost_shares_fp: str


class ExchangeIndexStatus(TypedDict, total=False):
    description: str
    exchange_active: bool
    exchange_index: int
    intra_exchange_transfers_active: bool
    trading_active: bool


class ExchangeStatus(TypedDict, total=False):
    exchange_active: bool
    exchange_estimated_resume_time: str | None
    exchange_index_statuses: list[ExchangeIndexStatus]
    intra_exchange_transfers_active: bool
    trading_active: bool


class Fill(TypedDict, total=False):
    action: str
    book_side: str
    count: int
    count_fp: str
    created_time: str | None
    exchange_index: int
    fee_cost: str
    fill_id: str
    is_taker: bool
    market_ticker: str
    no_price_dollars: str
    order_id: str
    outcome_side: str
    price: int
    side: str
    subaccount_number: int | None
    ticker: str
    trade_id: str
    ts: int
    yes_price_dollars: str


class GetAccountApiLimitsResponse(TypedDict, total=False):
    grants: list[ApiUsageLevelGrant]
    read: BucketLimit
    usage_tier: str
    write: BucketLimit


class GetAccountApiUsageLevelVolumeProgressResponse(TypedDict, total=False):
    volume_progress: list[AccountApiUsageLevelVolumeProgress]


class GetAccountEndpointCostsResponse(TypedDict, total=False):
    default_cost: int
    endpoint_costs: list[EndpointTokenCost]


class GetBalanceResponse(TypedDict, total=False):
    balance: int
    balance_breakdown: list[IndexedBalance]
    balance_dollars: str
    portfolio_value: int
    updated_ts: int


class GetDepositsResponse(TypedDict, total=False):
    cursor: str | None
    deposits: list[Deposit] | None


class GetExchangeScheduleResponse(TypedDict, total=False):
    schedule: Schedule


class GetFillsResponse(TypedDict, total=False):
    cursor: str | None
    fills: list[Fill] | None


class GetHistoricalCutoffResponse(TypedDict, total=False):
    market_positions_last_updated_ts: str
    market_settled_ts: str
    orders_updated_ts: str
    trades_created_ts: str


class GetIntraExchangeInstanceTransferResponse(TypedDict, total=False):
    transfer: IntraExchangeInstanceTransfer


class GetIntraExchangeInstanceTransfersResponse(TypedDict, total=False):
    cursor: str | None
    transfers: list[IntraExchangeInstanceTransfer] | None


class GetMarketOrderbookResponse(TypedDict, total=False):
    orderbook_fp: OrderbookCountFp


class GetMarketResponse(TypedDict, total=False):
    market: Market


class GetMarketsResponse(TypedDict, total=False):
    cursor: str | None
    markets: list[Market] | None


class GetOrderGroupResponse(TypedDict, total=False):
    contracts_limit_fp: str
    exchange_index: int
    is_auto_cancel_enabled: bool
    orders: list[str]


class GetOrderGroupsResponse(TypedDict, total=False):
    cursor: str | None
    order_groups: list[OrderGroup] | None


class GetOrderQueuePositionResponse(TypedDict, total=False):
    queue_position: int
    queue_position_fp: str


class GetOrderQueuePositionsResponse(TypedDict, total=False):
    queue_positions: list[OrderQueuePosition] | None


class GetOrderResponse(TypedDict, total=False):
    order: Order


class GetOrdersResponse(TypedDict, total=False):
    cursor: str | None
    orders: list[Order] | None


class GetPortfolioRestingOrderTotalValueResponse(TypedDict, total=False):
    resting_order_value_breakdown: list[IndexedBalance]
    total_resting_order_value: int


class GetPositionsResponse(TypedDict, total=False):
    cursor: str | None
    event_positions: list[EventPosition] | None
    market_positions: list[MarketPosition] | list[Position] | None


class GetQueuePositionsRequest(TypedDict, total=False):
    order_ids: list[str]


class GetQueuePositionsResponse(TypedDict, total=False):
    queue_positions: dict[str, int]


class GetSettlementsResponse(TypedDict, total=False):
    cursor: str | None
    settlements: list[Settlement] | None


class GetSubaccountBalancesResponse(TypedDict, total=False):
    subaccount_balances: list[SubaccountBalance]


class GetSubaccountNettingResponse(TypedDict, total=False):
    netting_configs: list[SubaccountNettingConfig]


class GetSubaccountTransfersResponse(TypedDict, total=False):
    cursor: str | None
    transfers: list[SubaccountTransfer] | None


class GetTargetBalanceAllocationResponse(TypedDict, total=False):
    allocations: list[TargetBalanceAllocation]
    resting_margin_reservation: str


class GetTotalRestingOrderValueResponse(TypedDict, total=False):
    total_resting_order_value: int


class GetTradesResponse(TypedDict, total=False):
    cursor: str | None
    trades: list[Trade] | None


class GetUserDataTimestampResponse(TypedDict, total=False):
    as_of_time: str


class GetWithdrawalsResponse(TypedDict, total=False):
    cursor: str | None
    withdrawals: list[Withdrawal] | None


class IndexedBalance(TypedDict, total=False):
    balance: str
    exchange_index: int


class IntraExchangeInstanceTransfer(TypedDict, total=False):
    amount: str
    client_transfer_id: str
    created_ts: int
    destination: str
    destination_exchange_shard: int
    source: str
    source_exchange_shard: int
    status: str
    transfer_id: str


class IntraExchangeInstanceTransferRequest(TypedDict, total=False):
    amount: int
    client_transfer_id: str
    destination: str
    destination_exchange_shard: int
    destination_subaccount: int
    source: str
    source_exchange_shard: int
    source_subaccount: int


class IntraExchangeInstanceTransferResponse(TypedDict, total=False):
    transfer_id: str


class MaintenanceWindow(TypedDict, total=False):
    end_datetime: str
    start_datetime: str


class Market(TypedDict, total=False):
    can_close_early: bool
    cap_strike: int | Decimal | None
    close_time: str
    created_time: str
    custom_strike: dict[str, object] | None
    early_close_condition: str | None
    event_ticker: str
    exchange_index: int
    expected_expiration_time: str | None
    expiration_time: str
    expiration_value: str
    fee_waiver_expiration_time: str | None
    floor_strike: int | Decimal | None
    functional_strike: str | None
    is_provisional: bool
    last_price_dollars: str
    latest_expiration_time: str
    market_type: str
    mve_collection_ticker: str
    mve_selected_legs: list[MveSelectedLeg]
    no_ask_dollars: str
    no_bid_dollars: str
    no_sub_title: str
    notional_value_dollars: str
    occurrence_datetime: str | None
    open_interest_fp: str
    open_time: str
    previous_price_dollars: str
    previous_yes_ask_dollars: str
    previous_yes_bid_dollars: str
    price_level_structure: str
    price_ranges: list[PriceRange]
    primary_participant_key: str | None
    result: str
    rules_primary: str
    rules_secondary: str
    settlement_bounds_type: str
    settlement_floor_dollars: str | None
    settlement_timer_seconds: int
    settlement_ts: str | None
    settlement_value_dollars: str | None
    status: str
    strike_type: str
    subtitle: str
    ticker: str
    title: str
    updated_time: str
    volume_24h_fp: str
    volume_fp: str
    yes_ask_dollars: str
    yes_ask_size_fp: str
    yes_bid_dollars: str
    yes_bid_size_fp: str
    yes_sub_title: str


class MarketPosition(TypedDict, total=False):
    exchange_index: int
    fees_paid_dollars: str
    last_updated_ts: str
    market_exposure_dollars: str
    position_fp: str
    realized_pnl_dollars: str
    ticker: str
    total_traded_dollars: str


class MveSelectedLeg(TypedDict, total=False):
    event_ticker: str
    market_ticker: str
    side: str
    yes_settlement_value_dollars: str | None


class Order(TypedDict, total=False):
    action: str
    book_side: str
    cancel_order_on_pause: bool
    client_order_id: str
    count: int
    created_time: str | None
    exchange_index: int
    expiration_time: str | None
    fill_count: int
    fill_count_fp: str
    initial_count: int
    initial_count_fp: str
    last_update_time: str | None
    maker_fees: int
    maker_fees_dollars: str
    maker_fill_cost_dollars: str
    no_price: int
    no_price_dollars: str
    order_group_id: str | None
    order_id: str
    outcome_side: str
    remaining_count: int
    remaining_count_fp: str
    self_trade_prevention_type: str | None
    side: str
    status: str
    subaccount_number: int | None
    taker_fees: int
    taker_fees_dollars: str
    taker_fill_cost_dollars: str
    ticker: str
    type: str
    updated_time: str | None
    user_id: str
    yes_price: int
    yes_price_dollars: str


class OrderGroup(TypedDict, total=False):
    contracts_limit_fp: str
    exchange_index: int
    id: str
    is_auto_cancel_enabled: bool


class OrderQueuePosition(TypedDict, total=False):
    market_ticker: str
    order_id: str
    queue_position_fp: str


class OrderbookCountFp(TypedDict, total=False):
    no_dollars: list[list[str]] | None
    yes_dollars: list[list[str]] | None


class Position(TypedDict, total=False):
    event_ticker: str
    fees_paid: int
    market_result: str
    position: int
    realized_pnl: int
    resting_order_count: int
    ticker: str
    total_cost: int


class PriceRange(TypedDict, total=False):
    end: str
    start: str
    step: str


class Schedule(TypedDict, total=False):
    maintenance_windows: list[MaintenanceWindow]
    standard_hours: list[WeeklySchedule]


class SetTargetBalanceAllocationRequest(TypedDict, total=False):
    allocations: list[TargetBalanceAllocationInput]
    resting_margin_reservation: str


class Settlement(TypedDict, total=False):
    event_ticker: str
    exchange_index: int
    fee_cost: str
    market_result: str
    no_count: int
    no_count_fp: str
    no_total_cost_dollars: str
    result: str
    revenue: int
    settled_time: str | None
    ticker: str
    value: int | None
    yes_count: int
    yes_count_fp: str
    yes_total_cost_dollars: str


class SubaccountBalance(TypedDict, total=False):
    balance: str
    exchange_index: int
    subaccount_number: int
    updated_ts: int


class SubaccountNettingConfig(TypedDict, total=False):
    enabled: bool
    exchange_index: int
    subaccount_number: int


class SubaccountTransfer(TypedDict, total=False):
    amount_cents: int
    created_ts: int
    exchange_index: int
    from_subaccount: int
    to_subaccount: int
    transfer_id: str


class TargetBalanceAllocation(TypedDict, total=False):
    exchange_index: int
    percent: int


class TargetBalanceAllocationInput(TypedDict, total=False):
    exchange_index: int
    percent: int


class Trade(TypedDict, total=False):
    count_fp: str
    created_time: str
    is_block_trade: bool
    no_price_dollars: str
    taker_book_side: str
    taker_outcome_side: str
    taker_side: str
    ticker: str
    trade_id: str
    yes_price_dollars: str


class UpdateOrderGroupLimitRequest(TypedDict, total=False):
    contracts_limit: int
    contracts_limit_fp: str | None


class UpdateSubaccountNettingRequest(TypedDict, total=False):
    enabled: bool
    subaccount_number: int


class WeeklySchedule(TypedDict, total=False):
    end_time: str
    friday: list[DailySchedule]
    monday: list[DailySchedule]
    saturday: list[DailySchedule]
    start_time: str
    sunday: list[DailySchedule]
    thursday: list[DailySchedule]
    tuesday: list[DailySchedule]
    wednesday: list[DailySchedule]


class Withdrawal(TypedDict, total=False):
    amount_cents: int
    created_ts: int
    fee_cents: int
    finalized_ts: int | None
    id: str
    status: str
    type: str
