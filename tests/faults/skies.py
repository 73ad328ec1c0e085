"""What can befall a write besides a cut: lies, storms and late copies, as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, field, frozen
from trials import POLICY, WRITES

from kalshi_ext import Policy

OPERATIONS = {
    "create": "CreateOrderV2",
    "batch": "BatchCreateOrdersV2",
    "amend": "AmendOrderV2",
    "to": "DecreaseOrderV2",
    "by": "DecreaseOrderV2",
    "cancel": "CancelOrderV2",
}
NUMBERS = {"fill_count": "0.00", "remaining_count": "10.00", "ts_ms": 1}
IMPOSSIBLE = {"order_id": "no-such-order", "fill_count": "999.00", "remaining_count": "-3.00"}


def _both(kind: str, **parameters: Any) -> list[dict[str, Any]]:
    return [{"kind": kind, "executed": executed, **parameters} for executed in (True, False)]


# What the answer to the write is, the request executed or not.
LIES: list[dict[str, Any]] = [
    *(rule for status in (500, 502, 503, 504, 520) for rule in _both("html", status=status)),
    *_both("status", status=503),
    *_both("status", status=500, content_type="text/plain", body=""),
    *_both("error_in_success"),
    *({"kind": "wrong_type", "to": to} for to in ("list", "null", "text")),
    *_both("garbage_body"),
    *_both("truncated_body"),
    {"kind": "another_order"},
    *_both("status", status=201, body=NUMBERS),
    *_both("status", status=201, body={**IMPOSSIBLE, "ts_ms": 1}),
    {"kind": "throttle", "times": 2},
    {"kind": "skew", "seconds": -60.0},
    *({"kind": "zombie", "later": later} for later in (0, 1, 3)),
]
BATCHES: list[dict[str, Any]] = [
    {"kind": "lost_entries", "entries": lost} for lost in ([0], [1], [0, 2], [0, 1, 2])
] + [{"kind": "reordered"}]
STORMS: list[dict[str, Any]] = [
    {"kind": kind, "chance": chance, "times": None, "operation": None, **more}
    for chance in (0.5, 1.0)
    for kind, more in (
        ("html", {"status": 502, "executed": True}),
        ("html", {"status": 520}),
        ("status", {"status": 503}),
        ("throttle", {}),
        ("truncated_body", {}),
    )
]
# Gives up looking while the storm still blows, so that a verdict is left to recover().
IMPATIENT = evolve(POLICY, resolve_within=1.0, poll_ceiling=0.5)
LATE = (0.3, 1.5, 3.0, 4.5, 5.6)  # seconds; the exchange takes signatures for 5, the client says 6

# Beyond any client: two copies of the same difference cannot be told apart by the exchange, nor a
# believable acknowledgement of another order from a true one. `docs/reliability.md` says so.
BEYOND = {("by", "zombie"), ("create", "another_order"), ("batch", "another_order")}


@frozen
class Weather:
    """One write and the rule that befalls it.

    A storm lasts `seconds`. `late`: the request is swallowed and arrives so many seconds later.
    """

    write: str
    rule: Mapping[str, Any] = field(factory=dict)
    seconds: float = 0.0
    late: float | None = None
    policy: Policy = POLICY

    def __str__(self) -> str:
        return f"{self.write} {dict(self.rule)} for {self.seconds} late {self.late}"


def cases(writes: Iterable[str] = WRITES) -> list[Weather]:
    """List every lie for every write it makes sense for."""
    found = [Weather(w, rule) for w in writes for rule in LIES if (w, rule["kind"]) not in BEYOND]
    return found + [Weather("batch", rule) for rule in BATCHES]


def storms(writes: Iterable[str] = WRITES, *, seconds: float = 3.0) -> list[Weather]:
    """List every storm over every write, waited out or not."""
    return [
        Weather(w, rule, seconds=seconds, policy=policy)
        for w in writes
        for rule in STORMS
        for policy in (POLICY, IMPATIENT)
    ]


def late_copies(writes: Iterable[str] = WRITES) -> list[Weather]:
    """List late arrivals of every write."""
    return [Weather(w, late=late) for w in writes for late in LATE]
