"""Attack the library through its arguments, its answers and whatever shows text; count what fails.

The judges are those of tests/hostile_input, over everything instead of a sample. Prints the
figures; `--write` keeps them in docs/security.md. Exits 1 when one count that must be 0 is not.
`--every N` takes each N-th attempt only, `--only` some of the parts.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import re
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
ANSWERS = 2_850  # of a word and a body, each under every status
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
    options["pace"] = None
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


Row = tuple[str, str, int, dict[str, int]]  # what, how many of what, and what failed


def _arguments_row(every: int, problems: list[str]) -> Row:
    verdicts = arguments(every)
    problems += verdicts.examples
    kinds = {
        "reached the wire": "wire",
        "silent": "silent",
        "foreign class": "foreign",
        "unclear": "unclear",
        "hung": "hung",
    }
    failed = {name: verdicts.counts[kind] for name, kind in kinds.items()}
    return "bad arguments, both contracts, sync and async", "attempts", verdicts.tried, failed


def _orders_row(every: int, problems: list[str]) -> Row:
    count, wrong = orders(every)
    problems += wrong
    return "good orders as people write them", "orders", count, {"refused or changed": len(wrong)}


def _answers_row(every: int, problems: list[str]) -> Row:
    judgement = answers(every)
    problems += judgement.examples
    words = {"foreign class": "foreign", "hung": "hung", "wrong verdict": "wrong verdict"}
    failed = {name: judgement.counts[kind] for name, kind in words.items()}
    name = f"hostile answers under {len(hostile_answers.STATUSES)} statuses"
    return name, "answers", judgement.tried, failed


def _surfaces_row(every: int, problems: list[str]) -> Row:
    leaks = surfaces(every)
    problems += leaks.found
    return "secrets in what is shown", "surfaces", leaks.surfaces, {"leaks": len(leaks.found)}


def _patterns_row(_: int, problems: list[str]) -> Row:
    growths = patterns()
    slow = [growth for growth in growths if not growth.is_linear]
    problems += map(str, slow)
    failed = {"not linear": len(slow)}
    return "growth of patterns with their input", "patterns", len(growths), failed


PARTS = {
    "arguments": _arguments_row,
    "orders": _orders_row,
    "answers": _answers_row,
    "surfaces": _surfaces_row,
    "patterns": _patterns_row,
}


def line_of(row: Row) -> str:
    """Render what was tried and what failed as a line of the table."""
    name, unit, tried, failed = row
    counts = ", ".join(f"{kind} {count}" for kind, count in failed.items())
    return f"| {name} | {tried:,} {unit} | {counts} |"


def write(part: str, line: str) -> None:
    """Write the line of one part into the page; the other parts keep theirs."""
    text = (ROOT / "docs" / PAGE).read_text(encoding="utf-8")
    lines = {name: found for name in PARTS if (found := _line_with(_UNITS[name], text))}
    lines |= {part: line}
    note = f"`make fuzz`, Python {sys.version.split()[0]}, seed {SEED}."
    table = ["| what | tried | failed |", "|---|---:|---|"]
    table += [lines[name] for name in PARTS if name in lines]
    write_block(PAGE, "fuzz", "\n".join([note, "", *table]))


PAGE = "security.md"
_UNITS = {**{name: name for name in PARTS}, "arguments": "attempts"}


def _line_with(unit: str, text: str) -> str | None:
    found = re.search(rf"^\| .* \| [\d,]+ {unit} \| .*\|$", text, re.MULTILINE)
    return found and found[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the figures into the page")
    parser.add_argument("--every", type=int, default=1, help="take each N-th attempt only")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=[*PARTS], help="these parts")
    options = parser.parse_args()
    logging.disable(logging.NOTSET)
    logging.getLogger("kalshi_ext").addHandler(logging.NullHandler())
    logging.getLogger("kalshi_ext").propagate = True
    warnings.simplefilter("ignore")
    problems: list[str] = []
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        for part in options.only:
            os.chdir(place)  # a journal's name is a file's
            row = PARTS[part](options.every, problems)
            os.chdir(ROOT)
            failed += sum(row[3].values())
            print(line_of(row), flush=True)
            if options.write:  # at once: the whole takes minutes, and may be interrupted
                write(part, line_of(row))
    print("\n".join(problems[:100]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
