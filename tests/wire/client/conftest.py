from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from case_samples import load_settings
from hypothesis import HealthCheck

TESTS = Path(__file__).resolve().parents[2]
# The clients, calls and secrets of the unit tests, and the scripted server, are used here too.
sys.path[:0] = [str(TESTS / place) for place in ("unit", "unit/core", "wire", "contract")]

from kalshi_ext.sandbox import Sandbox  # noqa: E402 - loads the server's libraries

load_settings(suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def current_box() -> Iterator[Sandbox]:
    """Run one exchange of the current contract for a module."""
    with Sandbox(proxy=False, settings={"rate_limits": False}) as box:
        yield box


@pytest.fixture(scope="module")
def classic_box() -> Iterator[Sandbox]:
    """Run one exchange of the classic contract for a module."""
    with Sandbox(contract="classic", proxy=False, settings={"rate_limits": False}) as box:
        yield box
