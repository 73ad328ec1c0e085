"""Rate limits and usage tiers of the account."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from kalshi_ext.contract import types as shapes


@frozen(kw_only=True)
class BucketLimit:
    """A token bucket: tokens a second and the most it holds."""

    refill_rate: int
    bucket_capacity: int


@frozen(kw_only=True)
class UsageGrant:
    """A usage level granted to the account, until `expires` where it ends."""

    level: str
    source: str | None = None
    exchange_instance: shapes.ExchangeInstance | None = None
    expires: datetime | None = None


@frozen(kw_only=True)
class AccountLimits:
    """The usage tier and its two token buckets."""

    usage_tier: str
    read: BucketLimit
    write: BucketLimit
    grants: tuple[UsageGrant, ...] = ()
    raw: shapes.GetAccountApiLimitsResponse = field(repr=False, eq=False)


@frozen(kw_only=True)
class EndpointCost:
    """Tokens one request of an endpoint costs where it differs from the default."""

    method: str
    path: str
    cost: int


@frozen(kw_only=True)
class EndpointCosts:
    """Tokens a request costs."""

    default_cost: int
    costs: tuple[EndpointCost, ...] = ()
    raw: shapes.GetAccountEndpointCostsResponse = field(repr=False, eq=False)


@frozen(kw_only=True)
class VolumeGoal:
    """Contracts in 30 days that earn or keep a usage level."""

    level: str
    earn: Decimal
    keep: Decimal


@frozen(kw_only=True)
class VolumeProgress:
    """Contracts traded in the trailing 30 days, and the goals ahead."""

    computed: datetime | None
    trailing_30d_volume: Decimal
    goals: tuple[VolumeGoal, ...] = ()
    raw: shapes.AccountApiUsageLevelVolumeProgress = field(repr=False, eq=False)
