"""Play many seeds of the simulated world and print the figures.

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
from scenario import Life, play

KINDS = {
    "duplicate": "duplicates created",
    "lost": "orders or other writes lost",
    "wrong verdict": "wrong verdicts",
    "wrong order": "orders nobody asked for",
    "no verdict": "errors that are no verdict",
    "unsettled": "writes without a verdict once the world was calm",
}
Block = tuple[Counter[str], list[str], list[float]]


def block(seeds: range) -> Block:
    """Play some seeds in this process."""
    logging.disable(logging.CRITICAL)
    counts: Counter[str] = Counter()
    faults: list[str] = []
    seconds: list[float] = []
    for seed in seeds:
        life = _lived(seed)
        counts += life.counts
        counts["seeds"] += 1
        faults += [f"seed {seed}: {fault}" for fault in life.faults]
        seconds += life.resolution_seconds
    return counts, faults, seconds


def _lived(seed: int) -> Life:
    try:
        return play(seed)
    except Exception as error:  # noqa: BLE001 - one seed must not hide the others
        return Life(seed, faults=[f"no verdict: {error!r}"])


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
    half, most = percentile(seconds, 0.5), percentile(seconds, 0.99)
    return [
        *lines,
        "",
        f"Time to resolution of what had to be looked up: p50 {half:.1f} s, p99 {most:.1f} s "
        f"({len(seconds):,} cases, virtual time; mostly the wait for the end of a "
        "signature's life).",
    ]


def _deaths(counts: Counter[str]) -> int:
    return counts["happened crash"] + counts["happened abandon"]


def _changes(counts: Counter[str]) -> int:
    return sum(number for name, number in counts.items() if name.startswith("change "))


def _met(counts: Counter[str]) -> str:
    start = "happened "
    met = {name.removeprefix(start): n for name, n in counts.items() if name.startswith(start)}
    return "Met: " + ", ".join(f"{name} {met[name]:,}" for name in sorted(met)) + "."


def _blocks(first: int, number: int) -> Iterable[range]:
    size = 250
    for start in range(first, first + number, size):
        yield range(start, min(start + size, first + number))


def _one(seed: int) -> int:
    life = play(seed)
    print(life)
    return 1 if life.faults else 0


def _code() -> str:
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "no repository"


def main() -> int:
    """Play, print, and exit 1 when any seed shows a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100_000, help="how many (default 100000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--minutes", type=float, default=600.0, help="then stop and report")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, help="replay one seed")
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    said = parser.parse_args()
    if said.seed is not None:
        return _one(said.seed)
    began, code = time.monotonic(), _code()
    counts: Counter[str] = Counter()
    faults: list[str] = []
    seconds: list[float] = []
    with multiprocessing.Pool(said.jobs) as pool, contextlib.suppress(KeyboardInterrupt):
        for found, bad, took in pool.imap_unordered(block, _blocks(said.first, said.seeds)):
            counts += found
            faults += bad
            seconds += took
            if time.monotonic() - began > 60 * said.minutes:
                break
            print("\n".join([*bad, f"{counts['seeds']:,} seeds"]), file=sys.stderr, flush=True)
    seconds.sort()
    spent = f"Seeds from {said.first} on, at {code}, "
    spent += f"{time.monotonic() - began:.0f} s on {said.jobs} processes."
    page = "\n".join([*table(counts, faults, seconds), "", _met(counts), "", spent])
    print(page)
    if said.write:
        write_block("reliability.md", "simulated", page)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
