"""Judge every answer any sandbox gave in these tests by the maintained OpenAPI documents.

A sandbox is asked for its record when it is reset or closed, whoever started it; a violation fails
the test at hand. The counts are told at the end of the run.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "sandbox"))

from sandbox_contract import TALLY, judge_traffic

from kalshi_ext.sandbox import SandboxError
from kalshi_ext.sandbox.handle import Sandbox

_RESET, _CLOSE = Sandbox.reset, Sandbox.close
_TOTAL = pytest.StashKey[list[int]]()


def _reset(box: Sandbox) -> None:
    wrong = _wrong(box)
    _RESET(box)
    assert wrong == []


def _close(box: Sandbox) -> None:
    wrong = _wrong(box)
    _CLOSE(box)
    assert wrong == []


def _wrong(box: Sandbox) -> list[str]:
    if box.pid is None:
        return []
    try:
        return judge_traffic(box.truth.requests())
    except SandboxError:  # its process is gone, and what it recorded with it
        return []


@pytest.fixture(scope="session", autouse=True)
def _every_answer_is_judged() -> Any:
    Sandbox.reset, Sandbox.close = _reset, _close
    yield
    Sandbox.reset, Sandbox.close = _RESET, _CLOSE


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TOTAL] = [0, 0]


def pytest_sessionfinish(session: pytest.Session) -> None:
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["judged"] = list(TALLY)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for at, count in enumerate(getattr(node, "workeroutput", {}).get("judged", ())):
        node.config.stash[_TOTAL][at] += count


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    answers, violations = (a + b for a, b in zip(config.stash[_TOTAL], TALLY, strict=True))
    if answers:
        terminalreporter.write_line(
            f"sandbox traffic: {answers} answers judged by the contract, {violations} violations"
        )
