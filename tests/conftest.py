"""Print at the end how many answers of sandboxes were judged by the contract, over all workers.

The judging is done in wire/conftest.py, in each worker of pytest-xdist. Only this file is loaded by
the process that starts the workers and sums up.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from case_samples import load_settings

# Images often set PYTHONDONTWRITEBYTECODE. Without bytecode every worker rewrites all tests again,
# and every process that a test starts compiles the library again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Tests import the scripts by name, and the package scripts/contract as `contract`. The folder
# tests/contract has no __init__.py: Python prefers a package with one to such a folder, wherever
# each stands on the path. At the end, so that no script hides a module of the tests. From examples/
# they import `calls`, the example call of every word.
sys.path += [str(Path(__file__).resolve().parents[1] / place) for place in ("scripts", "examples")]

# The library is told by this variable to speak httpx2; the tests then mean it wherever they say
# httpx, as does the generated code.
if os.environ.get("KALSHI_EXT_HTTPX") == "httpx2":
    sys.modules["httpx"] = import_module("httpx2")
    sys.modules["httpcore"] = import_module("httpcore2")

load_settings()

_TOTALS = pytest.StashKey[list[int]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TOTALS] = [0, 0]


def pytest_sessionfinish(session: pytest.Session) -> None:
    worker_output = getattr(session.config, "workeroutput", None)
    if worker_output is not None:
        worker_output["judged"] = list(_tally())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for at, count in enumerate(getattr(node, "workeroutput", {}).get("judged", ())):
        node.config.stash[_TOTALS][at] += count


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    answers, violations = (a + b for a, b in zip(config.stash[_TOTALS], _tally(), strict=True))
    if answers:
        terminalreporter.write_line(
            f"sandbox traffic: {answers} answers judged by the contract, {violations} violations"
        )


def _tally() -> list[int]:
    return getattr(sys.modules.get("sandbox_contract"), "TALLY", [0, 0])
