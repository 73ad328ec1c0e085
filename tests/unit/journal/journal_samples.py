"""Entries for the tests of the journal."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from kalshi_ext.journal.entry import Entry

START = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def entry(key: str = "k", **values: Any) -> Entry:
    """Make an intent under a key."""
    given = {
        "operation": "CreateOrderV2",
        "ticker": "KXHIGHNY-26NOV23-B50",
        "fingerprint": hashlib.sha256(key.encode()).hexdigest(),
        "ticket": '{"count": "1.00"}',
        "created_at": START,
    }
    return Entry(key=key, **(given | values))


class Clock:
    """A clock that moves one second with each reading."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment
