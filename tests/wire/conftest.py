"""Judge every answer any sandbox gave in these tests by the maintained OpenAPI documents.

A sandbox is asked for its record when it is reset or closed, whoever started it; a violation fails
the test that runs then. The counts are printed at the end of the run (tests/conftest.py).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "sandbox"))

from sandbox_contract import check_and_count

from kalshi_ext.sandbox import SandboxError
from kalshi_ext.sandbox.sandbox import Sandbox

_ORIGINAL_RESET, _ORIGINAL_CLOSE = Sandbox.reset, Sandbox.close


def _reset(box: Sandbox) -> None:
    violations = _traffic_violations(box)
    _ORIGINAL_RESET(box)
    assert violations == []


def _close(box: Sandbox) -> None:
    violations = _traffic_violations(box)
    _ORIGINAL_CLOSE(box)
    assert violations == []


def _traffic_violations(box: Sandbox) -> list[str]:
    # A worker may run other tests between these, and theirs are not looked at here.
    if box.pid is None or "tests/wire/" not in os.environ.get("PYTEST_CURRENT_TEST", ""):
        return []
    # What was recorded differs from the documents: nothing can judge it by them.
    if box.options.settings.get("classic_dialect") == "recorded":
        return []
    try:
        return check_and_count(box.truth.requests())
    except SandboxError:  # its process is gone, and what it recorded with it
        return []


@pytest.fixture(scope="session", autouse=True)
def _every_answer_is_judged() -> Any:
    Sandbox.reset, Sandbox.close = _reset, _close
    yield
    Sandbox.reset, Sandbox.close = _ORIGINAL_RESET, _ORIGINAL_CLOSE


@pytest.fixture
def kalshi_exchange(kalshi_exchange_process: Sandbox) -> Sandbox:
    """An exchange as new, without its rate limits: most tests send as fast as they can."""
    kalshi_exchange_process.reset()
    kalshi_exchange_process.configure(rate_limits=False)
    return kalshi_exchange_process
