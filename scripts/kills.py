"""Kill bots at every boundary of journal and socket and at random; let the exchange judge.

Each bot is a real process with a journal in SQLite and a real sandbox. It dies by SIGKILL, dies
once more while it recovers, and in its last life must come to the end its orders call for.
Prints the figures; `--write` keeps them in docs/reliability.md. Exits 1 when one order stands
twice, got lost, or had a wrong verdict. `--every N` takes each N-th boundary only.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "faults"))

from figures import write_block
from kill_cases import (
    DEDUPES,
    KillSuite,
    KillTally,
    count_boundaries,
    random_deaths,
    start_sandbox,
)
from killed_bot import POLICY, WANTED

CLIENT_KINDS = ("sync", "async")
CHUNK = 48  # cases of one sandbox before the next one's turn
LONGEST = 0.5  # seconds: an undisturbed life lasts about half of it
MIDDLE = 90  # a life that recovers has come as far by then


def plans(rng: random.Random, last: dict[str, int], every: int, mode: int) -> Iterator[Any]:
    """List client kind and deaths. The dedupe modes take turns from boundary to boundary."""
    cases: list[Any] = []
    for kind, number in last.items():
        chosen = range(1 + mode * every, number + 1, 3 * every)
        cases += [(kind, [{"at": at}, {"at": rng.randint(1, MIDDLE)}]) for at in chosen]
        cases += [(kind, random_deaths(rng, 3, LONGEST)) for _ in range(12)]
    rng.shuffle(cases)
    return iter(cases)


def run(
    directory: Path, every: int, minutes: float, lanes: int
) -> tuple[KillTally, dict[str, int]]:
    """Run everything, or as much as the time allows."""
    rng, tally, until = random.Random(1), KillTally(), time.monotonic() + minutes * 60
    with contextlib.ExitStack() as stack:
        suites: list[KillSuite] = []
        for mode, dedupe in enumerate(DEDUPES):
            box = stack.enter_context(
                start_sandbox(dedupe, read_lag_seconds=0.3 * mode, batch_answers="shuffled")
            )
            files = directory / dedupe
            files.mkdir()
            suites.append(KillSuite(box, files, tally))
        last = {kind: count_boundaries(suites[0], kind) for kind in CLIENT_KINDS}
        remaining = [plans(rng, last, every, mode) for mode in range(len(suites))]
        while time.monotonic() < until:
            ran = [_run_chunk(*turn, rng, lanes) for turn in zip(suites, remaining, strict=True)]
            if not any(ran):
                break
            print(f"{tally.kills} kills, faults: {len(tally.faults)}", flush=True)
    return tally, last


def _run_chunk(suite: KillSuite, cases: Iterator[Any], rng: random.Random, lanes: int) -> int:
    chosen = list(islice(cases, CHUNK))
    for client_kind, lives in chosen:
        suite.add(client_kind, lives, recover=rng.random() < 0.7)
    if chosen:
        suite.run(at_once=lanes)
    return len(chosen)


def table(tally: KillTally, last: dict[str, int]) -> str:
    """Render the figures as Markdown."""
    inside = sum(tally.where.values())
    p50, p99 = _percentiles(tally.recovery_seconds)
    reached = ", ".join(f"{n} {where}" for where, n in sorted(tally.where.items()))
    rows = [
        ("bots (each a process with a journal in SQLite)", tally.cases),
        ("lives ended by SIGKILL", f"{tally.kills} of {tally.lives}"),
        ("of these at a boundary, at a random moment", f"{inside}, {tally.kills - inside}"),
        ("boundaries of one life", ", ".join(f"{n} {kind}" for kind, n in last.items())),
        ("orders wanted, changes wanted", f"{tally.intents}, {tally.changes}"),
        ("**duplicates**", f"**{len(tally.duplicates)}**"),
        ("**lost**", f"**{len(tally.lost)}**"),
        ("**wrong verdicts**", f"**{len(tally.wrong)}**"),
        ("writes resolved by recovery", ", ".join(f"{n} {w}" for w, n in tally.recovered.items())),
        (f"recovery p50, p99 (signatures counted on for {POLICY.signature_life:g} s, not 60 s)",
         f"{p50:.2f} s, {p99:.2f} s"),
    ]  # fmt: skip
    lines = ["| what | count |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    script = (
        f"Each bot wants {len(WANTED)} orders (single, fill-or-kill, a batch), an amend, two"
        " decreases (one of them relative), a cancel and a batch cancel."
    )
    return "\n".join([script, "", *lines, "", f"Kills by boundary: {reached}."])


def _percentiles(seconds: list[float]) -> tuple[float, float]:
    if len(seconds) < 2:
        return 0.0, 0.0
    return statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]


def main() -> None:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    parser.add_argument("--every", type=int, default=1, help="take each N-th boundary only")
    parser.add_argument("--minutes", type=float, default=14, help="begin nothing after so many")
    parser.add_argument("--lanes", type=int, default=24, help="bots side by side")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        tally, last = run(Path(directory), options.every, options.minutes, options.lanes)
    figures = table(tally, last)
    print(figures)
    for fault in tally.faults:
        print(fault)
    if options.write:
        write_block("reliability.md", "kills", figures)
    sys.exit(1 if tally.faults else 0)


if __name__ == "__main__":
    main()
