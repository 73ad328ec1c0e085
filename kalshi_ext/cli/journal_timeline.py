"""The life of one write, as its journal entry tells it: a line a moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, cast

import click

from kalshi_ext.journal.entry import Entry, State

# What a state says of a write, to a person.
_STATES: Final = {
    State.INTENT: "recorded; no answer since: it was sent, unless its process died right then",
    State.SENT: "sent; no answer since",
    State.UNKNOWN: "its answer proved nothing: it may have been executed; recover() looks it up",
    State.ACKNOWLEDGED: "the exchange acknowledged it",
    State.REFUSED: "the exchange refused it: nothing stands",
    State.NOT_SENT: "it never left, or is proven absent: nothing stands",
    State.RESOLVED: "a look at the exchange, or a person, settled it",
}


_HEAD: Final = frozenset({"client_order_id", "intent", "ticker"})  # told before


def print_timeline(entry: Entry) -> None:
    """Print the moments of an entry, with the seconds since it was recorded."""
    click.echo(_clean(f"{entry.key}  {entry.operation}  {entry.ticker or '-'}"))
    for moment, text in _moments(entry):
        seconds = (moment - entry.created_at).total_seconds()
        click.echo(_clean(f"  {moment:%Y-%m-%d %H:%M:%S.%f}Z  {seconds:+10.3f} s  {text}"))


def _moments(entry: Entry) -> Iterator[tuple[datetime, str]]:
    """Walk what happened, in its order; stamps are this machine's clock."""
    by = f" by {entry.owner}" if entry.owner else ""
    intent = f", intent {entry.intent}" if entry.intent else ""
    yield entry.created_at, f"recorded{by}{intent}: {_wanted(entry)}"
    if entry.exchange_time is not None:
        yield entry.created_at, f"the exchange's time then was {entry.exchange_time:%H:%M:%S}Z"
    if entry.sent_at is not None:
        yield entry.sent_at, f"sent; of {entry.attempts} attempts the latest"
    order = f": order {entry.order_id}" if entry.order_id else ""
    yield entry.updated_at, f"{entry.state}: {_STATES[entry.state]}{order}"
    yield from ((entry.updated_at, line) for line in _verdict(entry))
    if not entry.is_open:
        told = "the caller has heard it" if entry.told else "recover() will tell it"
        yield entry.updated_at, told


def _wanted(entry: Entry) -> str:
    ticket = _parsed(entry.ticket)
    shown = {k: v for k, v in ticket.items() if v not in (None, "", False) and k not in _HEAD}
    return " ".join(f"{name}={value}" for name, value in shown.items()) or "-"


def _verdict(entry: Entry) -> Iterator[str]:
    verdict = _parsed(entry.verdict or "{}")
    for name in ("error", "status", "code", "message", "by", "note", "exists"):
        if verdict.get(name):
            yield f"{name}: {verdict[name]}"


def _parsed(text: str) -> dict[str, Any]:
    with suppress(ValueError):  # of a later version, or damaged
        value: object = json.loads(text)
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
    return {}


def _clean(text: str) -> str:
    """Keep control characters from outside away from the terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
