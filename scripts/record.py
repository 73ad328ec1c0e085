"""Record the cassettes of tests/recorded.

Without credentials in the environment they are recorded against the embedded sandbox, and lie in
cassettes/sandbox. With KALSHI_KEY_ID and a private key, and KALSHI_ENVIRONMENT=demo said, the same
scenes that change nothing but the demo account are recorded against the demo exchange. Production
is refused. Recording the sandbox twice gives the same bytes (`--check` does it).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "recorded"))

import tape
from scenes import Take

from kalshi_ext.config import settings_from_env
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.session import from_settings

KEY_SEED = 20261123


def sandbox_takes(where: Path, only: str | None) -> int:
    """Record every take against a sandbox that begins anew for each."""
    done = 0
    for served in ("current", "classic", "both-today"):
        wanted = [t for t in tape.takes() if (t.served or t.contract) == served]
        wanted = [take for take in wanted if only in (None, take.name)]
        if not wanted:
            continue
        with Sandbox(
            contract=served, seed=KEY_SEED, clock=tape.MOMENT, fixed_keys=True, proxy=False
        ) as box:
            for take in wanted:
                box.reset()
                _record(take, where, box)
                done += 1
    return done


def _record(take: Take, where: Path, box: Sandbox) -> None:
    file = where / tape.path(take).relative_to(tape.CASSETTES)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    if take.fault is not None:
        kind, rule = take.fault
        box.faults.add(kind, **rule)
    try:
        with tape.recorder().use_cassette(str(file), record_mode="all"):
            tape.play(take, "sync", bearer_token=box.token, environment=box.url)
    finally:
        box.faults.remove()


def refused(variables: Mapping[str, str]) -> str:
    """Say why these variables are not recorded with; "" for the demo exchange, said by name."""
    said = variables.get("KALSHI_ENVIRONMENT", "")
    if not said:
        return "credentials are set: say KALSHI_ENVIRONMENT=demo to record the demo exchange"
    if settings_from_env(variables).environment.name not in ("demo", "demo-old-host"):
        return "only the demo exchange and the sandbox are recorded, production never"
    return ""


def recorded_reads(where: Path, **client: Any) -> int:
    """Record the lists and single reads of an account into a folder, with a running clock."""
    done = 0
    for take in tape.takes():
        if take.contract != "current" or take.fault or not _is_read(take.name):
            continue
        file = where / f"{take.name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        with tape.recorder().use_cassette(str(file), record_mode="all"):
            tape.play(take, "sync", fixed=False, **client)
        done += 1
    return done


# Their scenes place or create what they read: that is for the sandbox only.
WRITING = frozenset({"GetIntraExchangeInstanceTransfer", "GetOrder", "GetOrderGroup"})
WRITING |= {"GetOrderQueuePosition", "GetOrderQueuePositions"}


def _is_read(name: str) -> bool:
    return name.startswith("Get") and name not in WRITING


def demo_takes() -> int:
    """Record the reads against the demo exchange, with the credentials of the environment."""
    options = from_settings(settings_from_env()) | {"contract": None, "journal": None}
    credentials = {key: value for key, value in options.items() if value is not None}
    return recorded_reads(tape.CASSETTES / "demo", **credentials)


def check() -> int:
    """Record twice into temporary folders and compare both with what is committed."""
    import filecmp
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        sandbox_takes(Path(folder), None)
        pairs = [(file, Path(folder) / file.relative_to(tape.CASSETTES)) for file in _committed()]
        wrong = [a for a, b in pairs if not b.exists() or not filecmp.cmp(a, b, shallow=False)]
        extra = len(list(Path(folder).rglob("*.yaml"))) - len(pairs)
    for file in wrong:
        print(f"{file.relative_to(ROOT)}: differs from a new recording")
    return 1 if wrong or extra else 0


def _committed() -> list[Path]:
    return sorted((tape.CASSETTES / "sandbox").rglob("*.yaml"))


def main() -> int:
    """Record, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="record this cassette alone")
    parser.add_argument("--check", action="store_true", help="record again and compare bytes")
    said = parser.parse_args()
    if said.check:
        return check()
    if not {"KALSHI_KEY_ID", "KALSHI_BEARER_TOKEN", "KALSHI_ENVIRONMENT"} & {*os.environ}:
        print(f"{sandbox_takes(tape.CASSETTES, said.only)} cassettes recorded against the sandbox")
        return 0
    why = refused(os.environ)
    if why:
        print(f"record: {why}", file=sys.stderr)
        return 2
    print(f"{demo_takes()} cassettes recorded against the demo exchange")
    return 0


if __name__ == "__main__":
    sys.exit(main())
