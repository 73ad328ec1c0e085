"""Mutation testing of the flows, the writes and the journal, in a copy of this tree.

Each mutant is one small change of `mutants.py`; the tests whose files execute its line are run
against it, and should fail. Own code instead of mutmut or cosmic-ray because both start a Python
and collect a suite for every mutant (seconds each, for thousands of mutants): here a process that
has loaded everything else forks, loads the mutated module, and runs only the tests of its line.

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
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import define, field
from figures import write_block
from mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parent.parent
FORKER = Path(__file__).resolve().parent / "mutation_forker.py"
REASONS = Path(__file__).resolve().parent / "mutation_reasons.toml"
SECONDS = 900  # of the tests without a mutant, on a busy machine too
# A mutant that takes so many times as long as the tests without it counts as endless, and killed.
TIMEOUT_FACTOR = 3

CORE_TESTS = (
    "tests/unit/core/test_core_flow_retries.py",
    "tests/unit/core/test_core_flow_clock.py",
    "tests/unit/core/test_core_flow_edges.py",
    "tests/unit/core/test_core_pagination.py",
    "tests/contract/test_retry_matrix.py",
)
SIMULATION_TEST = "tests/faults/test_simulated_world.py::" + (
    "test_no_seed_makes_an_order_twice_loses_one_or_says_what_is_not_so"
)
# The modules of each group, and the tests that may kill their mutants, quickest first.
GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "flow": (
        (
            "kalshi_ext/protocol/flow.py",
            "kalshi_ext/protocol/attempt.py",
            "kalshi_ext/protocol/context.py",
        ),
        (*CORE_TESTS, "writes", SIMULATION_TEST),
    ),
    "writes": (
        ("kalshi_ext/reads", "kalshi_ext/writes", "kalshi_ext/bulk", "kalshi_ext/stop"),
        ("writes", SIMULATION_TEST),
    ),
    "journal": (
        ("kalshi_ext/journal",),
        (
            "tests/unit/journal",
            "tests/wire/journal/test_journal_sqlite_file.py",
            "tests/wire/journal/test_journal_sqlite_owner.py",
        ),
    ),
}
# A start of pytest with every plugin of the environment takes seconds.
ENVIRONMENT = {"SIMULATED_SEEDS": "64", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
# Left out: they need a PostgreSQL server, a terminal or another process for every mutant.
LEFT_OUT = ("postgres", "commands", "lockfile", "opening")


@define
class Tally:
    """What became of the mutants of one group."""

    name: str
    total: int = 0
    tried: int = 0
    killed: int = 0
    survivors: list[Mutant] = field(factory=list)


def modules(module_places: tuple[str, ...]) -> list[str]:
    """List the modules of a group."""
    paths: list[str] = []
    for place in module_places:
        path = ROOT / place
        files = sorted(path.glob("*.py")) if path.is_dir() else [path]
        paths += [str(file.relative_to(ROOT)) for file in files]
    return [path for path in paths if not any(word in path for word in LEFT_OUT)]


def tests(test_places: tuple[str, ...]) -> list[str]:
    """List the test files of a group; `writes` names those of the writes."""
    paths: list[str] = []
    for place in test_places:
        if place == "writes":
            paths += sorted(map(str, Path("tests/unit/core").glob("test_writes_*.py")))
        elif (ROOT / place).is_dir():
            files = sorted((ROOT / place).glob("test_*.py"))
            paths += [str(file.relative_to(ROOT)) for file in files]
        else:
            paths.append(place)
    return paths


@define
class TreeCopy:
    """A copy of the tree whose modules are mutated; the tree itself stays as it is."""

    root: Path

    def start_forker(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a forker in the copy."""
        paths = os.pathsep.join((str(self.root), str(self.root / "generated")))
        return subprocess.Popen(
            # -B: bytecode of a mutant must not be found by the next.
            [sys.executable, "-B", str(FORKER), *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": paths, **ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # close() ends it with what it forked
        )

    def coverage(self, files: list[str], modules_: list[str]) -> dict[tuple[str, int], list[str]]:
        """Return which test files execute which lines. Raises where a test fails as it is."""
        lines: dict[tuple[str, int], list[str]] = defaultdict(list)
        for file in files:
            output, _ = self.start_forker("cover", file, *modules_).communicate()
            rows = output.split()
            if not rows or rows[0] != "passed":
                raise SystemExit(f"{file} fails without any mutant")
            for row in rows[1:]:
                path, line = row.rsplit(":", 1)
                lines[path, int(line)].append(file)
        return lines


@define
class MutantRunner:
    """A forker with everything loaded but the modules of a group; tries one mutant at a time."""

    tree_copy: TreeCopy
    group: str
    seconds: float = SECONDS
    process: subprocess.Popen[str] | None = None

    def survives(self, mutant: Mutant, files: list[str]) -> bool:
        """Say whether the tests pass with a mutant in the place of its module."""
        if self.process is None or self.process.poll() is not None:
            self.process = self.tree_copy.start_forker("serve", self.group, str(self.seconds))
        assert self.process.stdin is not None  # noqa: S101 - it is a pipe
        assert self.process.stdout is not None  # noqa: S101
        task = {"path": mutant.path, "text": mutant.text, "files": files}
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer not in ("passed", "failed"):
            raise SystemExit(f"the forker said {answer!r} about {mutant.key}")
        return answer == "passed"

    def close(self) -> None:
        """End the forker."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def copy_tree(into: Path) -> TreeCopy:
    """Copy what git tracks, as it is now."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, tracked.stdout.split("\0")):
        if (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into / name)
    return TreeCopy(into)


def try_group(
    name: str, tree_copy: TreeCopy, sample: int, jobs: int, until: float, *, cover: bool
) -> Tally:
    """Try the mutants of a group."""
    module_places, test_places = GROUPS[name]
    modules_, files = modules(module_places), tests(test_places)
    mutants_ = [m for path in modules_ for m in mutants(path, (tree_copy.root / path).read_text())]
    chosen = random.Random(1).sample(mutants_, min(sample, len(mutants_)))
    lines = tree_copy.coverage(files, modules_) if cover else None
    seconds = _try_unmutated(MutantRunner(tree_copy, name), tree_copy, modules_[0], files)
    tally = Tally(name, total=len(mutants_))

    runners: queue.SimpleQueue[MutantRunner] = queue.SimpleQueue()

    def try_mutant(mutant: Mutant) -> tuple[Mutant, bool | None]:
        if time.monotonic() > until:
            return mutant, None
        able = files if lines is None else lines.get((mutant.path, mutant.line), [])
        runner = runners.get()
        try:
            return mutant, runner.survives(mutant, able) if able else True
        finally:
            runners.put(runner)

    with contextlib.ExitStack() as stack, ThreadPoolExecutor(jobs) as pool:
        for _ in range(jobs):
            runners.put(
                stack.enter_context(contextlib.closing(MutantRunner(tree_copy, name, seconds)))
            )
        for mutant, survives in pool.map(try_mutant, chosen):
            if survives is None:
                continue
            tally.tried += 1
            tally.killed += not survives
            if survives:
                tally.survivors.append(mutant)
                print(f"survived: {mutant.path}:{mutant.line} {mutant.key}", flush=True)
    print(f"{name}: {tally.killed} of {tally.tried} killed, {tally.total} in all", flush=True)
    return tally


def _try_unmutated(runner: MutantRunner, tree_copy: TreeCopy, path: str, files: list[str]) -> float:
    """Try a module as it is; return how long a mutant may take (seconds).

    If that failed, every mutant would seem to be killed.
    """
    text = (tree_copy.root / path).read_text()
    began = time.monotonic()
    with contextlib.closing(runner):
        if not runner.survives(Mutant(path, 1, "", "nothing", text), files):
            raise SystemExit(f"the tests of {runner.group} fail without any mutant")
    seconds = time.monotonic() - began
    print(
        f"{runner.group}: {len(files)} test files pass without a mutant, {seconds:.0f} s",
        flush=True,
    )
    return max(30.0, TIMEOUT_FACTOR * seconds)


def page(tallies: list[Tally], seconds: float) -> str:
    """Render the figures and the survivors as Markdown."""
    reasons: dict[str, str] = tomllib.loads(REASONS.read_text(encoding="utf-8"))["survivors"]
    lines = ["| modules | mutants | tried | killed | share |", "|---|--:|--:|--:|--:|"]
    for tally in tallies:
        share = 100 * tally.killed / max(1, tally.tried)
        row = f"{tally.total:,} | {tally.tried:,} | {tally.killed:,} | {share:.1f} %"
        lines.append(f"| {tally.name} | {row} |")
    survivors = Counter(mutant.key for tally in tallies for mutant in tally.survivors)
    lines += ["", f"Fixed seed, {seconds / 60:.0f} minutes. Left out of the journal: files named "]
    lines[-1] += f"{', '.join(LEFT_OUT)}. Survivors:" if survivors else f"{', '.join(LEFT_OUT)}."
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
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=40, help="then no new mutant is tried")
    parser.add_argument(
        "--no-cover", dest="cover", action="store_false", help="run every test for every mutant"
    )
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    options = parser.parse_args()
    began = time.monotonic()
    tallies: list[Tally] = []
    names = options.group or list(GROUPS)
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        tree_copy = copy_tree(Path(directory))
        for at, name in enumerate(names, 1):
            until = began + 60 * options.minutes * at / len(names)
            tallies.append(
                try_group(name, tree_copy, options.sample, options.jobs, until, cover=options.cover)
            )
    text = page(tallies, time.monotonic() - began)
    print(text)
    if options.write:
        write_block("reliability.md", "mutation", text)
    return 1 if any(t.killed < 0.9 * t.tried for t in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
