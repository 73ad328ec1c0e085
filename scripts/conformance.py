"""Try the sandbox with schemathesis: requests made from the contract, answers judged by it.

A real sandbox process, signed requests, a bounded time. Every answer is judged twice: by
schemathesis and by the checks of the sandbox's own tests. Lives in an environment of its own,
because schemathesis brings pytest plugins along. Refusals that the contract cannot foresee are
listed in conformance/hooks.py, each with its reason, and counted here.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from attrs import define, field

ROOT = Path(__file__).resolve().parents[1]
HOOKS = ROOT / "scripts" / "conformance"
sys.path.insert(0, str(ROOT / "tests" / "wire" / "sandbox"))

from figures import write_block
from sandbox_contract import traffic_violations

from kalshi_ext.sandbox import Sandbox

REQUIREMENTS = ("schemathesis==4.32.5", "cryptography")
ENVIRONMENT = ROOT / ".venv-conformance"
DOCUMENTS = {"current": "portfolio.yaml", "classic": "classic.yaml"}
CASES = re.compile(r"(\d+) generated")


@define
class ContractRun:
    """Collect the results of one contract."""

    contract: str
    code: int = 0
    cases: int = 0
    requests: int = 0
    refused: int = 0
    violations: list[str] = field(factory=list[str])
    explained: Counter[str] = field(factory=Counter[str])

    @property
    def failed(self) -> bool:
        """Tell whether anything unexplained was found."""
        return bool(self.code or self.violations or not self.requests)


def main() -> int:
    """Try both contracts; 1 when an answer broke one of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    seconds = float(os.environ.get("CONFORMANCE_SECONDS", "120"))
    parser.add_argument("--seconds", type=float, default=seconds, help="for each contract")
    parser.add_argument("--examples", type=int, default=50, help="cases of an operation, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--contract", choices=list(DOCUMENTS), action="append")
    parser.add_argument("--environment", type=Path, default=ENVIRONMENT)
    parser.add_argument("--write", action="store_true", help="write the counts to the docs")
    options = parser.parse_args()
    tool = install(options.environment)
    runs = [run_contract(name, tool, options) for name in options.contract or DOCUMENTS]
    summary = "\n".join(map(report, runs))
    print(summary)
    for text in [text for run in runs for text in run.violations[:20]]:
        print(f"  {text}")
    if options.write:
        write_block("witnesses.md", "conformance", summary)
    return int(any(run.failed for run in runs))


def install(environment: Path) -> Path:
    """Make the environment unless it is there; give the schemathesis program."""
    marker = environment / ".stamp"
    if not marker.exists() or marker.read_text() != " ".join(REQUIREMENTS):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", "--constraint", str(ROOT / "constraints.txt")]
        subprocess.run([*pip, *REQUIREMENTS], check=True)
        marker.write_text(" ".join(REQUIREMENTS))
    return environment / "bin" / "st"


def run_contract(contract: str, tool: Path, options: argparse.Namespace) -> ContractRun:
    """Run schemathesis against an exchange as new."""
    run = ContractRun(contract)
    with (
        tempfile.TemporaryDirectory() as name,
        Sandbox(contract=contract, proxy=False, settings={"rate_limits": False}) as box,
    ):
        directory = Path(name)
        (directory / "key.pem").write_text(box.private_key)
        command = [str(tool), "run", str(ROOT / "openapi" / DOCUMENTS[contract]), "--url", box.url]
        command += ["--phases", "coverage,fuzzing,stateful", "--seed", str(options.seed)]
        command += ["--max-examples", str(options.examples), "--continue-on-failure"]
        command += ["--max-time", str(int(options.seconds)), "--warnings", "off", "--no-color"]
        result = subprocess.run(
            command, cwd=directory, env=_environ(box, directory, options.seed), check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        run.code = result.returncode
        run.cases = int((CASES.findall(result.stdout) or ["0"])[-1])
        if result.returncode:
            print(result.stdout[-20_000:], result.stderr[-2_000:])
        _count(run, directory / "explained.jsonl")
        _judge(run, box)
    return run


def _environ(box: Sandbox, directory: Path, seed: int) -> dict[str, str]:
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("KALSHI", "PYTHON", "SCHEMA"))
    }
    return environment | {
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(HOOKS),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CONFORMANCE_KEY_ID": box.key_id,
        "CONFORMANCE_KEY_FILE": str(directory / "key.pem"),
        "CONFORMANCE_EXPLAINED": str(directory / "explained.jsonl"),
        "CONFORMANCE_SEED": str(seed),
    }


def _count(run: ContractRun, path: Path) -> None:
    if path.exists():
        run.explained.update(json.loads(line) for line in path.read_text().splitlines())


def _judge(run: ContractRun, box: Sandbox) -> None:
    entries = box.truth.requests()
    run.requests = len(entries)
    run.refused = sum(entry.status is not None and entry.status >= 400 for entry in entries)
    run.violations = traffic_violations(entries)
    box.truth.check_invariants()


def report(run: ContractRun) -> str:
    """Render the counts and the explanations."""
    lines = [
        f"- {run.contract}: {run.cases:,} cases, {run.requests:,} requests "
        f"({run.requests - run.refused:,} accepted): {len(run.violations)} answers against the "
        f"contract; {'something' if run.code else 'nothing'} unexplained."
    ]
    lines += [f"  - {count:,} explained: {why}" for why, count in run.explained.most_common()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
