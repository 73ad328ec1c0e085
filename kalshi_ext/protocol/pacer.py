"""The account's budget of tokens: which bucket a request draws on, and what it costs there.

Documented: reads and writes have a bucket each; a single write that names a shard from 1 up draws
on that shard's own write bucket, everything else on the common one; a batch costs as much as its
entries, and has to fit into the bucket at once. What an account's numbers are is told by
`/account/limits` and `/account/endpoint_costs`. Until they are read (`pacing.py` says when) the
documented numbers of the Basic tier stand for them.

    request                                  bucket       urgent
    cancel, delete, trigger                  write        always: a stop waits for no create
    any other write                          write        no
    a read that a write's outcome needs      read         before all other reads
    any other read                           read         no
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from attrs import define, field, frozen

from kalshi_ext.arguments import Checked, instance, must_be, one_of, plain
from kalshi_ext.bases import Printed, Value
from kalshi_ext.models.account import AccountLimits, BucketLimit, BucketState, Budget, EndpointCosts
from kalshi_ext.protocol.messages import Call, Operation, Repeat
from kalshi_ext.protocol.rate_limits import TokenBucket, Turn
from kalshi_ext.redact import is_a

if TYPE_CHECKING:
    from kalshi_ext.budget.store import BudgetStore, Demand, StoreTrouble

# Tokens a second, read and write, by usage tier (exchange documentation, August 2026). The figures
# move: a Basic read bucket of 600 was observed in September. The account's own: account.limits().
TIERS = {
    "basic": (200, 100),
    "advanced": (300, 300),
    "expert": (600, 600),
    "premier": (1000, 1000),
    "paragon": (2000, 2000),
    "prime": (4000, 4000),
    "prestige": (10000, 8000),
}
DEFAULT_COST = 10.0  # tokens of an operation that is not listed (documented)
# Documented: a V2 cancel costs 2, also each order of a batch of them. By method and path.
_DOCUMENTED_COSTS: Mapping[tuple[str, str], float] = {
    ("DELETE", "/portfolio/events/orders/{}"): 2,
    ("DELETE", "/portfolio/events/orders/batched"): 2,
}
_SHARDED = frozenset({"orders.place", "orders.amend", "orders.decrease", "orders.cancel"})
# Ids hold no quotes, so the name of the field stands for the field.
_SHARD = re.compile(rb'"exchange_index": ?(\d+)')
_PLACEHOLDER = re.compile(r"\{[^}]*\}")
_PREFIX = "/trade-api/v2"
_REFRESH = 600.0  # seconds after which the numbers are read again, if a request has to wait
_RETRY_LEARNING = 5.0  # after they could not be read, and after a 429


def _bucket(value: object, name: str) -> TokenBucket:
    checked: TokenBucket = instance(value, name, TokenBucket, "must be a TokenBucket")
    return checked


def is_urgent(operation: Operation) -> bool:
    """Say whether a write ends or stops orders, and so waits for nothing but tokens."""
    cancels = operation.repeat is Repeat.CANCEL or operation.facade == "order_groups.trigger"
    return operation.writes and (cancels or operation.method == "DELETE")


def shard_of(call: Call[Any]) -> int:
    """Return the shard on whose write bucket a request draws, 0 for the common one."""
    if call.operation.facade not in _SHARDED:
        return 0
    named = dict(call.request.query).get("exchange_index")
    if named is None and call.request.body:
        found = _SHARD.search(call.request.body)
        named = found[1].decode() if found else None
    return int(named) if named is not None and named.isdecimal() else 0


def entries_of(call: Call[Any]) -> int:
    """Return how many entries a request has: one, but for a batch."""
    if not call.operation.path.endswith("/batched") or not call.request.body:
        return 1
    with suppress(ValueError, AttributeError, TypeError):
        body: Any = json.loads(call.request.body)
        return max(1, len(body.get("orders") or body.get("order_ids") or ()))
    return 1


@frozen(eq=False, repr=False)
class Costs(Value):
    """What requests cost: `default`, and those of other costs by method and path."""

    default: float = DEFAULT_COST
    special: Mapping[tuple[str, str], float] = field(default=_DOCUMENTED_COSTS)

    @classmethod
    def of(cls, told: EndpointCosts) -> Costs:
        """Take the costs that the exchange told."""
        special = {
            (row.method.upper(), _template(row.path)): float(row.cost)
            for row in told.costs
            if row.cost >= 0
        }
        return cls(float(told.default_cost), special)

    def each(self, operation: Operation) -> float:
        """Return the cost of one request of an operation, or of one entry of a batch."""
        return self.special.get((operation.method, _template(operation.path)), self.default)


def _is_usable(told: BucketLimit) -> bool:
    """Say whether numbers can be true: a bucket that holds no request would end all trade."""
    return told.refill_rate > 0 and told.bucket_capacity >= DEFAULT_COST


def _template(path: str) -> str:
    return _PLACEHOLDER.sub("{}", path.removeprefix(_PREFIX))


@define(eq=False, repr=False)
class Permit(Printed):
    """Leave to send a request: its turn in the bucket it draws on."""

    bucket: TokenBucket
    turn: Turn
    waited: float = 0.0  # seconds


@define(eq=False, repr=False)
class Pacer(Checked):
    """Pace requests within the exchange's rate limits: a bucket for reads, one for writes.

    A shard's own write bucket has the numbers of `write`. Shared by threads, and by every client
    that it is given to.
    """

    read: TokenBucket
    write: TokenBucket
    costs: Costs = field(factory=Costs, init=False, repr=False)
    store: BudgetStore | None = field(default=None, init=False, repr=False)
    owner: str = field(default="", init=False, repr=False)
    trouble: StoreTrouble = field(init=False, repr=False)  # of the store, where there is one
    source: Literal["given", "assumed", "learned"] = field(default="given", init=False)
    _shards: dict[int, TokenBucket] = field(factory=dict[int, TokenBucket], init=False)
    is_learning: bool = field(default=False, init=False, repr=False)
    learn_at: float = field(default=math.inf, init=False, repr=False)  # monotonic
    _lock: threading.RLock = field(factory=threading.RLock, init=False, repr=False)

    _prefix: ClassVar = "pacer "
    _checks: ClassVar = {"read": _bucket, "write": _bucket}

    @classmethod
    def of_tier(cls, tier: str) -> Pacer:
        """Build the pacer of a usage tier. Raises Misuse for an unknown tier."""
        tier = one_of(tier, "pace", TIERS)
        reads, writes = TIERS[tier]
        # Documented: a bucket holds two seconds for writes above Basic and for Basic and Advanced
        # reads, else one second.
        double_read = 2 if tier in {"basic", "advanced"} else 1
        double_write = 1 if tier == "basic" else 2
        return cls(
            TokenBucket(reads, reads * double_read), TokenBucket(writes, writes * double_write)
        )

    @classmethod
    def learning(cls) -> Pacer:
        """Build the pacer that asks the exchange for the account's numbers when it needs them."""
        pacer = cls.of_tier("basic")
        pacer.source, pacer.learn_at = "assumed", -math.inf
        return pacer

    def bucket(self, call: Call[Any]) -> TokenBucket:
        """Return the bucket that a request draws on."""
        if not call.operation.writes:
            return self.read
        shard = shard_of(call)
        if shard == 0:
            return self.write
        with self._lock:
            if shard not in self._shards:
                self._shards[shard] = TokenBucket(self.write.rate, self.write.capacity)
                if self.store is not None:
                    self._shards[shard].share_out()
            return self._shards[shard]

    def cost(self, call: Call[Any]) -> float:
        """Return the tokens of a request; a batch costs as much as its entries (documented)."""
        return self.costs.each(call.operation) * entries_of(call)

    def take_permit(self, call: Call[Any], *, urgent: bool, now: float) -> Permit:
        """Queue a request. Raises Misuse where its bucket can never hold its cost."""
        with self._lock:
            bucket = self.bucket(call)
            return Permit(bucket, bucket.book(self.cost(call), now, urgent=urgent))

    def wait(self, permit: Permit, now: float) -> float:
        """Return the seconds until a request may go; at 0 it goes, and is counted as sent."""
        with self._lock:
            seconds = permit.bucket.wait(permit.turn, now)
            if seconds == 0:
                permit.bucket.send(permit.turn, now)
            return seconds

    def share(self, store: BudgetStore, owner: str) -> None:
        """Take all tokens from a store, in the name of this process."""
        from kalshi_ext.budget.store import StoreTrouble

        self.store, self.owner, self.trouble = store, owner, StoreTrouble()
        self.read.share_out()
        self.write.share_out()

    def demand(self, permit: Permit) -> Demand | None:
        """Return what to ask of the store for a request; None while another request asks."""
        from kalshi_ext.budget.store import LEASE_SECONDS, Demand  # loaded with the store

        with self._lock:
            bucket, turn = permit.bucket, permit.turn
            missing = bucket.missing(turn)
            if missing <= 0 or (bucket.is_leasing and not turn.urgent):
                return None
            bucket.is_leasing = bucket.is_leasing or not turn.urgent
            rate = bucket.rate * bucket.share
            lease = rate * LEASE_SECONDS
            demand = Demand(
                bucket=self._name(bucket),
                owner=self.owner,
                rate=rate,
                capacity=bucket.capacity,
                cost=missing if turn.urgent else min(missing, max(lease, turn.cost)),
                want=lease,
                unused=bucket.take_unused(),
                flying=bucket.flying,
                urgent=turn.urgent,
                refused=bucket.was_refused,
            )
            bucket.was_refused = False
            return demand

    def returns(self, now: float) -> list[Demand]:
        """Take back what was leased and is not used; return what tells the store of it."""
        with self._lock:
            buckets = (self.read, self.write, *self._shards.values())
            return [self._return(bucket, left) for bucket in buckets if (left := bucket.empty(now))]

    def _return(self, bucket: TokenBucket, unused: float) -> Demand:
        from kalshi_ext.budget.store import Demand  # loaded with the store

        rate, capacity = bucket.rate * bucket.share, bucket.capacity
        return Demand(
            bucket=self._name(bucket), owner=self.owner, rate=rate, capacity=capacity,
            cost=0.0, want=0.0, unused=unused, flying=bucket.flying, refused=bucket.was_refused,
        )  # fmt: skip

    def _name(self, bucket: TokenBucket) -> str:
        if bucket is self.read:
            return "read"
        shards = (n for n, each in self._shards.items() if each is bucket)
        return f"write {next(shards, 0)}"

    def credit(self, permit: Permit, tokens: float, now: float) -> None:
        """Take in tokens that the store gave."""
        with self._lock:
            permit.bucket.credit(tokens, now)

    def send(self, permit: Permit, now: float) -> None:
        """Take in that a request goes now, whether or not its tokens are there."""
        with self._lock:
            permit.bucket.send(permit.turn, now)

    def give_back(self, permit: Permit) -> None:
        """Give back the tokens of a request that was not sent."""
        with self._lock:
            permit.bucket.give_back(permit.turn)

    def answered(self, permit: Permit, *, refused: bool, now: float) -> None:
        """Take in the answer to a request; `refused` by the rate limit."""
        with self._lock:
            permit.bucket.answered(permit.turn, now)
            if refused:
                permit.bucket.refused(now)
                if self.source != "given":  # the numbers may be old
                    self.learn_at = min(self.learn_at, now)

    def should_learn(self, now: float) -> bool:
        """Say whether the account's numbers are to be read now, by whoever asks first."""
        with self._lock:
            if self.source == "given" or now < self.learn_at:
                return False
            self.learn_at = now + _RETRY_LEARNING
            return True

    def is_not_told(self, now: float) -> None:
        """Take in that the exchange has no such read: it is not asked again for a while."""
        with self._lock:
            self.learn_at = max(self.learn_at, now + _REFRESH)

    def learn(self, limits: AccountLimits, costs: EndpointCosts | None, now: float) -> None:
        """Take over the account's numbers; what already waits goes by them."""
        with self._lock:
            read, write = limits.read, limits.write
            if _is_usable(read):
                self.read.learn(read.refill_rate, read.bucket_capacity, now)
            if _is_usable(write):
                for bucket in (self.write, *self._shards.values()):
                    bucket.learn(write.refill_rate, write.bucket_capacity, now)
            if costs is not None and 0 < costs.default_cost <= self.write.capacity:
                self.costs = Costs.of(costs)
            self.source, self.learn_at = "learned", now + _REFRESH

    def budget(self, now: float) -> Budget:
        """Return the tokens, refill and queue of each bucket."""
        with self._lock:
            shards = {n: self._state(bucket, now) for n, bucket in sorted(self._shards.items())}
            read, write = self._state(self.read, now), self._state(self.write, now)
            return Budget(
                read=read,
                write=write,
                shards=shards,
                source=self.source,
                store_error=None if self.store is None else self.trouble.reason,
            )

    def _state(self, bucket: TokenBucket, now: float) -> BucketState:
        return BucketState(
            tokens=round(bucket.tokens(now), 3),
            refill_rate=bucket.rate * bucket.share,
            capacity=bucket.capacity,
            queued=bucket.waiting,
            wait=round(bucket.wait_for(self.costs.default, now), 3),
        )


def _rates(pace: object) -> tuple[float, ...]:
    return cast("tuple[float, ...]", pace) if is_a(pace, tuple) else ()


def checked_pacer(pace: object) -> Pacer | None:
    """Return the pacer that `pace` means: 'auto', None, a tier, two rates, or a Pacer."""
    if pace is None or is_a(pace, Pacer):
        return pace
    if is_a(pace, str):  # first: what is no text may compare as it likes
        word = plain(pace)
        return Pacer.learning() if word == "auto" else Pacer.of_tier(word)
    rates = _rates(pace)
    if len(rates) == 2:  # tokens a second; buckets of one second
        return Pacer(*(TokenBucket(rate, rate) for rate in rates))
    raise must_be("pace", pace, "'auto', None, a usage tier, (reads, writes) a second or a Pacer")
