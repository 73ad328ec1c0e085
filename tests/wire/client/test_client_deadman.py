"""A dead man's switch: what ends it, and what it does when the bot dies or goes silent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from test_client_stop import BOT, ORDER, QUICK, TICKER, environment, line_of, options, resting

from kalshi_ext import (
    AsyncKalshi,
    DeadMan,
    DeadManGone,
    Kalshi,
    Misuse,
    OrderTicket,
    Secret,
    TradingStopped,
    session,
)
from kalshi_ext.cli import deadman_command, main
from kalshi_ext.cli.deadman_command import Watch
from kalshi_ext.journal.beside import BesideJournal
from kalshi_ext.journal.sqlite import SqliteJournal
from kalshi_ext.journal.stop_record import FileStopRecord
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.transport.deadman import VARIABLE
from kalshi_ext.transport.keys import load_key
from kalshi_ext.writes.journal_codec import encode_order

# Bots of a few lines: what they do with their end of the pipe is all that counts.
SILENT = "import os, time; os.write({fd}, b'a'); time.sleep(60)"
BLOCKED = """
import asyncio, os, time
async def main():
    async def beat():
        while True:
            os.write({fd}, b'a')
            await asyncio.sleep(0.02)
    beating = asyncio.create_task(beat())
    await asyncio.sleep(0.05)
    time.sleep(60)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def proxied() -> Iterator[Sandbox]:
    with Sandbox(settings={"rate_limits": False}) as box:
        yield box


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadman_command, "_REST", (0.01, 0.05))


def bot_of(code: str, reader: int, writer: int) -> subprocess.Popen[bytes]:
    bot = subprocess.Popen([sys.executable, "-c", code.format(fd=writer)], pass_fds=(writer,))
    os.close(writer)
    del reader
    return bot


def watch(code: str, timeout: float, then: signal.Signals | None = None) -> str:
    """Watch a bot that was sent a signal once it had spoken; return how it ended."""
    reader, writer = os.pipe()
    with bot_of(code, reader, writer) as bot:
        spoken = threading.Event()
        watching = Watch(reader, timeout, lambda: bot.poll() is None)

        def interfere() -> None:
            while watching._heard is None:
                spoken.wait(0.01)
            if then is not None:
                bot.send_signal(then)

        thread = threading.Thread(target=interfere)
        thread.start()
        try:
            return watching.wait()
        finally:
            thread.join()
            bot.kill()
            os.close(reader)


def test_a_bot_that_is_killed_died_and_one_that_stands_still_or_blocks_is_silent() -> None:
    assert watch(SILENT, 60, signal.SIGKILL) == "died"
    assert watch(SILENT, 0.2, signal.SIGSTOP) == "silent"
    assert watch(BLOCKED, 0.2) == "silent"


def test_a_pipe_that_a_child_of_the_bot_keeps_open_does_not_hide_its_death() -> None:
    reader, writer = os.pipe()
    try:
        assert Watch(reader, 60, lambda: False).wait() == "died"
    finally:
        os.close(reader)
        os.close(writer)


def test_silence_counts_from_the_first_word_on_and_off_ends_it() -> None:
    reader, writer = os.pipe()
    lives = iter([True, True, True, False])
    assert Watch(reader, 0.01, lambda: next(lives)).wait() == "died"
    switch = DeadMan(1.0, 5.0, writer)
    switch.alive()
    switch.off()
    switch.off()
    assert Watch(reader, 60, lambda: True).wait() == "off"
    os.close(reader)


def test_leaving_by_an_error_says_nothing_so_that_trading_is_stopped() -> None:
    reader, writer = os.pipe()
    with pytest.raises(ZeroDivisionError), DeadMan(1.0, 5.0, writer):
        raise ZeroDivisionError
    assert Watch(reader, 60, lambda: True).wait() == "died"
    os.close(reader)


def test_a_bot_learns_that_nobody_watches_any_more() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    switch = DeadMan(1.0, 5.0, writer)
    with pytest.raises(DeadManGone, match="process is gone"):
        switch.alive()


@pytest.mark.parametrize(
    "times", [{"alive_every": 3.0}, {"alive_every": 0}, {"timeout": "5"}, {"timeout": -1}]
)
def test_a_contract_that_cannot_be_kept_is_refused(times: dict[str, Any]) -> None:
    with Kalshi() as client, pytest.raises(Misuse, match=r"alive_every|timeout"):
        client.deadman(**times)


def test_a_journal_in_memory_cannot_be_shared() -> None:
    with Kalshi() as client, pytest.raises(Misuse, match="journal='FILE'"):
        client.deadman()


@pytest.mark.parametrize("given", [bytes, lambda der: lambda: der], ids=["bytes", "callable"])
def test_a_key_given_in_any_form_reaches_the_other_process(given: Any) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    variable = session._key_variable(Secret(given(der)))
    assert load_key(variable["PRIVATE_KEY"]).public_key() == key.public_key()


def test_a_key_that_cannot_be_used_is_refused_before_a_process_starts(tmp_path: Path) -> None:
    with Kalshi(bearer_token="t" * 20, journal=tmp_path / "o.db") as client:
        for wrong in ({"key_id": "k" * 20}, {"key_id": "k" * 20, "private_key": 5}):
            with pytest.raises(Misuse, match="private_key"):
                client.deadman(**wrong)


def test_what_is_wrong_with_a_key_id_is_said_before_the_key_is_loaded(tmp_path: Path) -> None:
    def never() -> bytes:
        raise AssertionError("asked for a key that cannot be used")

    with Kalshi(bearer_token="t" * 20, journal=tmp_path / "o.db") as client:
        for wrong in ("", "two words", 5):
            with pytest.raises(Misuse, match=r"^key_id: must be"):
                client.deadman(key_id=wrong, private_key=never)  # type: ignore[arg-type]


def test_a_callable_is_asked_once_for_the_key_of_a_dead_man() -> None:
    asked: list[bytes] = []
    key = ed25519.Ed25519PrivateKey.generate()
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def ask() -> bytes:
        asked.append(der)
        return der

    source = session._asked_once(Secret(ask))
    assert load_key(source).public_key() == key.public_key()
    assert session._key_variable(source)
    assert len(asked) == 1


def test_under_the_command_the_handle_is_that_of_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kind in (Kalshi, AsyncKalshi):
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)
        monkeypatch.setenv(VARIABLE, str(writer))
        client: Any = kind()
        client.deadman().off()
        assert Watch(reader, 60, lambda: True).wait() == "off"
        os.close(reader)
        assert VARIABLE not in os.environ  # a child of the bot is no bot


def test_over_a_dead_network_and_a_pause_it_goes_on_until_nothing_rests(
    proxied: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadman_command, "LOOK_FOR", 0.2)
    journal = tmp_path / "orders.db"
    given = options(proxied, "network", policy=QUICK)
    with Kalshi(**given, journal=journal) as bot:
        bot.orders.place(TICKER, **ORDER)
        dead = proxied.faults.add("refuse", times=None)
        proxied.markets.pause("exchange")
        outcomes: list[str] = []

        def heal(client: Any, what: str, **details: Any) -> None:
            outcomes.append(details.get("outcome", what))
            if len(outcomes) == 2:  # after the first stop
                proxied.faults.remove(dead)
            if len(outcomes) == 3:
                proxied.markets.resume("exchange")
                monkeypatch.setattr(deadman_command, "LOOK_FOR", 5.0)
            note(client, what, **details)

        note = deadman_command._note
        monkeypatch.setattr(deadman_command, "_note", heal)
        with Kalshi(**given, journal=BesideJournal(journal)) as client:
            report = deadman_command._stop_until_flat(client, "silent")
        assert report is not None
        assert report.flat
        assert "flat" not in outcomes[:3]
        with pytest.raises(TradingStopped):
            bot.orders.place(TICKER, **ORDER)
    assert resting(proxied, "network") == 0
    events = FileStopRecord.beside(journal).read().events
    assert [events[0]["what"], events[0]["why"]] == ["deadman", "silent"]
    assert (events[-1]["what"], events[-1]["outcome"]) == ("deadman stopped", "flat")


def test_a_stop_beside_the_file_is_not_flat_while_an_order_in_it_may_still_arrive(
    proxied: Sandbox, tmp_path: Path
) -> None:
    journal = tmp_path / "orders.db"
    ticket = OrderTicket.of(TICKER, **ORDER)
    with SqliteJournal(journal) as of_the_bot:
        of_the_bot.reserve(encode_order("CreateOrderV2", ticket, time.time()))
    given = options(proxied, "beside", policy=QUICK)
    with Kalshi(**given, journal=BesideJournal(journal)) as client:
        report = client.stop(deadline=0.5)
    assert report.undecided == (ticket.client_order_id,)
    assert not report.flat


def test_the_command_stops_a_bot_that_stands_still_and_it_wakes_up_shut_out(
    current_box: Sandbox, tmp_path: Path
) -> None:
    journal = tmp_path / "orders.db"
    command = [sys.executable, "-m", "kalshi_ext", "deadman", "--timeout", "0.5"]
    command += ["--journal", str(journal), "--", sys.executable, str(BOT), "beat", str(journal)]
    with subprocess.Popen(
        command,
        env=os.environ | environment(current_box, "frozen"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as switch:
        assert "-" in line_of(switch)  # the id of its order
        number = int(line_of(switch))
        os.kill(number, signal.SIGSTOP)
        assert switch.wait() == deadman_command.TRIGGERED
        os.kill(number, signal.SIGCONT)
        assert line_of(switch) == "TradingStopped"
    assert resting(current_box, "frozen") == 0


def test_a_client_starts_its_switch_which_stops_when_the_bot_leaves_by_an_error(
    current_box: Sandbox, tmp_path: Path
) -> None:
    given = options(current_box, "leaving", journal=tmp_path / "orders.db")
    own = {name: given[name] for name in ("key_id", "private_key")}
    with Kalshi(**given) as client:
        client.orders.place(TICKER, **ORDER)
        switch = client.deadman(**own)
        switch.alive()
        with pytest.raises(ZeroDivisionError), switch:
            raise ZeroDivisionError
        assert switch._process is not None
        assert switch._process.wait() == deadman_command.TRIGGERED
        with pytest.raises(TradingStopped):
            client.orders.place(TICKER, **ORDER)
    assert resting(current_box, "leaving") == 0


def test_the_command_needs_a_command_and_a_journal() -> None:
    runner = CliRunner(env={"KALSHI_JOURNAL": ""})
    assert runner.invoke(main, ["deadman"]).exit_code == 2
    assert "journal" in runner.invoke(main, ["deadman", "--", "true"]).output
