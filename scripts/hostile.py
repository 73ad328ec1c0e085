"""Run the client in many hostile worlds, on real TCP, and print what was dishonest.

The worlds are drawn by hypothesis (tests/hostile): what the exchange may do, what happens to which
request, what the bot calls, on which client and journal, when its clock steps and when it is
stopped. The exchange's own books are the judge. `--first` and `--number` say which are drawn,
`--replay TEXT` runs one again by the text that was printed, `--shrink TEXT` looks for the smallest
world that shows the same; `--write` keeps the figures in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "hostile"), str(ROOT / "tests" / "wire" / "journal")]

import hostile_freedoms
import hostile_scenario
from attrs import evolve, fields
from figures import write_block
from hostile_bot import connect
from hostile_draws import CHAINED, draw_scenarios
from hostile_freedoms import Freedoms
from hostile_journals import journals
from hostile_judge import KINDS, judge
from hostile_scenario import Scenario, changed, play_all

BLOCK = 100  # scenarios that are drawn by one seed
Found = list[tuple[str, str, str]]  # kind, words, scenario


def run_scenarios(scenarios: list[Scenario], at_once: int = 24) -> tuple[Counter[str], Found]:
    """Run scenarios side by side; return what was counted and what was found."""
    counts: Counter[str] = Counter()
    found: Found = []
    with tempfile.TemporaryDirectory() as folder, journals(scenarios, Path(folder)) as places:
        runs = asyncio.run(play_all(scenarios, connect, places, at_once=at_once))
    for run in runs:
        counts["scenarios"] += 1
        counts["requests"] += len(run.attempts)
        counts["calls"] += len(run.told)
        counts.update({f"struck {kind}": number for kind, number in run.struck.items()})
        counts.update(f"told {told.verdict}" for told in run.told if told.word != "recover")
        counts.update(f"free {name}" for name in _taken(run.scenario))
        counts.update([f"client {run.scenario.client}", f"journal {run.scenario.journal}"])
        counts[f"contract {run.scenario.freedoms.contract}"] += 1
        text = changed(run.scenario)
        found += [(each.kind, each.words, text) for each in judge(run)]
    return counts, found


def _taken(scenario: Scenario) -> list[str]:
    default = Freedoms()
    names = [a.name for a in fields(Freedoms) if a.name != "contract"]
    return [n for n in names if getattr(scenario.freedoms, n) != getattr(default, n)]


def run_block(first_seed: int, chained: float) -> tuple[Counter[str], Found]:
    """Draw and run the scenarios of one seed."""
    logging.disable(logging.CRITICAL)
    return run_scenarios(draw_scenarios(BLOCK, first_seed, chained=chained))


def parse(text: str) -> Scenario:
    """Return the scenario that a printed text names."""
    names = {**vars(hostile_freedoms), **vars(hostile_scenario)}
    scenario = eval(text, names)  # noqa: S307 - the developer's own text, on their own machine
    assert isinstance(scenario, Scenario)  # noqa: S101
    return scenario


def smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Yield scenarios with one thing less."""
    default = Scenario((), Freedoms())
    for name in ("clock_step", "client", "journal", "resend_within"):
        yield evolve(scenario, **{name: getattr(default, name)})
    for name in _taken(scenario):
        kept = getattr(default.freedoms, name)
        yield evolve(scenario, freedoms=evolve(scenario.freedoms, **{name: kept}))
    for name in ("faults", "steps"):
        parts = getattr(scenario, name)
        for number in range(len(parts)):
            yield evolve(scenario, **{name: parts[:number] + parts[number + 1 :]})
    for number, fault in enumerate(scenario.faults):
        if fault.times > 1:
            rest = scenario.faults[number + 1 :]
            yield evolve(
                scenario, faults=(*scenario.faults[:number], evolve(fault, times=1), *rest)
            )


def shrink(scenario: Scenario, kind: str) -> Scenario:
    """Return the smallest scenario found that is dishonest in the same way, seen twice."""
    tried = {scenario}
    while True:
        for candidate in smaller(scenario):
            if candidate in tried or not candidate.steps:
                continue
            tried.add(candidate)
            _, found = run_scenarios([candidate, candidate])
            if sum(each[0] == kind for each in found) > 1:
                scenario = candidate
                print(f"smaller: {changed(scenario)}", flush=True)
                break
        else:
            return scenario


def table(counts: Counter[str], found: Found, effort: str) -> str:
    """Render the figures as Markdown."""
    kinds = Counter(kind for kind, _, _ in found)
    rows = [
        ("combinations tried", counts["scenarios"]),
        ("calls made, requests met", f"{counts['calls']:,}, {counts['requests']:,}"),
        ("current, classic", _pair(counts, "contract", "current", "classic")),
        ("sync, async", _pair(counts, "client", "sync", "async")),
        (
            "journal in memory, SQLite, PostgreSQL",
            _pair(counts, "journal", "memory", "sqlite", "postgres"),
        ),
        *((f"**dishonest: {kind}**", kinds[kind]) for kind in KINDS),
    ]
    lines = ["| | |", "|---|--:|"]
    lines += [f"| {name} | {n if isinstance(n, str) else f'{n:,}'} |" for name, n in rows]
    met = [
        f"{title}: " + ", ".join(f"{name} {n:,}" for name, n in _named(counts, prefix)) + "."
        for title, prefix in (
            ("Faults that struck", "struck "),
            ("Freedoms taken", "free "),
            ("Callers were told", "told "),
        )
    ]
    return "\n".join([*lines, "", *met, "", effort])


def _pair(counts: Counter[str], prefix: str, *names: str) -> str:
    return ", ".join(f"{counts[f'{prefix} {name}']:,}" for name in names)


def _named(counts: Counter[str], prefix: str) -> list[tuple[str, int]]:
    return sorted((k.removeprefix(prefix), n) for k, n in counts.items() if k.startswith(prefix))


def _one(text: str, *, smallest: bool) -> int:
    scenario = parse(text)
    _, found = run_scenarios([scenario])
    for kind, words, _ in found:
        print(f"{kind}: {words}")
    if found and smallest:
        print(changed(shrink(scenario, found[0][0])))
    return 1 if found else 0


def main() -> int:
    """Run, print, and exit 1 when anything was dishonest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=20_000, help="scenarios (default 20000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--chained", type=float, default=CHAINED, help="share of chains of changes")
    parser.add_argument("--minutes", type=float, default=600.0, help="then stop and report")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--replay", metavar="TEXT", help="run one scenario by its text")
    parser.add_argument("--shrink", metavar="TEXT", help="make one scenario smaller")
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    options = parser.parse_args()
    if options.replay or options.shrink:
        return _one(options.replay or options.shrink, smallest=bool(options.shrink))
    began = time.monotonic()
    counts: Counter[str] = Counter()
    found: Found = []
    seeds = range(options.first, options.first + -(-options.number // BLOCK))
    block = partial(run_block, chained=options.chained)
    with multiprocessing.Pool(options.jobs) as pool, contextlib.suppress(KeyboardInterrupt):
        for more, more_found in pool.imap_unordered(block, seeds):
            counts += more
            found += more_found
            for kind, words, text in more_found:
                print(f"{kind}: {words}\n    {text}", flush=True)
            print(f"{counts['scenarios']:,} scenarios", file=sys.stderr, flush=True)
            if time.monotonic() - began > 60 * options.minutes:
                break
    effort = f"Seeds from {options.first} on, {BLOCK} scenarios each; "
    effort += f"{(time.monotonic() - began) / 60:.0f} minutes on {options.jobs} processes."
    page = table(counts, found, effort)
    print(page)
    if options.write:
        write_block("reliability.md", "hostile", page)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
