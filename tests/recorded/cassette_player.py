"""Record scenarios on cassettes and play them back, with the sync or the async client.

What makes recordings the same each time: the sandbox's clock, seed and keys are fixed, the client's
clock too, and scenarios name their ids. What makes them safe to publish: requests lose their
credentials and answers their account ids by the list the logs use.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import vcr
from attrs import define, evolve, frozen
from scenarios import ERRORS, SCENARIOS, Recording
from scrub import scrubbed_request, scrubbed_response

from kalshi_ext import AsyncKalshi, Kalshi, Policy
from kalshi_ext.contracts import contract
from kalshi_ext.protocol.rate_limits import Backoff

CASSETTES = Path(__file__).parent / "cassettes"
# vcrpy's default leaves headers and body out: a replay would not notice another count.
MATCH_ON = ("method", "scheme", "host", "port", "path", "query", "headers", "bytes")
SANDBOX = "http://sandbox.kalshi-ext.test"  # stands for the loopback address of a recording
START = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
DATE = "Mon, 23 Nov 2026 12:00:00 GMT"


def recordings() -> list[Recording]:
    """List every cassette: each operation of both contracts, then the error shapes."""
    operations = [
        Recording(name, operation.id, SCENARIOS[operation.facade])
        for name in ("current", "classic")
        for operation in contract(name).operations.values()
    ]
    return operations + ERRORS


def cassette_path(recording: Recording) -> Path:
    """Return where a cassette lies; the folder says against what it was recorded."""
    return CASSETTES / "sandbox" / recording.contract / f"{recording.name}.yaml"


@define
class FrozenClock:
    """A clock that stands still, whatever the exchange's Date says."""

    seconds: float = START.timestamp()

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return time.monotonic()

    def adjust(self, seconds: float) -> None:
        return None


def make_recorder() -> vcr.VCR:
    """Return the recorder with this project's matching and redaction."""
    # Its log shows requests and answers before anything is taken out of them.
    logging.getLogger("vcr").setLevel(logging.ERROR)
    recorder = vcr.VCR(
        match_on=MATCH_ON,
        before_record_request=lambda request: scrubbed_request(request, SANDBOX),
        before_record_response=lambda response: scrubbed_response(response, DATE),
        decode_compressed_response=True,
    )
    recorder.register_matcher("bytes", _compare_bodies)
    return recorder


def _compare_bodies(first: Any, second: Any) -> None:
    """Compare bodies byte for byte; vcrpy's own matcher takes equal JSON for equal."""
    assert (first.body or b"") == (second.body or b""), "another body"


# Hardly anything is waited for: a replay that leaves its recording ends soon, and says so.
POLICY = Policy(
    attempts=2, backoff=Backoff(first=0.0), poll=0.1, resolve_within=2.0, signature_life=0.0
)


def make_client(client_class: type[Any], *, freeze_clock: bool = True, **options: Any) -> Any:
    """Make a client whose clock stands still, unless it has to sign for a server that checks."""
    client = client_class(policy=POLICY, **options)
    if freeze_clock:
        client.driver.endpoint = evolve(client.driver.endpoint, clock=FrozenClock())
    return client


@frozen
class AwaitableValue:
    """A value that can be awaited: lets the sync client play the same scenarios."""

    value: Any

    def __await__(self) -> Generator[None, None, Any]:
        yield from ()
        return self.value


@frozen
class AwaitableRows:
    """A list of the sync client, to be read as one of the async client."""

    rows: Any

    def all(self) -> AwaitableValue:
        return AwaitableValue(self.rows.all())


@frozen
class SyncAsAsync:
    """The sync client with the interface of the async one."""

    client: Any

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.client, name)
        if name in ("session", "driver"):
            return attribute
        if callable(attribute):
            return lambda *arguments, **named: _awaitable(attribute(*arguments, **named))
        return SyncAsAsync(attribute)


def _awaitable(value: Any) -> AwaitableValue | AwaitableRows:
    return AwaitableRows(value) if hasattr(value, "all") else AwaitableValue(value)


def play(recording: Recording, client_kind: str, **options: Any) -> Any:
    """Play a scenario with the "sync" or the "async" client; return its result or its `raises`."""
    try:
        if client_kind == "sync":
            with make_client(Kalshi, contract=recording.contract, **options) as client:
                return asyncio.run(recording.scenario(SyncAsAsync(client)))
        return asyncio.run(_play_async(recording, options))
    except Exception as error:
        if recording.raises is not None and isinstance(error, recording.raises):
            return error
        raise


async def _play_async(recording: Recording, options: dict[str, Any]) -> Any:
    async with make_client(AsyncKalshi, contract=recording.contract, **options) as client:
        return await recording.scenario(client)
