"""Keep what truly arrived and what truly went out; only the admin side can read it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import define, field

from kalshi_ext.sandbox.wire import Reply, Request


@define
class Exchanged:
    """Record one request that reached the exchange, and what it was answered."""

    seq: int
    received: datetime
    method: str
    target: str
    raw_headers: Mapping[bytes, bytes] = field(repr=False)
    body: bytes = field(repr=False)
    operation: str | None = None
    account: str | None = None
    executed: bool = False
    """Whether the command reached the books (a fault may have answered before)."""
    fault: int | None = None
    """The fault rule that changed the answer."""
    replay_of: int | None = None
    """The earlier request this is a second delivery of."""
    status: int | None = None
    """None: no answer was made."""
    answer: bytes = field(default=b"", repr=False)
    answered: datetime | None = None

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
            **{name: getattr(self, name) for name in _PLAIN},
            "headers": self.headers,
            "received": self.received.isoformat(),
            "answered": self.answered.isoformat() if self.answered else None,
            "body": base64.b64encode(self.body).decode(),
            "answer": base64.b64encode(self.answer).decode(),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Exchanged:
        """Read back what to_data rendered."""
        answered = data["answered"]
        return cls(
            **{name: data[name] for name in _PLAIN},
            raw_headers={
                name.encode("latin-1"): value.encode("latin-1")
                for name, value in data["headers"].items()
            },
            received=datetime.fromisoformat(data["received"]),
            answered=datetime.fromisoformat(answered) if answered else None,
            body=base64.b64decode(data["body"]),
            answer=base64.b64decode(data["answer"]),
        )


_PLAIN = (
    *("seq", "method", "target", "operation"),
    *("account", "executed", "fault", "replay_of", "status"),
)


@define
class Oracle:
    """Append, never change the past; numbers count from 1 without holes."""

    requests: list[Exchanged] = field(factory=list[Exchanged], repr=False)
    keeping: bool = True
    """Turn off for measurements: the record grows with every request."""
    _seq: int = 0

    def arrived(self, request: Request, *, at: datetime) -> Exchanged:
        """Record a request the moment it is complete."""
        self._seq += 1
        entry = Exchanged(
            self._seq, at, request.method, request.target, request.headers, request.body
        )
        if self.keeping:
            self.requests.append(entry)
        return entry

    def since(self, seq: int) -> list[Exchanged]:
        """List the requests after number seq, oldest first."""
        return [entry for entry in self.requests if entry.seq > seq]

    def forget(self) -> None:
        """Start an empty record (a new exchange)."""
        self.requests, self._seq = [], 0


def answered(entry: Exchanged, reply: Reply, *, at: datetime) -> None:
    """Complete a record with the answer that was handed to the network."""
    entry.status, entry.answer, entry.answered = reply.status, reply.body, at
