"""A shared budget in PostgreSQL, for several machines; the clock is the server's.

So the machines' own clocks take no part. Where the server's is set back, nothing refills that did
before; where it is set forward, each machine notices by its monotonic clock. One that is the first
to ask after that, and never asked before, takes at most one bucket too much.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import psycopg
from attrs import define, field

from kalshi_ext.budget.store import ConnectionHolder, Demand, Grant, Row, WatchedClock
from kalshi_ext.errors import KalshiError
from kalshi_ext.redact import Secret

_TABLE = """
CREATE TABLE IF NOT EXISTS kalshi_budget (
    account text, bucket text, level float8, urgent float8, updated_at float8, holds text,
    PRIMARY KEY (account, bucket)
)
"""
_BEGIN = """
INSERT INTO kalshi_budget VALUES (%s, %s, %s, %s, NULL, '{}') ON CONFLICT DO NOTHING
"""
_LOCK = """
SELECT level, urgent, updated_at, holds FROM kalshi_budget
WHERE account = %s AND bucket = %s FOR UPDATE
"""
_WRITE = """
UPDATE kalshi_budget SET level = %s, urgent = %s, updated_at = %s, holds = %s
WHERE account = %s AND bucket = %s
"""
# Read by a statement of its own, after the lock was got: not when the transaction began.
_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"


@define(eq=False, repr=False)
class PostgresBudget(ConnectionHolder[psycopg.Connection[tuple[Any, ...]]]):
    """The buckets of an account in a table."""

    _url: Secret[Any]
    account: str
    # By bucket, because the level of one is not locked while another's is read.
    _clocks: dict[str, WatchedClock] = field(factory=dict[str, WatchedClock], repr=False)

    def lease(self, demand: Demand) -> Grant:
        """Take tokens under the lock of their row."""
        failed: str | None = None
        with self._lock:
            try:
                return self._lease(self._open(), demand)
            except psycopg.Error as error:
                self._drop()
                failed = type(error).__name__
        # Raised outside of the except block: psycopg's error carries the password.
        raise KalshiError(f"the shared budget does not answer: {failed}")

    def _lease(self, connection: psycopg.Connection[tuple[Any, ...]], demand: Demand) -> Grant:
        key = (self.account, demand.bucket)
        full = Row.full(demand, 0.0)
        with connection.transaction():
            found = connection.execute(_LOCK, key).fetchone()
            if found is None:
                connection.execute(_BEGIN, (*key, full.level, full.urgent))
                found = connection.execute(_LOCK, key).fetchone()
            before = time.monotonic()
            clock = connection.execute(_CLOCK).fetchone()
            after = time.monotonic()
            assert found is not None and clock is not None  # noqa: S101, PT018 - just made
            (now,), (level, urgent, updated_at, holds) = clock, found
            pairs = {owner: (held[0], held[1]) for owner, held in json.loads(holds).items()}
            row = Row(level, urgent, now if updated_at is None else updated_at, pairs)
            watched = self._clocks.setdefault(demand.bucket, WatchedClock())
            if step := watched.step(now, before, after):
                row.step_forward(step, now)
            grant = row.grant(demand, now)
            state = (row.level, row.urgent, row.updated_at, json.dumps(row.holds))
            connection.execute(_WRITE, (*state, *key))
        return grant

    def _open(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed or self._pid != os.getpid():
            connection = psycopg.connect(
                self._url.reveal(),
                autocommit=True,
                connect_timeout=2,
                options="-c lock_timeout=1s -c statement_timeout=2s",
                tcp_user_timeout=3000,
            )
            connection.execute(_TABLE)
            self._connection, self._pid = connection, os.getpid()
        return self._connection
