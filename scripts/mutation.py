"""Mutation testing of the flows, the writes and the journal, in a copy of this tree.

Each mutant is one small change of `mutants.py`; the tests that execute its line are run against it,
the best killers of its module first, until one fails. Own code instead of mutmut or cosmic-ray:
both start a Python and collect a suite for every mutant (seconds each, for thousands of mutants).
Here a process that has collected the tests forks for each mutant, puts its code into the functions
that are loaded, and runs the tests (mutation_forker.py).

`--write` keeps the figures and the survivors, with the reasons of mutation_reasons.toml, in
docs/reliability.md. A group larger than `--sample` is sampled with a fixed seed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from figures import write_block
from mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parent.parent
FORKER = Path(__file__).resolve().parent / "mutation_forker.py"
REASONS = Path(__file__).resolve().parent / "mutation_reasons.toml"
SECONDS = 900  # for all tests of a mutant; a single test may take 40 times as long as without it
# For the tests of a mutant, by the processor's time that they take under the tracer. A mutant that
# would only be killed by those that are left out counts as a survivor.
PATIENCE = 24.0  # seconds

SIMULATION_TEST = "tests/faults/test_simulated_world.py::" + (
    "test_no_seed_makes_an_order_twice_loses_one_or_says_what_is_not_so"
)
TESTS = (
    "tests/contract/test_retry_matrix.py",
    "tests/unit/core/test_context_locks.py",
    "tests/unit/core/test_core_drivers.py",
    "tests/unit/core/test_core_events.py",
    "tests/unit/core/test_core_flow_*.py",
    "tests/unit/core/test_core_pagination.py",
    "tests/unit/core/test_core_rate_limits.py",
    "tests/unit/core/test_lookup_rows.py",
    "tests/unit/core/test_reads_reopening.py",
    "tests/unit/core/test_risk_limits.py",
    "tests/unit/core/test_writes_*.py",
    "tests/unit/journal/test_*.py",
    "tests/wire/client/test_client_bulk.py",
    "tests/wire/client/test_client_events.py",
    "tests/wire/client/test_client_journal_account.py",
    "tests/wire/client/test_client_limits.py",
    "tests/wire/client/test_client_stop.py",
    "tests/wire/journal/test_journal_accounts.py",
    "tests/wire/journal/test_journal_handles.py",
    "tests/wire/journal/test_journal_sqlite_file.py",
    "tests/wire/journal/test_journal_sqlite_owner.py",
    "tests/wire/journal/test_journal_stops.py",
    "tests/wire/journal/test_journal_told.py",
    "tests/faults/test_journal_corpus.py",
    SIMULATION_TEST,
)
GROUPS = {
    "flow": (
        "kalshi_ext/protocol/flow.py",
        "kalshi_ext/protocol/attempt.py",
        "kalshi_ext/protocol/context.py",
        "kalshi_ext/protocol/retry_policy.py",
        "kalshi_ext/protocol/limits.py",
    ),
    # Was it executed? The engine, the writes with their probes, recovery, and the lists they read.
    "writes": (
        "kalshi_ext/writes",
        "kalshi_ext/reads/lookup.py",
        "kalshi_ext/reads/orders.py",
        "kalshi_ext/reads/watermark.py",
    ),
    "stop": (
        "kalshi_ext/stop",
        "kalshi_ext/bulk",
        "kalshi_ext/reads/account.py",
        "kalshi_ext/reads/health.py",
        "kalshi_ext/reads/reopening.py",
        "kalshi_ext/reads/routing.py",
    ),
    "journal": ("kalshi_ext/journal",),
}
# What imports none of these modules.
PRELOADED = ("kalshi_ext.sandbox.engine", "kalshi_ext.requests.filters", "kalshi_ext.models")
# A start of pytest with every plugin of the environment takes seconds.
ENVIRONMENT = {"SIMULATED_SEEDS": "32", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
# Left out: its modules need a server for every mutant. Tests so named are left out too.
LEFT_OUT = "postgres"


@define
class Tally:
    """What became of the mutants of one group."""

    name: str
    total: int = 0
    tried: int = 0
    killed: int = 0
    survivors: list[Mutant] = field(factory=list)

    def add(self, mutant: Mutant, *, survives: bool) -> None:
        """Count a mutant that was tried."""
        self.tried += 1
        self.killed += not survives
        if survives:
            self.survivors.append(mutant)
            where = f"{mutant.path}:{mutant.line}"
            print(f"survived ({self.tried}): {where} {mutant.key}", flush=True)


def modules(group: str, root: Path) -> list[str]:
    """List the modules of a group, as the copy of the tree has them."""
    paths: list[str] = []
    for place in GROUPS[group]:
        path = root / place
        files = sorted(path.glob("*.py")) if path.is_dir() else [path]
        paths += [str(file.relative_to(root)) for file in files]
    return [path for path in paths if LEFT_OUT not in path]


def tests(root: Path) -> list[str]:
    """List the tests, as the copy of the tree has them."""
    found = (sorted(root.glob(place)) if "*" in place else [root / place] for place in TESTS)
    return [os.path.relpath(path, root) for paths in found for path in paths]


@define
class Forker:
    """A process of mutation_forker.py in a copy of the tree; the tree itself stays as it is."""

    root: Path
    arguments: tuple[str, ...]
    process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        """Start it."""
        paths = os.pathsep.join((str(self.root), str(self.root / "generated")))
        command, *rest = self.arguments
        self.process = subprocess.Popen(
            # -B: bytecode of a mutant must not be found by the next.
            [sys.executable, "-B", str(FORKER), command, tempfile.mkdtemp(dir=self.root), *rest],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": paths, **ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # close() ends it with what it forked
        )
        return self.process

    def read(self) -> Any:
        """Read an answer."""
        process = self.process or self.start()
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"the forker ended: {self.arguments[:3]}")
        return json.loads(line)

    def ask(self, task: dict[str, Any]) -> Any:
        """Give a task and wait for its answer."""
        process = self.process or self.start()
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        return self.read()

    def close(self) -> None:
        """End it, with whatever it forked."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@define
class Coverage:
    """Which tests execute a line, how long each takes (seconds), and what importing executes."""

    seconds: dict[str, float] = field(factory=dict)
    tests_of_line: dict[str, list[str]] = field(factory=lambda: defaultdict(list))
    tests_of_path: dict[str, list[str]] = field(factory=lambda: defaultdict(list))
    imported: frozenset[str] = frozenset()

    def add(self, test: str, seconds: float, lines: list[str]) -> None:
        """Add what one test executes."""
        self.seconds[test] = seconds
        for line in lines:
            self.tests_of_line[line].append(test)
        for path in {line.rsplit(":", 1)[0] for line in lines}:
            self.tests_of_path[path].append(test)

    def is_imported(self, mutant: Mutant) -> bool:
        """Say whether importing the module executes the line, so that it must be imported anew."""
        line = f"{mutant.path}:{mutant.line}"
        return line in self.imported or line not in self.tests_of_line

    def able(self, mutant: Mutant) -> list[str]:
        """Name the tests that can see a mutant."""
        line = f"{mutant.path}:{mutant.line}"
        if self.is_imported(mutant):
            return self.tests_of_path[mutant.path]
        return self.tests_of_line[line]

    def near(self, mutant: Mutant) -> set[str]:
        """Name the tests of the next line that any executes: of a default, its function's."""
        lines = (f"{mutant.path}:{line}" for line in range(mutant.line, mutant.line + 20))
        return set(
            next((self.tests_of_line[each] for each in lines if each in self.tests_of_line), ())
        )


def measure(forker: Forker) -> Coverage:
    """Run the tests of each file without a mutant. Raises where one fails."""
    forker.start()
    coverage = Coverage()
    for file in dict.fromkeys(test.partition("::")[0] for test in forker.read()):
        # Twice: on a busy machine, under the tracer, a wait may be too short.
        tries = (forker.ask({"cover": file, "seconds": SECONDS}) for _ in range(2))
        answer = next((each for each in tries if each["passed"]), None)
        if answer is None:
            raise SystemExit(f"{file} fails without any mutant")
        for test, seconds in answer["seconds"].items():
            coverage.add(test, seconds, answer["lines"][test])
    lines = forker.ask({"imported": True, "seconds": SECONDS})["lines"]
    return evolve(coverage, imported=frozenset(lines))


@define
class MutantRunner:
    """Tries one mutant at a time."""

    fast: Forker
    slow: Forker
    coverage: Coverage
    kills: Counter[tuple[str, str]]  # of a test, in a module; shared by all runners

    def survives(self, mutant: Mutant) -> bool:
        """Say whether all tests pass with a mutant in the place of its module."""
        tests = self._ordered(mutant)
        if not tests:
            return True
        limits = [(test, max(10.0, 40 * self.coverage.seconds[test])) for test in tests]
        task = {"path": mutant.path, "text": mutant.text, "tests": limits, "seconds": SECONDS}
        forker = self.slow if self.coverage.is_imported(mutant) else self.fast
        answer = forker.ask(task)
        if "reload" in answer:
            answer = self.slow.ask(task)
        if (killer := answer["killer"]) is None:
            return True
        self.kills.update({(mutant.path, killer), (mutant.path, killer.partition("[")[0])})
        return False

    def _ordered(self, mutant: Mutant) -> list[str]:
        """Choose tests for PATIENCE seconds: first those that kill most of this module a second.

        Then two of each parametrized test, as others are much like them; the quick ones first.
        """
        seconds, able = self.coverage.seconds, self.coverage.able(mutant)
        near, variants = self.coverage.near(mutant), Counter[str]()

        def rank(test: str) -> tuple[float, bool, int, float]:
            name = test.partition("[")[0]
            variants[name] += 1
            kills = self.kills[mutant.path, test] + self.kills[mutant.path, name] / 4
            return (
                -kills / (0.02 + seconds[test]),
                test not in near,
                (variants[name] + 1) // 2,
                seconds[test],
            )

        ranked = sorted(able, key=rank)
        spent = accumulate(map(seconds.__getitem__, ranked), initial=0.0)
        return [test for test, before in zip(ranked, spent, strict=False) if before < PATIENCE]

    def close(self) -> None:
        """End the forkers."""
        self.fast.close()
        self.slow.close()


def copy_tree(into: Path) -> Path:
    """Copy what git tracks, as it is now."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, tracked.stdout.split("\0")):
        if (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into / name)
    return into


def try_group(
    name: str, chosen: list[Mutant], runners: queue.SimpleQueue[MutantRunner], until: float
) -> Tally:
    """Try mutants of a group."""
    tally = Tally(name)

    def try_mutant(mutant: Mutant) -> tuple[Mutant, bool | None]:
        if time.monotonic() > until:
            return mutant, None
        runner = runners.get()
        try:
            return mutant, runner.survives(mutant)
        finally:
            runners.put(runner)

    with ThreadPoolExecutor(runners.qsize()) as pool:
        for mutant, survives in pool.map(try_mutant, chosen):
            if survives is not None:
                tally.add(mutant, survives=survives)
    print(f"{name}: {tally.killed} of {tally.tried} killed", flush=True)
    return tally


def try_groups(names: list[str], root: Path, options: argparse.Namespace) -> list[Tally]:
    """Try the mutants of several groups, each for its share of the time."""
    began = time.monotonic()
    fast = ("fast", *(path for name in names for path in modules(name, root)), "--", *tests(root))
    with contextlib.closing(Forker(root, fast)) as forker:
        coverage = measure(forker)
    seconds = time.monotonic() - began
    print(f"{len(coverage.seconds)} tests pass without a mutant, {seconds:.0f} s", flush=True)
    began, tallies = time.monotonic(), list[Tally]()
    runners: queue.SimpleQueue[MutantRunner] = queue.SimpleQueue()
    kills = Counter[tuple[str, str]]()
    with contextlib.ExitStack() as stack:
        for _ in range(options.jobs):
            slow = Forker(root, ("slow", *PRELOADED))
            runner = MutantRunner(Forker(root, fast), slow, coverage, kills)
            runner.fast.start()
            runner.fast.read()  # the names of the tests
            runners.put(stack.enter_context(contextlib.closing(runner)))
        for at, name in enumerate(names, 1):
            paths = [path for path in modules(name, root) if re.search(options.module, path)]
            mutants_ = [m for path in paths for m in mutants(path, (root / path).read_text())]
            chosen = random.Random(1).sample(mutants_, min(options.sample, len(mutants_)))
            until = began + 60 * options.minutes * at / len(names)
            tallies.append(try_group(name, chosen, runners, until))
            tallies[-1].total = len(mutants_)
    return tallies


def page(tallies: list[Tally], seconds: float) -> str:
    """Render the figures and the survivors as Markdown."""
    reasons: dict[str, str] = tomllib.loads(REASONS.read_text(encoding="utf-8"))["survivors"]
    lines = ["| modules | mutants | tried | killed | share |", "|---|--:|--:|--:|--:|"]
    for tally in tallies:
        share = 100 * tally.killed / max(1, tally.tried)
        row = f"{tally.total:,} | {tally.tried:,} | {tally.killed:,} | {share:.1f} %"
        lines.append(f"| {tally.name} | {row} |")
    survivors = Counter(mutant.key for tally in tallies for mutant in tally.survivors)
    lines += ["", f"Fixed seed, {seconds / 60:.0f} minutes. Left out: the journal's PostgreSQL."]
    lines[-1] += " Survivors:" if survivors else ""
    for key, number in sorted(survivors.items()):
        times = f" ({number} times)" if number > 1 else ""
        lines.append(
            f"- `{key.replace('`', '')}`{times}: {reasons.get(key, 'not looked into yet')}"
        )
    return "\n".join(lines)


def main() -> int:
    """Try, print, and exit 1 when less than nine of ten mutants are killed in a group."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=300, help="mutants of a group (default 300)")
    parser.add_argument("--group", choices=GROUPS, action="append", help="only this group")
    parser.add_argument("--module", default="", help="only paths that hold this regular expression")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=40, help="then no new mutant is tried")
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    options = parser.parse_args()
    began = time.monotonic()
    names = options.group or list(GROUPS)
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        tallies = try_groups(names, copy_tree(Path(directory)), options)
    text = page(tallies, time.monotonic() - began)
    print(text)
    if options.write:
        write_block("reliability.md", "mutation", text)
    return 1 if any(t.killed < 0.9 * t.tried for t in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
