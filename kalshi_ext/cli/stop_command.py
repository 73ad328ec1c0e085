"""`kalshi-ext stop` and `kalshi-ext resume`: the stop button for whoever has a shell."""

from __future__ import annotations

import json
from typing import Any, Final

import click

from kalshi_ext import Kalshi, StopReport
from kalshi_ext.journal import JournalBusy
from kalshi_ext.journal.beside import BesideJournal

EXIT: Final = {"flat": 0, "resting": 3, "unknown": 4}


def open_client(journal: str | None, **options: Any) -> Kalshi:
    """Build a client from the environment; beside the process that holds the journal's file."""
    given: dict[str, Any] = {} if journal is None else {"journal": journal}
    try:
        return Kalshi.from_env(**given, **options)
    except JournalBusy as busy:
        # The button must work while the bot runs: it shares the record of stops, and no more.
        return Kalshi.from_env(journal=BesideJournal(busy.path), **options)


def _scope_options(command: Any) -> Any:
    for option in (
        click.option("--journal", help="The bot's journal; default: $KALSHI_JOURNAL."),
        click.option("--subaccount", type=int, help="Only of this subaccount."),
        click.option("--event-ticker", help="Only markets of this event."),
        click.option("--ticker", help="Only this market."),
    ):
        command = option(command)
    return command


@click.command("stop")
@_scope_options
@click.option("--deadline", type=float, help="Seconds after which it stops looking.")
@click.option("--no-verify", is_flag=True, help="Send what ends orders once, and do not look.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def stop(
    *, journal: str | None, deadline: float | None, no_verify: bool, as_json: bool, **scope: Any
) -> None:
    """Stop trading: shut the latch, end every order, and look until none rests.

    Works while the bot runs, and after it died. Credentials and journal come from the KALSHI_
    variables. Exit code 0: nothing rests. 3: something does. 4: it is not known, or was not looked
    for. Whatever the code, no order of this journal is sent until `resume`.
    """
    with open_client(journal) as client:
        report = client.stop(**scope, verify=not no_verify, deadline=deadline)
    click.echo(json.dumps(report.summary(), indent=2) if as_json else "\n".join(_lines(report)))
    if code := EXIT[report.outcome]:
        raise click.exceptions.Exit(code)


def _lines(report: StopReport) -> list[str]:
    words = {"flat": "nothing rests", "resting": "orders rest", "unknown": "NOT KNOWN to be flat"}
    counts = f"{len(report.cancelled)} cancelled, {len(report.filled)} fills meanwhile"
    lines = [f"stopped: {words[report.outcome]}; {counts}, {report.took.total_seconds():.1f} s"]
    if report.latch_error is not None:
        lines.append(f"the latch is NOT kept: {report.latch_error}")
    lines += [f"rests: {each.order.order_id}: {each.why}" for each in report.resting]
    lines += [f"may still arrive: {key}" for key in report.undecided]
    lines += [f"not read: {reason}" for reason in report.unread]
    lines += [f"not counted: {reason}" for reason in report.uncounted]
    return [_printable(line) for line in lines]


def _printable(text: str) -> str:
    # Ids and words come from outside: control characters must not reach the terminal.
    return "".join(c if c.isprintable() else "�" for c in text)


@click.command("resume")
@_scope_options
def resume(*, journal: str | None, **scope: Any) -> None:
    """Let orders go again: reset the bot's order groups, then open the latch.

    Opens every latch, or the one of the scope that is named.
    """
    with open_client(journal) as client:
        opened = client.resume(**scope)
    for latch in opened:
        click.echo(_printable(f"opened: {latch.scope}, shut at {latch.at:%Y-%m-%d %H:%M:%S} UTC"))
    if not opened:
        click.echo("no latch was shut")
