"""Offer the sandbox exchange as pytest fixtures.

pytest loads this module in every project that has kalshi-ext installed, so it
imports nothing but pytest until a test asks for one of its fixtures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kalshi_ext import AsyncKalshi, Kalshi
    from kalshi_ext.sandbox import Faults, Sandbox


@pytest.fixture(scope="session")
def kalshi_exchange_process() -> Iterator[Sandbox]:
    """Start one exchange process for this test worker."""
    try:
        from kalshi_ext.sandbox import Sandbox
    except ImportError as error:
        from kalshi_ext.errors import INSTALL

        install = INSTALL.format(extra="sandbox")
        pytest.fail(f"this fixture runs the sandbox exchange ({error}); {install}", pytrace=False)
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def kalshi_exchange(kalshi_exchange_process: Sandbox) -> Sandbox:
    """Give the test an exchange as new: seed data only, no faults, an empty record."""
    kalshi_exchange_process.reset()
    return kalshi_exchange_process


@pytest.fixture
def kalshi_faults(kalshi_exchange: Sandbox) -> Faults:
    """Give the test the faults of its exchange: add, list, remove."""
    return kalshi_exchange.faults


@pytest.fixture
def kalshi_client(kalshi_exchange: Sandbox) -> Iterator[Kalshi]:
    """Open a client of the exchange, signed in as its first account."""
    from kalshi_ext import Kalshi

    with Kalshi(
        key_id=kalshi_exchange.key_id,
        private_key=kalshi_exchange.private_key,
        environment=kalshi_exchange.url,
    ) as client:
        yield client


@pytest.fixture
def kalshi_async_client(kalshi_exchange: Sandbox) -> AsyncKalshi:
    """Make an async client; the test opens it: ``async with kalshi_async_client as client``."""
    from kalshi_ext import AsyncKalshi

    return AsyncKalshi(
        key_id=kalshi_exchange.key_id,
        private_key=kalshi_exchange.private_key,
        environment=kalshi_exchange.url,
    )
