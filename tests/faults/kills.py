"""Kill bots at every boundary and at random moments, and let the exchange's truth judge.

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
from kills_bot import END, TOLERANCE, WANTED, key_of

from kalshi_ext.journal import Entry, State, open_journal
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.values import read_time

TICKER = "KXKILL-26DEC31-A"
DEDUPES = ("forever", "while_open", "seconds")
_NURSERY = Path(__file__).with_name("kills_nursery.py")


@define
class Tally:
    """What the cases led to."""

    cases: int = 0
    lives: int = 0
    kills: int = 0
    intents: int = 0
    changes: int = 0
    where: Counter[str] = field(factory=Counter)
    duplicates: list[str] = field(factory=list)
    lost: list[str] = field(factory=list)
    wrong: list[str] = field(factory=list)
    recoveries: list[float] = field(factory=list)
    found: Counter[str] = field(factory=Counter)
    boundaries: int = 0

    @property
    def faults(self) -> list[str]:
        """Return everything that must not be."""
        return self.duplicates + self.lost + self.wrong


@contextlib.contextmanager
def exchange(dedupe: str, **settings: Any) -> Iterator[Sandbox]:
    """Run a sandbox whose signatures die quickly, with an ask to trade with."""
    given = {"dedupe": dedupe, "dedupe_seconds": 1, "log_events": False, **settings}
    with Sandbox(seed=1, settings=given, clock_tolerance=TOLERANCE, proxy=False) as box:
        box.markets.add(TICKER)
        box.markets.quote(TICKER, "ask", "0.60", "1000000")
        yield box


@define
class Ward:
    """Makes cases for one sandbox and judges them."""

    box: Sandbox
    directory: Path
    tally: Tally = field(factory=Tally)
    cases: dict[int, dict[str, Any]] = field(factory=dict)

    def add(
        self,
        colour: str,
        lives: list[dict[str, Any]],
        *,
        recover: bool = True,
        last: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Make a case: lives that die as said, and a last one that does not."""
        number = len(self.cases) + 1
        name = f"bot-{number}"
        account = self.box.account(name, funds="1000", kind="ed25519")
        known = {"account": name, "key_id": account.key_id, "private_key": account.private_key}
        files = {kind: str(self.directory / f"{name}.{kind}") for kind in ("journal", "log")}
        place = {"url": self.box.url, "ticker": TICKER}
        how = {"colour": colour, "recover": recover, "lives": [*lives, last or {}]}
        self.cases[number] = {"number": number, **known, **files, **place, **how}
        return self.cases[number]

    def run(self, *, at_once: int) -> None:
        """Run the cases that were not run yet, so many side by side, and judge each."""
        fresh = [case for case in self.cases.values() if not Path(case["log"]).exists()]
        nursery = subprocess.Popen(
            [sys.executable, str(_NURSERY), str(at_once)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with nursery as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.writelines(json.dumps(case) + "\n" for case in fresh)
            process.stdin.close()
            ended = [int(line) for line in process.stdout]
        assert sorted(ended) == [case["number"] for case in fresh], "the nursery broke"
        self.box.link.close()  # idle for so long, it may have been closed at the other end
        for case in fresh:
            self.judge(case)

    def judge(self, case: dict[str, Any]) -> None:
        """Compare what a bot was told, and what its journal says, with what truly is."""
        told = [json.loads(line) for line in Path(case["log"]).read_text().splitlines()]
        rows = self.box.truth.orders(account=case["account"])
        self.tally.cases += 1
        self.tally.intents += len(WANTED)
        self.tally.changes += 6
        _count(self.tally, told)
        judge = Judge(case, self.tally, _by_key(rows))
        judge.orders(rows)
        judge.told(told)
        with open_journal(case["journal"]) as journal:
            judge.journal(list(journal.entries()), journal.verify())


def _by_key(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["client_order_id"]: row for row in reversed(rows)}


def _count(tally: Tally, told: list[list[Any]]) -> None:
    killed = False
    for word, *said, _ in told:
        if word == "died":
            tally.lives += 1
            killed = said[0] == signal.SIGKILL
            tally.kills += killed
        elif word == "trap":
            tally.where[said[0]] += 1
        elif word == "recovered" and killed and said[1]:
            tally.recoveries.append(said[0])
            tally.found.update(row[2] for row in said[1])
        elif word == "ended":
            tally.boundaries = max(tally.boundaries, said[0])


@define
class Judge:
    """Judges one case."""

    case: dict[str, Any]
    tally: Tally
    there: dict[str, dict[str, Any]]

    def _say(self, faults: list[str], what: str) -> None:
        short = {name: self.case[name] for name in ("account", "colour", "recover", "lives")}
        faults.append(f"{what} in {short}")

    def orders(self, rows: list[dict[str, Any]]) -> None:
        """Each order stands once, as wanted, and nothing else does."""
        keys = {key_of(self.case, want): want[0] for want in WANTED}
        for key, times in Counter(row["client_order_id"] for row in rows).items():
            if times > 1 or key not in keys:
                self._say(self.tally.duplicates, f"{keys.get(key, key)} stands {times} times")
        for key, name in keys.items():
            if key not in self.there:
                self._say(self.tally.lost, f"{name} does not exist")
            else:
                self._content(name, self.there[key])

    def _content(self, name: str, row: dict[str, Any]) -> None:
        status, *numbers = END[name]
        names = ("yes_price_dollars", "fill_count_fp", "remaining_count_fp")
        price, filled, remaining = (Decimal(row[field]) for field in names)
        is_so = [row["status"], price, filled, remaining]
        wanted = [status, *map(Decimal, numbers)]
        if is_so != wanted:
            twice = name == "C" and remaining < wanted[3]
            faults = self.tally.duplicates if twice else self.tally.lost
            self._say(faults, f"{name} is {is_so}, not {wanted}")

    def told(self, told: list[list[Any]]) -> None:
        """What was told at any time was true then."""
        for word, *said, at in told:
            if word in ("failed", "broke"):
                self._say(self.tally.wrong, f"{word}: {said}")
            elif word == "placed":
                self._names(said[2], said[1])
            elif word in ("recovered", "checked"):
                for key, operation, state, order_id in said[1]:
                    self._resolved(key, operation, state, order_id, at)
        if told[-2][0] != "ended":
            self._say(self.tally.wrong, f"the last life did not end well: {told[-2:]}")

    def _names(self, key: str, order_id: str | None) -> None:
        row = self.there.get(key)
        if row is None or row["order_id"] != order_id:
            self._say(self.tally.wrong, f"{key} was said to be {order_id}, not {row}")

    def _resolved(
        self, key: str, operation: str, state: str, order_id: str | None, at: float
    ) -> None:
        if state == "unknown":
            self._say(self.tally.wrong, f"{operation} {key} was not found out")
        elif key.startswith("write-"):
            return  # a change: judged by what became of its order
        elif state == "resolved":
            self._names(key, order_id)
        elif (row := self.there.get(key)) and _created(row) < at:
            self._say(self.tally.wrong, f"{key} was said to be {state} and stood")

    def journal(self, entries: list[Entry], problems: list[str]) -> None:
        """Every entry has a verdict, and it is true."""
        for problem in problems:
            self._say(self.tally.wrong, f"the journal is damaged: {problem}")
        known = {entry.key: entry for entry in entries}
        for entry in entries:
            if entry.is_open:
                self._say(self.tally.wrong, f"{entry.key} has no verdict: {entry.state}")
        for key, row in self.there.items():
            entry = known.get(key)
            if entry is None:
                self._say(self.tally.lost, f"{key} is not in the journal")
            elif entry.order_id != row["order_id"] or entry.state not in _STANDS:
                self._say(self.tally.wrong, f"{key} is {entry.state} {entry.order_id}, not {row}")


_STANDS = {State.ACKNOWLEDGED, State.RESOLVED}


def _created(row: dict[str, Any]) -> float:
    moment = read_time(row["created_time"])
    assert moment is not None
    return moment.timestamp()


def boundaries(ward: Ward, colour: str) -> int:
    """Return how many boundaries an undisturbed life has."""
    ward.tally.boundaries = 0
    ward.add(colour, [])
    ward.run(at_once=1)
    return ward.tally.boundaries


def random_lives(dice: random.Random, kills: int, longest: float) -> list[dict[str, Any]]:
    """Make lives that end at random moments, so many seconds after their start at most."""
    return [{"after": round(dice.uniform(0.0, longest), 5)} for _ in range(kills)]
