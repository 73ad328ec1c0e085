"""The sandbox for these tests: as new for each, its whole traffic checked against the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sandbox_client import SignedClient, signed_client
from sandbox_contract import traffic_violations

from kalshi_ext.sandbox import Sandbox


@pytest.fixture
def exchange(kalshi_exchange: Sandbox) -> Iterator[Sandbox]:
    """An exchange whose answers must all be what the contract promises."""
    yield kalshi_exchange
    assert traffic_violations(kalshi_exchange.truth.requests()) == []
    kalshi_exchange.truth.check_invariants()


@pytest.fixture
def caller(exchange: Sandbox) -> Iterator[SignedClient]:
    """A bare signing client for the first account."""
    with signed_client(exchange) as client:
        yield client
