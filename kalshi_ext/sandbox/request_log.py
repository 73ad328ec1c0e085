"""The log of the requests that truly arrived and the answers that truly went out.

Only the admin side can read it. It is in memory: a restart begins a new one.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

from attrs import define, field

from kalshi_ext.sandbox.http_messages import HttpRequest, HttpResponse

Outcome: TypeAlias = Literal["received", "refused", "executed"]


@define
class LoggedRequest:
    """Record one request that reached the exchange, and what it was answered."""

    seq: int
    received: datetime
    method: str
    target: str
    raw_headers: Mapping[bytes, bytes] = field(repr=False)
    body: bytes = field(repr=False)
    operation: str | None = None
    account: str | None = None
    outcome: Outcome = "received"
    """What truly became of it, whatever the answer said: executed, refused by the exchange, or
    only received (a fault answered before, or nobody was to answer)."""
    fault: int | None = None
    """The fault rule that changed the answer."""
    replay_of: int | None = None
    """The earlier request this is a second delivery of."""
    status: int | None = None
    """None: no answer was made."""
    answer: bytes = field(default=b"", repr=False)
    answered: datetime | None = None

    @property
    def executed(self) -> bool:
        """Whether the exchange did what it asks."""
        return self.outcome == "executed"

    @property
    def refused(self) -> bool:
        """Whether the exchange read it and refused it."""
        return self.outcome == "refused"

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers, names in lower case."""
        return {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self.raw_headers.items()
        }

    def to_data(self) -> dict[str, Any]:
        """Render as JSON-ready data; bytes as base64, times as ISO text."""
        return {
            **{name: getattr(self, name) for name in _PLAIN_FIELDS},
            "headers": self.headers,
            "received": self.received.isoformat(),
            "answered": self.answered.isoformat() if self.answered else None,
            "body": base64.b64encode(self.body).decode(),
            "answer": base64.b64encode(self.answer).decode(),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> LoggedRequest:
        """Read back what to_data rendered."""
        answered = data["answered"]
        return cls(
            **{name: data[name] for name in _PLAIN_FIELDS},
            raw_headers={
                name.encode("latin-1"): value.encode("latin-1")
                for name, value in data["headers"].items()
            },
            received=datetime.fromisoformat(data["received"]),
            answered=datetime.fromisoformat(answered) if answered else None,
            body=base64.b64decode(data["body"]),
            answer=base64.b64decode(data["answer"]),
        )


# Fields that JSON can hold as they are.
_PLAIN_FIELDS = (
    *("seq", "method", "target", "operation"),
    *("account", "outcome", "fault", "replay_of", "status"),
)


@define
class RequestLog:
    """Append, never change the past; numbers count from 1 without holes."""

    requests: list[LoggedRequest] = field(factory=list[LoggedRequest], repr=False)
    enabled: bool = True
    """False for measurements: the log grows with every request."""
    _seq: int = 0

    def record_arrival(self, request: HttpRequest, *, at: datetime) -> LoggedRequest:
        """Record a request the moment it is complete."""
        # A disabled log numbers requests all the same: `replay_of` names them by it.
        self._seq += 1
        entry = LoggedRequest(
            self._seq, at, request.method, request.target, request.headers, request.body
        )
        if self.enabled:
            self.requests.append(entry)
        return entry

    def since(self, seq: int) -> list[LoggedRequest]:
        """List the requests after number seq, oldest first."""
        return [entry for entry in self.requests if entry.seq > seq]

    def clear(self) -> None:
        """Begin an empty log, as a new exchange has it."""
        self.requests, self._seq = [], 0


def record_response(entry: LoggedRequest, response: HttpResponse, *, at: datetime) -> None:
    """Complete a record with the answer that was handed to the network."""
    entry.status, entry.answer, entry.answered = response.status, response.body, at
