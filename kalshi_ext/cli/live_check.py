"""What `drift --live` does: make every read of a contract once and report what deviates from it.

The report says for each operation whether it answered, and counts every deviation by operation,
kind and place; it never holds a value. Its exit status:

    a deviation of a BREAKING kind             BREAKING
    else an unanswered read, or none answered  CANNOT_COMPARE: silence is no verdict
    else any deviation                         SOME
    else                                       NONE
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from kalshi_ext import Kalshi
from kalshi_ext.drift.check import Exit
from kalshi_ext.errors import KalshiError, NoAnswer, NotSent, Refused, Unintelligible
from kalshi_ext.protocol.deviations import printable
from kalshi_ext.protocol.messages import Operation

ROWS = 100  # of each list; one page

# A client loses a value, a row or a whole answer by these; the other kinds it reads past.
BREAKING = frozenset({"missing_field", "unreadable_field", "invalid_row", "unreadable"})
DESCRIPTIONS = {
    "unknown_field": "a field the contract does not have",
    "unknown_member": "a member the contract does not name, of",
    "missing_field": "without a field the contract requires",
    "unreadable_field": "with a value that cannot be read, of",
    "invalid_row": "a row that cannot be read",
    "status": "a status the contract does not name",
    "unreadable": "an answer that cannot be read",
}


@frozen
class ReportedDeviation:
    """One kind of deviation at one place of one operation's answers, with its count."""

    operation: str
    call: str
    kind: str
    where: str
    count: int

    def __str__(self) -> str:
        level = "BREAKING" if self.kind in BREAKING else "NOTICED"
        times = "once" if self.count == 1 else f"{self.count} times"
        description = DESCRIPTIONS[self.kind]
        return f"{level} {self.operation} ({self.call}): {description} {self.where}, {times}"


@define
class LiveReport:
    """The result of one check.

    `answered` lists operation ids; `skipped` gives the reason why an operation was not judged;
    `unanswered` counts those of them that got no answer or a 5xx.
    """

    environment: str
    contract: str
    answered: list[str] = field(factory=list[str])
    skipped: dict[str, str] = field(factory=dict[str, str])
    unanswered: int = 0
    deviations: list[ReportedDeviation] = field(factory=list[ReportedDeviation])

    @property
    def exit(self) -> Exit:
        """Choose the exit status by the table at the top."""
        if any(deviation.kind in BREAKING for deviation in self.deviations):
            return Exit.BREAKING
        if self.unanswered or not self.answered:
            return Exit.CANNOT_COMPARE
        return Exit.SOME if self.deviations else Exit.NONE


def as_text(report: LiveReport) -> str:
    """Write a report for people."""
    count = f"{len(report.answered)} of {len(report.answered) + len(report.skipped)}"
    lines = [f"{report.environment}, {report.contract} contract: {count} reads answered"]
    lines += [str(deviation) for deviation in report.deviations]
    lines += [f"not judged: {name}: {reason}" for name, reason in report.skipped.items()]
    verdict = "no answer holds anything unexpected" if not report.deviations else ""
    verdict = verdict or f"{len(report.deviations)} unexpected"
    return "\n".join([*lines, verdict]) + "\n"


def as_json(report: LiveReport) -> str:
    """Write a report for programs; the layout is version 1 and only grows."""
    value = {
        "version": 1,
        "environment": report.environment,
        "contract": report.contract,
        "answered": report.answered,
        "not_judged": report.skipped,
        # The key is older than the class: programs read it.
        "surprises": [
            {
                "operation": deviation.operation,
                "call": deviation.call,
                "kind": deviation.kind,
                "where": deviation.where,
                "count": deviation.count,
                "breaking": deviation.kind in BREAKING,
            }
            for deviation in report.deviations
        ],
        "exit": int(report.exit),
    }
    return json.dumps(value, indent=2) + "\n"


FORMATS = {"text": as_text, "json": as_json}


class NoSubject(Exception):
    """An operation needs an id to ask about, and no list of the account gave one."""


@define
class ReadOnlyProbe:
    """Call reads through the facade; keep the rows of lists, whose ids later calls name."""

    client: Kalshi
    rows: dict[str, Any] = field(factory=dict[str, Any])

    def call(self, operation: Operation) -> None:
        """Make the facade call of an operation. Raises NoSubject and what the call raises."""
        special = _SPECIAL.get(operation.facade)
        method = self.method(operation)
        if special is not None:
            special(self, method)
        elif self.is_list(operation):
            self.rows[operation.facade] = method(limit=ROWS, max_pages=1).all()
        else:
            method()

    def method(self, operation: Operation) -> Callable[..., Any]:
        """Return the facade's method of an operation."""
        resource, _, word = operation.facade.partition(".")
        method: Callable[..., Any] = getattr(getattr(self.client, resource), word)
        return method

    def is_list(self, operation: Operation) -> bool:
        """Say whether the facade reads the operation page by page."""
        return "max_pages" in inspect.signature(self.method(operation)).parameters

    def first(self, facade: str, name: str) -> str:
        """Return an attribute of the first row of a list read before. Raises NoSubject."""
        rows = self.rows.get(facade)
        if not rows:
            raise NoSubject(f"{facade} has no rows to ask about")
        return str(getattr(rows[0], name))


def _queue_positions(probe: ReadOnlyProbe, method: Callable[..., Any]) -> None:
    # The classic contract asks by order, the current one by market.
    if probe.client.session.contract.name == "classic":
        method([probe.first("orders.list", "order_id")])
    else:
        method(tickers=[probe.first("orders.list", "ticker")])


_SPECIAL: dict[str, Callable[[ReadOnlyProbe, Callable[..., Any]], Any]] = {
    "markets.get": lambda probe, method: method(probe.first("markets.list", "ticker")),
    "markets.orderbook": lambda probe, method: method(probe.first("markets.list", "ticker")),
    "orders.get": lambda probe, method: method(probe.first("orders.list", "order_id")),
    "orders.queue_position": lambda probe, method: method(probe.first("orders.list", "order_id")),
    "orders.queue_positions": _queue_positions,
    "order_groups.get": lambda probe, method: method(probe.first("order_groups.list", "id")),
    "portfolio.get_transfer": lambda probe, method: method(
        probe.first("portfolio.transfers", "transfer_id")
    ),
}


def check_contract(client: Kalshi) -> LiveReport:
    """Make every read of the client's contract once and report the deviations."""
    session = client.session
    report = LiveReport(session.environment.name, session.contract.name)
    probe = ReadOnlyProbe(client)
    reads = [
        operation for operation in session.contract.operations.values() if not operation.writes
    ]
    unreadable: list[ReportedDeviation] = []
    # Lists first: the others name what they hold.
    for operation in sorted(reads, key=lambda read: not probe.is_list(read)):
        try:
            probe.call(operation)
        except Unintelligible:
            unreadable.append(
                ReportedDeviation(operation.id, operation.facade, "unreadable", "", 1)
            )
        except (NoSubject, KalshiError) as error:
            _skip(report, operation, error)
            continue
        report.answered.append(operation.id)
    report.deviations = unreadable + _counted_deviations(client)
    return report


def _skip(report: LiveReport, operation: Operation, error: Exception) -> None:
    if isinstance(error, Refused):
        reason = f"answered {error.status} {error.code or ''}".rstrip()
    else:
        reason = str(error).partition(": ")[2] or str(error)
    report.unanswered += isinstance(error, NoAnswer | NotSent)
    report.unanswered += isinstance(error, Refused) and error.status >= 500
    report.skipped[operation.id] = printable(reason)  # an error code is foreign text


def _counted_deviations(client: Kalshi) -> list[ReportedDeviation]:
    operations = client.session.contract.operations
    return [
        ReportedDeviation(operation, operations[operation].facade, kind, where, count)
        for (operation, kind, where), count in sorted(client.drift().items())
    ]
