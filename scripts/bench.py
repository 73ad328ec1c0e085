"""Measure what this library costs, beside the same by hand, as ratios of one run on one machine.

Each row times two ways of the same work in turns, and gives the median of the turns' ratios. CPU
time is this process's only: the exchange is another process, on another core where there is one.
`--write` puts what was measured into docs/performance.md. Ratios travel to other machines better
than microseconds do; neither is a promise.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bench_page as pages
from attrs import evolve
from bench_beside import BESIDE
from bench_growth import grow
from bench_profile import imports, profile
from bench_rows import ROWS
from bench_turns import QUICK, Plan, Row, core_of, keep_to
from figures import write_block

PAGE = "performance.md"


def measure(rooms: tuple[Callable[[Plan], Iterator[Row]], ...], plan: Plan) -> list[Row]:
    """Measure rows."""
    return [row for room in rooms for row in room(plan)]


def demanded(plan: Plan) -> str:
    """Measure the rows that something is demanded of."""
    return pages.rows_text(measure(ROWS, plan))


def beside(plan: Plan) -> str:
    """Measure the other rows."""
    return pages.plain_rows_text(measure(BESIDE, plan))


def growth(plan: Plan) -> str:
    """Measure the growth curves."""
    return pages.curves_text(grow(plan))


def profiled(plan: Plan) -> str:  # noqa: ARG001 - as the others
    """Profile one order, and an import."""
    return f"{pages.profile_text(*profile())}\n\n{pages.imports_text(imports())}"


def rivals(plan: Plan) -> str:
    """Let the clients of others race."""
    from bench_rivals import measure_rivals

    return measure_rivals(plan)


MEASURES = dict(zip(pages.BLOCKS, (demanded, beside, growth, profiled, rivals), strict=True))


def setup_of(block: str, plan: Plan) -> pages.Setup:
    """Say where and when; the rivals run on a Python of their own."""
    if block != "rivals":
        return pages.Setup(plan)
    from bench_rivals import rival_setup

    return rival_setup(plan)


def run(block: str, plan: Plan) -> str:
    """Measure one block; its text begins with where and when."""
    setup = setup_of(block, plan)
    text = MEASURES[block](plan)
    return f"{pages.setup_text(setup, os.getloadavg()[0])}\n\n{text}"


def main() -> int:
    """Measure and print; with --write also into the docs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help=f"write the blocks of docs/{PAGE}")
    parser.add_argument("--quick", action="store_true", help="few turns of little work")
    parser.add_argument("--turns", type=int, help="turns of a row")
    parser.add_argument("--only", choices=pages.BLOCKS, action="append", help="these blocks alone")
    parser.add_argument("--rivals", action="store_true", help="the clients of others as well")
    options = parser.parse_args()
    plan = QUICK if options.quick else Plan()
    if options.turns:
        plan = evolve(plan, turns=options.turns)
    blocks = options.only or [name for name in pages.BLOCKS if name != "rivals" or options.rivals]
    keep_to(core_of("client"))
    for block in blocks:
        text = run(block, plan)
        print(f"\n{text}\n", flush=True)
        if options.write:
            write_block(PAGE, block, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
