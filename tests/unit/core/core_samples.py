"""Operations, replies and a driver that follows a script, for tests without I/O."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field

from kalshi_ext.contracts import contract
from kalshi_ext.protocol.flow import (
    AdjustClock,
    Context,
    Effect,
    Flow,
    Monotonic,
    Now,
    Policy,
    Send,
    Sleep,
)
from kalshi_ext.protocol.messages import Call, Lost, Operation, Repeat, Reply, Request
from kalshi_ext.protocol.rate_limits import Backoff

CURRENT, CLASSIC = contract("current"), contract("classic")
READ = Operation("GetThing", "GET", "/thing", "things.get", Repeat.READ)
WRITE = Operation("CreateThing", "POST", "/thing", "things.create", Repeat.KEYED, frozenset({201}))
BOTH = [READ, WRITE]
EPOCH = 1_800_000_000.0


def operation(repeat: Repeat, *, public: bool = False) -> Operation:
    """Make an operation of a kind."""
    success = frozenset({200 if repeat is Repeat.READ else 201})
    return Operation("Op", "POST", "/op", "ops.op", repeat, success, public)


def reply(status: int, body: object = b"", **headers: str) -> Reply:
    """Make a reply; anything but bytes is written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, headers, raw, EPOCH, EPOCH)


def refused(status: int, code: str = "bad_request") -> Reply:
    """Make a refusal in a shape of the exchange's own."""
    return reply(status, {"error": {"code": code, "message": "no"}})


THROTTLED = reply(429, {"error": "too many requests"})


def call(operation: Operation = READ) -> Call[Any]:
    """Make a call that returns its document as it is."""
    return Call(operation, Request(operation.method, operation.path), lambda document: document)


def lost(*, bytes_sent: bool) -> Lost:
    """Make the outcome of a request without an answer."""
    return Lost(bytes_sent, "ReadTimeout: it took too long", EPOCH)


def context(**policy: Any) -> Context:
    """Make a client's context with a policy of its own."""
    return Context(policy=Policy(**policy))


class HighestJitter:
    """A source of jitter that always answers the highest value."""

    def uniform(self, low: float, high: float) -> float:
        return high


def no_jitter(**arguments: float) -> Backoff:
    """Make a backoff whose waits are its ceilings."""
    return Backoff(rng=HighestJitter(), **arguments)  # type: ignore[arg-type]


@define
class ScriptedDriver:
    """Perform a flow's effects: outcomes from a list, a clock that only sleeping moves."""

    outcomes: list[Reply | Lost]
    time: float = EPOCH
    effects: list[Effect] = field(factory=list)
    offset: float = 0.0

    def run(self, flow: Flow[Any]) -> Any:
        """Run a flow to its end."""
        try:
            effect = next(flow)
            while True:
                effect = flow.send(self._perform(effect))
        except StopIteration as stop:
            return stop.value

    def _perform(self, effect: Effect) -> Any:
        self.effects.append(effect)
        if isinstance(effect, Send):
            return self.outcomes.pop(0)
        if isinstance(effect, Sleep):
            self.time += effect.seconds
        if isinstance(effect, AdjustClock):
            self.offset += effect.seconds
        if isinstance(effect, Monotonic):
            return self.time
        return self.time + self.offset if isinstance(effect, Now) else None

    @property
    def sends(self) -> list[Send]:
        return [effect for effect in self.effects if isinstance(effect, Send)]

    @property
    def sleeps(self) -> list[float]:
        return [effect.seconds for effect in self.effects if isinstance(effect, Sleep)]

    @property
    def corrections(self) -> list[float]:
        return [effect.seconds for effect in self.effects if isinstance(effect, AdjustClock)]


def always(make: Callable[[], Reply | Lost], times: int) -> list[Reply | Lost]:
    """Return the same outcome many times."""
    return [make() for _ in range(times)]


def raised(work: Callable[[], object]) -> BaseException:
    """Return what a call raises; an AssertionError when it raises nothing."""
    try:
        result = work()
    except Exception as error:
        return error
    raise AssertionError(f"nothing was raised: {result!r}")


def kinds(errors: Iterable[BaseException]) -> set[str]:
    """Name the classes of errors."""
    return {type(error).__name__ for error in errors}
