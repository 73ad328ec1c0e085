"""Attack the library through its arguments, its answers and whatever shows text; count what fails.

The judges are those of tests/hostile_input, over everything instead of a sample. Prints the
figures; `--write` keeps them in docs/security.md. Exits 1 when one count that must be 0 is not.
`--every N` takes each N-th attempt only.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "hostile_input"), str(ROOT / "examples")]

import bad_arguments
import good_orders
import hostile_answers
import pattern_growth
import process_surfaces
import secret_doors
import secret_surfaces
from figures import write_block

from kalshi_ext import Kalshi

SEED = 12
GOOD_ORDERS = 1_000
RANDOM_TEXTS = 40  # for each parameter of each method, sync and async
ANSWERS = 3_000  # of a word and a body, each under every status
PATTERN_SIZE = 4_000  # characters, and twice as many


def arguments(every: int) -> bad_arguments.Verdicts:
    """Try every bad argument, then random texts."""
    verdicts = bad_arguments.Verdicts()
    for attempt in itertools.islice(
        itertools.chain(bad_arguments.everything(), _random_attempts()), 0, None, every
    ):
        verdicts.add(attempt)
    return verdicts


def _random_attempts() -> Iterator[bad_arguments.Attempt]:
    for seed, contract in enumerate(hostile_answers.BOTH):
        clients = bad_arguments.Clients(contract)
        texts = bad_arguments.random_texts(SEED + seed, RANDOM_TEXTS)
        yield from bad_arguments.of_methods(
            contract, clients, ("sync", "async"), values=lambda _, texts=texts: texts
        )
        clients.close()


def orders(every: int) -> tuple[int, list[str]]:
    """Place orders as people have them; return how many, and what went wrong."""
    transport = good_orders.Accepting()
    options: dict[str, Any] = {"bearer_token": "a-token-of-a-test", "transport": transport}
    count = GOOD_ORDERS // every
    with Kalshi(**options) as client:
        wrong = [
            problem
            for order in good_orders.good_orders(SEED, count)
            if (problem := good_orders.place(client, transport, order)) is not None
        ]
    return count, wrong


def answers(every: int) -> hostile_answers.Judgement:
    """Answer with hostile bodies under every status."""
    picked = hostile_answers.sample(SEED, ANSWERS // every, len(hostile_answers.STATUSES))
    return hostile_answers.judge_all(picked)


def surfaces(every: int) -> secret_surfaces.Leaks:
    """Look for secrets wherever text is shown."""
    vault = secret_surfaces.Vault()
    leaks = secret_surfaces.Leaks(vault)
    scenarios = itertools.chain(secret_surfaces.every(vault), secret_doors.doors(vault))
    for scenario in itertools.islice(scenarios, 0, None, every):
        secret_surfaces.watch(scenario, leaks)
    process_surfaces.look_at_files(leaks)
    process_surfaces.look_at_processes(leaks)
    process_surfaces.look_at_pytest(leaks)
    return leaks


def patterns() -> list[pattern_growth.Growth]:
    """Measure every pattern of the package."""
    return [
        pattern_growth.growth(pattern, PATTERN_SIZE, prefixes=("", "token: ", "http://"))
        for pattern in pattern_growth.patterns().values()
    ]


def table(rows: list[tuple[str, str, int, dict[str, int]]]) -> str:
    """Render what was tried and what failed."""
    lines = ["| what | tried | failed |", "|---|---:|---|"]
    for name, unit, tried, failed in rows:
        counts = ", ".join(f"{kind} {count}" for kind, count in failed.items())
        lines.append(f"| {name} | {tried:,} {unit} | {counts} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the figures into the page")
    parser.add_argument("--every", type=int, default=1, help="take each N-th attempt only")
    options = parser.parse_args()
    logging.disable(logging.NOTSET)
    logging.getLogger("kalshi_ext").addHandler(logging.NullHandler())
    logging.getLogger("kalshi_ext").propagate = True
    warnings.simplefilter("ignore")
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)  # a journal's name is a file's
        rows = []
        for row in _rows(options.every, problems):
            print(table([row]).splitlines()[-1], flush=True)  # the whole takes minutes
            rows.append(row)
        os.chdir(ROOT)
    print("\n".join(problems[:100]))
    if options.write:
        note = f"`make fuzz`, Python {sys.version.split()[0]}, seed {SEED}."
        write_block("security.md", "fuzz", f"{note}\n\n{table(rows)}")
    return 1 if any(count for *_, failed in rows for count in failed.values()) else 0


def _rows(every: int, problems: list[str]) -> Iterator[tuple[str, str, int, dict[str, int]]]:
    verdicts = arguments(every)
    problems += verdicts.examples
    kinds = {
        "reached the wire": "wire",
        "silent": "silent",
        "foreign class": "foreign",
        "unclear": "unclear",
        "hung": "hung",
    }
    yield (
        "bad arguments, both contracts, sync and async", "attempts", verdicts.tried,
        {name: verdicts.counts[kind] for name, kind in kinds.items()},
    )  # fmt: skip
    count, wrong = orders(every)
    problems += wrong
    yield "good orders as people write them", "orders", count, {"refused or changed": len(wrong)}
    judgement = answers(every)
    problems += judgement.examples
    words = {"foreign class": "foreign", "hung": "hung", "wrong verdict": "wrong verdict"}
    yield (
        f"hostile answers under {len(hostile_answers.STATUSES)} statuses", "answers",
        judgement.tried, {name: judgement.counts[kind] for name, kind in words.items()},
    )  # fmt: skip
    leaks = surfaces(every)
    problems += leaks.found
    yield "secrets in what is shown", "surfaces", leaks.surfaces, {"leaks": len(leaks.found)}
    growths = patterns()
    slow = [growth for growth in growths if not growth.is_linear]
    problems += map(str, slow)
    yield "growth of patterns with their input", "patterns", len(growths), {"not linear": len(slow)}


if __name__ == "__main__":
    sys.exit(main())
