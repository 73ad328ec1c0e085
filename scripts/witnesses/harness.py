"""Run the calls of a foreign client one by one, so that witnesses.py can check each one's traffic.

Runs inside the witness's own environment: standard library only. Each call is reported as one line
of JSON on stdout; the next begins when a line comes back on stdin.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

URL = os.environ.get("WITNESS_URL", "")
KEY_ID = os.environ.get("WITNESS_KEY_ID", "")
KEY_FILE = os.environ.get("WITNESS_KEY_FILE", "")
WRITES = os.environ.get("WITNESS_WRITES", "served")
"""retired: today's exchange answers the classic order writes with 410."""
RAIN, CHICAGO, BITCOIN = "KXRAIN-26DEC31-NYC", "KXRAIN-26DEC31-CHI", "KXBTC-26DEC31-B100"
"""Markets of the sandbox: best bid 0.54, best ask 0.56; the last one lies on shard 2."""


def step(
    part: str,
    name: str,
    call: Callable[[], Any],
    holds: Callable[[Any], bool] | None = None,
    *,
    raises: str = "",
    explained: str = "",
) -> Any:
    """Make one call of the client and report how it went; a failure gives None.

    `holds` checks what the client returned, `raises` names the error that is expected, and
    `explained` says which line of the contract makes a failure right.
    """
    value, error = None, ""
    try:
        value = call()
        if raises or (holds is not None and not holds(value)):
            error = f"the client understood {value!r}"
    except Exception as raised:  # noqa: BLE001 - whatever a foreign client raises is the finding
        if not raises or type(raised).__name__ != raises:
            error = f"{type(raised).__name__}: {raised}"
    row = {"part": part, "call": name, "error": " ".join(error.split()), "explained": explained}
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()
    sys.stdin.readline()
    return value
