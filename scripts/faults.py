"""Try exactly-once against everything: every byte cut, storms, delayed requests, interruptions.

Real clients against the sandbox, whose books are the only witness. Prints the figures; `--write`
keeps them in docs/reliability.md. Exits 1 when one thing happened twice, got lost or had a wrong
verdict. `--every N` takes each N-th byte and line only.
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

import async_interrupts
import connection_cuts
import fault_plans
import line_interrupts
import storm_runner
from attrs import frozen
from figures import percentile, write_block
from tcp_cases import CLIENT_KINDS, DEDUPES, WRITES, FaultCase, Tally, start_sandbox

CHUNK = 400  # cases of one sandbox: a fresh one keeps its lists short
LAGS = (0.0, 0.5, 3.0)  # seconds by which reads lag
DEEPEST = 40  # awaits


@frozen
class Task:
    """A part of the proof for one process: a name, a function and its arguments."""

    block: str
    run: Callable[..., Tally]
    arguments: tuple[Any, ...]


def cuts(every: int) -> Iterator[Task]:
    """List the connection cut at each byte of each write, in each dedupe mode."""
    with start_sandbox("forever") as box:
        sizes = {write: connection_cuts.message_sizes(box, write) for write in WRITES}
    for mode, dedupe in enumerate(DEDUPES):
        cases = list(_cut_cases(sizes, every, mode))
        for start in range(0, len(cases), CHUNK):
            yield Task("cuts", _run_cuts, (dedupe, cases[start : start + CHUNK]))


def _cut_cases(sizes: dict[str, tuple[int, int]], every: int, mode: int) -> Iterator[FaultCase]:
    """Sync and async take turns from byte to byte and from mode to mode: each byte meets both.

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
                yield FaultCase(write, fault, at, CLIENT_KINDS[number % 2])
            number += size  # so that no write falls into step with the next
        for client_kind in CLIENT_KINDS:
            for fault in connection_cuts.DEAD_CONNECTION:
                yield from (FaultCase(write, fault, wait, client_kind) for wait in range(8))
            yield from (FaultCase(write, "silence", forward, client_kind) for forward in (0, 1))


def _run_cuts(dedupe: str, cases: list[FaultCase]) -> Tally:
    with start_sandbox(dedupe) as box:
        return connection_cuts.run_cases(box, cases, at_once=48, threads=48)


def storms(every: int) -> Iterator[Task]:
    """List false answers, storms and delayed requests for each write, in each mode and read lag.

    With `every` above 1 they take turns: each plan in three of the nine.
    """
    plans = [
        *fault_plans.false_answers(),
        *fault_plans.storms(),
        *fault_plans.delayed_requests(),
    ]
    for mode, dedupe in enumerate(DEDUPES):
        for number, lag in enumerate(LAGS):
            chosen = plans if every == 1 else plans[(mode + number) % 3 :: 3]
            yield Task("storms", _run_plans, (dedupe, lag, chosen))


def _run_plans(dedupe: str, lag: float, plans: list[fault_plans.FaultPlan]) -> Tally:
    with start_sandbox(dedupe, settings={"read_lag_seconds": lag}) as box:
        return asyncio.run(storm_runner.run_plans(box, plans, at_once=40))


def cancellation(every: int) -> Iterator[Task]:
    """List interruptions: tasks at each await, collected coroutines, Ctrl-C at each line."""
    for write in WRITES:
        yield Task("cancelled", _run_async_interrupts, (write, "cancel", every == 1))
        yield Task("collected", _run_async_interrupts, (write, "abandon", every == 1))
        for lost in (False, True):
            for start in range(4):
                arguments = (write, lost, 1 + start * every, 4 * every)
                yield Task("interrupted", _run_line_interrupts, arguments)


def _run_async_interrupts(write: str, how: str, deep: bool) -> Tally:
    with tempfile.TemporaryDirectory() as temporary, start_sandbox("while_open") as box:
        directory = Path(temporary)
        interruptions = [
            async_interrupts.Interruption(write, at, how, journal, restart, lost)
            for lost in (False, True)[: 1 + deep]
            for at in range(1, DEEPEST if lost else 14)
            for journal, restart in ((None, False), (directory, False), (directory, True))
        ]
        return asyncio.run(async_interrupts.run_interruptions(box, interruptions, at_once=24))


def _run_line_interrupts(write: str, lost: bool, start: int, stride: int) -> Tally:
    tally = Tally()
    while True:
        line = start + stride * tally.cases
        result = line_interrupts.interrupt_write(line_interrupts.LineInterrupt(write, line, lost))
        tally.cases += 1
        tally.fired += bool(result.location)
        tally.faults += result.faults
        if not result.location:  # the write ended before that line: there are no more
            return tally


def run_task(task: Task) -> tuple[str, Tally, float]:
    """Do a task in this process, quietly."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _: None  # libraries below complain about being collected
    began = time.monotonic()
    return task.block, task.run(*task.arguments), time.monotonic() - began


# Words that begin a fault of a kind; all others are wrong verdicts.
KINDS = {"duplicates made": ("duplicate",), "orders lost": ("lost", "orders"), "wrong verdicts": ()}


def table(tally: Tally) -> list[tuple[str, str]]:
    """Return the figures of one block, as rows of name and number."""
    by_kind = {
        name: sum(_mentions(fault, words) for fault in tally.faults)
        for name, words in KINDS.items()
    }
    by_kind["wrong verdicts"] = len(tally.faults) - sum(by_kind.values())
    rows = [("cases", f"{tally.cases:,}"), ("of which the fault struck", f"{tally.fired:,}")]
    rows += [(name, f"{number:,}") for name, number in by_kind.items()]
    rows += [(f"ended: {name}", f"{n:,}") for name, n in tally.verdicts.most_common(8) if n]
    if tally.seconds:
        p50, p99 = percentile(tally.seconds, 0.5), percentile(tally.seconds, 0.99)
        rows.append(("time to resolution", f"p50 {p50:.2f} s, p99 {p99:.2f} s"))
    return rows


def _mentions(fault: str, words: tuple[str, ...]) -> bool:
    return any(f" {word}" in fault for word in words)


def markdown(tallies: dict[str, Tally]) -> str:
    """Write tallies side by side, one table each."""
    parts: list[str] = []
    for name, tally in tallies.items():
        rows = "\n".join(f"| {label} | {number} |" for label, number in table(tally))
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
        for block, tally, seconds in pool.imap_unordered(run_task, list(tasks)):
            total = tallies[block]
            total.add(tally)
            print(f"{block}: {total.cases:,} cases, {len(total.faults)} faults ({seconds:.0f} s)")
    return tallies


def main() -> int:
    """Run, print, keep; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    parser.add_argument("--every", type=int, default=1, help="each n-th byte and line (default 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--only", choices=list(BLOCKS), help="one of the blocks")
    options = parser.parse_args()
    parts = {"cuts": cuts, "storms": storms, "cancellation": cancellation}
    began = time.monotonic()
    chosen = [options.only] if options.only else list(parts)
    tasks = (task for name in chosen for task in parts[name](options.every))
    tallies = run(tasks, options.jobs)
    faults = [fault for tally in tallies.values() for fault in tally.faults]
    print(*faults[:40], sep="\n")
    every = options.every
    extent = "Every byte and line" if every == 1 else f"Of the bytes and lines one in {every}"
    extent += f", in one run of {(time.monotonic() - began) / 60:.0f} minutes."
    for name in chosen:
        text = markdown({NAMES[part]: tallies[part] for part in BLOCKS[name]})
        print(text)
        if options.write and not faults:
            write_block("reliability.md", name, f"{text}\n\n{NOTE} {extent}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
