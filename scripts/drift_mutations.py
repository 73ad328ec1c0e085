#!/usr/bin/env python3
"""Mutate the contracts in every known way and compare the differ's verdicts with those expected.

The expected verdict comes from the mutation itself (tests/contract/drift/driftsuite), never from
the differ. Rewrites that change nothing on the wire must give no finding. `--write` puts
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
from driftsuite.contracts import contract, full_size_document
from driftsuite.document_mutations import PATH_MUTATIONS
from driftsuite.field_mutations import FIELD_MUTATIONS, PARAMETER_MUTATIONS
from driftsuite.mutants import MutantGenerator, partitions, sampled
from driftsuite.operation_mutations import OPERATION_MUTATIONS
from driftsuite.oracle import Mutant, evaluate
from driftsuite.rewrites import REWRITES, renamed_components
from driftsuite.rewrites import whole_document as all_at_once
from driftsuite.schema_mutations import SCHEMA_MUTATIONS
from driftsuite.sites import operations
from figures import write_block

from kalshi_ext.drift.check import check
from kalshi_ext.drift.compare import compare
from kalshi_ext.drift.opening import open_document

Rewrite = Callable[[Any], Iterator[tuple[str, Any]]]
CONTRACTS = ("current", "classic", "synthetic")
REWRITES_EACH = 8  # for each mutation of a kind that is asked for with --most
PARTS = 6  # pieces that the components of a contract are cut into
GROUPS = {
    "what a value may be": SCHEMA_MUTATIONS,
    "fields of an object": FIELD_MUTATIONS,
    "parameters": PARAMETER_MUTATIONS,
    "inside an operation": OPERATION_MUTATIONS,
    "where an operation is": PATH_MUTATIONS,
}
UNGROUPED = "servers, schemes, webhooks"


@frozen
class Task:
    """A piece of the work: of which contract, what of it, and which part of how many."""

    contract: str
    subject: str
    part: int
    max_each: int


@define
class Tally:
    """Counts of mutants by kind, and of rewrites by name; `breaking` is what should be."""

    mutants: Counter[str] = field(factory=Counter[str])
    breaking: Counter[str] = field(factory=Counter[str])
    detected: Counter[str] = field(factory=Counter[str])
    correct: Counter[str] = field(factory=Counter[str])
    rewrites: Counter[str] = field(factory=Counter[str])
    false_alarms: Counter[str] = field(factory=Counter[str])
    operations: set[str] = field(factory=set[str])
    faults: list[str] = field(factory=list[str])

    def add(self, other: Tally) -> None:
        """Add the counts of another piece."""
        for name in ("mutants", "breaking", "detected", "correct", "rewrites", "false_alarms"):
            getattr(self, name).update(getattr(other, name))
        self.operations |= other.operations
        self.faults += other.faults


def tasks(max_each: int) -> list[Task]:
    """Cut the work into pieces, the long ones first."""
    pieces = [Task(name, "whole", 0, max_each) for name in CONTRACTS]
    for name in CONTRACTS:
        count = len(partitions(contract(name)))
        pieces += [Task(name, "partition", part, max_each) for part in range(count)]
    pieces += [Task(c, "components", part, max_each) for c in CONTRACTS for part in range(PARTS)]
    for name in CONTRACTS:
        count = len(list(operations(contract(name))))
        pieces += [Task(name, "operation", part, max_each) for part in range(count)]
    return pieces + [Task(name, "paths", 0, max_each) for name in CONTRACTS]


def run_task(task: Task) -> Tally:
    """Do one piece; the entry of a worker process."""
    whole = contract(task.contract)
    if task.subject == "whole":
        return _rewritten(whole, (all_at_once, renamed_components), task.max_each)
    if task.subject == "partition":
        return _rewritten(partitions(whole)[task.part], REWRITES, task.max_each)
    return _evaluated(_mutants(task, whole))


def _mutants(task: Task, whole: Any) -> Iterable[Mutant]:
    generator = MutantGenerator(task.contract, whole, open_document)
    if task.subject == "operation":
        path, method = list(operations(whole))[task.part]
        mutants: Iterable[Mutant] = generator.in_one_operation(path, method)
    elif task.subject == "components":
        mutants = generator.of_components(task.part, PARTS)
    else:
        mutants = generator.of_paths()
    return sampled(mutants, task.max_each) if task.max_each else mutants


def _evaluated(mutants: Iterable[Mutant]) -> Tally:
    tally = Tally()
    for mutant in mutants:
        evaluation = evaluate(mutant)
        tally.mutants[mutant.kind] += 1
        tally.breaking[mutant.kind] += mutant.overall == "breaking"
        tally.detected[mutant.kind] += evaluation.detected
        tally.correct[mutant.kind] += not evaluation.faults
        tally.operations |= mutant.operations or set()
        tally.faults += evaluation.faults
    return tally


def _rewritten(whole: Any, rewrites: Iterable[Rewrite], max_each: int) -> Tally:
    tally, base = Tally(), open_document(whole, "base")
    for rewrite in rewrites:
        for what, new in itertools.islice(rewrite(whole), REWRITES_EACH * max_each or None):
            tally.rewrites[rewrite.__name__] += 1
            findings = compare(base, new).findings
            if findings:
                tally.false_alarms[rewrite.__name__] += 1
                tally.faults.append(f"{what}: false alarm {[each.rule.id for each in findings]}")
    return tally


def run(max_each: int, jobs: int) -> Tally:
    """Do all pieces in `jobs` processes; faults are printed as they come."""
    tally, pending = Tally(), tasks(max_each)
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for count, piece in enumerate(pool.imap_unordered(run_task, pending), start=1):
            tally.add(piece)
            for fault in piece.faults:
                print(fault, flush=True)
            print(f"\r{count} of {len(pending)} pieces", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return tally


def full_size_timing() -> str:
    """Time a comparison of two documents as large as the exchange's whole one."""
    base = full_size_document()
    new = full_size_document()
    del new["components"]["schemas"]["Fill"]["properties"]["fee_cost"]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("base.yaml", "new.yaml")]
        for path, whole in zip(paths, (base, new), strict=True):
            path.write_text(dump_yaml(whole), encoding="utf-8")
        size = paths[0].stat().st_size
        begun = time.process_time()
        check(*map(str, paths), everything=True)
        total = time.process_time() - begun
    begun = time.process_time()
    compare(base, new)
    comparing = time.process_time() - begun
    count = len(list(operations(base)))
    return (
        f"Two documents of {count} operations and {size / 1e6:.1f} MB each: {total:.1f} s of "
        f"processor time to read and compare them, {comparing:.2f} s of that to compare."
    )


def markdown(tally: Tally, seconds: float, jobs: int, max_each: int) -> str:
    """Write the counts as the block of docs/drift.md."""
    count = f"at most {max_each} of each kind in each operation" if max_each else "every place"
    lines = [
        f"Both contracts and one made up for what they lack, {len(tally.operations)} operations, "
        f"{count}; {seconds:,.0f} s in {jobs} processes.", "",
        "| change to | kinds | mutations | breaking for a client | detected | judged right |",
        "|---|---|---|---|---|---|",
        *(_row(name, kinds, tally) for name, kinds in _groups(tally)),
        _row("**all**", list(tally.mutants), tally), "",
        "| equivalent rewrite | made | false alarms |", "|---|---|---|",
        *(f"| {n.replace('_', ' ')} | {tally.rewrites[n]:,} | {tally.false_alarms[n]:,} |"
          for n in sorted(tally.rewrites)),
        f"| **all** | {tally.rewrites.total():,} | {tally.false_alarms.total():,} |", "",
        full_size_timing(), "",
        "<details><summary>Mutations by kind</summary>", "",
        "| kind | mutations | detected | judged right |", "|---|---|---|---|",
        *(f"| {k} | {tally.mutants[k]:,} | {tally.detected[k]:,} | {tally.correct[k]:,} |"
          for k in sorted(tally.mutants)), "",
        "</details>",
    ]  # fmt: skip
    if tally.faults:
        lines += ["", "Not right:", "", *(f"- `{fault}`" for fault in tally.faults[:50])]
    return "\n".join(lines)


def _groups(tally: Tally) -> Iterator[tuple[str, list[str]]]:
    remaining = set(tally.mutants)
    for group, kinds in GROUPS.items():
        names = [kind.name for kind in kinds if kind.name in remaining]
        remaining -= set(names)
        yield group, names
    yield UNGROUPED, sorted(remaining)


def _row(name: str, kinds: list[str], tally: Tally) -> str:
    sums = [sum(each[kind] for kind in kinds)
            for each in (tally.mutants, tally.breaking, tally.detected, tally.correct)]  # fmt: skip
    return f"| {name} | {len(kinds)} | " + " | ".join(f"{each:,}" for each in sums) + " |"


def main() -> int:
    """Run the campaign and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the counts into docs/drift.md")
    parser.add_argument("--most", type=int, default=0, help="of each kind in each operation")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    begun = time.perf_counter()
    tally = run(options.most, options.jobs)
    text = markdown(tally, time.perf_counter() - begun, options.jobs, options.most)
    print(text)
    if options.write:
        write_block("drift.md", "drift mutations", text)
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
