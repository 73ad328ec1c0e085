"""Run the script as a user does, with a bound on processor time and memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[4] / "scripts" / "drift.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script with 20 seconds of processor time and a gigabyte of memory."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))

    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True, text=True, check=False, preexec_fn=limit,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )  # fmt: skip
