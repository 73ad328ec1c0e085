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
# A mutant that takes so many times as long as that never ends, and counts as killed.
PATIENCE = 3

CORE = (
    "tests/unit/core/test_core_flow_retries.py",
    "tests/unit/core/test_core_flow_clock.py",
    "tests/unit/core/test_core_flow_edges.py",
    "tests/unit/core/test_core_pagination.py",
    "tests/contract/test_retry_matrix.py",
)
SIMULATED = "tests/faults/test_simulated_world.py::" + (
    "test_no_seed_makes_an_order_twice_loses_one_or_says_what_is_not_so"
)
# The modules of each group, and the tests that may kill their mutants, quickest first.
GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "flow": (
        ("kalshi_ext/protocol/flow.py", "kalshi_ext/protocol/context.py"),
        (*CORE, "writes", SIMULATED),
    ),
    "writes": (("kalshi_ext/writes",), ("writes", SIMULATED)),
    "journal": (
        ("kalshi_ext/journal",),
        ("tests/unit/journal", "tests/wire/journal/test_journal_sqlite_file.py"),
    ),
}
# A start of pytest with every plugin of the environment takes seconds.
FEW = {"SIMULATED_SEEDS": "64", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
# Left out: they need a PostgreSQL server, a terminal or another process for every mutant.
APART = ("postgres", "commands", "lockfile", "opening")


@define
class Tally:
    """What became of the mutants of one group."""

    name: str
    total: int = 0
    tried: int = 0
    killed: int = 0
    survivors: list[Mutant] = field(factory=list)


def modules(places: tuple[str, ...]) -> list[str]:
    """List the modules of a group."""
    found: list[str] = []
    for place in places:
        path = ROOT / place
        files = sorted(path.glob("*.py")) if path.is_dir() else [path]
        found += [str(file.relative_to(ROOT)) for file in files]
    return [path for path in found if not any(word in path for word in APART)]


def tests(places: tuple[str, ...]) -> list[str]:
    """List the test files of a group; `writes` names those of the writes."""
    found: list[str] = []
    for place in places:
        if place == "writes":
            found += sorted(map(str, Path("tests/unit/core").glob("test_writes_*.py")))
        elif (ROOT / place).is_dir():
            files = sorted((ROOT / place).glob("test_*.py"))
            found += [str(file.relative_to(ROOT)) for file in files]
        else:
            found.append(place)
    return found


@define
class Copy:
    """A copy of the tree in which mutants live."""

    root: Path

    def forked(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a forker in the copy."""
        paths = os.pathsep.join((str(self.root), str(self.root / "generated")))
        return subprocess.Popen(
            [sys.executable, "-B", str(FORKER), *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": paths, **FEW},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def covered(self, files: list[str], watched: list[str]) -> dict[tuple[str, int], list[str]]:
        """Return which test files execute which lines. Raises where a test fails as it is."""
        lines: dict[tuple[str, int], list[str]] = defaultdict(list)
        for file in files:
            told, _ = self.forked("cover", file, *watched).communicate()
            rows = told.split()
            if not rows or rows[0] != "passed":
                raise SystemExit(f"{file} fails without any mutant")
            for row in rows[1:]:
                path, line = row.rsplit(":", 1)
                lines[path, int(line)].append(file)
        return lines


@define
class Bench:
    """A forker with everything loaded but the modules of a group; tries one mutant at a time."""

    copied: Copy
    group: str
    seconds: float = SECONDS
    process: subprocess.Popen[str] | None = None

    def lives(self, mutant: Mutant, files: list[str]) -> bool:
        """Say whether the tests pass with a mutant in the place of its module."""
        if self.process is None or self.process.poll() is not None:
            self.process = self.copied.forked("serve", self.group, str(self.seconds))
        assert self.process.stdin is not None  # noqa: S101 - it is a pipe
        assert self.process.stdout is not None  # noqa: S101
        task = {"path": mutant.path, "text": mutant.text, "files": files}
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        told = self.process.stdout.readline().strip()
        if told not in ("passed", "failed"):
            raise SystemExit(f"the forker said {told!r} about {mutant.key}")
        return told == "passed"

    def close(self) -> None:
        """End the forker."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def copy_tree(into: Path) -> Copy:
    """Copy what git tracks, as it is now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into / name)
    return Copy(into)


def judge(name: str, copied: Copy, sample: int, jobs: int, until: float, *, cover: bool) -> Tally:
    """Try the mutants of a group."""
    places, witnesses = GROUPS[name]
    watched, files = modules(places), tests(witnesses)
    listed = [m for path in watched for m in mutants(path, (copied.root / path).read_text())]
    chosen = random.Random(1).sample(listed, min(sample, len(listed)))
    lines = copied.covered(files, watched) if cover else None
    seconds = _control(Bench(copied, name), copied, watched[0], files)
    tally = Tally(name, total=len(listed))

    benches: queue.SimpleQueue[Bench] = queue.SimpleQueue()

    def tried(mutant: Mutant) -> tuple[Mutant, bool | None]:
        if time.monotonic() > until:
            return mutant, None
        able = files if lines is None else lines.get((mutant.path, mutant.line), [])
        bench = benches.get()
        try:
            return mutant, bench.lives(mutant, able) if able else True
        finally:
            benches.put(bench)

    with contextlib.ExitStack() as stack, ThreadPoolExecutor(jobs) as pool:
        for _ in range(jobs):
            benches.put(stack.enter_context(contextlib.closing(Bench(copied, name, seconds))))
        for mutant, lives in pool.map(tried, chosen):
            if lives is None:
                continue
            tally.tried += 1
            tally.killed += not lives
            if lives:
                tally.survivors.append(mutant)
                print(f"survived: {mutant.path}:{mutant.line} {mutant.key}", flush=True)
    print(f"{name}: {tally.killed} of {tally.tried} killed, {tally.total} in all", flush=True)
    return tally


def _control(bench: Bench, copied: Copy, path: str, files: list[str]) -> float:
    """Try a module as it is: were that killed, every mutant would seem to be.

    Returns how long a mutant may take (seconds).
    """
    text = (copied.root / path).read_text()
    began = time.monotonic()
    with contextlib.closing(bench):
        if not bench.lives(Mutant(path, 1, "", "nothing", text), files):
            raise SystemExit(f"the tests of {bench.group} fail without any mutant")
    took = time.monotonic() - began
    print(f"{bench.group}: {len(files)} test files pass without a mutant, {took:.0f} s", flush=True)
    return max(30.0, PATIENCE * took)


def page(tallies: list[Tally], took: float) -> str:
    """Render the figures and the survivors as Markdown."""
    reasons: dict[str, str] = tomllib.loads(REASONS.read_text(encoding="utf-8"))["survivors"]
    lines = ["| modules | mutants | tried | killed | share |", "|---|--:|--:|--:|--:|"]
    for tally in tallies:
        share = 100 * tally.killed / max(1, tally.tried)
        row = f"{tally.total:,} | {tally.tried:,} | {tally.killed:,} | {share:.1f} %"
        lines.append(f"| {tally.name} | {row} |")
    survivors = Counter(mutant.key for tally in tallies for mutant in tally.survivors)
    lines += ["", f"Fixed seed, {took / 60:.0f} minutes. Left out of the journal: files named "]
    lines[-1] += f"{', '.join(APART)}. Survivors:" if survivors else f"{', '.join(APART)}."
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
    said = parser.parse_args()
    began = time.monotonic()
    tallies: list[Tally] = []
    names = said.group or list(GROUPS)
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        copied = copy_tree(Path(place))
        for at, name in enumerate(names, 1):
            until = began + 60 * said.minutes * at / len(names)
            tallies.append(judge(name, copied, said.sample, said.jobs, until, cover=said.cover))
    told = page(tallies, time.monotonic() - began)
    print(told)
    if said.write:
        write_block("reliability.md", "mutation", told)
    return 1 if any(t.killed < 0.9 * t.tried for t in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
