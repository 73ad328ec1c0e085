"""The models of answers, the same for both contracts.

Money is Decimal dollars, counts are Decimal contracts, times are aware UTC datetimes. A field
the exchange left out, or sent as null or "", is None. `.raw` is the JSON object as received; it is
no part of equality or repr, so that a new field of the exchange makes no two equal rows differ.
"""

from kalshi_ext.models.account import (
    AccountLimits,
    BucketLimit,
    EndpointCost,
    EndpointCosts,
    UsageGrant,
    VolumeGoal,
    VolumeProgress,
)
from kalshi_ext.models.exchange import (
    DailyHours,
    ExchangeStatus,
    HistoricalCutoff,
    MaintenanceWindow,
    Schedule,
    ShardStatus,
    WeeklyHours,
)
from kalshi_ext.models.orders import Fill, Order, OrderAck, OrderGroup, QueuePosition
from kalshi_ext.models.portfolio import (
    Balance,
    EventPosition,
    InstanceTransfer,
    NettingConfig,
    Payment,
    Position,
    RestingValue,
    Settlement,
    ShardBalance,
    SubaccountBalance,
    SubaccountTransfer,
    TargetAllocation,
)

__all__ = [
    "AccountLimits",
    "Balance",
    "BucketLimit",
    "DailyHours",
    "EndpointCost",
    "EndpointCosts",
    "EventPosition",
    "ExchangeStatus",
    "Fill",
    "HistoricalCutoff",
    "InstanceTransfer",
    "MaintenanceWindow",
    "NettingConfig",
    "Order",
    "OrderAck",
    "OrderGroup",
    "Payment",
    "Position",
    "QueuePosition",
    "RestingValue",
    "Schedule",
    "Settlement",
    "ShardBalance",
    "ShardStatus",
    "SubaccountBalance",
    "SubaccountTransfer",
    "TargetAllocation",
    "UsageGrant",
    "VolumeGoal",
    "VolumeProgress",
    "WeeklyHours",
]
