"""Run the script as a user does, with a bound on processor time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[4] / "scripts" / "drift.py"
# The process binds itself: Python 3.12 warns of work between fork and exec beside threads.
BOUND = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script with 20 seconds of processor time and a gigabyte of memory."""
    return subprocess.run(
        [sys.executable, "-c", BOUND, str(SCRIPT), *arguments],
        capture_output=True, text=True, check=False,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )  # fmt: skip
