"""Record the cassettes of tests/recorded.

Without credentials in the environment they are recorded against the embedded sandbox, and lie in
cassettes/sandbox. With KALSHI_KEY_ID, a private key and KALSHI_ENVIRONMENT=demo the scenarios that
only read are recorded against the demo exchange. Production is refused. Recording the sandbox twice
gives the same bytes (`--check` does it).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / place) for place in ("tests/recorded", "examples")]

import cassette_player as player
from scenarios import Recording

from kalshi_ext.config import settings_from_env
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.session import from_settings

KEY_SEED = 20261123


def record_sandbox(where: Path, only: str | None) -> int:
    """Record every cassette against a sandbox that begins anew for each; return how many."""
    done = 0
    for served in ("current", "classic", "both-today"):
        wanted = [
            recording
            for recording in player.recordings()
            if (recording.served or recording.contract) == served and only in (None, recording.name)
        ]
        if not wanted:
            continue
        # Fixed clock, seed and keys: recording again must give the same bytes.
        with Sandbox(
            contract=served,
            seed=KEY_SEED,
            clock=player.START,
            fixed_keys=True,
            proxy=False,
            settings={"rate_limits": False},
        ) as box:
            for recording in wanted:
                box.reset()
                _record(recording, where, box)
                done += 1
    return done


def _record(recording: Recording, where: Path, box: Sandbox) -> None:
    file = where / player.cassette_path(recording).relative_to(player.CASSETTES)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    if recording.fault is not None:
        kind, rule = recording.fault
        box.faults.add(kind, **rule)
    try:
        with player.make_recorder().use_cassette(str(file), record_mode="all"):
            player.play(recording, "sync", bearer_token=box.token, environment=box.url)
    finally:
        box.faults.remove()


def refusal(variables: Mapping[str, str]) -> str:
    """Say why nothing is recorded with these variables; "" for the demo exchange, set by name."""
    if not variables.get("KALSHI_ENVIRONMENT", ""):
        return "credentials are set: say KALSHI_ENVIRONMENT=demo to record the demo exchange"
    if settings_from_env(variables).environment.name not in ("demo", "demo-old-host"):
        return "only the demo exchange and the sandbox are recorded, production never"
    return ""


def record_reads(where: Path, **client: Any) -> int:
    """Record the lists and single reads of an account into a folder, with a running clock."""
    done = 0
    for recording in player.recordings():
        if recording.contract != "current" or recording.fault or not _is_read(recording.name):
            continue
        file = where / f"{recording.name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        with player.make_recorder().use_cassette(str(file), record_mode="all"):
            player.play(recording, "sync", freeze_clock=False, **client)
        done += 1
    return done


# Their scenarios place or create what they read: that is for the sandbox only.
READS_THAT_WRITE = frozenset({"GetIntraExchangeInstanceTransfer", "GetOrder", "GetOrderGroup"})
READS_THAT_WRITE |= {"GetOrderQueuePosition", "GetOrderQueuePositions"}


def _is_read(name: str) -> bool:
    return name.startswith("Get") and name not in READS_THAT_WRITE


def record_demo() -> int:
    """Record the reads against the demo exchange, with the credentials of the environment."""
    options = from_settings(settings_from_env()) | {"contract": None, "journal": None}
    credentials = {key: value for key, value in options.items() if value is not None}
    return record_reads(player.CASSETTES / "demo", **credentials)


def check() -> int:
    """Record twice into temporary folders and compare both with what is committed."""
    import filecmp
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        record_sandbox(Path(folder), None)
        pairs = [(file, Path(folder) / file.relative_to(player.CASSETTES)) for file in _committed()]
        changed = [a for a, b in pairs if not b.exists() or not filecmp.cmp(a, b, shallow=False)]
        extra = len(list(Path(folder).rglob("*.yaml"))) - len(pairs)
    for file in changed:
        print(f"{file.relative_to(ROOT)}: differs from a new recording")
    return 1 if changed or extra else 0


def _committed() -> list[Path]:
    return sorted((player.CASSETTES / "sandbox").rglob("*.yaml"))


def main() -> int:
    """Record, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="record this cassette alone")
    parser.add_argument("--check", action="store_true", help="record again and compare bytes")
    options = parser.parse_args()
    if options.check:
        return check()
    if not {"KALSHI_KEY_ID", "KALSHI_BEARER_TOKEN", "KALSHI_ENVIRONMENT"} & {*os.environ}:
        count = record_sandbox(player.CASSETTES, options.only)
        print(f"{count} cassettes recorded against the sandbox")
        return 0
    if reason := refusal(os.environ):
        print(f"record: {reason}", file=sys.stderr)
        return 2
    print(f"{record_demo()} cassettes recorded against the demo exchange")
    return 0


if __name__ == "__main__":
    sys.exit(main())
