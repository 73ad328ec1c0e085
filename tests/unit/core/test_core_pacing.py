"""Pacing: many flows on one budget, against buckets as the exchange has them, in virtual time."""

from __future__ import annotations

import heapq
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import core_samples as core
import pytest
from attrs import define, field

from kalshi_ext import errors
from kalshi_ext.budget.sqlite import SqliteBudget
from kalshi_ext.budget.store import Demand, Grant, Row
from kalshi_ext.contracts import contract
from kalshi_ext.events import BudgetFailed, BudgetRecovered, Events
from kalshi_ext.protocol import flow
from kalshi_ext.protocol.context import Context, Policy
from kalshi_ext.protocol.effects import Flow, Lease, Monotonic, Now, Send, Sleep
from kalshi_ext.protocol.messages import Call, Lost, Operation, Repeat, Reply, Request
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.protocol.rate_limits import TokenBucket

CURRENT = contract("current")
LIMITS = {"usage_tier": "prime", "grants": []}
OPERATIONS = {
    "create": ("orders.place", Repeat.KEYED, "POST", "/portfolio/events/orders"),
    "batch": ("orders.place_many", Repeat.KEYED, "POST", "/portfolio/events/orders/batched"),
    "cancel": ("orders.cancel", Repeat.CANCEL, "DELETE", "/portfolio/events/orders/{order_id}"),
    "read": ("orders.list", Repeat.READ, "GET", "/portfolio/orders"),
}


def call(kind: str, *, shard: int = 0, entries: int = 1) -> Call[Any]:
    facade, repeat, method, path = OPERATIONS[kind]
    body: dict[str, Any] = {"orders": [{}] * entries} if kind == "batch" else {}
    if shard:
        body["exchange_index"] = shard
    operation = Operation(kind, method, path, facade, repeat)
    request = Request(method, path.replace("{order_id}", "o1"), body=json.dumps(body).encode())
    return Call(operation, request, lambda document: document)


@define
class Reference:
    """A bucket of the exchange: it takes a request's cost when it arrives, or refuses it."""

    rate: float
    capacity: float
    level: float = field(init=False)
    at: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.level = self.capacity

    def take(self, cost: float, now: float) -> bool:
        self.level = min(self.capacity, self.level + self.rate * (now - self.at))
        self.at = now
        if cost > self.level + 1e-6:
            return False
        self.level -= cost
        return True


@define
class World:
    """Runs flows beside each other; requests take a delay to arrive and another to be answered."""

    pacer: Pacer | None
    buckets: dict[str, Reference]
    delay: Callable[[], float] = lambda: 0.01
    now: float = 0.0
    arrived: list[tuple[float, str]] = field(factory=list)
    refused: int = 0
    results: list[Any] = field(factory=list)
    _heap: list[tuple[float, int, Callable[[], None]]] = field(factory=list)
    _order: Iterator[int] = field(factory=itertools.count)
    context: Context = field(init=False)

    def __attrs_post_init__(self) -> None:
        policy = Policy(backoff=core.no_jitter(first=0.1))
        calls = CURRENT.account.limits(), CURRENT.account.endpoint_costs()
        self.context = Context(policy=policy, pacer=self.pacer, budget_calls=lambda: calls)

    def at(self, when: float, work: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (when, next(self._order), work))

    def start(
        self,
        made: Call[Any],
        when: float = 0.0,
        deadline: float | None = None,
        context: Context | None = None,
    ) -> None:
        used = context or self.context

        def steps() -> Flow[Any]:
            limits = None
            if deadline is not None:
                limits = yield from flow.begin_call(used, deadline)
            return (yield from flow.send_with_retries(made, used, limits=limits))

        self.at(when, lambda: self._step(steps(), None))

    def run(self) -> None:
        while self._heap:
            self.now, _, work = heapq.heappop(self._heap)
            work()

    def _step(self, steps: Flow[Any], value: Any) -> None:
        try:
            effect = steps.send(value)
            while isinstance(effect, Monotonic | Now):
                effect = steps.send(self.now)
            if isinstance(effect, Lease):
                effect = self._leased(steps, effect)
        except StopIteration as stop:
            self.results.append(stop.value)
        except errors.KalshiError as error:
            self.results.append(error)
        else:
            if isinstance(effect, Sleep):
                self.at(self.now + effect.seconds, lambda: self._step(steps, None))
            else:
                assert isinstance(effect, Send)
                request = effect.request
                self.at(self.now + self.delay(), lambda: self._arrive(steps, request))

    def _leased(self, steps: Flow[Any], lease: Lease) -> Any:
        try:
            grant = lease.store.lease(lease.demand)
        except OSError as error:
            effect = steps.throw(error)
        else:
            effect = steps.send(grant)
        while isinstance(effect, Monotonic | Now):
            effect = steps.send(self.now)
        return self._leased(steps, effect) if isinstance(effect, Lease) else effect

    def _arrive(self, steps: Flow[Any], request: Request) -> None:
        reply = self._answer(request)
        back = self.now + self.delay()
        reply = Reply(reply.status, {}, reply.body, received_at=back)
        self.at(back, lambda: self._step(steps, reply))

    def _answer(self, request: Request) -> Reply:
        body = json.loads(request.body or b"{}")
        cost = 10 * len(body.get("orders", [1]))
        if request.method == "DELETE":
            cost = 2
        bucket = "read" if request.method == "GET" else "write"
        if bucket == "write" and body.get("exchange_index"):
            bucket += f" {body['exchange_index']}"
        self.arrived.append((self.now, f"{request.method} {request.path}"))
        if not self.buckets[bucket].take(cost, self.now):
            self.refused += 1
            return core.reply(429, {"error": "too many requests"})
        if request.path == "/account/limits":
            numbers = {
                name: {"refill_rate": int(each.rate), "bucket_capacity": int(each.capacity)}
                for name, each in self.buckets.items()
                if name in ("read", "write")
            }
            return core.reply(200, LIMITS | numbers)
        if request.path == "/account/endpoint_costs":
            row = {"method": "DELETE", "path": "/trade-api/v2" + OPERATIONS["cancel"][3], "cost": 2}
            return core.reply(200, {"default_cost": 10, "endpoint_costs": [row]})
        return core.reply(201, {})


def references(rate: float, capacity: float) -> dict[str, Reference]:
    names = ("read", "write", "write 1", "write 2")
    return {name: Reference(rate, capacity) for name in names}


def statuses(world: World) -> list[Any]:
    return [each.status if isinstance(each, Reply) else each for each in world.results]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_delays_nothing_is_refused_and_hardly_a_token_is_lost(seed: int) -> None:
    rng = Random(seed)
    world = World(Pacer.of_tier("basic"), references(100, 100), lambda: rng.uniform(0.001, 0.2))
    for _ in range(300):
        world.start(call("create"))
        world.start(call("create", shard=1))
    world.run()
    assert statuses(world) == [201] * 600
    assert world.refused == 0
    last = max(at for at, _ in world.arrived)
    assert last <= (300 * 10 - 100) / 100 * 1.02 + 0.4


def test_a_cancel_goes_before_every_create_that_waits() -> None:
    world = World(Pacer.of_tier("basic"), references(100, 100))
    for _ in range(200):
        world.start(call("create"))
    for number in range(20):
        world.start(call("cancel"), 3.0 + number / 1000)
    world.run()
    cancels = [at for at, what in world.arrived if what.startswith("DELETE")]
    assert world.refused == 0
    # The first five from what is kept for them, the others as tokens come in: 50 a second.
    assert cancels[0] == pytest.approx(3.01)
    assert max(cancels) <= 3.5


def test_creates_leave_what_is_kept_for_stops_alone() -> None:
    pacer = Pacer.of_tier("basic")
    world = World(pacer, references(100, 100))
    for _ in range(50):
        world.start(call("create"))
    world.at(2.005, lambda: world.results.append(pacer.budget(world.now)))
    world.run()
    (budget,) = [each for each in world.results if not isinstance(each, Reply)]
    assert budget.write.tokens >= 9.9
    assert budget.write.queued in (21, 22)
    assert budget.write.wait == pytest.approx(2.2, abs=0.1)


def test_a_read_that_a_write_needs_goes_before_other_reads() -> None:
    world = World(Pacer.of_tier("basic"), references(200, 400))
    for _ in range(200):
        world.start(call("read"))
    world.start(call("read"), 3.0, deadline=60.0)
    world.run()
    assert world.refused == 0
    ends = [world.results.index(each) for each in world.results]
    assert len(ends) == 201
    assert any(at == pytest.approx(3.01, abs=0.001) for at, _ in world.arrived)


def test_a_deadline_that_cannot_be_met_is_said_at_once() -> None:
    world = World(Pacer.of_tier("basic"), references(100, 100))
    for _ in range(50):
        world.start(call("create"))
    world.start(call("create"), 1.0, deadline=2.0)
    world.at(1.0001, lambda: world.results.append("later"))
    world.run()
    (lost,) = [each for each in world.results if isinstance(each, Lost)]
    assert "rate limit allows it in" in lost.reason
    assert world.results.index(lost) == world.results.index("later") - 1
    assert len(world.arrived) == 50


def test_the_numbers_are_learned_by_the_first_call_that_would_wait_and_by_no_other() -> None:
    world = World(Pacer.learning(), references(4000, 8000))
    for _ in range(500):
        world.start(call("create"))
    world.run()
    asked = [what for _, what in world.arrived if what.startswith("GET")]
    assert asked == ["GET /account/limits", "GET /account/endpoint_costs"]
    assert max(at for at, _ in world.arrived) < 1.0
    assert world.refused == 0
    assert world.pacer is not None
    assert world.pacer.budget(world.now).source == "learned"


@pytest.mark.parametrize("kind", ["create", "cancel", "read"])
def test_a_first_call_sends_nothing_but_itself(kind: str) -> None:
    world = World(Pacer.learning(), references(100, 100))
    world.start(call(kind))
    world.run()
    assert len(world.arrived) == 1


def test_a_cancel_never_asks_for_the_numbers() -> None:
    world = World(Pacer.learning(), references(100, 100))
    for _ in range(80):
        world.start(call("cancel"))
    world.run()
    assert {what.split()[0] for _, what in world.arrived} == {"DELETE"}
    assert world.refused == 0


def test_a_batch_larger_than_the_assumed_bucket_is_sent_where_the_true_one_holds_it() -> None:
    world = World(Pacer.learning(), references(4000, 8000))
    world.start(call("batch", entries=200))
    world.run()
    assert statuses(world) == [201]


def test_a_batch_that_no_bucket_holds_is_refused_before_anything_of_it_is_sent() -> None:
    world = World(Pacer.learning(), references(100, 100))
    world.start(call("batch", entries=11))
    world.run()
    (error,) = world.results
    assert isinstance(error, errors.Misuse)
    assert "smaller batches" in str(error)
    assert {what.split()[0] for _, what in world.arrived} == {"GET"}


def test_numbers_that_are_not_told_leave_the_documented_ones() -> None:
    world = World(Pacer.learning(), references(100, 100))
    world.buckets["read"] = Reference(1, 1)  # every read is refused
    for _ in range(30):
        world.start(call("create"))
    world.run()
    assert statuses(world) == [201] * 30
    assert world.pacer is not None
    assert world.pacer.budget(world.now).source == "assumed"


@pytest.mark.parametrize(("rate", "capacity"), [(0, 100), (100, 0), (-1, 100), (100, 9), (9, -9)])
def test_numbers_that_cannot_be_true_leave_those_that_were(rate: int, capacity: int) -> None:
    pacer = Pacer.learning()
    told: Any = SimpleNamespace(refill_rate=rate, bucket_capacity=capacity)
    dear = SimpleNamespace(method="POST", path="/portfolio/events/orders", cost=-5)
    costs: Any = SimpleNamespace(default_cost=10**9, costs=(dear,))
    limits: Any = SimpleNamespace(read=told, write=told)
    pacer.learn(limits, costs, 0.0)
    assert (pacer.write.rate, pacer.write.capacity, pacer.read.capacity) == (100, 100, 400)
    assert pacer.cost(call("create")) == 10
    costs.default_cost = 20
    pacer.learn(limits, costs, 0.0)
    assert pacer.cost(call("create")) == 20


def test_a_refusal_corrects_the_model() -> None:
    """Another client takes half of the account's tokens, of which this one knows nothing."""
    world = World(Pacer.of_tier("basic"), references(50, 50))
    for number in range(100):
        world.start(call("create"), number / 10)
    world.run()
    assert statuses(world).count(201) >= 98
    assert world.refused < 45


def test_every_attempt_is_charged() -> None:
    pacer = Pacer(TokenBucket(0.001, 1000), TokenBucket(1, 1000))
    context = Context(pacer=pacer, policy=Policy(backoff=core.no_jitter(first=0.0)))
    driver = core.ScriptedDriver([core.reply(503), core.reply(503), core.reply(200, {})])
    driver.run(flow.send_with_retries(call("read"), context))
    assert pacer.budget(driver.time).read.tokens == pytest.approx(970, abs=0.1)


def test_an_attempt_that_never_left_is_not_charged() -> None:
    pacer = Pacer(TokenBucket(0.001, 1000), TokenBucket(1, 1000))
    context = Context(pacer=pacer, policy=Policy(backoff=core.no_jitter(first=0.0), attempts=1))
    driver = core.ScriptedDriver([core.lost(bytes_sent=False)])
    driver.run(flow.send_with_retries(call("create"), context))
    assert pacer.budget(driver.time).write.tokens == 1000


def test_a_flow_that_is_dropped_in_the_queue_gives_its_tokens_back() -> None:
    pacer = Pacer(TokenBucket(10, 10), TokenBucket(10, 10))
    context = Context(pacer=pacer)
    core.ScriptedDriver([core.reply(201, {})]).run(flow.send_with_retries(call("create"), context))
    steps = flow.send_with_retries(call("create"), context)
    next(steps)
    assert isinstance(steps.send(core.EPOCH), Sleep)
    assert pacer.budget(core.EPOCH).write.queued == 1
    steps.close()
    assert pacer.budget(core.EPOCH).write.queued == 0
    assert pacer.budget(core.EPOCH + 1).write.tokens == 10


@define
class MemoryStore:
    """A shared budget in a dict; its clock is the world's."""

    world: World
    rows: dict[str, Row] = field(factory=dict)

    def lease(self, demand: Demand) -> Grant:
        now = self.world.now
        row = self.rows.setdefault(demand.bucket, Row.full(demand, now))
        return row.grant(demand, now)

    def close(self) -> None:
        """Close nothing."""


@pytest.mark.parametrize("seed", range(3))
def test_three_processes_on_one_budget_send_everything_and_are_refused_nothing(seed: int) -> None:
    rng = Random(seed)
    world = World(None, references(100, 100), lambda: rng.uniform(0.001, 0.05))
    store = MemoryStore(world)
    for number in range(3):
        pacer = Pacer.of_tier("basic")
        pacer.share(store, f"process {number}")
        context = Context(policy=world.context.policy, pacer=pacer)
        for _ in range(60):
            world.start(call("create"), rng.uniform(0, 2), context=context)
        for _ in range(5):
            world.start(call("cancel"), rng.uniform(3, 10), context=context)
    world.run()
    assert world.refused == 0
    assert statuses(world) == [201] * 195
    assert max(at for at, _ in world.arrived) <= (180 * 10 + 30 - 100) / 100 * 1.05 + 1.0


@define
class BrokenStore(MemoryStore):
    """A shared budget that does not answer while it is told so."""

    is_broken: bool = True
    asked: int = 0

    def lease(self, demand: Demand) -> Grant:
        self.asked += 1
        if self.is_broken:
            raise OSError("no space left on device")
        return super().lease(demand)


def test_a_store_that_does_not_answer_stops_nothing_and_is_told_once_until_it_is_over() -> None:
    world, told = World(None, references(100, 100)), []
    store, pacer = BrokenStore(world), Pacer.of_tier("basic")
    pacer.share(store, "process")
    context = Context(policy=world.context.policy, pacer=pacer, events=Events(told.append))
    for _ in range(50):
        world.start(call("create"), 0.0, context=context)
    world.at(1.9, lambda: setattr(store, "is_broken", False))
    world.run()
    assert statuses(world) == [201] * 50
    assert world.refused == 0
    failed = [each for each in told if isinstance(each, BudgetFailed)]
    assert [each.retry for each in failed] == [1.0, 2.0]  # at 0 and 1 s; asked once each
    assert "no space left" in failed[0].reason
    (over,) = [each for each in told if isinstance(each, BudgetRecovered)]
    assert over.seconds == pytest.approx(3.0, abs=0.2)
    assert pacer.budget(world.now).store_error is None


def test_a_process_that_ends_gives_back_what_it_leased_and_did_not_use() -> None:
    world = World(None, references(100, 100))
    store, pacer = MemoryStore(world), Pacer.of_tier("basic")
    pacer.share(store, "process")
    context = Context(policy=world.context.policy, pacer=pacer)
    world.start(call("create"), 0.0, context=context)
    world.run()
    before = store.rows["write 0"].level
    for demand in pacer.returns(world.now):
        assert demand.unused == 10
        store.lease(demand)
    assert store.rows["write 0"].level >= before + 10
    assert pacer.returns(world.now) == []


def test_the_rate_of_a_shared_bucket_comes_back_after_refusals() -> None:
    bucket = TokenBucket(100, 100)
    bucket.share_out()
    bucket.refused(0.0)
    bucket.refused(2.0)
    assert bucket.share < 1
    bucket.refill(30.0)
    assert bucket.share == 1


def test_what_a_killed_process_held_comes_back_after_a_second() -> None:
    demand = Demand(bucket="write 0", owner="a", rate=100, capacity=100, cost=10, want=20)
    row = Row.full(demand, 0.0)
    assert row.grant(demand, 0.0) == Grant(20, 0.0)
    other = Demand(bucket="write 0", owner="b", rate=100, capacity=100, cost=10, want=20)
    assert row.grant(other, 0.9).tokens == 20
    assert row.level == pytest.approx(60)  # held by the other: no room to refill
    row.grant(other, 5.0)
    assert row.level == pytest.approx(80)


def test_a_clock_set_back_gives_nothing_and_lets_nothing_be_held_for_longer() -> None:
    demand = Demand(bucket="write 0", owner="a", rate=100, capacity=100, cost=10, want=20)
    row = Row.full(demand, 7_200.0)
    row.grant(demand, 7_200.0)  # and is killed
    other = Demand(bucket="write 0", owner="b", rate=100, capacity=100, cost=10, want=20)
    assert row.grant(other, 0.0).tokens == 20
    assert row.level == pytest.approx(60)
    row.grant(other, 5.0)
    assert row.level == pytest.approx(80)


def test_a_step_of_the_wall_clock_fills_no_bucket_that_processes_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demand = Demand(bucket="write 0", owner="a", rate=1, capacity=100, cost=90, want=90)
    store = SqliteBudget(tmp_path / "budget", "an account")
    store.lease(demand)
    for step in (3_600.0, -3_600.0, 86_400.0):
        wall = time.time() + step
        monkeypatch.setattr(time, "time", lambda wall=wall: wall)
        assert store.lease(demand).wait > 60
    store.close()
