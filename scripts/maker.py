"""Run examples/market_maker.py for minutes on exchanges that misbehave, killed again and again.

Each world has an exchange of its own, a lag of its reads and some of the faults, by its seed. The
last life of a world ends by SIGTERM; then the books are read. Exits with 1 where they hold
something against the bot. `make maker` writes the figures into docs/unattended.md.
"""

from __future__ import annotations

import argparse
import itertools
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from figures import write_block

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT / "tests" / "faults"), str(ROOT / "examples")]

import maker_runs

from kalshi_ext.sandbox import Sandbox

LIFE = (3.0, 25.0)  # seconds
WORLDS = 3  # side by side
PAUSED = 0.4  # the share of lives that meet a pause


def live(seed: int, until: float) -> tuple[Counter[str], list[str]]:
    """Run a world until a moment, three lives at least: its figures, what the books hold."""
    chosen = random.Random(seed)
    faults = chosen.sample(maker_runs.SLOW_FAULTS, 5)
    settings = {"read_lag_seconds": chosen.choice((0, 0.3, 2.0))}
    with (
        Sandbox(record=False, seed=seed, settings=settings) as box,
        tempfile.TemporaryDirectory() as directory,
    ):
        run = maker_runs.MakerRun(box, Path(directory), seed)
        box.faults.load(faults)
        codes, paused = [], 0
        while len(codes) < 2 or time.monotonic() < until:
            run.start()
            dies = time.monotonic() + chosen.uniform(*LIFE)
            run.trade_until(lambda dies=dies: time.monotonic() > dies)
            if chosen.random() < PAUSED:
                run.pause(chosen.choice(("trading", "exchange")), chosen.uniform(1, 4))
                paused += 1
                run.trade_until(lambda dies=dies: time.monotonic() > dies + 5)
            codes.append(run.end(signal.SIGKILL))
        run.start()
        settled = time.monotonic() + LIFE[1]
        run.trade_until(lambda: time.monotonic() > settled)
        code = run.end(signal.SIGTERM)
        found = maker_runs.judge(box, journal=run.journal)
        found += [f"exit code {code}"] if code != 0 else []
        tally = Counter(
            worlds=1,
            lives=len(codes) + 1,
            killed=len(codes),
            pauses=paused,
            orders=run.orders(),
            fills=len(box.truth.fills(account=maker_runs.ACCOUNT)),
            faults=sum(rule["fired"] for rule in box.faults.list()),
        )
        if found:
            print(run.log.read_text(), file=sys.stderr)
        return tally, [f"seed {seed}: {each}" for each in found]


def table(tally: Counter[str], minutes: float, found: list[str]) -> str:
    """Write the figures."""
    kinds = ("worlds", "lives", "killed", "pauses", "orders", "fills", "faults")
    return "\n".join(
        [
            "| minutes | " + " | ".join(kinds) + " | held against it by the books |",
            "|--:" * (len(kinds) + 2) + "|",
            f"| {minutes:g} | "
            + " | ".join(f"{tally[kind]:,}" for kind in kinds)
            + f" | {len(found)} |",
        ]
    )


def main() -> int:
    """Run worlds, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    arguments = parser.parse_args()
    tally, found = Counter[str](), list[str]()
    began = time.monotonic()
    until = began + arguments.minutes * 60

    def one_after_the_other(first: int) -> None:
        for seed in itertools.count(first, WORLDS):
            if time.monotonic() > until:
                return
            figures, faults = live(seed, min(until, time.monotonic() + 60))
            with lock:
                tally.update(figures)
                found.extend(faults)

    lock = threading.Lock()
    with ThreadPoolExecutor(WORLDS) as pool:
        list(pool.map(one_after_the_other, range(arguments.seed, arguments.seed + WORLDS)))
    text = table(tally, round((time.monotonic() - began) / 60), found)
    print(text, *found, sep="\n")
    if arguments.write and not found:
        write_block("unattended.md", "maker", text)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
