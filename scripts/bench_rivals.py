"""Let published clients race httpx by hand, each in an environment of its own, for `bench.py`.

This library is one of them, installed beside them, so that all run on one Python. A driver of
scripts/rivals/ says how a client is called; environments are kept in a cache folder. Needs a
package index and Python 3.13 or newer. No part of `make test`.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from bench_exchange import canned_exchange
from bench_page import PACKAGES, Rival, Setup, rivals_text
from bench_turns import Plan, Row, row_of
from bench_work import KINDS, credentials_of
from witnesses import CACHE, ROOT, Witness, install, newest_python

DRIVERS = ROOT / "scripts" / "rivals"
HOME = CACHE.parent / "rivals"
HTTPX = "httpx==0.28.1"
CLIENTS = (
    Witness("kalshi_python_sync", "3.34.0", "race_kalshi_python_sync.py"),
    Witness("kalshi_python_async", "3.34.0", "race_kalshi_python_async.py"),
    Witness("kalshi-sdk", "22.4.0", "race_kalshi_sdk.py"),
    Witness("pykalshi", "2.0.0", "race_pykalshi.py"),
    Witness("kalshi-python", "2.1.4", "race_kalshi_python.py"),
    Witness("kalshi-py", "2.0.6.6", "race_kalshi_py.py"),
)


@frozen
class Racer:
    """A client that is installed: what it is called on the page, its Python and its driver."""

    name: str
    python: Path
    driver: str


def racers() -> Iterator[Racer]:
    """Install this library and the clients, where they are not there yet."""
    python = newest_python()
    yield Racer("this library", install_ours(python, HOME), "race_kalshi_ext.py")
    for client in CLIENTS:
        more = (HTTPX, "cryptography")
        installed, version = install(evolve(client, extra_requirements=more), python, HOME)
        yield Racer(f"{client.package} {version}", installed, client.driver)


def install_ours(python: str, cache: Path) -> Path:
    """Make an environment with this tree; what it needs is looked at every time."""
    environment = cache / "kalshi-ext"
    binary = environment / "bin" / "python"
    if not binary.exists():
        subprocess.run([python, "-m", "venv", str(environment)], check=True)
    pip = [str(binary), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, *constraints, "--editable", str(ROOT)], check=True)
    return binary


def race(racer: Racer, task: dict[str, Any]) -> Rival:
    """Let one client take its turns."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("KALSHI", "PYTHON"))}
    env |= {"RIVAL_TASK": json.dumps(task), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(racer.python), str(DRIVERS / racer.driver)]
    rows, reasons = dict[str, Row](), dict[str, str]()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        for line in process.stdout or ():
            told = json.loads(line)
            name = told["row"]
            if "reason" in told:
                reasons[name] = told["reason"]
            else:
                rows[name] = row_of(name, racer.name, "httpx, signed by hand", told["turns"])
    if process.returncode:
        raise SystemExit(f"bench: {racer.driver} ended with {process.returncode}")
    return Rival(racer.name, rows, reasons)


VERSIONS = f"""
import json, platform
from importlib.metadata import version
print(json.dumps([platform.python_version(), {{name: version(name) for name in {PACKAGES}}}]))
"""


def rival_setup(plan: Plan) -> Setup:
    """Say what this library runs on among the others."""
    python = install_ours(newest_python(), HOME)
    done = subprocess.run([python, "-c", VERSIONS], capture_output=True, text=True, check=True)
    series, packages = json.loads(done.stdout)
    return Setup(plan, python=series, packages=packages)


def measure_rivals(plan: Plan) -> str:
    """Let every client race; return Markdown."""
    ready = list(racers())
    with tempfile.TemporaryDirectory() as directory, canned_exchange(plan.fills) as url:
        keys = {kind: str(Path(directory) / f"{kind}.pem") for kind in KINDS}
        for kind, path in keys.items():
            Path(path).write_text(credentials_of(kind)["private_key"], encoding="utf-8")
        task: dict[str, Any] = {"url": url, "keys": keys, "fills": plan.fills}
        task |= {"turns": plan.turns, "orders": plan.orders}
        rivals = [race(racer, task) for racer in ready]
    return rivals_text(rivals)
