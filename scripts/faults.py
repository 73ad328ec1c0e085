"""Try exactly-once against everything: every byte cut, storms, late copies, interruptions.

Real clients against the sandbox, whose books are the only witness. Prints the figures; `--write`
keeps them in docs/reliability.md. Exits 1 when one thing happened twice, got lost or was said
wrongly. `--every N` takes each N-th byte and line only.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "faults"))

import interrupting
import lines
import skies
import sweep
import weather
from attrs import frozen
from figures import percentile, write_block
from sweep import DIED
from trials import COLOURS, DEDUPES, WRITES, Case, Tally, exchange

CHUNK = 400  # cases of one exchange: a fresh one keeps its lists short
LAGS = (0.0, 0.5, 3.0)
DEEPEST = 40  # awaits


@frozen
class Task:
    """A piece of the proof for one process: a name, a function and its arguments."""

    block: str
    run: Callable[..., Tally]
    arguments: tuple[Any, ...]


def cuts(every: int) -> Iterator[Task]:
    """List the connection cut at each byte of each write, in each dedupe mode."""
    with exchange("forever") as box:
        sizes = {write: sweep.lengths(box, write) for write in WRITES}
    for mode, dedupe in enumerate(DEDUPES):
        cases = list(_cut_cases(sizes, every, mode))
        for start in range(0, len(cases), CHUNK):
            yield Task("cuts", _cut, (dedupe, cases[start : start + CHUNK]))


def _cut_cases(sizes: dict[str, tuple[int, int]], every: int, mode: int) -> Iterator[Case]:
    """Both colours take turns from byte to byte and from mode to mode: each byte meets both.

    With `every` 3 the modes take turns too: each byte is cut in one of them.
    """
    number = mode
    for write, (request, answer) in sizes.items():
        for fault, size in (
            ("reset_request", request),
            ("reset_response", answer),
            ("close_response", answer),
        ):
            for at in range(mode % every, size + 1, every):
                number += 1
                yield Case(write, fault, at, COLOURS[number % 2])
            number += size  # so that no write falls into step with the next
        for colour in COLOURS:
            yield from (Case(write, died, wait, colour) for died in DIED for wait in range(8))
            yield from (Case(write, "silence", forward, colour) for forward in (0, 1))


def _cut(dedupe: str, cases: list[Case]) -> Tally:
    with exchange(dedupe) as box:
        return sweep.run(box, cases, at_once=48, threads=48)


def storms(every: int) -> Iterator[Task]:
    """List lies, storms and late copies for each write, in each mode and read lag.

    With `every` above 1 they take turns: each case in three of the nine.
    """
    cases = [*skies.cases(), *skies.storms(), *skies.late_copies()]
    for mode, dedupe in enumerate(DEDUPES):
        for number, lag in enumerate(LAGS):
            some = cases if every == 1 else cases[(mode + number) % 3 :: 3]
            yield Task("storms", _storm, (dedupe, lag, some))


def _storm(dedupe: str, lag: float, cases: list[skies.Weather]) -> Tally:
    with exchange(dedupe, settings={"read_lag_seconds": lag}) as box:
        return asyncio.run(weather.run(box, cases, at_once=40))


def cancellation(every: int) -> Iterator[Task]:
    """List interruptions: tasks at each await, collected coroutines, Ctrl-C at each line."""
    for write in WRITES:
        yield Task("cancelled", _cancelled, (write, "cancel", every == 1))
        yield Task("collected", _cancelled, (write, "abandon", every == 1))
        for lost in (False, True):
            for start in range(4):
                yield Task("interrupted", _struck, (write, lost, 1 + start * every, 4 * every))


def _cancelled(write: str, how: str, deep: bool) -> Tally:
    with tempfile.TemporaryDirectory() as made, exchange("while_open") as box:
        place = Path(made)
        stops = [
            interrupting.Stop(write, at, how, journal, restart, lost)
            for lost in (False, True)[: 1 + deep]
            for at in range(1, DEEPEST if lost else 14)
            for journal, restart in ((None, False), (place, False), (place, True))
        ]
        return asyncio.run(interrupting.run(box, stops, at_once=24))


def _struck(write: str, lost: bool, start: int, stride: int) -> Tally:
    tally = Tally()
    while True:
        found = lines.strike(lines.Blow(write, start + stride * tally.cases, lost))
        tally.cases += 1
        tally.fired += bool(found.where)
        tally.faults += found.faults
        if not found.where:
            return tally


def work(task: Task) -> tuple[str, Tally, float]:
    """Do a task in this process, quietly."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None  # libraries below complain about being collected
    began = time.monotonic()
    return task.block, task.run(*task.arguments), time.monotonic() - began


KINDS = {"duplicates made": ("duplicate",), "orders lost": ("lost", "orders"), "wrong verdicts": ()}


def table(tally: Tally) -> list[tuple[str, str]]:
    """Return the figures of one block, as rows of name and number."""
    named = {
        name: sum(_is(fault, words) for fault in tally.faults) for name, words in KINDS.items()
    }
    named["wrong verdicts"] = len(tally.faults) - sum(named.values())
    rows = [("cases", f"{tally.cases:,}"), ("of which the fault struck", f"{tally.fired:,}")]
    rows += [(name, f"{number:,}") for name, number in named.items()]
    rows += [(f"ended: {name}", f"{n:,}") for name, n in tally.verdicts.most_common(8) if n]
    if tally.seconds:
        half, most = percentile(tally.seconds, 0.5), percentile(tally.seconds, 0.99)
        rows.append(("time to resolution", f"p50 {half:.2f} s, p99 {most:.2f} s"))
    return rows


def _is(fault: str, words: tuple[str, ...]) -> bool:
    return any(f" {word}" in fault for word in words)


def markdown(tallies: dict[str, Tally]) -> str:
    """Write tallies side by side, one table each."""
    parts: list[str] = []
    for name, tally in tallies.items():
        rows = "\n".join(f"| {what} | {number} |" for what, number in table(tally))
        parts.append(f"| {name} | |\n|---|---:|\n{rows}")
    return "\n\n".join(parts)


NAMES = {
    "cuts": "connection cut at a byte",
    "storms": "storms, lies, late copies",
    "cancelled": "task cancelled at an await",
    "collected": "coroutine collected half way",
    "interrupted": "Ctrl-C at a line",
}
BLOCKS = {
    "cuts": ("cuts",),
    "storms": ("storms",),
    "cancellation": ("cancelled", "collected", "interrupted"),
}
NOTE = (
    "Real TCP against the sandbox. Signatures live for 5 s there and the client waits 6 (30 and 60 "
    "by default): times to resolution of requests that never arrived scale with that."
)


def run(tasks: Iterable[Task], jobs: int) -> dict[str, Tally]:
    """Do all tasks in so many processes and add up."""
    tallies = {name: Tally() for name in NAMES}
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=4) as pool:
        for block, tally, took in pool.imap_unordered(work, list(tasks)):
            tallies[block].add(tally)
            seen = tallies[block]
            print(f"{block}: {seen.cases:,} cases, {len(seen.faults)} faults ({took:.0f} s)")
    return tallies


def main() -> int:
    """Run, print, keep; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    parser.add_argument("--every", type=int, default=1, help="each n-th byte and line (default 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--only", choices=list(BLOCKS), help="one of the blocks")
    said = parser.parse_args()
    parts = {"cuts": cuts, "storms": storms, "cancellation": cancellation}
    began = time.monotonic()
    chosen = [said.only] if said.only else list(parts)
    tallies = run((task for name in chosen for task in parts[name](said.every)), said.jobs)
    faults = [fault for tally in tallies.values() for fault in tally.faults]
    print(*faults[:40], sep="\n")
    took = (
        "Every byte and line" if said.every == 1 else f"Of the bytes and lines one in {said.every}"
    )
    took += f", in one run of {(time.monotonic() - began) / 60:.0f} minutes."
    for name in chosen:
        text = markdown({NAMES[part]: tallies[part] for part in BLOCKS[name]})
        print(text)
        if said.write and not faults:
            write_block("reliability.md", name, f"{text}\n\n{NOTE} {took}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
