"""Which lines of the hand-written client do not fit the types of a new contract."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

# The rooms that name operations, fields and members; the others see models only.
ROOMS = ("kalshi_ext/contracts", "kalshi_ext/models", "kalshi_ext/tickets")


def misfitting_lines(root: Path, cache: Path) -> list[str]:
    """Run the type checker over the rooms that speak the contract; a line for each complaint."""
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        "pyproject.toml",
        "--no-error-summary",
    ]
    done = subprocess.run(
        [*command, "--cache-dir", str(cache), *ROOMS],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        return [f"the type checker failed: {(done.stderr or done.stdout).strip()[:300]}"]
    return [line for line in done.stdout.splitlines() if re.match(r"\S+:\d+: error:", line)]
