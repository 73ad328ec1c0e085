"""Write the journals that test_journal_corpus.py replays, with the library found on the path.

python tests/faults/journal_corpus.py write PLACE
    Cut a bot off at each boundary of an order, all in one journal: PLACE is a new file, or a
    postgresql:// URL.
python tests/faults/journal_corpus.py pack FILE ARCHIVE
    Keep a file with its log and lock, as the last kill left them.

Run `write` with the code of the release whose journals are wanted (PYTHONPATH), before its schema
or its texts change. It uses public names only, so that it runs on every release so far.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import httpx

# Where each bot is cut off, and what its exchange does until then. The verdicts that this version
# must reach stand in journals/VERDICTS.
CASES = (
    "opened",  # before the call
    "unreserved",  # before the reservation was committed
    "told",  # after the call returned
    "refused",
    "not-sent",
    "untold",  # after the verdict was committed, before the call returned
    "unknown-absent",  # the request was lost, and the bot looks
    "unknown-present",  # the answer was lost, and the bot looks
    "reserved",  # before the request left
    "sent",  # after the exchange had it, before its answer; this one stays in a file's log
)


def intent_of(case: str) -> str:
    """Name the intent of a case."""
    return f"corpus/{case}"


def ticker_of(case: str) -> str:
    """Name the market of a case: one each, as an open write holds back its whole market."""
    return f"KXCORPUS-26DEC31-{case.upper().replace('-', '')}"


ORDER: dict[str, Any] = {"side": "bid", "count": 3, "price": "0.10"}


def die() -> None:
    """End like a power loss."""
    os.kill(os.getpid(), signal.SIGKILL)


class ScriptedExchange(httpx.BaseTransport):
    """Does to the first order what a case says."""

    def __init__(self, case: str) -> None:
        self.case = case
        self.answered = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, lose the answer, or let the bot die."""
        if request.method == "GET":  # the bot looks for its order
            die()
        if self.case in ("reserved", "sent"):
            die()
        if self.case.startswith("unknown"):
            raise httpx.ReadError("cut")
        if self.case == "not-sent":
            raise httpx.ConnectError("refused")
        self.answered = True
        if self.case == "refused":
            error = {"code": "insufficient_balance", "message": "insufficient balance"}
            return httpx.Response(400, json={"error": error})
        return httpx.Response(201, json=self._acknowledgement(json.loads(request.content)))

    def _acknowledgement(self, order: dict[str, Any]) -> dict[str, Any]:
        return {
            "order_id": f"order-{self.case}",
            "client_order_id": order["client_order_id"],
            "fill_count": "0.00",
            "remaining_count": "3.00",
            "ts_ms": 1795700000000,
        }


def kill_around_commits(case: str, exchange: ScriptedExchange, store: Any) -> None:
    """Arrange the death of the two cases that die inside the journal."""
    commit = store.commit

    def killed(self: Any) -> None:
        if case == "unreserved" and self._writing:
            die()
        commit(self)
        if case == "untold" and exchange.answered:
            die()

    store.commit = killed


def store_of(place: str) -> Any:
    """Return the class that keeps the entries of a journal."""
    if "://" in place:
        from kalshi_ext.journal.postgres import PostgresStore

        return PostgresStore
    from kalshi_ext.journal.sqlite import SqliteStore

    return SqliteStore


def open_bot(exchange: httpx.BaseTransport, place: str) -> Any:
    """Open a bot on a journal, under the same name in each process."""
    from kalshi_ext import Kalshi, Policy

    socket.gethostname = lambda: "bot"  # an owner's name begins with it
    return Kalshi(
        bearer_token="t", environment="http://127.0.0.1:1/trade-api/v2", transport=exchange,
        journal=place, policy=Policy(attempts=1),
    )  # fmt: skip


def live(case: str, place: str) -> None:
    """Be the bot of one case, to the end of its life."""
    from kalshi_ext import KalshiError

    exchange = ScriptedExchange(case)
    client = open_bot(exchange, place)
    if case == "opened":
        die()
    kill_around_commits(case, exchange, store_of(place))
    try:
        client.orders.place(ticker_of(case), **ORDER, intent=intent_of(case))
    except KalshiError as error:
        print(case, type(error).__name__, flush=True)
    tell(client, case)
    client.close()  # which writes the marks


def tell(client: Any, case: str) -> None:
    """Mark the verdict as told, in the releases that know of it."""
    journal = client._journal
    entry = journal.by_intent(intent_of(case))
    if entry is not None and hasattr(journal, "mark_told"):
        journal.mark_told([entry.key])


def write(place: str) -> None:
    """Live and die once for each case."""
    for case in CASES:
        command = [sys.executable, __file__, "live", case, place]
        ended = subprocess.run(command, check=False, timeout=120).returncode
        print(case, "killed" if ended == -signal.SIGKILL else f"ended with {ended}", flush=True)


def pack(file: Path, archive: Path) -> None:
    """Put a file with its log and lock into an archive that is the same each time."""
    with tarfile.open(archive, "w:xz") as tar:
        for suffix in ("", "-wal", ".lock"):
            member = file.with_name(file.name + suffix)
            if member.exists():
                info = tar.gettarinfo(member, arcname="orders.db" + suffix)
                info.uid = info.gid = info.mtime = 0
                info.uname = info.gname = ""
                with member.open("rb") as content:
                    tar.addfile(info, content)


def unpack(archive: Path, directory: Path) -> Path:
    """Take a journal out of its archive; return its file."""
    with tarfile.open(archive) as tar:
        tar.extractall(directory, filter="data")
    return directory / "orders.db"


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "pack":
        pack(*map(Path, arguments))
    else:
        {"write": write, "live": live}[command](*arguments)
