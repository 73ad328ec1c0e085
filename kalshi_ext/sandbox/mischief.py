"""Make the exchange lie, as the fault rules ask: everything that happens behind the socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeAlias

from attrs import define, field, frozen

from kalshi_ext.sandbox.engine import Answer, Engine
from kalshi_ext.sandbox.faults import Plan, Rule
from kalshi_ext.sandbox.faults.answers import LIES, Scene
from kalshi_ext.sandbox.oracle import Exchanged, Oracle
from kalshi_ext.sandbox.routes import Match
from kalshi_ext.sandbox.wire import Reply, Request

Truth: TypeAlias = Callable[..., Reply]
"""Carry the request out; skew=: with clocks so many seconds apart."""


class Stage(Protocol):
    """What a fault may use of the exchange."""

    engine: Engine
    faults: Plan
    oracle: Oracle

    def administer(self, action: str, params: Mapping[str, Any]) -> Answer: ...


@frozen
class Asked:
    """Carry one routed request with its record."""

    request: Request
    found: Match
    entry: Exchanged


@define
class _Zombie:
    later: int
    asked: Asked


@define
class Mischief:
    """Act out the rules of the answer layer."""

    stage: Stage
    zombies: list[_Zombie] = field(factory=list[_Zombie])

    def meets(self, asked: Asked) -> Rule | None:
        """Find the rule that acts on this request."""
        entry = asked.entry
        names = (asked.found.operation.id, f"{entry.method} {asked.request.path}")
        rule = self.stage.faults.take("answer", names=names, account=entry.account)
        if rule is not None:
            entry.fault = rule.number
        return rule

    def act(self, rule: Rule, asked: Asked, true: Truth) -> Reply:
        """Answer as the rule wants."""
        match rule.kind:
            case "skew":
                return true(skew=float(rule.parameters["seconds"]))
            case "zombie":
                self.zombies.append(_Zombie(int(rule.parameters["later"]), asked))
                return true()
            case "before":
                self._carry_out(rule)
                return true()
            case kind:
                return LIES[kind](self._scene(rule, asked, true))

    def risen(self) -> list[Asked]:
        """Count one more request and give the zombies whose time has come."""
        due = [zombie.asked for zombie in self.zombies if zombie.later <= 0]
        self.zombies = [zombie for zombie in self.zombies if zombie.later > 0]
        for zombie in self.zombies:
            zombie.later -= 1
        return due

    def _carry_out(self, rule: Rule) -> None:
        for command in rule.parameters["commands"]:
            self.stage.administer(str(command["action"]), command.get("params", {}))

    def _scene(self, rule: Rule, asked: Asked, true: Truth) -> Scene:
        return Scene(
            rule,
            true,
            earlier=partial(self._earlier, asked.entry),
            other_order=partial(self._other_order, asked),
        )

    def _earlier(self, entry: Exchanged) -> Reply | None:
        for old in self.stage.oracle.requests:
            same = (old.method, old.target, old.account) == ("GET", entry.target, entry.account)
            if same and old.status == 200 and entry.method == "GET":
                return Reply(200, old.answer)
        return None

    def _other_order(self, asked: Asked) -> str:
        own = asked.found.path.get("order_id")
        rows = self.stage.engine.truth.orders(account=asked.entry.account)
        others = [str(row["order_id"]) for row in rows if row["order_id"] != own]
        return others[0] if others else "00000000-0000-4000-8000-000000000000"
