"""Decide, the same way every time, which request meets which fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from attrs import define, field

from kalshi_ext.errors import Misuse
from kalshi_ext.sandbox.faults.catalogue import CATALOGUE, Layer
from kalshi_ext.sandbox.faults.checks import check


def _known(_rule: object, _attribute: object, kind: str) -> None:
    if not isinstance(kind, str) or kind not in CATALOGUE:
        raise Misuse(f"kind: one of {', '.join(CATALOGUE)}, not {kind!r}")


@define
class Rule:
    """Say which requests meet a fault: of the matching ones skip some, then every n-th, so often.

    Counting is the rule's own: a request it matches counts even where an earlier rule acted.
    """

    kind: str = field(validator=_known)
    operation: str | None = None
    """operationIds or "METHOD /path", in any case, with * and commas; None: any."""
    account: str | None = None
    """None: any. Not known to the proxy."""
    skip: int = 0
    times: int | None = 1
    """None: for ever."""
    every: int = 1
    chance: float = 1.0
    parameters: Mapping[str, Any] = field(factory=dict[str, Any])
    number: int = 0
    seen: int = 0
    fired: int = 0
    random: Random = field(factory=Random, repr=False, eq=False)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Rule:
        """Read a rule from plain data; what is no field of a rule is a parameter of its kind."""
        if not isinstance(data, Mapping):
            raise Misuse(f"fault: a rule is a table of names and values, not {data!r:.40}")
        own = {name: value for name, value in data.items() if name in _FIELDS}
        if "kind" not in own:
            raise Misuse(f"kind: a fault needs one of {', '.join(CATALOGUE)}")
        given = {name: value for name, value in data.items() if name not in _FIELDS}
        rule = cls(**own)
        _refuse_unknown(rule.kind, given)
        rule.parameters = {**CATALOGUE[rule.kind].parameters, **given}
        del own["kind"]
        check(rule.kind, own, given)
        return rule

    def to_data(self) -> dict[str, Any]:
        """Render as plain data, with how often it matched and acted."""
        plain = {name: getattr(self, name) for name in (*_FIELDS, "number", "seen", "fired")}
        return {**plain, **self.parameters}

    def matches(self, layer: Layer, names: Sequence[str], account: str | None) -> bool:
        """Tell whether a request is one this rule counts."""
        if CATALOGUE[self.kind].layer != layer:
            return False
        if self.account is not None and account != self.account:
            return False
        return self.operation is None or _named(names, self.operation)

    def fires(self) -> bool:
        """Count a matching request and tell whether the fault happens to it."""
        self.seen += 1
        turn = self.seen - self.skip
        due = turn > 0 and (turn - 1) % self.every == 0
        if not due or (self.times is not None and self.fired >= self.times):
            return False
        if self.chance < 1 and self.random.random() >= self.chance:
            return False
        self.fired += 1
        return True


@define
class Plan:
    """Hold the rules in the order they were added; the first that fires acts."""

    seed: int = 0
    rules: list[Rule] = field(factory=list[Rule])
    _count: int = 0

    def add(self, rule: Rule) -> Rule:
        """Number a rule and give it its own random numbers."""
        self._count += 1
        rule.number = self._count
        rule.random = Random(f"{self.seed}/{rule.number}")
        self.rules.append(rule)
        return rule

    def remove(self, number: int | None = None) -> None:
        """Take one rule back, or all of them."""
        self.rules = [rule for rule in self.rules if number not in (None, rule.number)]

    def forget(self) -> None:
        """Begin as new: the next rule is number 1 again, with number 1's random numbers."""
        self.rules, self._count = [], 0

    def take(
        self, layer: Layer, *, names: Sequence[str] = (), account: str | None = None
    ) -> Rule | None:
        """Count a request against every rule and return the first that fires.

        names: all the names the request goes by, as its operationId and "POST /path".
        """
        acting: Rule | None = None
        for rule in self.rules:
            if not rule.matches(layer, names, account):
                continue
            if acting is None:
                acting = rule if rule.fires() else None
            else:
                rule.seen += 1
        return acting


_FIELDS = ("kind", "operation", "account", "skip", "times", "every", "chance")


def _named(names: Sequence[str], patterns: str) -> bool:
    wanted = [pattern.strip().lower() for pattern in patterns.split(",")]
    return any(fnmatchcase(name.lower(), pattern) for name in names for pattern in wanted)


def _refuse_unknown(kind: str, given: Mapping[str, Any]) -> None:
    known = CATALOGUE[kind].parameters
    unknown = sorted(set(given) - set(known))
    if unknown:
        wanted = ", ".join(known) or "nothing"
        raise Misuse(f"{kind}: takes {wanted} beside {', '.join(_FIELDS)}, not {unknown}")
