"""Run random trading on the sandbox's engine and count what breaks.

Every operation is judged three ways: the engine's own invariants, a second exchange written
apart from it, and the OpenAPI documents.
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
    from engine_contract import Judged
    from engine_machine import Tally, Trading

    started, violations, broken = time.monotonic(), 0, ""
    while Tally.commands < arguments.operations and not violations:
        try:
            run_state_machine_as_test(Trading, settings=_settings(arguments.steps))
        except Exception as error:  # noqa: BLE001 - whatever breaks is what is looked for
            violations, broken = 1, f"{type(error).__name__}: {error}"
        if time.monotonic() - started > arguments.seconds:
            break
        print(f"{Tally.commands} operations so far", file=sys.stderr, flush=True)
    told = (
        f"{Tally.commands:,} operations, {Tally.accepted:,} orders accepted, "
        f"{Tally.trades:,} trades, {Tally.settled:,} settlements, {Judged.answers:,} answers "
        f"judged by the contract: {violations} violations"
    )
    print(f"{told} ({time.monotonic() - started:.0f} s)")
    if broken:
        print(broken)
    elif arguments.write:
        write_block("witnesses.md", "invariants", f"{told}.")
    return min(violations, 1)


def _settings(steps: int) -> settings:
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
