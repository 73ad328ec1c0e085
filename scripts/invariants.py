"""Run random trading on the sandbox's engine and count violations.

Every operation is checked three ways: by the engine's own invariants, by a second exchange written
independently of it, and by the OpenAPI documents.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from figures import write_block
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

TESTS = Path(__file__).resolve().parents[1] / "tests" / "unit" / "sandbox_engine"


def main() -> int:
    """Run until so many operations are done or one breaks; 1 when one did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=100, help="operations of one run, at most")
    parser.add_argument(
        "--seconds", type=float, default=float(os.environ.get("INVARIANTS_SECONDS", "inf"))
    )
    parser.add_argument("--write", action="store_true", help="write the counts to the docs")
    arguments = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    from engine_contract import CheckedAnswers
    from engine_machine import RunCounts, TradingMachine

    started, violations, failure = time.monotonic(), 0, ""
    while RunCounts.commands < arguments.operations and not violations:
        try:
            run_state_machine_as_test(TradingMachine, settings=_run_settings(arguments.steps))
        except Exception as error:  # noqa: BLE001 - any exception is a finding
            violations, failure = 1, f"{type(error).__name__}: {error}"
        if time.monotonic() - started > arguments.seconds:
            break
        print(f"{RunCounts.commands} operations so far", file=sys.stderr, flush=True)
    summary = (
        f"{RunCounts.commands:,} operations, {RunCounts.accepted:,} orders accepted, "
        f"{RunCounts.trades:,} trades, {RunCounts.settled:,} settlements, "
        f"{CheckedAnswers.count:,} answers judged by the contract: {violations} violations"
    )
    print(f"{summary} ({time.monotonic() - started:.0f} s)")
    if failure:
        print(failure)
    elif arguments.write:
        write_block("witnesses.md", "invariants", f"{summary}.")
    return min(violations, 1)


def _run_settings(steps: int) -> settings:
    return settings(
        max_examples=100,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


if __name__ == "__main__":
    sys.exit(main())
