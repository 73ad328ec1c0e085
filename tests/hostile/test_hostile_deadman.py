"""A dead man's switch against a hostile exchange on TCP: it goes on until nothing rests."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from stop_server import StopServer
from stop_worlds import CANCELS, LISTS, MINE, OTHER, StopWorld

from kalshi_ext import Kalshi, Policy, stop
from kalshi_ext.cli import deadman_command
from kalshi_ext.journal.beside import BesideJournal
from kalshi_ext.journal.stop_record import FileStopRecord
from kalshi_ext.protocol.flow import Record
from kalshi_ext.protocol.rate_limits import Backoff

RUNS = int(os.environ.get("KALSHI_DEADMAN_WORLDS", "2"))
QUICK = Policy(poll=0.02, poll_ceiling=0.1, read_lag=0.1, timeout=0.4, backoff=Backoff(first=0.01))
KEY_ID = "11111111-2222-4333-8444-555555555555"


def new_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def hostile_world(contract: str, rng: random.Random) -> StopWorld:
    world = StopWorld(contract, rng, heals_at=1.0)
    for number in range(rng.choice((1, 4, 25))):
        world.create({"client_order_id": f"c{number}", "ticker": rng.choice((MINE, OTHER))}, 0.0)
    world.listed, world.cancels = rng.choice([*LISTS]), rng.choice(CANCELS)
    world.foreign = rng.choice((0.0, 0.5, 1.0))
    world.struck = rng.choice(("", "", "/orders", "DELETE", "GET"))
    world.lag = rng.choice((0.0, 0.05))
    return world


@pytest.mark.parametrize("contract", ["classic", "current"])
def test_it_goes_on_until_nothing_rests_says_so_and_never_resumes(
    contract: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(deadman_command, "_REST", (0.01, 0.1))
    monkeypatch.setattr(deadman_command, "LOOK_FOR", 1.0)
    caplog.set_level(logging.DEBUG)
    pem = new_key()
    for seed in range(RUNS):
        rng = random.Random(f"{contract} {seed}")
        server = StopServer(hostile_world(contract, rng))
        journal = tmp_path / f"{seed}.db"
        options: dict[str, Any] = {"key_id": KEY_ID, "private_key": pem, "contract": contract}
        options |= {"policy": QUICK, "journal": BesideJournal(journal)}
        with (
            server.reachable_after(rng.choice((0.0, 0.3))),
            Kalshi(environment=server.url, **options) as client,
        ):
            report = deadman_command._stop_until_flat(client, "died")
        assert report is not None
        assert report.flat
        assert [each for each in server.world.orders if each.ended is None] == []
        assert not [each for each in server.requests if each.endswith("/reset")]
        record = FileStopRecord.beside(journal).read()
        assert [latch.scope for latch in record.latches] == ["all"]
        assert record.events[-1]["outcome"] == "flat"
        said = capsys.readouterr().err
        assert "stopped: flat" in said
        for shown in (said, caplog.text, Path(f"{journal}.stop").read_text()):
            assert KEY_ID not in shown
            assert pem.splitlines()[1] not in shown
        caplog.clear()


def test_an_error_that_nobody_expected_and_a_stderr_without_a_reader_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadman_command, "_REST", (0.01, 0.01))

    def no_reader(*_: Any, **__: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(deadman_command.click, "echo", no_reader)
    faults: list[Exception] = [ZeroDivisionError(), OSError(24, "too many open files")]
    with Kalshi(journal=BesideJournal(tmp_path / "o.db")) as client:
        flat = evolve(deadman_command.StopReport(), verified=True)

        def stop(**_: Any) -> Any:
            if faults:
                raise faults.pop()
            return flat

        monkeypatch.setattr(client, "stop", stop)
        assert deadman_command._stop_until_flat(client, "died") is flat


SHOW = "import os; print(*(name for name in os.environ if 'KALSHI' in name))"


def test_its_key_is_in_no_environment_and_no_command_line(tmp_path: Path) -> None:
    pem = new_key()
    options: dict[str, Any] = {"key_id": KEY_ID, "private_key": pem}
    server = StopServer(StopWorld("current", random.Random(0)))
    with (
        server.reachable_after(0.0),
        Kalshi(environment=server.url, journal=tmp_path / "o.db", **options) as client,
    ):
        switch = client.deadman(**options)
        child = switch._process
        assert child is not None
        for name in ("environ", "cmdline"):
            shown = Path(f"/proc/{child.pid}/{name}").read_text()
            assert pem.splitlines()[1] not in shown
            assert KEY_ID not in shown
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            child.send_signal(number)  # as sent to all processes of a unit or a terminal
        switch.alive()
        switch.off()
        assert child.wait() == 0


def test_a_bot_does_not_get_the_key_of_its_switch(tmp_path: Path) -> None:
    variables = {
        "KALSHI_DEADMAN_KEY_ID": KEY_ID,
        "KALSHI_DEADMAN_PRIVATE_KEY": new_key(),
        "KALSHI_ENVIRONMENT": "http://127.0.0.1:9",
        "KALSHI_JOURNAL": str(tmp_path / "o.db"),
    }
    command = [sys.executable, "-m", "kalshi_ext", "deadman", "--", sys.executable, "-c", SHOW]
    with subprocess.Popen(
        command, env=os.environ | variables, stdout=subprocess.PIPE, text=True
    ) as switch:
        assert switch.stdout is not None
        names = switch.stdout.readline().split()
        switch.kill()  # it would go on until the exchange can be reached
    assert "KALSHI_DEADMAN_FD" in names
    assert not [name for name in names if "KEY" in name]


def test_a_command_that_is_not_there_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kalshi_ext", "deadman", "--", "/no/such/bot"]
    environment = os.environ | {"KALSHI_JOURNAL": str(tmp_path / "o.db")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "/no/such/bot" in done.stderr


def test_a_record_that_does_not_answer_is_not_waited_for_before_the_first_stop() -> None:
    effect = next(stop.note("deadman", {"why": "died"}))
    assert isinstance(effect, Record)
    assert effect.within is not None
    assert effect.within <= 2.0
