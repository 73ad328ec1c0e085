"""Rate limits and usage tiers of the account.

The exchange's own figures at the time of the call; `rate_limits.TIERS` holds the documented ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from attrs import field, frozen

from kalshi_ext.bases import Value
from kalshi_ext.models.promises import PROMISED

if TYPE_CHECKING:
    from kalshi_ext.contract import types as wire

__all__ = [
    "AccountLimits",
    "BucketLimit",
    "BucketState",
    "Budget",
    "EndpointCost",
    "EndpointCosts",
    "UsageGrant",
    "VolumeGoal",
    "VolumeProgress",
]


@frozen(kw_only=True, eq=False, repr=False)
class BucketLimit(Value):
    """A token bucket: tokens a second, and the tokens it holds when full."""

    refill_rate: int
    bucket_capacity: int


@frozen(kw_only=True, eq=False, repr=False)
class UsageGrant(Value):
    """A usage level granted to the account; `expires` is None for one without an end."""

    level: str
    source: str = PROMISED
    exchange_instance: wire.ExchangeInstance = PROMISED
    expires: datetime | None = None


@frozen(kw_only=True, eq=False, repr=False)
class AccountLimits(Value):
    """The usage tier and its two token buckets."""

    usage_tier: str
    read: BucketLimit
    write: BucketLimit
    grants: tuple[UsageGrant, ...] = ()
    raw: wire.GetAccountApiLimitsResponse = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class EndpointCost(Value):
    """The tokens one request of an endpoint costs, where they differ from the default."""

    method: str
    path: str
    cost: int


@frozen(kw_only=True, eq=False, repr=False)
class EndpointCosts(Value):
    """The tokens of a request: `default_cost`, and the endpoints that cost otherwise."""

    default_cost: int
    costs: tuple[EndpointCost, ...] = ()
    raw: wire.GetAccountEndpointCostsResponse = field(repr=False, eq=False)


@frozen(kw_only=True, eq=False, repr=False)
class BucketState(Value):
    """A token bucket as this client counts it.

    `tokens` are those the exchange's bucket holds, `refill_rate` is a second; `queued` requests
    wait for it, and one of the default cost that asked now would wait `wait` seconds.
    """

    tokens: float
    refill_rate: float
    capacity: float
    queued: int
    wait: float


@frozen(kw_only=True, eq=False, repr=False)
class Budget(Value):
    """The tokens a client may still spend: for reads, for writes, for writes on a shard of its own.

    `source` says whose numbers these are: "learned" from the exchange, "assumed" (the documented
    Basic tier, until a request has to wait) or "given" with `pace=`. `store_error` says why the
    store of a shared budget did not answer last; None where it did, or nothing is shared.
    """

    read: BucketState
    write: BucketState
    shards: Mapping[int, BucketState] = field(factory=dict[int, BucketState])
    source: Literal["given", "assumed", "learned"] = "given"
    store_error: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class VolumeGoal(Value):
    """The contracts to trade in 30 days to earn a usage level, and to keep it."""

    level: str
    earn: Decimal
    keep: Decimal


@frozen(kw_only=True, eq=False, repr=False)
class VolumeProgress(Value):
    """The contracts traded in the trailing 30 days, and the goals of the usage levels."""

    computed: datetime = PROMISED
    trailing_30d_volume: Decimal
    goals: tuple[VolumeGoal, ...] = ()
    raw: wire.AccountApiUsageLevelVolumeProgress = field(repr=False, eq=False)
