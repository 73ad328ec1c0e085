"""Record scenes on cassettes and play them back, in either colour.

What makes recordings the same each time: the exchange's clock, seed and keys are fixed, the
client's clock is, and scenes name their ids. What makes them safe to publish: requests lose their
credentials and answers their account ids by the list the logs use.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import vcr
from attrs import define, evolve, frozen
from errors import ERRORS
from scenes import SHARED, Take
from scrub import scrubbed_request, scrubbed_response

from kalshi_ext import AsyncKalshi, Kalshi, Policy
from kalshi_ext.contracts import contract
from kalshi_ext.protocol.rate_limits import Backoff

CASSETTES = Path(__file__).parent / "cassettes"
MATCH_ON = ("method", "scheme", "host", "port", "path", "query", "headers", "bytes")
SANDBOX = "http://sandbox.kalshi-ext.test"  # stands for the loopback address of a recording
MOMENT = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
DATE = "Mon, 23 Nov 2026 12:00:00 GMT"


def takes() -> list[Take]:
    """Return every cassette: each operation of both contracts, then the error shapes."""
    operations = [
        Take(name, operation.id, SHARED[operation.facade])
        for name in ("current", "classic")
        for operation in contract(name).operations.values()
    ]
    return operations + ERRORS


def path(take: Take) -> Path:
    """Return where a take's cassette lies; the folder says where it was recorded."""
    return CASSETTES / "sandbox" / take.contract / f"{take.name}.yaml"


@define
class FixedClock:
    """A clock that stands still."""

    seconds: float = MOMENT.timestamp()

    def now(self) -> float:
        """Return the moment."""
        return self.seconds

    def adjust(self, seconds: float) -> None:
        """Stay where it is."""


def recorder() -> vcr.VCR:
    """Return the recorder with this project's matching and redaction."""
    # Its log tells requests and answers before anything is taken out of them.
    logging.getLogger("vcr").setLevel(logging.ERROR)
    made = vcr.VCR(
        match_on=MATCH_ON,
        before_record_request=lambda request: scrubbed_request(request, SANDBOX),
        before_record_response=lambda response: scrubbed_response(response, DATE),
        decode_compressed_response=True,
    )
    made.register_matcher("bytes", _same_bytes)
    return made


def _same_bytes(one: Any, other: Any) -> None:
    """Compare bodies byte for byte; vcrpy's own matcher takes equal JSON for equal."""
    assert (one.body or b"") == (other.body or b""), "another body"


# Nothing is waited for: a replay that leaves its recording ends at once, and says so.
POLICY = Policy(attempts=2, backoff=Backoff(first=0.0), poll=0.0, resolve_within=0.0)


def make(colour: type[Any], *, fixed: bool = True, **options: Any) -> Any:
    """Make a client whose clock stands still, unless it has to sign for a real exchange."""
    client = colour(policy=POLICY, **options)
    if fixed:
        client.driver.endpoint = evolve(client.driver.endpoint, clock=FixedClock())
    return client


@frozen
class Ready:
    """A value that can be awaited: lets the sync client play the same scenes."""

    value: Any

    def __await__(self) -> Generator[None, None, Any]:
        yield from ()
        return self.value

    def all(self) -> Ready:
        """Read an iterator to its end."""
        return Ready(self.value.all())


@frozen
class SyncPlayer:
    """The sync client, spoken to as if it were the async one."""

    client: Any

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if name in ("session", "driver"):
            return found
        if callable(found):
            return lambda *arguments, **named: Ready(found(*arguments, **named))
        return SyncPlayer(found)


def play(take: Take, colour: str, **options: Any) -> Any:
    """Play a scene with a client of a colour; returns its result or the error it is about."""
    try:
        if colour == "sync":
            with make(Kalshi, contract=take.contract, **options) as client:
                return asyncio.run(take.scene(SyncPlayer(client)))
        return asyncio.run(_async_play(take, options))
    except Exception as error:
        if take.fails is not None and isinstance(error, take.fails):
            return error
        raise


async def _async_play(take: Take, options: dict[str, Any]) -> Any:
    async with make(AsyncKalshi, contract=take.contract, **options) as client:
        return await take.scene(client)
