"""Run many seeds of the simulated world and print the figures.

Each seed is one life of a bot whose network loses, delays and doubles messages, whose exchange
answers late, wrongly or not at all, and whose process dies; the sandbox's engine is the only
witness. `--seed N` replays one and prints what it did; `--write` keeps the figures in
docs/reliability.md.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import multiprocessing
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "faults"))

from figures import percentile, write_block
from simulation_bot import SeedRun, run_seed

KINDS = {
    "duplicate": "duplicates created",
    "lost": "orders or other writes lost",
    "wrong verdict": "wrong verdicts",
    "wrong order": "orders nobody asked for",
    "no verdict": "errors that are no verdict",
    "unsettled": "writes without a verdict once the world was calm",
    "untold": "verdicts that nobody was told",
}
Block = tuple[Counter[str], list[str], list[float]]


def run_block(seeds: range) -> Block:
    """Run some seeds in this process."""
    logging.disable(logging.CRITICAL)
    counts: Counter[str] = Counter()
    faults: list[str] = []
    seconds: list[float] = []
    for seed in seeds:
        run = _run_safely(seed)
        counts += run.counts
        counts["seeds"] += 1
        faults += [f"seed {seed}: {fault}" for fault in run.faults]
        seconds += run.resolution_seconds
    return counts, faults, seconds


def _run_safely(seed: int) -> SeedRun:
    try:
        return run_seed(seed)
    except Exception as error:  # noqa: BLE001 - one seed must not hide the others
        return SeedRun(seed, faults=[f"no verdict: {error!r}"])


def table(counts: Counter[str], faults: list[str], seconds: list[float]) -> list[str]:
    """Render the figures as Markdown."""
    kinds = Counter(fault.split(": ", 2)[1] for fault in faults)
    happened = {name: n for name, n in counts.items() if name.startswith("happened ")}
    rows = [
        ("seeds (lives of a bot)", counts["seeds"]),
        ("orders asked for, each under an intent of its own", counts["intents"]),
        ("orders made at the exchange", counts["orders"]),
        ("requests", counts["requests"]),
        ("faults on the network and in answers", sum(happened.values()) - _deaths(counts)),
        ("processes killed and restarted", counts["happened crash"]),
        ("flows cancelled at an await", counts["happened abandon"]),
        ("changes judged (amend, decrease, cancel)", _changes(counts)),
        *((f"**{words}**", kinds[kind]) for kind, words in KINDS.items()),
    ]
    lines = ["| | |", "|---|--:|", *(f"| {name} | {number:,} |" for name, number in rows)]
    p50, p99 = percentile(seconds, 0.5), percentile(seconds, 0.99)
    return [
        *lines,
        "",
        f"Time to resolution of what had to be looked up: p50 {p50:.1f} s, p99 {p99:.1f} s "
        f"({len(seconds):,} cases, virtual time; mostly the wait for the end of a "
        "signature's life).",
    ]


def _deaths(counts: Counter[str]) -> int:
    return counts["happened crash"] + counts["happened abandon"]


def _changes(counts: Counter[str]) -> int:
    return sum(number for name, number in counts.items() if name.startswith("change "))


def _fault_counts(counts: Counter[str]) -> str:
    start = "happened "
    happened = {name.removeprefix(start): n for name, n in counts.items() if name.startswith(start)}
    return "Met: " + ", ".join(f"{name} {happened[name]:,}" for name in sorted(happened)) + "."


def _blocks(first: int, number: int) -> Iterable[range]:
    size = 250
    for start in range(first, first + number, size):
        yield range(start, min(start + size, first + number))


def _replay(seed: int) -> int:
    run = run_seed(seed)
    print(run)
    return 1 if run.faults else 0


def _code_version() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "no repository"


def main() -> int:
    """Run, print, and exit 1 when any seed shows a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100_000, help="how many (default 100000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=float, default=600.0, help="then stop and report")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, help="replay one seed")
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    options = parser.parse_args()
    if options.seed is not None:
        return _replay(options.seed)
    began, code = time.monotonic(), _code_version()
    counts: Counter[str] = Counter()
    faults: list[str] = []
    seconds: list[float] = []
    blocks = _blocks(options.first, options.seeds)
    with multiprocessing.Pool(options.jobs) as pool, contextlib.suppress(KeyboardInterrupt):
        for more_counts, more_faults, more_seconds in pool.imap_unordered(run_block, blocks):
            counts += more_counts
            faults += more_faults
            seconds += more_seconds
            if time.monotonic() - began > 60 * options.minutes:
                break
            progress = [*more_faults, f"{counts['seeds']:,} seeds"]
            print("\n".join(progress), file=sys.stderr, flush=True)
    seconds.sort()
    effort = f"Seeds from {options.first} on, at {code}, "
    effort += f"{time.monotonic() - began:.0f} s on {options.jobs} processes."
    page = "\n".join([*table(counts, faults, seconds), "", _fault_counts(counts), "", effort])
    print(page)
    if options.write:
        write_block("reliability.md", "simulated", page)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
