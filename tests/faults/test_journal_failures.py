"""A journal that cannot be written lets nothing be sent, and says so; nothing is lost silently.

The exchange's truth is the witness: what was refused for the journal's sake never arrived.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from intents_processes import placed, standing
from kills import TICKER, exchange
from kills_bot import POLICY

from kalshi_ext import Kalshi
from kalshi_ext.journal import JournalUnusable, open_journal
from kalshi_ext.sandbox import Sandbox

TRADER = Path(__file__).with_name("failures_trader.py")
COUNT = 5


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with exchange("while_open") as opened:
        yield opened


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


def known(box: Sandbox, name: str, path: Path) -> dict[str, Any]:
    account = box.account(name, kind="ed25519")
    return {"key_id": account.key_id, "private_key": account.private_key, "journal": str(path)}


def run(
    box: Sandbox, name: str, path: Path, fail: str, before: tuple[str, ...] = ()
) -> list[list[Any]]:
    """Run a trader whose disk fails; return what it told."""
    said = known(box, name, path) | {"url": box.url, "ticker": TICKER, "prefix": name}
    done = subprocess.run(
        [*before, sys.executable, str(TRADER)],
        input=json.dumps(said | {"count": COUNT, "fail": fail}) + "\n",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(told: list[list[Any]]) -> list[list[Any]]:
    return [said for said in told if said[0] == "failed"]


def judge(box: Sandbox, name: str, path: Path, told: list[list[Any]]) -> None:
    """What was refused never arrived; what was placed stands, and running again heals."""
    assert told[-1] == ["ended"]
    for said in refused(told):
        assert said[2] == "JournalUnwritable", said
        assert "nothing was sent" in said[3]
    there = standing(box, name)
    assert set(placed(told).values()) == set(there.values())
    with Kalshi(**known(box, name, path), environment=box.url, policy=POLICY) as client:
        client.recover()
        for number, order_id in placed(told).items():
            again = client.orders.place(
                TICKER, side="bid", count=1, price="0.10", intent=f"{name}/{number}"
            )
            assert again.order_id == order_id
    assert standing(box, name) == there


def test_a_file_that_may_not_grow_lets_nothing_be_sent_until_it_may(
    box: Sandbox, path: Path
) -> None:
    told = run(box, "limit", path, "limit")
    assert len(refused(told)) == COUNT - 1
    assert sorted(placed(told)) == [0, COUNT]
    judge(box, "limit", path, told)


SMALL_DISK = (
    'mount -t tmpfs -o size=1m tmpfs "$0"; "$@"; ended=$?; cp -a "$0/." "$0.kept"; exit $ended'
)


def test_a_full_disk_lets_nothing_be_sent_until_there_is_room_again(
    box: Sandbox, tmp_path: Path
) -> None:
    own = ("unshare", "--map-root-user", "--mount")
    if shutil.which(own[0]) is None or subprocess.run([*own, "true"], check=False).returncode:
        pytest.skip("NO mounts of one's own on this machine: a full disk was NOT tested")
    disk, kept = tmp_path / "disk", tmp_path / "disk.kept"
    disk.mkdir()
    before = (*own, "sh", "-c", SMALL_DISK, str(disk))
    told = run(box, "full", disk / "orders.db", "full", before)
    assert len(refused(told)) == COUNT - 1
    assert sorted(placed(told)) == [0, COUNT]
    judge(box, "full", kept / "orders.db", told)


@pytest.mark.parametrize("fail", ["remove", "replace", "log"])
def test_files_taken_away_under_a_living_journal_let_nothing_more_be_sent(
    box: Sandbox, path: Path, fail: str
) -> None:
    told = run(box, fail, path, fail)
    assert [said[2] for said in refused(told)] == ["JournalUnwritable"] * (COUNT - 1)
    assert list(placed(told)) == [0]
    assert set(placed(told).values()) == set(standing(box, fail).values())


@pytest.mark.parametrize(
    ("name", "inject"),
    [
        ("sync", "fdatasync,fsync:error=EIO:when=4+"),
        ("write", "pwrite64:error=ENOSPC:when=40+"),
        ("once", "fdatasync,fsync:error=EIO:when=5"),
    ],
)
def test_a_disk_that_fails_below_costs_no_order_its_verdict(
    box: Sandbox, path: Path, name: str, inject: str
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("NO strace on this machine: failing syncs were NOT tested")
    before = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={inject}")
    told = run(box, name, path, "", before)
    if told[0][0] == "unopened":  # it failed before the first order: nothing was sent
        assert standing(box, name) == {}
        return
    assert refused(told) != []
    judge(box, name, path, told)


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: rights were NOT dropped")
def test_a_file_that_may_not_be_written_is_refused_before_anything_is_sent(
    box: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = Path(tmp_path_factory.mktemp("readonly"))
    path = place / "orders.db"
    open_journal(path).close()
    for left in place.iterdir():
        left.chmod(0o444)
    for directory in (place, *place.parents[:3]):
        directory.chmod(0o755)
    told = run(box, "readonly", path, "readonly")
    assert told[0][:2] == ["unopened", "JournalUnusable"]
    assert standing(box, "readonly") == {}


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as link:
        link.execute("PRAGMA user_version = 99")
    link.close()


def _damaged(path: Path) -> None:
    path.write_bytes(b"\0" * 200 + path.read_bytes()[200:])


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("harm", "says"),
    [(_newer, "newer version"), (_damaged, "not a database"), (_cut, "malformed|damaged")],
)
def test_a_file_that_cannot_serve_is_named_and_nothing_is_sent(
    box: Sandbox, path: Path, harm: Any, says: str
) -> None:
    account = known(box, "harmed", path)
    with open_journal(path) as journal:
        assert journal.entries() is not None
    harm(path)
    arrived = len(box.truth.requests())
    with pytest.raises(JournalUnusable, match=says) as caught:
        Kalshi(**account, environment=box.url)
    assert re.search(r"orders\.db", str(caught.value))
    assert len(box.truth.requests()) == arrived
