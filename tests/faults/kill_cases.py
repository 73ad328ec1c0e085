"""Kill bots at every boundary and at random moments, and let the exchange's books judge.

Each case is one bot with an account, a journal file and a market's worth of orders of its own;
many run side by side. Duplicates, losses and wrong verdicts are counted apart.
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import define, field
from killed_bot import (
    CLOCK_TOLERANCE,
    EXECUTED,
    FINAL_STATE,
    POLICY,
    WANTED,
    client_order_id_of,
)

from kalshi_ext.journal import Entry, open_journal
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.values import read_time

TICKER = "KXKILL-26DEC31-A"
DEDUPES = ("forever", "while_open", "seconds")
_RUNNER = Path(__file__).with_name("kill_runner.py")


@define
class KillTally:
    """What the cases led to. `where` counts kills by boundary, `recovered` states by recover()."""

    cases: int = 0
    lives: int = 0
    kills: int = 0
    intents: int = 0
    changes: int = 0
    where: Counter[str] = field(factory=Counter)
    duplicates: list[str] = field(factory=list)
    lost: list[str] = field(factory=list)
    wrong: list[str] = field(factory=list)
    recovery_seconds: list[float] = field(factory=list)
    recovered: Counter[str] = field(factory=Counter)
    boundaries: int = 0

    @property
    def faults(self) -> list[str]:
        """Return everything that must not be."""
        return self.duplicates + self.lost + self.wrong


@contextlib.contextmanager
def start_sandbox(
    dedupe: str, *, clock_tolerance: float = CLOCK_TOLERANCE, **settings: Any
) -> Iterator[Sandbox]:
    """Run a sandbox that refuses signatures after some seconds, with an ask to trade with."""
    merged = {"dedupe": dedupe, "dedupe_seconds": 1, "log_events": False, "rate_limits": False}
    merged |= settings
    with Sandbox(seed=1, settings=merged, clock_tolerance=clock_tolerance, proxy=False) as box:
        box.markets.add(TICKER)
        box.markets.quote(TICKER, "ask", "0.60", "1000000")
        yield box


@define
class KillSuite:
    """Makes cases for one sandbox, runs and judges them.

    `signature_life` is in seconds: what the clients count on, more than the sandbox's tolerance.
    """

    box: Sandbox
    directory: Path
    tally: KillTally = field(factory=KillTally)
    signature_life: float = POLICY.signature_life
    cases: dict[int, dict[str, Any]] = field(factory=dict)

    def add(
        self,
        client_kind: str,
        lives: list[dict[str, Any]],
        *,
        recover: bool = True,
        last: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make a case: lives that die as `lives` says (kill_runner), and a last one that does not.

        `recover`: a life begins with recover(). `last`: options of the last life.
        """
        number = len(self.cases) + 1
        name = f"bot-{number}"
        account = self.box.account(name, funds="1000", kind="ed25519")
        keys = {"account": name, "key_id": account.key_id, "private_key": account.private_key}
        files = {kind: str(self.directory / f"{name}.{kind}") for kind in ("journal", "log")}
        place = {"url": self.box.url, "ticker": TICKER}
        plan = {"client_kind": client_kind, "recover": recover, "lives": [*lives, last or {}]}
        plan["signature_life"] = self.signature_life
        self.cases[number] = {"number": number, **keys, **files, **place, **plan}
        return self.cases[number]

    def run(self, *, at_once: int) -> None:
        """Run the cases that were not run yet, so many side by side, and judge each."""
        new_cases = [case for case in self.cases.values() if not Path(case["log"]).exists()]
        runner = subprocess.Popen(
            [sys.executable, str(_RUNNER), str(at_once)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with runner:
            assert runner.stdin is not None
            assert runner.stdout is not None
            runner.stdin.writelines(json.dumps(case) + "\n" for case in new_cases)
            runner.stdin.close()
            ended = [int(line) for line in runner.stdout]
        assert sorted(ended) == [case["number"] for case in new_cases], "the runner broke"
        self.box.link.close()  # idle for so long, it may have been closed at the other end
        for case in new_cases:
            self.judge(case)

    def judge(self, case: dict[str, Any]) -> None:
        """Compare what a bot was told, and what its journal says, with the sandbox's books."""
        events = [json.loads(line) for line in Path(case["log"]).read_text().splitlines()]
        rows = self.box.truth.orders(account=case["account"])
        self.tally.cases += 1
        self.tally.intents += len(WANTED)
        self.tally.changes += 6
        _count_events(self.tally, events)
        judge = CaseJudge(case, self.tally, _by_key(rows))
        judge.check_orders(rows)
        judge.check_events(events)
        with open_journal(case["journal"]) as journal:
            judge.check_journal(list(journal.entries()), journal.verify())


def _by_key(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["client_order_id"]: row for row in reversed(rows)}


def _count_events(tally: KillTally, events: list[list[Any]]) -> None:
    killed = False
    for event, *values, _ in events:
        if event == "died":
            tally.lives += 1
            killed = values[0] == signal.SIGKILL
            tally.kills += killed
        elif event == "killed_at":
            tally.where[values[0]] += 1
        elif event == "recovered" and killed and values[1]:
            tally.recovery_seconds.append(values[0])
            tally.recovered.update(row[2] for row in values[1])
        elif event == "ended":
            tally.boundaries = max(tally.boundaries, values[0])


@define
class CaseJudge:
    """Judges one case. `rows` are its orders in the sandbox's books, by client_order_id."""

    case: dict[str, Any]
    tally: KillTally
    rows: dict[str, dict[str, Any]]

    def _report(self, faults: list[str], fault: str) -> None:
        names = ("account", "client_kind", "recover", "lives")
        case = {name: self.case[name] for name in names}
        faults.append(f"{fault} in {case}")

    def check_orders(self, rows: list[dict[str, Any]]) -> None:
        """Check that each order stands once, as wanted, and nothing else does."""
        names = {client_order_id_of(self.case, wanted): wanted[0] for wanted in WANTED}
        for key, times in Counter(row["client_order_id"] for row in rows).items():
            if times > 1 or key not in names:
                self._report(self.tally.duplicates, f"{names.get(key, key)} stands {times} times")
        for key, name in names.items():
            if key not in self.rows:
                self._report(self.tally.lost, f"{name} does not exist")
            else:
                self._check_content(name, self.rows[key])

    def _check_content(self, name: str, row: dict[str, Any]) -> None:
        status, *numbers = FINAL_STATE[name]
        names = ("yes_price_dollars", "fill_count_fp", "remaining_count_fp")
        price, filled, remaining = (Decimal(row[field]) for field in names)
        content = [row["status"], price, filled, remaining]
        wanted = [status, *map(Decimal, numbers)]
        if content != wanted:
            # C is the order of the relative decrease: fewer than wanted means that it ran twice.
            decreased_twice = name == "C" and remaining < wanted[3]
            faults = self.tally.duplicates if decreased_twice else self.tally.lost
            self._report(faults, f"{name} is {content}, not {wanted}")

    def check_events(self, events: list[list[Any]]) -> None:
        """Check that what the bot was told at any time was true then."""
        for event, *values, at in events:
            if event in ("failed", "broke"):
                self._report(self.tally.wrong, f"{event}: {values}")
            elif event == "placed":
                self._check_order_id(values[2], values[1])
            elif event in ("recovered", "checked"):
                for key, operation, state, order_id in values[1]:
                    self._check_resolution(key, operation, state, order_id, at)
        if events[-2][0] != "ended":
            self._report(self.tally.wrong, f"the last life did not end well: {events[-2:]}")

    def _check_order_id(self, key: str, order_id: str | None) -> None:
        row = self.rows.get(key)
        if row is None or row["order_id"] != order_id:
            self._report(self.tally.wrong, f"{key} was said to be {order_id}, not {row}")

    def _check_resolution(
        self, key: str, operation: str, state: str, order_id: str | None, at: float
    ) -> None:
        if state == "unknown":
            self._report(self.tally.wrong, f"{operation} {key} was not found out")
        elif key.startswith("write-"):
            return  # a change: judged by what became of its order
        elif state in ("resolved", "acknowledged"):  # the latter were told to no life before
            self._check_order_id(key, order_id)
        elif (row := self.rows.get(key)) and _created_at(row) < at:
            # "Not sent" is true until a later life places the order.
            self._report(self.tally.wrong, f"{key} was said to be {state} and stood")

    def check_journal(self, entries: list[Entry], problems: list[str]) -> None:
        """Check that every entry has a verdict, and that it is true."""
        for problem in problems:
            self._report(self.tally.wrong, f"the journal is damaged: {problem}")
        by_key = {entry.key: entry for entry in entries}
        for entry in entries:
            if entry.is_open:
                self._report(self.tally.wrong, f"{entry.key} has no verdict: {entry.state}")
        for key, row in self.rows.items():
            entry = by_key.get(key)
            if entry is None:
                self._report(self.tally.lost, f"{key} is not in the journal")
            elif entry.order_id != row["order_id"] or entry.state not in EXECUTED:
                fault = f"{key} is {entry.state} {entry.order_id}, not {row}"
                self._report(self.tally.wrong, fault)


def _created_at(row: dict[str, Any]) -> float:
    created = read_time(row["created_time"])
    assert created is not None
    return created.timestamp()


def count_boundaries(suite: KillSuite, client_kind: str) -> int:
    """Return how many boundaries an undisturbed life has."""
    suite.tally.boundaries = 0
    suite.add(client_kind, [])
    suite.run(at_once=1)
    return suite.tally.boundaries


def random_deaths(rng: random.Random, kills: int, longest: float) -> list[dict[str, Any]]:
    """Make lives that end at random moments, so many seconds after their start at most."""
    return [{"after": round(rng.uniform(0.0, longest), 5)} for _ in range(kills)]
