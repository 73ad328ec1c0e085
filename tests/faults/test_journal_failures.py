"""A journal that cannot be written lets nothing be sent, and says so; nothing is lost silently.

The sandbox's books are the witness: what was refused for the journal's sake never arrived.
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
from kill_cases import TICKER, start_sandbox
from killed_bot import POLICY
from traders import TRADER, orders_in_books, placed

from kalshi_ext import Kalshi
from kalshi_ext.journal import JournalUnusable, open_journal
from kalshi_ext.sandbox import Sandbox

COUNT = 5


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with start_sandbox("while_open") as sandbox:
        yield sandbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


def client_options(box: Sandbox, name: str, path: Path) -> dict[str, Any]:
    account = box.account(name, kind="ed25519")
    credentials = {"key_id": account.key_id, "private_key": account.private_key}
    # Named: every call makes a new key of the account.
    return {**credentials, "account": name, "journal": str(path)}


def run_trader(
    box: Sandbox, name: str, path: Path, fail: str, before: tuple[str, ...] = ()
) -> list[list[Any]]:
    """Run a trader whose disk fails; return its reports. `before` are words before the command."""
    task = client_options(box, name, path) | {"url": box.url, "ticker": TICKER, "prefix": name}
    done = subprocess.run(
        [*before, sys.executable, str(TRADER)],
        input=json.dumps(task | {"count": COUNT, "fail": fail}) + "\n",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def failed_reports(reports: list[list[Any]]) -> list[list[Any]]:
    return [report for report in reports if report[0] == "failed"]


def judge(box: Sandbox, name: str, path: Path, reports: list[list[Any]]) -> None:
    """What was refused never arrived; what was placed stands, and placing it again adds nothing."""
    assert reports[-1] == ["ended"]
    for report in failed_reports(reports):
        assert report[2] == "JournalUnwritable", report
        assert "nothing was sent" in report[3]
    orders = orders_in_books(box, name)
    assert set(placed(reports).values()) == set(orders.values())
    with Kalshi(**client_options(box, name, path), environment=box.url, policy=POLICY) as client:
        client.recover()
        for number, order_id in placed(reports).items():
            repeated = client.orders.place(
                TICKER, side="bid", count=1, price="0.10", intent=f"{name}/{number}"
            )
            assert repeated.order_id == order_id
    assert orders_in_books(box, name) == orders


def test_a_file_that_may_not_grow_lets_nothing_be_sent_until_it_may(
    box: Sandbox, path: Path
) -> None:
    reports = run_trader(box, "limit", path, "limit")
    assert len(failed_reports(reports)) == COUNT - 1
    assert sorted(placed(reports)) == [0, COUNT]
    judge(box, "limit", path, reports)


# A file system of a megabyte at $0, for the command after it; what it held is kept in $0.kept, as
# the mount is gone with the command's namespace.
SMALL_DISK = (
    'mount -t tmpfs -o size=1m tmpfs "$0"; "$@"; ended=$?; cp -a "$0/." "$0.kept"; exit $ended'
)


def test_a_full_disk_lets_nothing_be_sent_until_there_is_room_again(
    box: Sandbox, tmp_path: Path
) -> None:
    unshare = ("unshare", "--map-root-user", "--mount")
    if (
        shutil.which(unshare[0]) is None
        or subprocess.run([*unshare, "true"], check=False).returncode
    ):
        pytest.skip("NO mounts of one's own on this machine: a full disk was NOT tested")
    disk, kept = tmp_path / "disk", tmp_path / "disk.kept"
    disk.mkdir()
    before = (*unshare, "sh", "-c", SMALL_DISK, str(disk))
    reports = run_trader(box, "full", disk / "orders.db", "full", before)
    assert len(failed_reports(reports)) == COUNT - 1
    assert sorted(placed(reports)) == [0, COUNT]
    judge(box, "full", kept / "orders.db", reports)


@pytest.mark.parametrize("fail", ["remove", "replace", "log"])
def test_files_taken_away_under_a_living_journal_let_nothing_more_be_sent(
    box: Sandbox, path: Path, fail: str
) -> None:
    reports = run_trader(box, fail, path, fail)
    assert [report[2] for report in failed_reports(reports)] == ["JournalUnwritable"] * (COUNT - 1)
    assert list(placed(reports)) == [0]
    assert set(placed(reports).values()) == set(orders_in_books(box, fail).values())


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
    reports = run_trader(box, name, path, "", before)
    if reports[0][0] == "unopened":  # it failed before the first order: nothing was sent
        assert orders_in_books(box, name) == {}
        return
    assert failed_reports(reports) != []
    judge(box, name, path, reports)


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: rights were NOT dropped")
def test_a_file_that_may_not_be_written_is_refused_before_anything_is_sent(
    box: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = Path(tmp_path_factory.mktemp("readonly"))
    path = directory / "orders.db"
    open_journal(path).close()
    for file in directory.iterdir():
        file.chmod(0o444)
    for reachable in (directory, *directory.parents[:3]):
        reachable.chmod(0o755)
    reports = run_trader(box, "readonly", path, "readonly")
    assert reports[0][:2] == ["unopened", "JournalUnusable"]
    assert orders_in_books(box, "readonly") == {}


def make_newer(path: Path) -> None:
    with sqlite3.connect(path) as link:
        link.execute("PRAGMA user_version = 99")
    link.close()


def make_damaged(path: Path) -> None:
    path.write_bytes(b"\0" * 200 + path.read_bytes()[200:])


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (make_newer, "newer version"),
        (make_damaged, "not a database"),
        (cut_short, "malformed|damaged"),
    ],
)
def test_a_file_that_cannot_serve_is_named_and_nothing_is_sent(
    box: Sandbox, path: Path, harm: Any, message: str
) -> None:
    account = client_options(box, "harmed", path)
    with open_journal(path) as journal:
        assert journal.entries() is not None
    harm(path)
    requests_before = len(box.truth.requests())
    with pytest.raises(JournalUnusable, match=message) as caught:
        Kalshi(**account, environment=box.url)
    assert re.search(r"orders\.db", str(caught.value))
    assert len(box.truth.requests()) == requests_before
