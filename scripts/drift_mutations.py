#!/usr/bin/env python3
"""Mutate both contracts in every known way and see whether the differ judges each as it should.

The verdict that is due comes from the mutation itself (tests/contract/drift/driftsuite), never
from the differ. Rewrites that change nothing on the wire must give no finding. `--write` puts
the counts into docs/drift.md, `--most N` takes at most N of each kind in each operation. Exits 1
when anything was missed, misjudged or a false alarm.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "contract" / "drift"))

from contract.dump import dump_yaml
from driftsuite.crawl import operations
from driftsuite.field_kinds import FIELD_KINDS, PARAMETER_KINDS
from driftsuite.operation_kinds import OPERATION_KINDS
from driftsuite.place_kinds import PATH_KINDS
from driftsuite.rewrites import REWRITES, renamed_components
from driftsuite.rewrites import whole_document as all_at_once
from driftsuite.sweep import Sweep, portions, thinned
from driftsuite.value_kinds import VALUE_KINDS
from driftsuite.verdicts import Mutation, judged
from driftsuite.whole import whole_document
from driftsuite.workshop import contract
from figures import write_block

from kalshi_ext.drift.check import check
from kalshi_ext.drift.compare import compare
from kalshi_ext.drift.document import open_document

Rewrite = Callable[[Any], Iterator[tuple[str, Any]]]
CONTRACTS = ("current", "classic", "workshop")
REWRITES_EACH = 8  # for each mutation of a kind that is asked for with --most
PARTS = 6  # pieces that the components of a contract are cut into
FAMILIES = {
    "what a value may be": VALUE_KINDS,
    "fields of an object": FIELD_KINDS,
    "parameters": PARAMETER_KINDS,
    "inside an operation": OPERATION_KINDS,
    "where an operation is": PATH_KINDS,
}
REST = "servers, schemes, webhooks"


@frozen
class Task:
    """A piece of the work: of which contract, what of it, and which part of how many."""

    contract: str
    what: str
    part: int
    most: int


@define
class Tally:
    """Counts by kind: made, due to break, seen, judged right; rewrites by name and alarms."""

    made: Counter[str] = field(factory=Counter[str])
    breaking: Counter[str] = field(factory=Counter[str])
    seen: Counter[str] = field(factory=Counter[str])
    right: Counter[str] = field(factory=Counter[str])
    rewrites: Counter[str] = field(factory=Counter[str])
    alarms: Counter[str] = field(factory=Counter[str])
    operations: set[str] = field(factory=set[str])
    faults: list[str] = field(factory=list[str])

    def add(self, other: Tally) -> None:
        """Take in the counts of another piece."""
        for name in ("made", "breaking", "seen", "right", "rewrites", "alarms"):
            getattr(self, name).update(getattr(other, name))
        self.operations |= other.operations
        self.faults += other.faults


def tasks(most: int) -> list[Task]:
    """Cut the work into pieces, the long ones first."""
    found = [Task(name, "whole", 0, most) for name in CONTRACTS]
    for name in CONTRACTS:
        count = len(portions(contract(name)))
        found += [Task(name, "portion", part, most) for part in range(count)]
    found += [Task(c, "components", part, most) for c in CONTRACTS for part in range(PARTS)]
    for name in CONTRACTS:
        count = len(list(operations(contract(name))))
        found += [Task(name, "operation", part, most) for part in range(count)]
    return found + [Task(name, "paths", 0, most) for name in CONTRACTS]


def work(task: Task) -> Tally:
    """Do one piece in this process."""
    whole = contract(task.contract)
    if task.what == "whole":
        return _rewritten(whole, (all_at_once, renamed_components), task.most)
    if task.what == "portion":
        return _rewritten(portions(whole)[task.part], REWRITES, task.most)
    return _mutated(_mutations(task, whole))


def _mutations(task: Task, whole: Any) -> Iterable[Mutation]:
    sweep = Sweep(task.contract, whole, open_document)
    if task.what == "operation":
        found: Iterable[Mutation] = sweep.in_one_operation(*list(operations(whole))[task.part])
    elif task.what == "components":
        found = sweep.of_components(task.part, PARTS)
    else:
        found = sweep.of_paths()
    return thinned(found, task.most) if task.most else found


def _mutated(mutations: Iterable[Mutation]) -> Tally:
    tally = Tally()
    for each in mutations:
        outcome = judged(each)
        tally.made[each.kind] += 1
        tally.breaking[each.kind] += each.whole == "breaking"
        tally.seen[each.kind] += outcome.seen
        tally.right[each.kind] += not outcome.faults
        tally.operations |= each.operations or set()
        tally.faults += outcome.faults
    return tally


def _rewritten(whole: Any, rewrites: Iterable[Rewrite], most: int) -> Tally:
    tally, base = Tally(), open_document(whole, "base")
    for rewrite in rewrites:
        for what, new in itertools.islice(rewrite(whole), REWRITES_EACH * most or None):
            tally.rewrites[rewrite.__name__] += 1
            found = compare(base, new).findings
            if found:
                tally.alarms[rewrite.__name__] += 1
                tally.faults.append(f"{what}: false alarm {[each.rule.id for each in found]}")
    return tally


def run(most: int, jobs: int) -> Tally:
    """Do all pieces, in several processes."""
    tally, todo = Tally(), tasks(most)
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for count, piece in enumerate(pool.imap_unordered(work, todo), start=1):
            tally.add(piece)
            for fault in piece.faults:
                print(fault, flush=True)
            print(f"\r{count} of {len(todo)} pieces", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return tally


def full_size() -> str:
    """Time a comparison of two documents as large as the exchange's whole one."""
    base = whole_document()
    new = whole_document()
    del new["components"]["schemas"]["Fill"]["properties"]["fee_cost"]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("base.yaml", "new.yaml")]
        for path, whole in zip(paths, (base, new), strict=True):
            path.write_text(dump_yaml(whole), encoding="utf-8")
        size = paths[0].stat().st_size
        begun = time.process_time()
        check(*map(str, paths), everything=True)
        whole_time = time.process_time() - begun
    begun = time.process_time()
    compare(base, new)
    alone = time.process_time() - begun
    count = len(list(operations(base)))
    return (
        f"Two documents of {count} operations and {size / 1e6:.1f} MB each: {whole_time:.1f} s of "
        f"processor time to read and compare them, {alone:.2f} s of that to compare."
    )


def page(tally: Tally, seconds: float, jobs: int, most: int) -> str:
    """Write the counts for docs/drift.md."""
    count = f"at most {most} of each kind in each operation" if most else "every place"
    lines = [
        f"Both contracts and one made up for what they lack, {len(tally.operations)} operations, "
        f"{count}; {seconds:,.0f} s in {jobs} processes.", "",
        "| change to | kinds | mutations | breaking for a client | detected | judged right |",
        "|---|---|---|---|---|---|",
        *(_row(name, kinds, tally) for name, kinds in _families(tally)),
        _row("**all**", list(tally.made), tally), "",
        "| equivalent rewrite | made | false alarms |", "|---|---|---|",
        *(f"| {n.replace('_', ' ')} | {tally.rewrites[n]:,} | {tally.alarms[n]:,} |"
          for n in sorted(tally.rewrites)),
        f"| **all** | {tally.rewrites.total():,} | {tally.alarms.total():,} |", "",
        full_size(), "",
        "<details><summary>Mutations by kind</summary>", "",
        "| kind | mutations | detected | judged right |", "|---|---|---|---|",
        *(f"| {k} | {tally.made[k]:,} | {tally.seen[k]:,} | {tally.right[k]:,} |"
          for k in sorted(tally.made)), "",
        "</details>",
    ]  # fmt: skip
    if tally.faults:
        lines += ["", "Not right:", "", *(f"- `{fault}`" for fault in tally.faults[:50])]
    return "\n".join(lines)


def _families(tally: Tally) -> Iterator[tuple[str, list[str]]]:
    left = set(tally.made)
    for family, kinds in FAMILIES.items():
        names = [kind.name for kind in kinds if kind.name in left]
        left -= set(names)
        yield family, names
    yield REST, sorted(left)


def _row(name: str, kinds: list[str], tally: Tally) -> str:
    sums = [sum(each[kind] for kind in kinds)
            for each in (tally.made, tally.breaking, tally.seen, tally.right)]  # fmt: skip
    return f"| {name} | {len(kinds)} | " + " | ".join(f"{each:,}" for each in sums) + " |"


def main() -> int:
    """Run the campaign and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the counts into docs/drift.md")
    parser.add_argument("--most", type=int, default=0, help="of each kind in each operation")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    begun = time.perf_counter()
    tally = run(given.most, given.jobs)
    text = page(tally, time.perf_counter() - begun, given.jobs, given.most)
    print(text)
    if given.write:
        write_block("drift.md", "drift mutations", text)
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
