"""The read-only calls of `drift --live`, and the guard that lets nothing else out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
from attrs import define, field

from kalshi_ext import Kalshi
from kalshi_ext.cli.deviation_report import Report, Surprise
from kalshi_ext.contracts import Contract
from kalshi_ext.errors import KalshiError, NoAnswer, NotSent, Refused, Unintelligible
from kalshi_ext.protocol.messages import Operation
from kalshi_ext.redact import redact_text

ROWS = 100  # of each list; one page


class ReadOnly(httpx.BaseTransport):
    """Lets reads of one contract pass and refuses the rest before anything is sent."""

    def __init__(self, inner: httpx.BaseTransport, spoken: Contract, prefix: str) -> None:
        self._inner = inner
        self._reads = [
            (operation.method, re.compile(prefix + re.sub(r"\{\w+\}", "[^/]+", operation.path)))
            for operation in spoken.operations.values()
            if not operation.writes
        ]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a read on. Raises UnsupportedProtocol, which a client takes for "not sent"."""
        path = request.url.raw_path.split(b"?")[0].decode("ascii")
        if not any(request.method == method and at.fullmatch(path) for method, at in self._reads):
            raise httpx.UnsupportedProtocol(f"{request.method} {path} is no read: not sent")
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class Nothing(Exception):
    """An operation cannot be asked, because the account has nothing it could name."""


@define
class ReadOnlyProbe:
    """The calls, and what earlier ones found that later ones need."""

    client: Kalshi
    found: dict[str, Any] = field(factory=dict[str, Any])

    def ask(self, operation: Operation) -> None:
        """Make the call behind an operation."""
        resource, _, word = operation.facade.partition(".")
        special = _SPECIAL.get(operation.facade)
        call: Callable[..., Any] = getattr(getattr(self.client, resource), word)
        if special is not None:
            special(self, call)
        elif operation.facade in _LISTS:
            self.found[operation.facade] = call(limit=ROWS, max_pages=1).all()
        else:
            call()

    def first(self, facade: str, name: str) -> str:
        """Give an id of the first row of a list read before."""
        rows = self.found.get(facade)
        if not rows:
            raise Nothing(f"{facade} has no rows to ask about")
        return str(getattr(rows[0], name))


def _queue_positions(looking: ReadOnlyProbe, call: Callable[..., Any]) -> None:
    if looking.client.session.contract.name == "classic":
        call([looking.first("orders.list", "order_id")])
    else:
        call(tickers=[looking.first("orders.list", "ticker")])


_LISTS = frozenset(
    {
        "history.fills",
        "history.orders",
        "history.positions",
        "order_groups.list",
        "orders.list",
        "portfolio.deposits",
        "portfolio.fills",
        "portfolio.positions",
        "portfolio.settlements",
        "portfolio.transfers",
        "portfolio.withdrawals",
        "subaccounts.transfers",
    }
)
_SPECIAL: dict[str, Callable[[ReadOnlyProbe, Callable[..., Any]], Any]] = {
    "orders.get": lambda look, call: call(look.first("orders.list", "order_id")),
    "orders.queue_position": lambda look, call: call(look.first("orders.list", "order_id")),
    "orders.queue_positions": _queue_positions,
    "order_groups.get": lambda look, call: call(look.first("order_groups.list", "id")),
    "portfolio.get_transfer": lambda look, call: call(
        look.first("portfolio.transfers", "transfer_id")
    ),
}


def look(client: Kalshi) -> Report:
    """Make every read of the client's contract once, and gather what was unexpected."""
    session = client.session
    report = Report(session.environment.name, session.contract.name)
    looking = ReadOnlyProbe(client)
    reads = [one for one in session.contract.operations.values() if not one.writes]
    unreadable: list[Surprise] = []
    # Lists first: the others name what they hold.
    for operation in sorted(reads, key=lambda one: one.facade not in _LISTS):
        try:
            looking.ask(operation)
        except Unintelligible:
            unreadable.append(Surprise(operation.id, operation.facade, "unreadable", "", 1))
        except (Nothing, KalshiError) as error:
            _skip(report, operation, error)
            continue
        report.answered.append(operation.id)
    report.surprises = unreadable + _surprises(client)
    return report


def _skip(report: Report, operation: Operation, error: Exception) -> None:
    if isinstance(error, Refused):
        reason = f"answered {error.status} {error.code or ''}".rstrip()
    else:
        reason = str(error).partition(": ")[2] or str(error)
    report.silent += isinstance(error, NoAnswer | NotSent)
    report.silent += isinstance(error, Refused) and error.status >= 500
    report.skipped[operation.id] = redact_text(reason)


def _surprises(client: Kalshi) -> list[Surprise]:
    table = client.session.contract.operations
    return [
        Surprise(operation, table[operation].facade, kind, where, count)
        for (operation, kind, where), count in sorted(client.drift().items())
    ]
