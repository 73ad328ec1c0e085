"""Play many seeds of the simulated world and print the figures.

Each seed is one life of a bot whose network loses, delays and doubles messages and whose process
dies; the sandbox's engine is the only witness. `--seed N` replays one and prints what it did.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "faults"))

from scenario import Life, play


def block(seeds: range) -> tuple[Counter[str], list[str], list[float]]:
    """Play some seeds in this process."""
    logging.disable(logging.CRITICAL)
    counts: Counter[str] = Counter()
    faults: list[str] = []
    seconds: list[float] = []
    for seed in seeds:
        life = play(seed)
        counts += life.counts
        counts["seeds"] += 1
        faults += [f"seed {seed}: {fault}" for fault in life.faults]
        seconds += life.resolution_seconds
    return counts, faults, seconds


def percentile(values: list[float], share: float) -> float:
    """Return the value below which that share of the sorted values lies."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def report(counts: Counter[str], faults: list[str], seconds: list[float], took: float) -> None:
    """Print the figures."""
    kinds = Counter(fault.split(": ", 2)[1] for fault in faults)
    seconds.sort()
    print(f"seeds                 {counts['seeds']:>10,}")
    print(f"orders asked for      {counts['intents']:>10,}")
    print(f"orders made           {counts['orders']:>10,}")
    print(f"requests              {counts['requests']:>10,}")
    print(f"processes killed      {counts['crashes']:>10,}")
    for kind in ("duplicate", "lost", "wrong verdict", "wrong order", "unsettled"):
        print(f"{kind:<22}{kinds[kind]:>10,}")
    half, most = percentile(seconds, 0.5), percentile(seconds, 0.99)
    cases = f"{len(seconds):,} cases, virtual time"
    print(f"time to resolution    p50 {half:.2f} s, p99 {most:.2f} s ({cases})")
    print(f"took                  {took:.0f} s")
    for fault in faults[:20]:
        print(fault)


def _blocks(first: int, number: int) -> Iterable[range]:
    size = 250
    for start in range(first, first + number, size):
        yield range(start, min(start + size, first + number))


def _one(seed: int) -> int:
    life: Life = play(seed)
    print(life)
    return 1 if life.faults else 0


def main() -> int:
    """Play, print, and exit 1 when any seed shows a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100_000, help="how many (default 100000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, help="replay one seed")
    said = parser.parse_args()
    if said.seed is not None:
        return _one(said.seed)
    began = time.monotonic()
    counts: Counter[str] = Counter()
    faults: list[str] = []
    seconds: list[float] = []
    with multiprocessing.Pool(said.jobs) as pool:
        for found, bad, took in pool.imap_unordered(block, _blocks(said.first, said.seeds)):
            counts += found
            faults += bad
            seconds += took
    report(counts, faults, seconds, time.monotonic() - began)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
