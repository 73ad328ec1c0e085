"""Kill bots at every boundary of journal and socket and at random; let the exchange judge.

Each bot is a real process with a journal in SQLite and a real sandbox. It dies by SIGKILL, dies
once more while it recovers, and in its last life must come to the end its orders call for.
Prints the figures; `--write` keeps them in docs/reliability.md. Exits 1 when one order stands
twice, got lost, or something untrue was said. `--every N` takes each N-th boundary only.
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
from kills import DEDUPES, Tally, Ward, boundaries, exchange, random_lives
from kills_bot import POLICY, WANTED

COLOURS = ("sync", "async")
CHUNK = 48  # cases of one exchange before the next one's turn
LONGEST = 0.5  # seconds: an undisturbed life lasts about half of it
MIDDLE = 90  # a life that recovers has come as far by then


def plans(dice: random.Random, last: dict[str, int], every: int, mode: int) -> Iterator[Any]:
    """List colour and deaths. The dedupe modes take turns from boundary to boundary."""
    listed: list[Any] = []
    for colour, number in last.items():
        chosen = range(1 + mode * every, number + 1, 3 * every)
        listed += [(colour, [{"at": at}, {"at": dice.randint(1, MIDDLE)}]) for at in chosen]
        listed += [(colour, random_lives(dice, 3, LONGEST)) for _ in range(12)]
    dice.shuffle(listed)
    return iter(listed)


def run(directory: Path, every: int, minutes: float, lanes: int) -> tuple[Tally, dict[str, int]]:
    """Run everything, or as much as the time allows."""
    dice, tally, until = random.Random(1), Tally(), time.monotonic() + minutes * 60
    with contextlib.ExitStack() as stack:
        wards: list[Ward] = []
        for mode, dedupe in enumerate(DEDUPES):
            box = stack.enter_context(
                exchange(dedupe, read_lag_seconds=0.3 * mode, batch_answers="shuffled")
            )
            place = directory / dedupe
            place.mkdir()
            wards.append(Ward(box, place, tally))
        last = {colour: boundaries(wards[0], colour) for colour in COLOURS}
        left = [plans(dice, last, every, mode) for mode in range(len(wards))]
        while time.monotonic() < until:
            ran = [_chunk(*turn, dice, lanes) for turn in zip(wards, left, strict=True)]
            if not any(ran):
                break
            print(f"{tally.kills} kills, faults: {len(tally.faults)}", flush=True)
    return tally, last


def _chunk(ward: Ward, left: Iterator[Any], dice: random.Random, lanes: int) -> int:
    chosen = list(islice(left, CHUNK))
    for colour, lives in chosen:
        ward.add(colour, lives, recover=dice.random() < 0.7)
    if chosen:
        ward.run(at_once=lanes)
    return len(chosen)


def table(tally: Tally, last: dict[str, int]) -> str:
    """Word the figures."""
    inside = sum(tally.where.values())
    middle, late = _percentiles(tally.recoveries)
    reached = ", ".join(f"{n} {where}" for where, n in sorted(tally.where.items()))
    rows = [
        ("bots (each a process with a journal in SQLite)", tally.cases),
        ("lives ended by SIGKILL", f"{tally.kills} of {tally.lives}"),
        ("of these at a boundary, at a random moment", f"{inside}, {tally.kills - inside}"),
        ("boundaries of one life", ", ".join(f"{n} {colour}" for colour, n in last.items())),
        ("orders wanted, changes wanted", f"{tally.intents}, {tally.changes}"),
        ("**duplicates**", f"**{len(tally.duplicates)}**"),
        ("**lost**", f"**{len(tally.lost)}**"),
        ("**wrong verdicts**", f"**{len(tally.wrong)}**"),
        ("writes resolved by recovery", ", ".join(f"{n} {w}" for w, n in tally.found.items())),
        (f"recovery p50, p99 (signatures counted on for {POLICY.signature_life:g} s, not 60 s)",
         f"{middle:.2f} s, {late:.2f} s"),
    ]  # fmt: skip
    lines = ["| what | count |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    said = (
        f"Each bot wants {len(WANTED)} orders (single, fill-or-kill, a batch), an amend, two"
        " decreases (one of them relative), a cancel and a batch cancel."
    )
    return "\n".join([said, "", *lines, "", f"Kills by boundary: {reached}."])


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
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        tally, last = run(Path(directory), asked.every, asked.minutes, asked.lanes)
    said = table(tally, last)
    print(said)
    for fault in tally.faults:
        print(fault)
    if asked.write:
        write_block("reliability.md", "kills", said)
    sys.exit(1 if tally.faults else 0)


if __name__ == "__main__":
    main()
