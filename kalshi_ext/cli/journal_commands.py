"""`kalshi-ext journal`: show, export, verify, settle and adopt the entries of a journal."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import click

from kalshi_ext import config
from kalshi_ext.cli.journal_timeline import print_timeline
from kalshi_ext.errors import KalshiError
from kalshi_ext.journal.binding import account_label
from kalshi_ext.journal.entry import FINAL, OPEN, Entry, State, Transition, utc_now
from kalshi_ext.journal.journal import Journal
from kalshi_ext.journal.open import open_journal
from kalshi_ext.journal.store import Selection, to_json

_COLUMNS: Final = (
    ("state", "STATE"),
    ("operation", "OPERATION"),
    ("ticker", "TICKER"),
    ("side", "SIDE"),
    ("count", "COUNT"),
    ("price", "PRICE"),
    ("key", "KEY"),
    ("order_id", "ORDER ID"),
    ("intent", "INTENT"),
    ("attempts", "TRIES"),
    ("created_at", "CREATED"),
)


@click.group("journal")
@click.option(
    "--journal",
    "where",
    envvar="KALSHI_JOURNAL",
    required=True,
    help="File or postgresql:// URL; also $KALSHI_JOURNAL, which keeps a password off the screen.",
)
@click.pass_context
def journal(context: click.Context, where: str) -> None:
    """Look at and settle the record of writes."""
    context.obj = where


def _open(where: str, *, readonly: bool = True) -> Journal:
    if "://" not in where and not Path(where).expanduser().exists():
        raise click.ClickException(f"{where}: there is no such journal")  # reading creates none
    try:
        return open_journal(where, readonly=readonly)
    except KalshiError as error:
        raise click.ClickException(str(error)) from None


def _filter_options(command: Any) -> Any:
    for option in (
        click.option(
            "--state",
            "states",
            multiple=True,
            type=click.Choice([state.value for state in State]),
            help="Only.",
        ),
        click.option("--open", "only_open", is_flag=True, help="Only those without a verdict."),
        click.option("--ticker", help="Only those of one market."),
        click.option("--intent", help="Only the one of this intent key."),
        click.option("--key", help="Only the one with this key."),
    ):
        command = option(command)
    return command


def _filtered(
    opened: Journal,
    *,
    states: Iterable[State],
    only_open: bool,
    ticker: str | None,
    intent: str | None,
    key: str | None,
) -> Iterator[Entry]:
    wanted: set[State] = {State(name) for name in states} | (set(OPEN) if only_open else set())
    selection = Selection(states=frozenset(wanted or State), ticker=ticker)
    for entry in _candidates(opened, selection, intent, key):
        named = key in (None, entry.key) and intent in (None, entry.intent)
        if named and selection.matches(entry):
            yield entry


def _candidates(
    opened: Journal, selection: Selection, intent: str | None, key: str | None
) -> Iterable[Entry]:
    if key is None and intent is None:
        return opened.entries(states=selection.states, ticker=selection.ticker)
    if len(opened.accounts()) > 1:  # an id or intent may name an entry of each
        return opened.entries()
    # A journal has an index for each of them: no scan of a file with years of entries.
    entry = opened.by_intent(intent or "") if key is None else opened.get(key)
    return [entry] if entry else []


@journal.command()
@click.argument("name", metavar="[KEY]", required=False)
@_filter_options
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
@click.option("--timeline", is_flag=True, help="The life of each write instead of a table.")
@click.pass_obj
def show(where: str, /, *, name: str | None, as_json: bool, timeline: bool, **filters: Any) -> None:
    """Show entries, oldest first, or the one with this KEY; also while a process uses the journal.

    SIDE and PRICE are those of the YES book: bid or ask, dollars. TRIES counts the sendings.
    `sent?` was recorded right before its first byte, and has no answer since. What is without a
    verdict may have been executed: client.recover() finds out.
    """
    if name is not None:
        if filters["key"] not in (None, name):
            raise click.UsageError("KEY and --key name two entries")
        filters["key"] = name
    with _open(where) as opened, _click_errors():
        entries = list(_filtered(opened, **filters))
    if name is not None and not entries:
        raise click.ClickException(f"no entry has the key {_printable(name)!r}")
    if as_json:
        click.echo(json.dumps([to_json(entry) for entry in entries], indent=2))
    elif timeline:
        for entry in entries:
            print_timeline(entry)
    else:
        _print_table(entries)


def _print_table(entries: list[Entry]) -> None:
    accounts = sorted({entry.account for entry in entries})
    columns = (*_COLUMNS, ("account", "ACCOUNT")) if len(accounts) > 1 else _COLUMNS
    header = [title for _, title in columns]
    rows = [header, *([_cell(entry, name) for name, _ in columns] for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(columns))]
    for row in rows:
        click.echo("  ".join(map(str.ljust, row, widths)).rstrip())
    open_count = sum(entry.is_open for entry in entries)
    of = f", of {accounts[0]}" if len(accounts) == 1 and accounts[0] else ""
    click.echo(f"{len(entries)} entries, {open_count} without a verdict{of}")


def _cell(entry: Entry, name: str) -> str:
    value = _wanted(entry, name) if name in _OF_TICKET else getattr(entry, name)
    if name == "created_at":
        return entry.created_at.strftime("%Y-%m-%d %H:%M:%SZ")
    if name == "account":
        value = value or None
    if entry.state is State.INTENT:  # its process may have died between the sending and the answer
        value = {"state": "sent?", "attempts": entry.attempts + 1}.get(name, value)
    # Ids come from outside: control characters must not reach the terminal.
    return _printable("-" if value is None else str(value))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text)


# The field of a ticket that each column shows; not every write has one.
_OF_TICKET: Final = {"side": "book_side", "count": "count", "price": "price"}


def _wanted(entry: Entry, column: str) -> object:
    try:
        ticket: Any = json.loads(entry.ticket)
        if column == "count" and ticket.get("kind") == "decrease":
            return f"-{ticket['by']}" if ticket.get("by") else f"to {ticket['to']}"
        return ticket[_OF_TICKET[column]]
    except (ValueError, TypeError, LookupError, AttributeError):  # not every write has one
        return None


@journal.command()
@_filter_options
@click.option("--output", type=click.Path(dir_okay=False), help="A new file; else the screen.")
@click.pass_obj
def export(where: str, /, *, output: str | None, **filters: Any) -> None:
    """Write entries as JSON, one a line."""
    with _open(where) as opened, _click_errors(), _output(output) as target:
        for entry in _filtered(opened, **filters):
            target.write(json.dumps(to_json(entry)) + "\n")


def _output(output: str | None) -> IO[str]:
    if output is None:
        return click.open_file("-", "w")
    # A new file that only its owner may read: tickets are trading secrets.
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.ClickException(f"--output: {error}") from None
    return os.fdopen(descriptor, "w", encoding="utf-8")


@journal.command()
@click.argument("key")
@click.option(
    "--state",
    required=True,
    type=click.Choice(sorted(state.value for state in FINAL)),
    help="The verdict.",
)
@click.option("--order-id", help="The order that stands.")
@click.option("--note", default="", help="Why; kept in the verdict.")
@click.option("--of", "account", help="The account, where the entries of several have this KEY.")
@click.pass_obj
def resolve(
    where: str, /, key: str, *, state: str, order_id: str | None, note: str, account: str | None
) -> None:
    """Give the entry KEY a verdict by hand; only when no living process drives it."""
    verdict = json.dumps({"by": "hand", "note": note, "at": utc_now().isoformat()})
    # Told: whoever says what became of it knows it.
    transition = Transition(key, State(state), order_id=order_id, verdict=verdict, told=True)
    with _open(where, readonly=False) as opened, _click_errors():
        if found := _account_of(where, key, account):
            opened.bind(found)
        before = opened.get(key)
        if before is None:
            raise click.ClickException(f"no entry has the key {key!r}")
        # With the owner just read: somebody else may have taken the entry over since.
        settled = opened.settle(key, transition, before.owner)
    click.echo(f"{_cell(settled, 'key')}: {before.state} -> {settled.state}")


def _account_of(where: str, key: str, account: str | None) -> str:
    """Find whose entry has a key; empty where none has, or where it is nobody's."""
    with _open(where) as opened:
        found = {
            entry.account: entry
            for entry in _candidates(opened, Selection(), None, key)
            if entry.key == key and account in (None, entry.account)
        }
    if len(found) > 1:
        names = ", ".join(f"--of {name!r}" for name in sorted(found))
        raise click.ClickException(f"{key!r} names an entry of several accounts; say {names}")
    return next(iter(found), "")


@journal.command()
@click.option("--environment", envvar="KALSHI_ENVIRONMENT", help="Of the client; default: demo.")
@click.option("--account", envvar="KALSHI_ACCOUNT", help="The client's account=, if it gives one.")
@click.option("--key-id", envvar="KALSHI_KEY_ID", help="Else its key id.")
@click.option("--from", "source", default="", help="Whose they are now, as show and errors say.")
@click.pass_obj
def adopt(
    where: str, /, *, environment: str | None, account: str | None, key_id: str | None, source: str
) -> None:
    """Say whose the entries of an older version are, or move them to another name or key.

    Once a journal has entries it belongs to one exchange and account, and gives its entries to no
    other. Only do this when all of them are of this account. Every option may come from the
    environment variables that the client uses.
    """
    with _click_errors():
        exchange = config.environment(environment, name="--environment")
        label = account_label(exchange.base_url, account=account, key_id=key_id)
    with _open(where, readonly=False) as opened, _click_errors():
        count = opened.adopt(label, source=source)
    click.echo(f"{count} entries: {source or 'nobody'} -> {label}")


@journal.command()
@click.pass_obj
def verify(where: str, /) -> None:
    """Check the journal for damage; exit 1 when there is any."""
    with _open(where) as opened, _click_errors():
        problems = opened.verify()
    for line in problems:
        click.echo(line)
    click.echo(f"{len(problems)} problems")
    if problems:
        raise click.exceptions.Exit(1)


@contextmanager
def _click_errors() -> Generator[None]:
    """Turn the library's errors into the command's: one line and exit 1, no traceback."""
    try:
        yield
    except KalshiError as error:
        raise click.ClickException(str(error)) from None
