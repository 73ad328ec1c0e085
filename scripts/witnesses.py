"""Let clients made by others trade on the sandbox, unmodified, and print the results.

Each client gets an environment of its own under the cache folder, with the version named here; a
driver in scripts/witnesses/ walks it through everything it offers of the portfolio. A call is
green when the client returned what its driver expects and the exchange's answers keep the
contract. Needs a package index and Python 3.13 or newer.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from attrs import define, field, frozen

ROOT = Path(__file__).resolve().parents[1]
DRIVERS = ROOT / "scripts" / "witnesses"
sys.path.insert(0, str(ROOT / "tests" / "wire" / "sandbox"))

from figures import write_block
from sandbox_contract import traffic_violations

from kalshi_ext.sandbox import Sandbox

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kalshi-ext/witnesses"
SERIES = "3.13"


@frozen
class Witness:
    """Name a client, and the sandbox it runs against."""

    package: str
    version: str
    driver: str
    contract: str = "current"
    key_kind: str = "rsa"
    extra_requirements: tuple[str, ...] = ()
    """What the package needs and does not say."""
    writes: str = "served"

    @property
    def title(self) -> str:
        """The sandbox and key it runs with, in few words."""
        kind = ", Ed25519 key" if self.key_kind == "ed25519" else ""
        setups = {"classic": "classic exchange", "both-today": "classic calls, today's exchange"}
        return f"{setups.get(self.contract, 'current exchange')}{kind}"


WITNESSES = (
    Witness("kalshi_python_sync", "3.34.0", "drive_kalshi_python_sync.py"),
    Witness("kalshi_python_sync", "3.34.0", "drive_kalshi_python_sync.py", key_kind="ed25519"),
    Witness("kalshi-sdk", "22.4.0", "drive_kalshi_sdk.py"),
    Witness("pykalshi", "2.0.0", "drive_pykalshi.py"),
    Witness(
        "kalshi-python",
        "2.1.4",
        "drive_kalshi_python.py",
        "classic",
        extra_requirements=("cryptography",),
    ),
    Witness(
        "kalshi-python",
        "2.1.4",
        "drive_kalshi_python.py",
        "both-today",
        extra_requirements=("cryptography",),
        writes="retired",
    ),
)


@define
class WitnessRun:
    """Collect the results of one witness."""

    witness: Witness
    version: str
    rows: list[dict[str, str]] = field(factory=list[dict[str, str]])
    operations: set[str] = field(factory=set[str])
    requests: int = 0
    violations: list[str] = field(factory=list[str])

    @property
    def green(self) -> int:
        """Count the calls that went as expected."""
        return sum(not row["error"] for row in self.rows)

    @property
    def explained(self) -> list[dict[str, str]]:
        """List the failures that a line of the contract explains."""
        return [row for row in self.rows if row["error"] and row["explained"]]

    @property
    def failed(self) -> list[dict[str, str]]:
        """List the failures that nothing explains."""
        return [row for row in self.rows if row["error"] and not row["explained"]]


def main() -> int:
    """Run every witness; 1 when a call failed without a reason or an answer broke the contract."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=Path, default=CACHE, help="where environments are kept")
    parser.add_argument("--python", default="", help="a Python 3.13 or newer")
    parser.add_argument("--calls", action="store_true", help="print every call too")
    parser.add_argument("--write", action="store_true", help="write the table to docs/witnesses.md")
    options = parser.parse_args()
    python = options.python or newest_python()
    runs = []
    for witness in WITNESSES:
        environment, version = install(witness, python, options.cache)
        runs.append(run_witness(witness, version, environment, calls=options.calls))
    table = report(runs)
    print(table)
    if options.write:
        write_block("witnesses.md", "witnesses", table)
    return int(any(run.failed or run.wrong or not run.rows for run in runs))


def newest_python() -> str:
    """Find a Python the newest clients run on; they need 3.13."""
    for python in filter(None, map(shutil.which, (f"python{SERIES}", "python3.14", "python3"))):
        if _series(python) >= (3, 13):
            return python
    for python in sorted(Path.home().glob(f".pyenv/versions/{SERIES}*/bin/python")):
        return str(python)
    raise SystemExit("witnesses: Python 3.13 or newer is needed: --python /path/to/python3.13")


def _series(python: str) -> tuple[int, ...]:
    code = "import sys; print(*sys.version_info[:2])"
    result = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return tuple(int(part) for part in result.stdout.split()) or (0,)


def install(witness: Witness, python: str, cache: Path) -> tuple[Path, str]:
    """Make the witness's environment unless it is there; give its Python and the true version."""
    environment = cache / f"{witness.package}-{witness.version}"
    binary, stamp = environment / "bin" / "python", environment / ".version"
    if not stamp.exists():
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(environment)], check=True)
        requirement = f"{witness.package}=={witness.version}"
        if _pip(binary, requirement, *witness.extra_requirements):
            print(f"{requirement} is not on the index: the newest there is taken")
            if _pip(binary, witness.package, *witness.extra_requirements):
                raise SystemExit(f"witnesses: {witness.package} cannot be installed")
        code = f"from importlib.metadata import version; print(version({witness.package!r}))"
        result = subprocess.run([binary, "-c", code], capture_output=True, text=True, check=True)
        stamp.write_text(result.stdout.strip())
    return binary, stamp.read_text()


def _pip(binary: Path, *requirements: str) -> int:
    pip = [
        str(binary),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *requirements,
    ]
    return subprocess.run(pip, check=False, stderr=subprocess.DEVNULL).returncode


def run_witness(witness: Witness, version: str, python: Path, *, calls: bool) -> WitnessRun:
    """Run one witness against a sandbox as new, and check every request it made."""
    result = WitnessRun(witness, version)
    with Sandbox(
        contract=witness.contract,
        key_kind=witness.key_kind,
        proxy=False,
        settings={"rate_limits": False},
    ) as box:
        for row in _calls(witness, python, box):
            entries = box.truth.requests(since=result.requests)
            result.requests += len(entries)
            result.operations |= {entry.operation for entry in entries if entry.operation}
            result.violations += traffic_violations(entries)
            requests = " ".join(f"{entry.operation} {entry.status}" for entry in entries)
            result.rows.append({**row, "met": requests})
            if calls or (row["error"] and not row["explained"]):
                print(f"{witness.package} {row['call']}: {requests or 'no request'} {row['error']}")
        box.truth.check_invariants()
    return result


def _calls(witness: Witness, python: Path, box: Sandbox) -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as directory:
        key = Path(directory) / "key.pem"
        key.write_text(box.private_key)
        variables = {
            "URL": box.url,
            "KEY_ID": box.key_id,
            "KEY_FILE": key,
            "WRITES": witness.writes,
        }
        env = {k: v for k, v in os.environ.items() if not k.startswith(("KALSHI", "PYTHON"))}
        env |= {f"WITNESS_{name}": str(value) for name, value in variables.items()}
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        with subprocess.Popen(
            [python, DRIVERS / witness.driver],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
            cwd=directory,
        ) as driver:
            for line in driver.stdout or ():
                yield json.loads(line)
                print(file=driver.stdin, flush=True)
        if driver.returncode:
            raise SystemExit(f"witnesses: {witness.driver} ended with {driver.returncode}")


def report(runs: list[WitnessRun]) -> str:
    """Render the table, and every explanation under it."""
    lines = [
        "| client | on | parts (green of tried) | green | explained | failed | requests | "
        "operations met | contract violations |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_line(run) for run in runs]
    notes = []
    for run in runs:
        name = f"{run.witness.package} {run.version}"
        notes += [f"- {name}, {row['call']} ({row['met'] or 'no request'}): {row['explained']}."
                  for row in run.explained]  # fmt: skip
        notes += [f"- **{name}, {row['call']}: {row['error']}**" for row in run.failed]
        if run.version != run.witness.version:
            notes.append(f"- {name}: {run.witness.version} is not on the index.")
    return "\n".join([*lines, "", *dict.fromkeys(notes)])


def _line(run: WitnessRun) -> str:
    tried, green = Counter[str](), Counter[str]()
    for row in run.rows:
        tried[row["part"]] += 1
        green[row["part"]] += not row["error"]
    parts = ", ".join(f"{part} {green[part]}/{count}" for part, count in tried.items())
    counts = (run.green, len(run.explained), len(run.failed), run.requests, len(run.operations))
    cells = [f"{run.witness.package} {run.version}", run.witness.title, parts, *map(str, counts)]
    return f"| {' | '.join([*cells, str(len(run.violations))])} |"


if __name__ == "__main__":
    sys.exit(main())
