"""One process of a bot in the simulated world: its clock, its journal, and how it may die."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from attrs import define, field
from simulation_world import SimulatedWorld, draw

from kalshi_ext.errors import JournalUnwritable, KalshiError
from kalshi_ext.journal import (
    JournalUnusable,
    MemoryJournal,
    State,
    Transition,
    TransitionUnwritten,
)
from kalshi_ext.protocol.flow import (
    AdjustClock,
    Context,
    Effect,
    Flow,
    Monotonic,
    Now,
    Policy,
    Record,
    Send,
    Sleep,
    Told,
)
from kalshi_ext.protocol.messages import Lost, Reply
from kalshi_ext.protocol.rate_limits import Backoff, RetryQuota

T = TypeVar("T")

# Seconds the machine's clock is off: right, a little, beyond a signature's tolerance, a wrong hour
# and a wrong time zone.
CLOCK_ERRORS = (
    *(0.0, 0.0, 0.0, 2.0, -2.0, 25.0, -25.0, 90.0),
    *(3_600.0, -7_200.0, 50_400.0, -50_400.0),
)

# What each verb of the journal raises when its storage fails.
JOURNAL_ERRORS = {
    "reserve_many": JournalUnwritable,
    "reopen": JournalUnwritable,
    "advance_many": TransitionUnwritten,
    "conclude": TransitionUnwritten,
    "take_over": TransitionUnwritten,
    "get": JournalUnusable,
    "open_entries": JournalUnusable,
    "page": JournalUnusable,
    "renew": JournalUnusable,
    "untold": JournalUnusable,
}


class Crash(BaseException):
    """The process dies: nothing after this line runs."""


class FlowCancelled(BaseException):
    """The flow is cancelled at an await; its process lives on."""


@define
class Machine:
    """What outlives a process: the machine's clock and the journal's file."""

    world: SimulatedWorld
    clock_error: float = 0.0
    journal: MemoryJournal = field(init=False)
    heard: set[str] = field(factory=set)  # keys whose verdict reached a caller
    # Verdicts not yet written: a process that dies takes them with it.
    behind: list[Transition] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.clock_error = self.world.rng.choice(CLOCK_ERRORS)
        self.journal = MemoryJournal(now=lambda: datetime.fromtimestamp(self.now(), UTC))

    def now(self) -> float:
        """Return what the machine's clock shows."""
        return self.world.time + self.clock_error

    def may_wait(self, transitions: list[Transition]) -> bool:
        """Say whether a journal in a file would write these verdicts behind."""
        entries = [self.journal.get(each.key) for each in transitions]
        return all(entry is not None and entry.state is State.INTENT for entry in entries)

    def write_behind(self) -> None:
        """Write the verdicts that wait, as the next group does."""
        waiting, self.behind = self.behind, []
        self.journal.advance_many(waiting)

    def lose_behind(self) -> None:
        """Forget the verdicts that wait: their process is gone."""
        for _ in self.behind:
            self.world.count("verdict lost")
        self.behind.clear()


@define
class Process:
    """A driver with a context of its own, over the machine that outlives it."""

    machine: Machine
    may_fail: bool = True
    clock_correction: float = 0.0  # of AdjustClock; lost when the process dies
    context: Context = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.machine.lose_behind()
        rng = self.world.rng
        policy = Policy(
            backoff=Backoff(rng=rng),
            attempts=3,
            resend=rng.random() < 0.8,
            resend_within=rng.choice((5.0, 1_000.0, 1_000.0)),
            poll=rng.choice((0.25, 2.0, 10.0)),
            poll_ceiling=rng.choice((5.0, 20.0, 20.0)),
        )
        # As if it were a file: this machine's journal outlives its processes.
        self.context = Context(policy=policy, retry_quota=RetryQuota(capacity=10_000))

    @property
    def world(self) -> SimulatedWorld:
        """Return the world around."""
        return self.machine.world

    def run(self, flow: Flow[T]) -> T:
        """Perform the effects of a flow. Before and after any of them it may end."""
        step: Callable[[], Effect] = lambda: next(flow)  # noqa: E731
        told: tuple[str, ...] = ()
        try:
            while True:
                effect = step()
                self._maybe_fail()
                if isinstance(effect, Told):
                    told = effect.keys
                step = self._next_step(flow, effect)
        except StopIteration as stop:
            self._tell(told)
            return stop.value  # type: ignore[no-any-return]
        except KalshiError:
            self._tell(told)
            raise
        finally:
            flow.close()

    def _tell(self, keys: tuple[str, ...]) -> None:
        self.machine.heard.update(keys)
        self.machine.journal.mark_told(keys)

    def _next_step(self, flow: Flow[Any], effect: Effect) -> Callable[[], Effect]:
        try:
            result = self._perform(effect)
        except Exception as error:
            raised = error
            return lambda: flow.throw(raised)
        # The effect has taken place and the flow does not hear of it: the case that matters most.
        self._maybe_fail()
        return lambda: flow.send(result)

    def _maybe_fail(self) -> None:
        if not self.may_fail:
            return
        world = self.machine.world
        number = world.rng.random()
        if number >= world.process_fault_rate:  # nearly always; draw() would say None
            return
        name = draw(number, world.process_rates)
        world.count(name)
        if name == "clock":
            self.machine.clock_error = world.rng.choice(CLOCK_ERRORS)
            return
        raise Crash if name == "crash" else FlowCancelled

    def _now(self) -> float:
        return self.machine.now() + self.clock_correction

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Monotonic):
            return self.world.time
        if isinstance(effect, Now):
            return self._now()
        if isinstance(effect, Told):
            return None
        if isinstance(effect, Sleep):
            return self.world.advance(effect.seconds)
        if isinstance(effect, AdjustClock):
            self.clock_correction += effect.seconds
            return None
        if isinstance(effect, Record):
            return self._record(effect)
        assert isinstance(effect, Send)
        stamp, sent_at = self._now(), self.world.time
        outcome = self.world.send(effect, stamp)
        # The world's times are the exchange's; a client only ever sees its own clocks.
        if isinstance(outcome, Lost):
            return Lost(outcome.bytes_sent, outcome.reason, sent_at, stamp=stamp)
        times = {"sent_at": sent_at, "received_at": self.world.time, "stamp": stamp}
        return Reply(outcome.status, outcome.headers, outcome.body, **times)

    def _record(self, effect: Record) -> Any:
        world = self.world
        fails = self.may_fail and world.rng.random() < world.rates.journal
        # A failing journal has written or not, and its caller cannot tell which.
        if fails and world.rng.random() < 0.5:
            world.count("journal")
            raise JOURNAL_ERRORS[effect.verb]("the disk is full")
        self.machine.write_behind()
        if effect.verb == "conclude" and self.may_fail and self.machine.may_wait(*effect.args):
            self.machine.behind += effect.args[0]
            return None
        result = getattr(self.machine.journal, effect.verb)(*effect.args)
        if fails:
            world.count("journal")
            raise JOURNAL_ERRORS[effect.verb]("written, and not known to be")
        return result
