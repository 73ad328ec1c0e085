"""What can befall a write besides a cut, as data: false answers, storms, delayed requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, field, frozen
from tcp_cases import POLICY, WRITES

from kalshi_ext import Policy

OPERATIONS = {
    "create": "CreateOrderV2",
    "batch": "BatchCreateOrdersV2",
    "amend": "AmendOrderV2",
    "to": "DecreaseOrderV2",
    "by": "DecreaseOrderV2",
    "cancel": "CancelOrderV2",
}
# An acknowledgement without an order_id, and one whose counts cannot be.
NO_ID = {"fill_count": "0.00", "remaining_count": "10.00", "ts_ms": 1}
IMPOSSIBLE = {"order_id": "no-such-order", "fill_count": "999.00", "remaining_count": "-3.00"}


def _executed_or_not(kind: str, **parameters: Any) -> list[dict[str, Any]]:
    return [{"kind": kind, "executed": executed, **parameters} for executed in (True, False)]


# What the answer to the write is, the request executed or not.
FALSE_ANSWERS: list[dict[str, Any]] = [
    *(
        rule
        for status in (500, 502, 503, 504, 520)
        for rule in _executed_or_not("html", status=status)
    ),
    *_executed_or_not("status", status=503),
    *_executed_or_not("status", status=500, content_type="text/plain", body=""),
    *_executed_or_not("error_in_success"),
    *({"kind": "wrong_type", "to": to} for to in ("list", "null", "text")),
    *_executed_or_not("garbage_body"),
    *_executed_or_not("truncated_body"),
    {"kind": "another_order"},
    *_executed_or_not("status", status=201, body=NO_ID),
    *_executed_or_not("status", status=201, body={**IMPOSSIBLE, "ts_ms": 1}),
    {"kind": "throttle", "times": 2},
    {"kind": "skew", "seconds": -60.0},
    # A delayed duplicate: the request is delivered once more, after so many later requests.
    *({"kind": "zombie", "later": later} for later in (0, 1, 3)),
]
BATCH_ANSWERS: list[dict[str, Any]] = [
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
IMPATIENT = evolve(POLICY, resolve_within=POLICY.signature_life, poll_ceiling=0.5)
# Seconds of delay; the exchange takes signatures for 5, the client counts on 6.
DELAYS = (0.3, 1.5, 3.0, 4.5, 5.6)

# Beyond any client: two copies of the same difference cannot be told apart by the exchange, nor a
# believable acknowledgement of another order from a true one. `docs/reliability.md` says so.
UNDETECTABLE = {("by", "zombie"), ("create", "another_order"), ("batch", "another_order")}


@frozen
class FaultPlan:
    """One write and the fault rule of the sandbox that applies to it.

    A storm lasts `seconds`. `delay`: the request is swallowed and arrives so many seconds later.
    """

    write: str
    rule: Mapping[str, Any] = field(factory=dict)
    seconds: float = 0.0
    delay: float | None = None
    policy: Policy = POLICY

    def __str__(self) -> str:
        return f"{self.write} {dict(self.rule)} for {self.seconds} late {self.delay}"


def false_answers(writes: Iterable[str] = WRITES) -> list[FaultPlan]:
    """List every false answer for every write it makes sense for."""
    plans = [
        FaultPlan(write, rule)
        for write in writes
        for rule in FALSE_ANSWERS
        if (write, rule["kind"]) not in UNDETECTABLE
    ]
    return plans + [FaultPlan("batch", rule) for rule in BATCH_ANSWERS]


def storms(writes: Iterable[str] = WRITES, *, seconds: float = 3.0) -> list[FaultPlan]:
    """List every storm over every write, waited out or not."""
    longer = IMPATIENT.resolve_within + seconds
    return [
        FaultPlan(write, rule, seconds=lasting, policy=policy)
        for write in writes
        for rule in STORMS
        for policy, lasting in ((POLICY, seconds), (IMPATIENT, longer))
    ]


def delayed_requests(writes: Iterable[str] = WRITES) -> list[FaultPlan]:
    """List delayed arrivals of every write."""
    return [FaultPlan(write, delay=delay) for write in writes for delay in DELAYS]
