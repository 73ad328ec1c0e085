"""The stop button against an exchange that answers badly: what a stop says is held to the books."""

from __future__ import annotations

import json
import os
import random
from decimal import Decimal
from typing import Any

import pytest
from attrs import define
from stop_worlds import CANCELS, LISTS, MINE, OTHER, SISTER, Answer, StopDriver, StopWorld

from kalshi_ext import stop as stops
from kalshi_ext import writes
from kalshi_ext.contracts import contract as contract_of
from kalshi_ext.journal import MemoryJournal
from kalshi_ext.journal.stop_record import Latch
from kalshi_ext.protocol.context import Context, Policy
from kalshi_ext.protocol.flow import Send
from kalshi_ext.protocol.pacer import Costs, Pacer
from kalshi_ext.protocol.rate_limits import Backoff
from kalshi_ext.requests import OrderTicket
from kalshi_ext.stop import button

RUNS = int(os.environ.get("KALSHI_STOP_WORLDS", "50"))
SIGNATURE_LIFE = 60.0
LATCHES = (Latch(), Latch(), Latch(ticker=MINE), Latch(event_ticker="KXRAIN-26DEC31"))


@define
class Stopped:
    """A stop that was played: its report, and what the books say."""

    world: StopWorld
    latch: Latch
    deadline: float | None
    report: stops.StopReport
    began: float
    ended: float
    resting: list[str]  # order ids, once all that was on its way has arrived

    def lies(self) -> list[str]:
        """Say what is untrue of the report, or was not kept."""
        report, allowed = self.report, self.deadline or 180.0
        named = {each.order.order_id for each in report.resting}
        # One request may begin before the end; with a deadline only the report may take longer.
        late = self.ended - self.began - allowed - (1.5 if self.deadline else 11.5)
        untrue = {
            "flat, and something rests": report.flat and self.resting,
            "late": late > 0,
            "no reason": any(not each.why for each in report.resting),
            "nothing said of what rests": self.resting
            and not (named or report.unread or report.undecided or not report.verified),
            "a cancel beyond its scope": any(
                order.ended is not None and not self.latch.covers(order.ticker, 0)
                for order in self.world.orders
            ),
        }
        return [what for what, is_so in untrue.items() if is_so]


def play(contract: str, seed: int) -> Stopped:
    """Place orders in a friendly world, make it hostile, and stop."""
    rng = random.Random(f"{contract} {seed}")
    world = StopWorld(contract, rng)
    journal = MemoryJournal()
    groups = stops.AutoGroups(Decimal(10**6)) if rng.random() < 0.6 else None
    pacer = Pacer.learning() if rng.random() < 0.7 else None
    policy = Policy(backoff=Backoff(first=0.0))
    context = Context(policy=policy, auto_groups=groups, pacer=pacer)
    context.stops.record = journal.stops.record
    driver, words = StopDriver(world, journal), contract_of(contract)
    for number in range(rng.choice((0, 1, 5, 30))):  # of another program
        body = {"client_order_id": f"s{number}", "ticker": rng.choice((MINE, OTHER, SISTER))}
        world.create(body, world.time)
    for number in range(rng.choice((0, 1, 4))):
        flow = writes.place(words, ticket(f"c{number}", rng), context)
        if number < 2:
            driver.run(flow)
        else:  # the process died while it was on the wire
            body = run_to_create(driver, flow)
            world.on_the_way.append((world.time + rng.choice((0, 1, 20, 50)), body))
    make_hostile(world)
    latch, deadline = rng.choice(LATCHES), rng.choice((None, 2.0, 10.0, 90.0))
    began = world.time
    options: dict[str, Any] = {"verify": rng.random() < 0.9, "deadline": deadline}
    report = driver.run(stops.stop(words, context, latch, **options))
    ended = world.time
    driver.pass_time(2 * SIGNATURE_LIFE)
    covered = (each for each in world.orders if latch.covers(each.ticker, 0))
    resting = [each.id for each in covered if each.ended is None]
    return Stopped(world, latch, deadline, report, began, ended, resting)


def ticket(name: str, rng: random.Random) -> OrderTicket:
    market = rng.choice((MINE, OTHER, SISTER))
    return OrderTicket.of(market, side="bid", count=5, price="0.56", client_order_id=name)


def run_to_create(driver: StopDriver, flow: Any) -> Any:
    """Run the placing of an order until it is sent, and drop it; return what was sent."""
    effect = next(flow)
    while not (isinstance(effect, Send) and b"client_order_id" in (effect.request.body or b"")):
        effect = flow.send(driver.perform(effect))
    flow.close()
    return json.loads(effect.request.body or b"")


def make_hostile(world: StopWorld) -> None:
    rng = world.rng
    world.lag = rng.choice((0.0, 0.0, 1.0, 9.0))
    world.listed, world.cancels = rng.choice([*LISTS]), rng.choice(CANCELS)
    world.foreign = rng.choice((0.0, 0.0, 0.3, 1.0))
    world.struck = rng.choice(("", "/orders", "DELETE", "GET", "/batched"))
    world.latency = rng.choice(((0.01, 0.05), (0.01, 0.05), (1.0, 15.0)))
    world.dated = rng.random() < 0.7
    world.heals_at = world.time + rng.choice((0.0, 20.0, 1e9))


@pytest.mark.parametrize("contract", ["classic", "current"])
def test_a_stop_never_says_flat_while_something_rests_and_returns_in_its_time(
    contract: str,
) -> None:
    lies = {seed: lie for seed in range(RUNS) if (lie := play(contract, seed).lies())}
    assert lies == {}


def test_the_judge_sees_a_stop_that_takes_unread_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(button, "read_resting", lambda run: iter(()))
    lies = [lie for seed in range(10) for lie in play("classic", seed).lies()]
    assert "flat, and something rests" in lies


@pytest.mark.parametrize("contract", ["classic", "current"])
@pytest.mark.parametrize("listed", ["a bad count", "no status"])
def test_an_order_whose_row_can_be_read_in_part_is_cancelled_where_it_is_stopped(
    contract: str, listed: str
) -> None:
    for latch in (Latch(), Latch(ticker=MINE), Latch(event_ticker="KXRAIN-26DEC31")):
        world, context = StopWorld(contract, random.Random(0), listed=listed), Context()
        for name in (OTHER, MINE):
            world.create({"client_order_id": name, "ticker": name}, 0.0)
        driver = StopDriver(world, MemoryJournal())
        report = driver.run(stops.stop(contract_of(contract), context, latch))
        assert [each.ticker for each in world.orders if each.ended is None] == (
            [] if latch == Latch() else [OTHER]
        )
        assert report.flat


def test_a_row_of_an_unknown_ticker_is_cancelled_only_where_everything_is_stopped() -> None:
    for latch in (Latch(), Latch(ticker=MINE)):
        world = StopWorld("classic", random.Random(0), listed="no tickers")
        world.create({"client_order_id": "c", "ticker": MINE}, 0.0)
        driver = StopDriver(world, MemoryJournal())
        report = driver.run(stops.stop(contract_of("classic"), Context(), latch, deadline=30.0))
        assert report.flat is (world.orders[0].ended is not None) is (latch == Latch())


def test_what_could_not_be_cancelled_of_unreadable_rows_is_said() -> None:
    world = StopWorld("classic", random.Random(0), listed="a bad count", cancels="410")
    world.create({"client_order_id": "c", "ticker": MINE}, 0.0)
    driver = StopDriver(world, MemoryJournal())
    report = driver.run(stops.stop(contract_of("classic"), Context(), Latch(), deadline=9.0))
    assert report.outcome == "unknown"
    assert any(world.orders[0].id in each and "410" in each for each in report.unread)


@define
class Metered(StopWorld):
    """Refuses a batch of more than `most` cancels, as its bucket of tokens does."""

    most: int = 1

    def cancel(self, path: str, body: Any) -> Answer:
        several = len(body.get("order_ids") or body.get("orders") or ()) > self.most
        return (429, b"", {}) if several else StopWorld.cancel(self, path, body)


@pytest.mark.parametrize(
    ("contract", "cost", "most"),
    [
        ("classic", None, 10),  # of the Basic tier's 100 tokens, 10 an order
        ("current", None, 20),
        ("classic", 40.0, 2),
        ("current", 40.0, 2),
        ("classic", 1e9, 1),  # as a wrong answer told it
        ("current", 1e9, 1),
    ],
)
def test_a_stop_cancels_whatever_its_bucket_of_tokens_holds(
    contract: str, cost: float | None, most: int
) -> None:
    world, pacer = Metered(contract, random.Random(0), most=most), Pacer.learning()
    for number in range(25):
        world.create({"client_order_id": f"c{number}", "ticker": MINE}, 0.0)
    words, context = contract_of(contract), Context(pacer=pacer)
    if cost is not None:
        operation = words.orders.cancel_many([]).operation
        pacer.costs = Costs(10.0, {(operation.method, operation.path): cost})
    latch = Latch(ticker=MINE)
    report = StopDriver(world, MemoryJournal()).run(stops.stop(words, context, latch))
    assert report.flat
    assert all(order.ended is not None for order in world.orders)


GROUP = "00000001-aaaa-4aaa-8aaa-111111111111"


@define
class InFront(StopWorld):
    """Somebody in front of it answers the first deletion of a group with nothing."""

    answers: int = 1

    def change_group(self, method: str, rest: str) -> Answer:
        if method == "DELETE" and self.answers:
            self.answers -= 1
            return 200, b"", {}
        return StopWorld.change_group(self, method, rest)


def test_a_group_is_not_gone_because_somebody_in_front_said_nothing() -> None:
    world, journal = InFront("classic", random.Random(0)), MemoryJournal()
    world.groups[GROUP] = False
    journal.change_stops(lambda each: each.with_groups({"0/0": GROUP}))
    context = Context()
    context.stops.record = journal.stops.record
    report = StopDriver(world, journal).run(stops.stop(contract_of("classic"), context, Latch()))
    assert report.flat
    assert world.groups[GROUP], "an order that arrives later would rest"
