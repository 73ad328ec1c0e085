"""A process that has no file descriptor left can still change, cancel and stop its orders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kalshi_ext.sandbox import Sandbox

pytest.importorskip("resource", reason="Windows has no such limit")
BOT = Path(__file__).with_name("starved_bot.py")


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("contract", ["current", "classic"])
def test_a_bot_without_files_stops_what_it_placed(
    contract: str, kind: str, current_box: Sandbox, classic_box: Sandbox
) -> None:
    box = current_box if contract == "current" else classic_box
    key = box.account(f"starved-{kind}")
    done = subprocess.run(
        [sys.executable, BOT, contract, box.url, kind],
        env=os.environ | {"BOT_TOKEN": key.token},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    words = ["get", "amend", "decrease", "cancel", "place", "cancel_many", "stop"]
    assert done.stdout.split() == words, done.stderr[-2000:]
    assert {row["status"] for row in box.truth.orders(account=key.account)} == {"canceled"}
