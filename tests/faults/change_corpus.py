"""Write the journals of changes and of writes without a key that test_change_corpus.py replays.

python tests/faults/change_corpus.py write PLACE
    Cut a bot off at each boundary of each kind, all in one journal: PLACE is a new file, or a
    postgresql:// URL. Pack a file with journal_corpus.py.

As journal_corpus.py has it: run it with the code of the release whose journals are wanted.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from email.utils import formatdate
from typing import Any

import httpx
from journal_corpus import die, kill_around_commits, open_bot, store_of

WRITTEN = 1_795_800_000.0  # the exchange's time, Unix seconds
# Where a bot is cut off. The last four leave an entry without a verdict: the request was lost, its
# answer was lost, it did not leave yet, it left just now.
ENDED = ("told", "refused", "untold")
LEFT_OPEN = ("unknown-absent", "unknown-present", "reserved", "sent")
KINDS = ("amend", "by", "to", "group", "transfer")
CASES = (
    *(f"{kind}/{state}" for kind in KINDS for state in (*ENDED, *LEFT_OPEN)),
    *("between/told", "between/refused", "between/unknown-absent", "between/reserved"),
    # Two that are open could not be told apart.
    *("subaccount/told", "subaccount/refused", "subaccount/unknown-present"),
)


def ticker_of(case: str) -> str:
    """Name the market of a case: one each, as an open write holds back its whole market."""
    return f"KXCHANGES-26DEC31-{case.upper().replace('-', '').replace('/', '')}"


def order_id_of(case: str) -> str:
    """Name the order that a case changes."""
    return f"00000000-1111-4111-8111-{CASES.index(case):012d}"


def transfer_id_of(case: str) -> str:
    """Name the transfer of a case; behind a prefix that is its key where it is a keyed one."""
    return f"00000000-2222-4222-8222-{size_of(case):012d}"


def size_of(case: str) -> int:
    """Return what a case's group may hold and its transfer moves: no two cases the same."""
    return 100 + CASES.index(case)


def order_row(case: str, price: str, remaining: str, changed: float = WRITTEN) -> dict[str, Any]:
    """Make the row of an order."""
    created, updated = (stamp_text(at) for at in (WRITTEN - 9, changed))
    zero = {f"{who}_{cost}_dollars": "0.0000" for who in ("taker", "maker") for cost in _COSTS}
    return zero | {
        "order_id": order_id_of(case), "user_id": "u", "client_order_id": f"c{size_of(case)}",
        "ticker": ticker_of(case), "book_side": "bid", "outcome_side": "yes", "side": "yes",
        "action": "buy", "type": "limit", "status": "resting", "yes_price_dollars": price,
        "no_price_dollars": f"{1 - float(price):.4f}", "initial_count_fp": "5.00",
        "fill_count_fp": "0.00", "remaining_count_fp": remaining, "created_time": created,
        "last_update_time": updated, "exchange_index": 0, "subaccount_number": 0,
        "self_trade_prevention_type": "taker_at_cross",
    }  # fmt: skip


_COSTS = ("fees", "fill_cost")


def stamp_text(at: float) -> str:
    """Write a time as a row does."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).isoformat()


def read(path: str, row: dict[str, Any], lists: dict[str, list[Any]]) -> dict[str, Any]:
    """Answer a read by its path: one order, or a list by its key."""
    if path.endswith("/order_groups"):
        return {"order_groups": lists.get("order_groups", [])}
    if path.endswith("/balances"):
        return {"subaccount_balances": lists.get("subaccount_balances", [])}
    if "transfer" in path:
        return {"transfers": lists.get("transfers", []), "cursor": ""}
    if path.endswith("/fills"):
        return {"fills": [], "cursor": ""}
    assert "/portfolio/orders/" in path, path
    return {"order": row}


class ScriptedExchange(httpx.BaseTransport):
    """Does to the write what a case says."""

    def __init__(self, case: str) -> None:
        self.case = case
        self.kind, _, self.state = case.partition("/")
        self.answered = self.lost = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, lose the answer, or let the bot die."""
        date = {"date": formatdate(WRITTEN, usegmt=True)}
        if self.lost:  # the bot looks for what became of it, or repeats what has a key
            die()
        if request.method == "GET":
            rows = {"subaccount_balances": [_balance(0)]}
            answer = read(request.url.path, order_row(self.case, "0.10", "5.00"), rows)
            return httpx.Response(200, json=answer, headers=date)
        if self.state in ("reserved", "sent"):
            die()
        if self.state.startswith("unknown"):
            self.lost = True
            raise httpx.ReadError("cut")
        self.answered = True
        if self.state == "refused":
            error = {"code": "bad_request", "message": "no"}
            return httpx.Response(400, json={"error": error}, headers=date)
        return httpx.Response(200, json=self._acknowledgement(), headers=date)

    def _acknowledgement(self) -> dict[str, Any]:
        if self.kind in ("amend", "by", "to"):
            left = {"amend": "4.00", "by": "4.00", "to": "2.00"}[self.kind]
            counts = {"fill_count": "0.00", "remaining_count": left}
            return {"order_id": order_id_of(self.case), "ts_ms": int(WRITTEN * 1000), **counts}
        return {
            "group": {"order_group_id": f"group-{self.state}"},
            "transfer": {"transfer_id": f"transfer-{self.state}"},
            "subaccount": {"subaccount_number": 1},
        }.get(self.kind, {})


def _balance(number: int) -> dict[str, Any]:
    return {
        "subaccount_number": number,
        "exchange_index": 0,
        "balance": "1.0000",
        "updated_ts": int(WRITTEN),
    }


def rows_of(cases: Any) -> dict[str, list[Any]]:
    """Make the lists of an exchange that has done what these cases ask for."""
    kinds = {case: case.partition("/")[0] for case in cases}
    groups = [
        {"id": f"group-of-{size_of(case)}", "is_auto_cancel_enabled": True}
        | {"contracts_limit_fp": f"{size_of(case)}.00", "exchange_index": 0}
        for case, kind in kinds.items()
        if kind == "group"
    ]
    transfers = [
        {"transfer_id": f"transfer-of-{size_of(case)}", "created_ts": int(WRITTEN) + 1}
        | {"source": "event_contract", "destination": "margined", "status": "complete"}
        | {"amount": f"{size_of(case)}.0000", "source_exchange_shard": 0}
        | {"destination_exchange_shard": 0}
        for case, kind in kinds.items()
        if kind == "transfer"
    ]
    numbers = [0, *(2 for kind in kinds.values() if kind == "subaccount")]
    balances = [_balance(number) for number in numbers]
    return {"order_groups": groups, "transfers": transfers, "subaccount_balances": balances}


def change(client: Any, case: str) -> Any:
    """Make the write that a case is about, in the same words each time."""
    kind, size = case.partition("/")[0], size_of(case)
    order = {"ticker": ticker_of(case)}
    if kind == "amend":
        return client.orders.amend(order_id_of(case), side="bid", price="0.11", count=4, **order)
    if kind in ("by", "to"):
        amount = {"by": {"by": 1}, "to": {"to": 2}}[kind]
        return client.orders.decrease(order_id_of(case), **amount, **order)
    if kind == "group":
        return client.order_groups.create(contracts_limit=size)
    if kind == "subaccount":
        return client.subaccounts.create()
    key = {"client_transfer_id": transfer_id_of(case)}
    if kind == "between":
        return client.subaccounts.transfer(f"{size}.00", from_subaccount=0, to_subaccount=1, **key)
    ends = {"source": "event_contract", "destination": "margined"}
    return client.portfolio.transfer(f"{size}.00", **ends, **key)


def live(case: str, place: str) -> None:
    """Be the bot of one case, to the end of its life."""
    from kalshi_ext import KalshiError

    exchange = ScriptedExchange(case)
    client = open_bot(exchange, place)
    kill_around_commits(exchange.state, exchange, store_of(place))  # type: ignore[arg-type]
    try:
        change(client, case)
    except KalshiError as error:
        print(case, type(error).__name__, str(error)[:200], flush=True)
    client.close()  # which writes the marks


def write(place: str) -> None:
    """Live and die once for each case."""
    for case in CASES:
        command = [sys.executable, __file__, "live", case, place]
        ended = subprocess.run(command, check=False, timeout=120).returncode
        print(case, "killed" if ended == -signal.SIGKILL else f"ended with {ended}", flush=True)


def case_of(entry: Any) -> str | None:
    """Find the case of an entry by what it asks for; the keys of these writes are random."""
    ticket = json.loads(entry.ticket)
    told = {
        entry.ticker,
        ticket.get("client_transfer_id"),
        ticket.get("limit"),
        entry.key.removeprefix("transfer-"),
    }
    for case in CASES:
        if told & {ticker_of(case), transfer_id_of(case), f"{size_of(case)}.00"}:
            return case
    return None  # a subaccount: it asks for nothing


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"write": write, "live": live}[command](*arguments)
