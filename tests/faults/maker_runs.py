"""Run examples/market_maker.py against a sandbox that misbehaves, and judge it by the books.

Others hit its quotes: one market on one side only, so that the inventory limit is reached. A life
ends by SIGKILL or SIGTERM; all lives of a run share one journal.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import define, field

from kalshi_ext.journal import State, open_journal
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.sandbox.admin_client import SandboxError
from kalshi_ext.sandbox.engine import admin

BOT = Path(__file__).parents[2] / "examples" / "market_maker.py"
ACCOUNT, SIZE, LIMIT = "bot", Decimal(5), Decimal(12)
# Shards 0, 0 and 1. In the first one others only sell.
TICKERS = ("KXRAIN-26DEC31-NYC", "KXRAIN-26DEC31-CHI", "KXCOMBO-26DEC31-A")
OPTIONS = (f"--size={SIZE}", f"--limit={LIMIT}", "--every=0.2")
# At which prices others quote again after they sold and bought.
BACK = {"ask": ("0.52", "0.53", "0.54"), "bid": ("0.56", "0.57", "0.58")}
HANGS = 120.0  # seconds after which a run counts as hung
CREATES, CANCELS = "BatchCreateOrdersV2,CreateOrderV2", "BatchCancelOrdersV2,CancelOrderV2"
# Settled by a look: those a short run can wait for.
QUICK_FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "reset_response", "operation": CREATES, "skip": 1, "times": 1, "at": 9},
    {"kind": "html", "operation": CREATES, "skip": 2, "times": 1, "status": 503, "executed": True},
    {"kind": "throttle", "operation": CREATES, "skip": 3, "times": 1},
    {"kind": "truncated_body", "operation": CANCELS, "times": 1},
    {"kind": "reset_request", "operation": CANCELS, "skip": 1, "times": 1},
    {"kind": "status", "operation": "Get*", "chance": 0.05, "times": None, "status": 503},
    {"kind": "reset_response", "operation": "Get*", "every": 17, "times": None},
)
# Those whose absence is proven by waiting a minute, and copies that come late.
SLOW_FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "html", "operation": CREATES, "chance": 0.01, "times": None, "status": 502},
    {"kind": "silence", "operation": CREATES, "chance": 0.01, "times": None, "forward": False},
    {"kind": "silence", "operation": CREATES, "chance": 0.02, "times": None},
    {"kind": "delay", "operation": CREATES, "chance": 0.03, "times": None, "seconds": 3.0}
    | {"where": "request"},
    {"kind": "zombie", "operation": CREATES, "chance": 0.03, "times": None, "later": 3},
    {"kind": "lost_entries", "operation": CREATES, "chance": 0.03, "times": None, "entries": [0]},
    {"kind": "garbage_body", "operation": CANCELS, "chance": 0.03, "times": None},
    {"kind": "throttle", "operation": "*", "chance": 0.03, "times": None},
    {"kind": "reset_response", "operation": "*", "chance": 0.02, "times": None, "at": 9},
    {"kind": "status", "operation": "Get*", "chance": 0.03, "times": None, "status": 503},
)


@define
class MakerRun:
    """One exchange, one account, one journal; life after life."""

    box: Sandbox
    directory: Path
    seed: int = 0
    process: subprocess.Popen[bytes] | None = None
    hits: Iterator[tuple[str, str, str]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.box.account(ACCOUNT, funds="2000")
        self.box.do(admin.fund(ACCOUNT, "2000", exchange_index=1))
        self.hits = self._hits(random.Random(self.seed))

    @property
    def journal(self) -> Path:
        """The journal of all lives."""
        return self.directory / "maker.db"

    @property
    def log(self) -> Path:
        """What the bot wrote to stderr."""
        return self.directory / "maker.log"

    def variables(self) -> dict[str, str]:
        """Return the bot's environment variables."""
        keys = self.box.account(ACCOUNT)
        return {
            "KALSHI_ENVIRONMENT": self.box.url,
            "KALSHI_KEY_ID": keys.key_id,
            "KALSHI_PRIVATE_KEY": keys.private_key,
            "KALSHI_JOURNAL": str(self.journal),
        }

    def start(self) -> None:
        """Start a life."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("KALSHI")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    str(BOT),
                    *TICKERS,
                    f"--size={SIZE}",
                    f"--limit={LIMIT}",
                    "--every=0.2",
                ],
                env=plain | self.variables(),
                stderr=log,
            )

    def end(self, number: signal.Signals) -> int:
        """End the life; return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait until the life has ended by itself; return its exit code."""
        assert self.process is not None
        return self.process.wait(HANGS)

    def trade_until(self, condition: Callable[[], bool]) -> None:
        """Be the others until something is so; the bot must live meanwhile."""
        assert self.process is not None
        until = time.monotonic() + HANGS
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            hit(self.box, *next(self.hits))
            time.sleep(0.05)

    def pause(self, what: str, seconds: float) -> None:
        """Pause trading, or the whole exchange, for so long."""
        self.box.markets.pause(what)
        time.sleep(seconds)
        self.box.markets.resume(what)

    def orders(self) -> int:
        """Count the bot's orders so far."""
        return len(self.box.truth.orders(account=ACCOUNT))

    def resting(self) -> list[dict[str, Any]]:
        """List what rests of it."""
        orders = self.box.truth.orders(account=ACCOUNT)
        return [order for order in orders if order["status"] == "resting"]

    @staticmethod
    def _hits(chosen: random.Random) -> Iterator[tuple[str, str, str]]:
        while True:
            ticker = chosen.choice(TICKERS)
            taker = "ask" if ticker == TICKERS[0] else chosen.choice(("bid", "ask"))
            yield ticker, taker, chosen.choice(BACK[taker])


def hit(box: Sandbox, ticker: str, taker: str, back: str) -> None:
    """Trade through the best price, as others, and quote at another one; so prices move."""
    maker = "bid" if taker == "ask" else "ask"
    for price, _count in box.markets.book(ticker)[f"{maker}s"][:1]:
        box.markets.quote(ticker, taker, price, "303", time_in_force="immediate_or_cancel")
        box.markets.quote(ticker, maker, back, "300")


def judge(box: Sandbox, limit: Decimal = LIMIT, journal: Path | None = None) -> list[str]:
    """List what the books hold against the bot, now that it has stopped."""
    orders = box.truth.orders(account=ACCOUNT)
    ids = Counter(order["client_order_id"] for order in orders)
    faults = [f"{number} orders under {name}" for name, number in ids.items() if number > 1]
    faults += [f"rests: {each['order_id']}" for each in orders if each["status"] == "resting"]
    faults += _exposure_faults(box.truth.events(), limit)
    if journal is not None:
        faults += _journal_faults(journal, ids)
    try:
        box.truth.check_invariants()
    except SandboxError as error:
        faults.append(str(error))
    return faults


def _exposure_faults(events: list[dict[str, Any]], limit: Decimal) -> list[str]:
    """Replay the events: one quote a side, and the limit holds were all of it filled."""
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    open_orders: defaultdict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    faults = []
    for event in events:
        data = event["data"]
        if data.get("account") != ACCOUNT or event["kind"] not in ("order", "fill", "cancel"):
            continue
        place, sign = (data["ticker"], data["side"]), 1 if data["side"] == "bid" else -1
        if event["kind"] == "order":
            open_orders[place][data["order_id"]] = Decimal(data["count"])
            worst = sign * held[data["ticker"]] + sum(open_orders[place].values())
            if worst > limit:
                faults.append(f"{place}: {worst} contracts possible, over {limit}")
            if len(open_orders[place]) > 1:
                faults.append(f"{place}: {len(open_orders[place])} quotes at once")
            continue
        if event["kind"] == "fill":
            held[data["ticker"]] += sign * Decimal(data["count"])
        count = data["count"] if event["kind"] == "fill" else data["reduced_by"]
        open_orders[place][data["order_id"]] -= Decimal(count)
        if open_orders[place][data["order_id"]] == 0:
            del open_orders[place][data["order_id"]]
    return faults


def _journal_faults(path: Path, ids: Counter[str]) -> list[str]:
    """Compare the journal's verdicts with the books."""
    with open_journal(path) as journal:
        entries = {each.key: each.state for each in journal.entries() if each.intent is not None}
    faults = [f"not in the journal: {name}" for name in ids if name not in entries]
    for name, state in entries.items():
        if state in (State.ACKNOWLEDGED, State.RESOLVED) and not ids[name]:
            faults.append(f"{state.value} and not there: {name}")
        if state in (State.NOT_SENT, State.REFUSED) and ids[name]:
            faults.append(f"{state.value} and there: {name}")
    return faults
