"""The record of stops of each kind of journal: kept, shared, and shut where it is unreadable."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kalshi_ext.journal import JournalUnusable, Latch, open_journal
from kalshi_ext.journal.beside import BesideJournal
from kalshi_ext.journal.stop_record import MAX_EVENTS, FileStopRecord, Standing

ALL, RAIN = Latch(), Latch(ticker="KXRAIN-26DEC31-NYC")


def test_a_file_keeps_latches_groups_and_events_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    with open_journal(path) as journal:
        journal.change_stops(lambda each: each.shut(RAIN).with_groups({"0/0": "g"}).noted("stop"))
    with open_journal(path) as journal:
        standing = journal.read_stops()
        assert journal.stops.latches == (RAIN,)
    assert standing.groups == {"0/0": "g"}
    assert [event["what"] for event in standing.events] == ["stop"]
    assert (tmp_path / "orders.db.stop").stat().st_mode & 0o077 == 0


def test_a_latch_of_another_process_is_seen_at_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    with open_journal(path) as journal, BesideJournal(path) as beside:
        beside.change_stops(lambda each: each.shut(ALL))
        assert journal.stops.latches == (ALL,)
        beside.change_stops(lambda each: each.opened([ALL]))
        assert journal.stops.latches == ()
        assert beside.open_entries() == []


def test_a_file_that_cannot_be_read_shuts_everything_until_it_is_written_anew(
    tmp_path: Path,
) -> None:
    record = FileStopRecord(tmp_path / "x.stop")
    record.path.write_text("{ half")
    assert record.read().latches == (ALL,)
    record.change(lambda each: each.opened(each.latches))
    assert record.read() == Standing()


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    record = FileStopRecord(tmp_path / "gone" / "x.stop")
    with pytest.raises(JournalUnusable, match="cannot be written"):
        record.change(lambda each: each.shut(ALL))


def test_a_process_that_stands_still_with_the_lock_holds_no_stop_up(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    record = FileStopRecord(tmp_path / "x.stop")
    holder = os.open(tmp_path / "x.stop.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(holder, fcntl.LOCK_EX)
    assert record.change(lambda each: each.shut(ALL)).latches == (ALL,)
    os.close(holder)


def test_old_events_go(tmp_path: Path) -> None:
    standing = Standing()
    for number in range(MAX_EVENTS + 5):
        standing = standing.noted("n", number=number)
    assert [standing.events[0]["number"], len(standing.events)] == [5, MAX_EVENTS]


def test_a_table_keeps_the_record_of_each_account_for_every_process(open_journals: Any) -> None:
    one, two = open_journals(), open_journals()
    for journal in (one, two):
        journal.bind("demo account:a")
    one.change_stops(lambda each: each.shut(RAIN).with_groups({"0/0": "g"}))
    assert two.stops.latches == ()  # it does not ask before each attempt, but before each order
    assert two.read_stops().latches == (RAIN,)
    assert two.stops.latches == (RAIN,)
    other, later = open_journals(), open_journals()
    other.bind("demo account:b")
    assert other.stops.latches == ()
    later.bind("demo account:a")
    assert (later.stops.latches, dict(later.stops.record.read().groups)) == ((RAIN,), {"0/0": "g"})


@pytest.mark.parametrize("damage", ["no text", "a directory", "a path through a file"])
def test_a_record_that_is_no_readable_file_shuts_everything(tmp_path: Path, damage: str) -> None:
    record = FileStopRecord.beside(tmp_path / "orders.db")
    if damage == "no text":
        record.path.write_bytes(b"\xff\xfe")
    elif damage == "a directory":
        record.path.mkdir()
    else:
        record.path.write_text("")
        record = FileStopRecord(record.path / "below.stop")
    for _ in range(2):
        (latch,) = record.read().latches
        assert latch.covers("ANY", 7)


def test_a_stop_outlives_a_power_loss_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    fsync = os.fsync

    def counting(descriptor: int) -> None:
        synced.append(os.path.isdir(f"/proc/self/fd/{descriptor}"))  # noqa: PTH112
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", counting)
    FileStopRecord.beside(tmp_path / "orders.db").change(lambda each: each.shut(ALL))
    assert synced == [False, True]  # the file, then its directory


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="NO /proc: descriptors NOT counted")
def test_a_change_of_the_record_leaves_no_descriptor_open(tmp_path: Path) -> None:
    record, descriptors = FileStopRecord.beside(tmp_path / "orders.db"), Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(3):
        record.change(lambda each: each.shut(ALL))
    assert len(list(descriptors.iterdir())) == before


def test_a_change_waits_for_that_of_another_process(tmp_path: Path) -> None:
    record, happened = FileStopRecord.beside(tmp_path / "orders.db"), list[str]()
    holds = threading.Event()

    def change_slowly(standing: Standing) -> Standing:
        holds.set()
        time.sleep(0.1)
        happened.append("first")
        return standing.shut(ALL)

    other = threading.Thread(target=record.change, args=[change_slowly])
    other.start()
    assert holds.wait(20)
    record.change(lambda each: happened.append("second") or each.shut(RAIN))
    other.join(20)
    assert happened == ["first", "second"]
    assert set(record.read().latches) == {ALL, RAIN}


def test_the_stops_of_one_account_hold_up_every_client_of_a_table_in_this_process(
    open_journals: Any,
) -> None:
    one, two, foreign = (open_journals() for _ in range(3))
    for journal, account in ((one, "a"), (two, "a"), (foreign, "b")):
        journal.bind(account)
    began = two.stops.count
    one.stops.add([("all", None)], "orders.cancel_all", 0.0)
    assert two.stops.since(began, [("all", None)]) == "orders.cancel_all"
    assert foreign.stops.since(0, [("all", None)]) is None
    assert one.locks is not two.locks  # each is an owner of its own
