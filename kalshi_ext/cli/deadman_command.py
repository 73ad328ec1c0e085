"""`kalshi-ext deadman -- command`: stop trading when the bot dies or goes silent."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal

import click
from attrs import define, field

from kalshi_ext import Kalshi, StopReport, stop
from kalshi_ext.cli.stop_command import EXIT
from kalshi_ext.journal.beside import BesideJournal
from kalshi_ext.redact import clean_text
from kalshi_ext.transport.deadman import (
    ALIVE,
    OFF,
    READY,
    VARIABLE,
    checked_times,
    without_variables,
)

TRIGGERED: Final = 5  # exit code: it stopped trading, and nothing rests
LOOK_FOR: Final = 90.0  # seconds of one stop; then another begins
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_TICK: Final = 0.1  # seconds between looks whether the bot lives
_REST: Final = (0.5, 30.0)  # seconds between two stops: first, and at most

End = Literal["off", "died", "silent"]


@define
class Watch:
    """One bot being watched: the pipe it speaks through, and whether it lives."""

    descriptor: int
    timeout: float
    lives: Callable[[], bool]
    _heard: float | None = field(default=None)  # silence counts from the first word on

    def wait(self) -> End:
        """Wait until the bot switches off, dies or is silent for too long."""
        while True:
            ready, _, _ = select.select([self.descriptor], [], [], self._patience())
            if ready:
                words = os.read(self.descriptor, 4096)
                if OFF in words:
                    return "off"
                if not words:
                    return "died"
                if ALIVE in words:
                    self._heard = time.monotonic()
            elif not self.lives():
                return "died"
            if self._heard is not None and time.monotonic() - self._heard >= self.timeout:
                return "silent"

    def _patience(self) -> float:
        if self._heard is None:
            return _TICK
        return max(0.0, min(_TICK, self._heard + self.timeout - time.monotonic()))


def _own_key(variables: dict[str, str]) -> dict[str, str]:
    """Return variables with the switch's own key where there is one."""
    own = {name: variables.get(f"KALSHI_DEADMAN_{name}") for name in ("KEY_ID", *_KEYS)}
    if own["KEY_ID"]:
        for name, value in own.items():
            variables[f"KALSHI_{name}"] = value or ""
        variables["KALSHI_BEARER_TOKEN"] = ""
    return variables


_KEYS: Final = ("PRIVATE_KEY", "PRIVATE_KEY_PATH", "PRIVATE_KEY_PASSPHRASE")


def _client(journal: str | None, variables: dict[str, str]) -> Kalshi:
    """Build the client that stops; a file is shared with the bot, which holds it while it lives."""
    journal = journal or variables.get("KALSHI_JOURNAL")
    if journal is None:
        raise click.ClickException("a dead man's switch needs the bot's journal: $KALSHI_JOURNAL")
    if "://" in journal:
        return Kalshi.from_env(_own_key(variables), journal=journal)
    return Kalshi.from_env(_own_key(variables), journal=BesideJournal(journal))


def _stop_until_flat(client: Kalshi, why: End) -> StopReport | None:
    """Stop again and again until nothing rests: a pause ends, a network comes back."""
    rest, (_, longest) = _REST[0], _REST
    report: StopReport | None = None
    _note(client, "deadman", why=why)
    while report is None or not report.flat:
        if report is not None:
            time.sleep(rest)
            rest = min(rest * 2, longest)
        try:
            report = client.stop(deadline=LOOK_FOR)
        except Exception as error:  # noqa: BLE001 - nobody else stops: say so and go on
            _say(clean_text(f"{type(error).__name__}: {error}", 300))
            time.sleep(rest)
            continue
        _note(client, "deadman stopped", outcome=report.outcome, resting=len(report.resting))
        _say(f"the bot {_WORDS[why]}; stopped: {report.outcome}")
    return report


_WORDS: Final = {"died": "died", "silent": "went silent", "off": "switched off"}


def _note(client: Kalshi, what: str, **details: Any) -> None:
    try:
        client.run(stop.note(what, {"pid": os.getpid(), **details}))
    except Exception as error:  # noqa: BLE001 - what cannot be noted is stopped all the same
        _say(clean_text(f"{type(error).__name__}: {error}", 300))


def _say(what: str) -> None:
    # Whoever read stderr may have died with the bot.
    with suppress(OSError, ValueError):
        click.echo(f"deadman: {what}", err=True)


def _watch_parent(descriptor: int, timeout: float, client: Kalshi) -> int:
    """Watch the process that started this one through a pipe of its own."""
    parent = os.getppid()
    # They are sent to all processes of a unit or a terminal: the bot's end is what ends this one.
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    end = Watch(descriptor, timeout, lambda: os.getppid() == parent).wait()
    return 0 if end == "off" else _after(_stop_until_flat(client, end))


def _after(report: StopReport | None) -> int:
    return TRIGGERED if report is None or report.flat else EXIT[report.outcome]


def _watch_command(command: tuple[str, ...], timeout: float, client: Kalshi) -> int:
    """Run a command and watch it."""
    reader, writer = os.pipe()
    own = without_variables(os.environ, "KALSHI_DEADMAN_")  # the switch's key is not the bot's
    try:
        child = subprocess.Popen(  # noqa: S603 - the user's
            command, env={**own, VARIABLE: str(writer)}, pass_fds=(writer,)
        )
    except OSError as error:
        raise click.ClickException(f"{command[0]}: {error.strerror}") from None
    os.close(writer)
    for number in _ENDING:
        signal.signal(number, partial(_forward, child))
    end = Watch(reader, timeout, lambda: child.poll() is None).wait()
    if end == "off":
        return child.wait()
    return _after(_stop_until_flat(client, end))


def _forward(child: subprocess.Popen[bytes], number: int, frame: object) -> None:
    del frame
    child.send_signal(number)


@click.command("deadman", context_settings={"allow_interspersed_args": False})
@click.option("--journal", help="The bot's journal; default: $KALSHI_JOURNAL.")
@click.option("--timeout", type=float, default=5.0, help="Seconds of silence that stop trading.")
@click.option("--watch", type=int, hidden=True)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def deadman(
    *, journal: str | None, timeout: float, watch: int | None, command: tuple[str, ...]
) -> None:
    """Run COMMAND, and stop trading when it dies or goes silent.

    The bot says `client.deadman().alive()` in its loop, and `off()` before it ends. From its first
    word on a silence of --timeout seconds counts; a death without `off()` counts from the start.
    Then the latch is shut, and every order ended, again until nothing rests; what was done is in
    the record of stops. The bot is not killed: one that wakes up finds the latch shut.

    Credentials come from the KALSHI_ variables; KALSHI_DEADMAN_KEY_ID and
    KALSHI_DEADMAN_PRIVATE_KEY_PATH name a key of the switch's own. Exit code: the command's after
    `off()`; 5 where trading was stopped and nothing rests.
    """
    checked_times(timeout / 2, timeout)
    if (watch is None) == (not command):
        raise click.UsageError("say which command to run: kalshi-ext deadman -- python bot.py")
    # A bot that starts its switch says the variables through a pipe.
    variables = dict(os.environ) if watch is None else json.load(sys.stdin)
    with _client(journal, variables) as client:
        if watch is not None:
            code = _watch_parent(watch, timeout, client)
        else:
            code = _watch_command(command, timeout, client)
    raise click.exceptions.Exit(code)
