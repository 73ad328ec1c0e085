"""Which faults there are, what each can be told, and which request meets which.

A fault belongs to one layer, and a rule counts the events of its layer only:

| layer | acts | a rule counts |
|---|---|---|
| answer | inside the exchange, on the answer to one request | requests that found an operation |
| network | in the proxy, on the bytes of one request and its answer | requests, by their head |
| connection | in the proxy, on all bytes of a connection | connections |

Rules decide by count and seed, never by time: the same calls meet the same faults. Of the matching
requests a rule lets `skip` pass, then strikes every `every`-th, `times` times, each with `chance`.
Example: skip=1, every=2, times=2 strikes the 2nd and the 4th matching request.

At most one rule of a layer strikes a request, the first that is due; all other rules that match
count the request too. A rule's values are checked when it is added, before any request meets it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Literal, TypeAlias, cast

from attrs import define, field, frozen

from kalshi_ext.errors import Misuse

Layer: TypeAlias = Literal["answer", "network", "connection"]


@frozen
class FaultKind:
    """Describe one kind of fault."""

    layer: Layer
    does: str
    parameters: Mapping[str, Any] = field(factory=dict[str, Any])
    """Names with their defaults."""


def _answer(does: str, **parameters: Any) -> FaultKind:
    return FaultKind("answer", does, parameters)


def _network(does: str, **parameters: Any) -> FaultKind:
    return FaultKind("network", does, parameters)


CATALOGUE: Mapping[str, FaultKind] = {
    # inside the exchange; executed=True: the command was executed before the fake answer was made
    "html": _answer("an HTML page of a proxy", status=502, executed=False),
    "status": _answer(
        "any status and body",
        status=500,
        code="internal_server_error",
        body=None,
        content_type="application/json",
        executed=False,
    ),
    "error_in_success": _answer(
        "a 2xx that holds an error", code="internal_server_error", executed=False
    ),
    "wrong_type": _answer(
        "a 2xx whose JSON has other types: list, null, text, or numbers", to="list", executed=True
    ),
    "garbage_body": _answer("a 2xx of random bytes", size=64, executed=True),
    "truncated_body": _answer("a 2xx whose JSON stops early", keep=10, executed=True),
    "throttle": _answer("429, not executed"),
    "skew": _answer("401: the two clocks are apart by so many seconds", seconds=60.0),
    "stale": _answer("the answer an equal earlier read got"),
    "lost_entries": _answer("a batch answer without some entries", entries=(0,)),
    "reordered": _answer("a batch answer in another order"),
    "another_order": _answer("an answer that names another order", order_id=None),
    "cursor_loop": _answer("a page whose cursor leads to itself"),
    "zombie": _answer("a second delivery of the request, after so many later ones", later=1),
    "before": _answer("admin commands carried out just before the request", commands=()),
    # on the bytes, in the proxy; at: byte offset from the start of the message
    "silence": _network("no answer ever; forward=False: the request is swallowed", forward=True),
    "reset_request": _network("a TCP reset after so many bytes of the request", at=None),
    "reset_response": _network("a TCP reset after so many bytes of the answer", at=0),
    "close_response": _network("an orderly close after so many bytes of the answer", at=0),
    "delay": _network(
        "wait before a message passes; a request arrives even when its sender has left by then",
        seconds=1.0,
        where="response",
    ),
    "drip": _network("pass the answer in small pieces", size=1, seconds=0.05),
    "garble": _network("random bytes in the answer from an offset on", at=0),
    "refuse": FaultKind("connection", "a TCP reset as soon as the connection is there"),
    "cut_up": FaultKind("connection", "a TCP reset after so many bytes sent", {"at": 0}),
    "cut_down": FaultKind("connection", "a TCP reset after so many bytes received", {"at": 0}),
    "stall": FaultKind("connection", "nothing is passed back after so many bytes", {"at": 0}),
}

# The values a rule accepts.

Check: TypeAlias = tuple[str, Callable[[Any], bool]]
"""What is accepted, in words, and whether a value is."""


# bool is a subclass of int: without a check of its own, True would be the number 1.
def _is_whole(least: int, most: float = float("inf")) -> Callable[[Any], bool]:
    def accepts(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

    return accepts


def _is_number(least: float, most: float) -> Callable[[Any], bool]:
    def accepts(value: Any) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and least <= value <= most

    return accepts


def _or_none(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or accepts(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_index_list(value: Any) -> bool:
    is_index = _is_whole(0)
    return isinstance(value, list | tuple) and all(map(is_index, cast("list[Any]", value)))


def _is_command_list(value: Any) -> bool:
    rows = cast("list[Any]", value if isinstance(value, list | tuple) else [None])
    return all(
        isinstance(row, dict) and _is_text(cast("dict[str, Any]", row).get("action"))
        for row in rows
    )


_COUNT: Check = ("a whole number from 0", _is_whole(0))
_FLAG: Check = ("true or false", _is_flag)
_TEXT: Check = ("text", _is_text)
_TEXT_OR_NONE: Check = ("text, or null", _or_none(_is_text))
_DAY = 86_400

_FIELD_CHECKS: Mapping[str, Check] = {
    "operation": _TEXT_OR_NONE,
    "account": _TEXT_OR_NONE,
    "skip": _COUNT,
    "times": ("a whole number from 0, or null for ever", _or_none(_is_whole(0))),
    "every": ("a whole number from 1", _is_whole(1)),
    "chance": ("a number from 0 to 1", _is_number(0, 1)),
}
_PARAMETER_CHECKS: Mapping[str, Check] = {
    "status": ("a status from 200 to 599", _is_whole(200, 599)),
    "executed": _FLAG,
    "forward": _FLAG,
    "code": _TEXT,
    "content_type": _TEXT,
    "body": ("anything", lambda _value: True),
    "order_id": _TEXT_OR_NONE,
    "to": ("list, null, text or numbers", ("list", "null", "text", "numbers").__contains__),
    "where": ("request or response", ("request", "response").__contains__),
    "keep": _COUNT,
    "size": ("a whole number from 1", _is_whole(1)),
    "later": _COUNT,
    "at": _COUNT,
    "seconds": ("a number from 0 to 86400", _is_number(0, _DAY)),
    "entries": ("a list of places from 0", _is_index_list),
    "commands": ('a list of {"action": ..., "params": {...}}', _is_command_list),
}
# Parameters that mean something else for one kind than for all others.
_KIND_CHECKS: Mapping[tuple[str, str], Check] = {
    ("skew", "seconds"): ("a number of seconds, at most a day either way", _is_number(-_DAY, _DAY)),
    ("reset_request", "at"): ("a whole number from 0, or null for the end", _or_none(_is_whole(0))),
}


def _check_values(kind: str, fields: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        _require(name, value, _FIELD_CHECKS[name])
    for name, value in parameters.items():
        check = _KIND_CHECKS.get((kind, name)) or _PARAMETER_CHECKS[name]
        _require(f"{kind}: {name}", value, check)


def _require(name: str, value: object, check: Check) -> None:
    expected, accepts = check
    if not accepts(value):
        raise Misuse(f"{name}: {expected}, not {value!r:.80}")


def _check_kind(_rule: object, _attribute: object, kind: str) -> None:
    if not isinstance(kind, str) or kind not in CATALOGUE:
        raise Misuse(f"kind: one of {', '.join(CATALOGUE)}, not {kind!r}")


@define
class FaultRule:
    """Say which requests meet a fault, and count them."""

    kind: str = field(validator=_check_kind)
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
    def from_data(cls, data: Mapping[str, Any]) -> FaultRule:
        """Read a rule from plain data; what is no field of a rule is a parameter of its kind."""
        if not isinstance(data, Mapping):
            raise Misuse(f"fault: a rule is a table of names and values, not {data!r:.40}")
        fields = {name: value for name, value in data.items() if name in _FIELDS}
        if "kind" not in fields:
            raise Misuse(f"kind: a fault needs one of {', '.join(CATALOGUE)}")
        parameters = {name: value for name, value in data.items() if name not in _FIELDS}
        rule = cls(**fields)
        _refuse_unknown(rule.kind, parameters)
        rule.parameters = {**CATALOGUE[rule.kind].parameters, **parameters}
        del fields["kind"]
        _check_values(rule.kind, fields, parameters)
        return rule

    def to_data(self) -> dict[str, Any]:
        """Render as plain data, with how often it matched and acted."""
        fields = {name: getattr(self, name) for name in (*_FIELDS, "number", "seen", "fired")}
        return {**fields, **self.parameters}

    def matches(self, layer: Layer, names: Sequence[str], account: str | None) -> bool:
        """Tell whether a request is one this rule counts."""
        if CATALOGUE[self.kind].layer != layer:
            return False
        if self.account is not None and account != self.account:
            return False
        return self.operation is None or _matches_any(names, self.operation)

    def fires(self) -> bool:
        """Count a matching request and tell whether the fault happens to it."""
        self.seen += 1
        position = self.seen - self.skip
        due = position > 0 and (position - 1) % self.every == 0
        if not due or (self.times is not None and self.fired >= self.times):
            return False
        # Only requests that are due draw a random number: skip and every do not shift the draws.
        if self.chance < 1 and self.random.random() >= self.chance:
            return False
        self.fired += 1
        return True


_FIELDS = ("kind", "operation", "account", "skip", "times", "every", "chance")


def _matches_any(names: Sequence[str], patterns: str) -> bool:
    lowered = [pattern.strip().lower() for pattern in patterns.split(",")]
    return any(fnmatchcase(name.lower(), pattern) for name in names for pattern in lowered)


def _refuse_unknown(kind: str, parameters: Mapping[str, Any]) -> None:
    known = CATALOGUE[kind].parameters
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        expected = ", ".join(known) or "nothing"
        raise Misuse(f"{kind}: takes {expected} beside {', '.join(_FIELDS)}, not {unknown}")


@define
class FaultPlan:
    """Hold the rules in the order they were added."""

    seed: int = 0
    rules: list[FaultRule] = field(factory=list[FaultRule])
    _count: int = 0

    def add(self, rule: FaultRule) -> FaultRule:
        """Number a rule and give it its own random numbers."""
        self._count += 1
        rule.number = self._count
        # A stream for each rule: adding or removing one does not change what the others draw.
        rule.random = Random(f"{self.seed}/{rule.number}")
        self.rules.append(rule)
        return rule

    def remove(self, number: int | None = None) -> None:
        """Take one rule back, or all of them; numbers are not given again."""
        self.rules = [rule for rule in self.rules if number not in (None, rule.number)]

    def clear(self) -> None:
        """Begin as new: the next rule is number 1 again, with number 1's random numbers."""
        self.rules, self._count = [], 0

    def due_rule(
        self, layer: Layer, *, names: Sequence[str] = (), account: str | None = None
    ) -> FaultRule | None:
        """Count a request against every rule and return the first that fires.

        names: all the names the request goes by, as its operationId and "POST /path".
        """
        firing: FaultRule | None = None
        for rule in self.rules:
            if not rule.matches(layer, names, account):
                continue
            if firing is None:
                firing = rule if rule.fires() else None
            else:
                rule.seen += 1
        return firing
