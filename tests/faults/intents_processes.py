"""Start traders in processes of their own and listen to them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from attrs import define, field
from kills import TICKER

_TRADER = Path(__file__).with_name("intents_trader.py")


@define
class Trader:
    """A process that places orders by intent keys."""

    process: subprocess.Popen[str]
    told: list[list[Any]] = field(factory=list)

    @classmethod
    def start(cls, account: Any, url: str, journal: str, *, prefix: str, count: int) -> Trader:
        """Start one; it waits for `go`."""
        process = subprocess.Popen(
            [sys.executable, str(_TRADER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        said = {"key_id": account.key_id, "private_key": account.private_key, "url": url}
        said |= {"journal": journal, "ticker": TICKER, "prefix": prefix, "count": count}
        trader = cls(process)
        trader.say(json.dumps(said))
        return trader

    def say(self, line: str) -> None:
        """Write a line to its input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> list[Any]:
        """Read one line of it; empty when it ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        heard: list[Any] = json.loads(line) if line.endswith("\n") else []
        if heard:
            self.told.append(heard)
        return heard

    def go(self) -> None:
        """Let it begin."""
        assert self.hear() == ["ready"], self.told
        self.say("go")

    def hear_out(self) -> list[list[Any]]:
        """Listen to its end, and return all it said."""
        while self.hear():
            pass
        self.leave()
        return self.told

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.hear_out()

    def leave(self) -> None:
        """Wait for its end and close its pipes."""
        self.process.wait(120)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def placed(told: list[list[Any]]) -> dict[int, str]:
    """Return the order of each number that was placed."""
    return {said[1]: said[2] for said in told if said[0] == "placed"}


def failed(told: list[list[Any]]) -> list[list[Any]]:
    """Return what did not end in an order."""
    return [said for said in told if said[0] not in ("ready", "placed", "ended")]


def standing(box: Any, account: str) -> dict[str, str]:
    """Return order_id by client_order_id of all that stands; each id must stand once."""
    rows = box.truth.orders(account=account)
    twice = {k: n for k, n in Counter(row["client_order_id"] for row in rows).items() if n > 1}
    assert twice == {}
    return {row["client_order_id"]: row["order_id"] for row in rows}
