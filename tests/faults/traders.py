"""Start traders in processes of their own and read what they report (trader_process.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from attrs import define, field
from kill_cases import TICKER

TRADER = Path(__file__).with_name("trader_process.py")


@define
class Trader:
    """A process that places orders by intent keys. `reports` is what it has printed so far."""

    process: subprocess.Popen[str]
    reports: list[list[Any]] = field(factory=list)

    @classmethod
    def start(cls, account: Any, url: str, journal: str, *, prefix: str, count: int) -> Trader:
        """Start one; it waits for `go`."""
        process = subprocess.Popen(
            [sys.executable, str(TRADER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        task = {"key_id": account.key_id, "private_key": account.private_key, "url": url}
        task |= {"journal": journal, "ticker": TICKER, "prefix": prefix, "count": count}
        trader = cls(process)
        trader.send(json.dumps(task))
        return trader

    def send(self, line: str) -> None:
        """Write a line to its input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def read(self) -> list[Any]:
        """Read one report; empty when it ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        # A kill can cut the last line short.
        report: list[Any] = json.loads(line) if line.endswith("\n") else []
        if report:
            self.reports.append(report)
        return report

    def go(self) -> None:
        """Let it begin."""
        assert self.read() == ["ready"], self.reports
        self.send("go")

    def read_to_end(self) -> list[list[Any]]:
        """Wait for its end, and return all its reports."""
        while self.read():
            pass
        self.close()
        return self.reports

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.read_to_end()

    def close(self) -> None:
        """Wait for its end and close its pipes."""
        self.process.wait(120)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def placed(reports: list[list[Any]]) -> dict[int, str]:
    """Return the order of each number that was placed."""
    return {report[1]: report[2] for report in reports if report[0] == "placed"}


def failed(reports: list[list[Any]]) -> list[list[Any]]:
    """Return what did not end in an order."""
    return [report for report in reports if report[0] not in ("ready", "placed", "ended")]


def orders_in_books(box: Any, account: str) -> dict[str, str]:
    """Return order_id by client_order_id from the sandbox's books; each id must stand once."""
    rows = box.truth.orders(account=account)
    counts = Counter(row["client_order_id"] for row in rows)
    assert {key: n for key, n in counts.items() if n > 1} == {}
    return {row["client_order_id"]: row["order_id"] for row in rows}
