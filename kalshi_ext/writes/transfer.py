"""Transfers between subaccounts: they carry a key, so what is in doubt is simply sent again.

Journalled, so that a crash forgets none: the same transfer under its key goes on where it was.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from attrs import evolve

from kalshi_ext.errors import DuplicateIdConflict, Misuse, OutcomeUnknown
from kalshi_ext.journal import REOPENABLE, Claimed, Entry, JournalError, State
from kalshi_ext.protocol.flow import Context, Flow, Now, Record, Sleep, transmit
from kalshi_ext.protocol.messages import Call
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.create import alone
from kalshi_ext.writes.outcomes import Accepted, Rejected, Unproven, Verdict, judge
from kalshi_ext.writes.probes import KIND
from kalshi_ext.writes.resolve import make_entry, mark_of
from kalshi_ext.writes.watermark import Patience


def keyed_transfer(call: Call[None], context: Context) -> Flow[None]:
    """Do a transfer that carries a client_transfer_id: refused the second time means done.

    Repeated under its key until the outcome is known or `resolve_within` is over; the error of
    an unknown one carries the key.
    """
    said: dict[str, Any] = json.loads(call.request.body or b"{}")
    key = said["client_transfer_id"]
    entry = make_entry(call, None, {"kind": KIND, **said}, (yield Now()))
    entry = evolve(entry, key=f"transfer-{key}")
    yield from alone(entry.key, context, partial(_transfer, call, entry, key, context))


def _transfer(call: Call[None], entry: Entry, key: str, context: Context) -> Flow[None]:
    claimed: list[Claimed] = yield Record("claim_many", ([entry],))
    doubtful = False
    if not claimed[0].mine:
        there = claimed[0].entry
        if there.fingerprint != entry.fingerprint:
            raise _conflict(key, there)
        if there.state is State.ACKNOWLEDGED:
            return
        doubtful = yield from _taken_up(there, key)
    verdict: Verdict[None] = yield from _sent(call, key, context, doubtful=doubtful)
    yield from journal_codec.record([mark_of(entry.key, verdict, (yield Now()))])
    if not isinstance(verdict, Accepted):
        raise verdict.error


def _taken_up(there: Entry, key: str) -> Flow[bool]:
    """Take over what an earlier call left; say whether that may have been executed."""
    if there.state is State.RESOLVED:
        raise Misuse(f"client_transfer_id {key!r} was resolved by hand: use a new one")
    if there.state in REOPENABLE:
        reopened: Claimed = yield Record("reopen", (there.key,))
        taken, why = reopened.mine, _BUSY
    else:
        taken, why = yield from _taken_over(there)
    if not taken:
        raise OutcomeUnknown(
            f"subaccounts.transfer: {key} has no verdict yet: {why}",
            operation=there.operation,
            client_transfer_id=key,
        )
    return there.is_open


_BUSY = "another program is busy with it"


def _taken_over(there: Entry) -> Flow[tuple[bool, str]]:
    try:
        return (yield Record("take_over", (there.key, there.owner))), _BUSY
    except JournalError as error:  # which says nothing about the earlier attempt
        return False, str(error.args[0])


def _sent(call: Call[None], key: str, context: Context, *, doubtful: bool) -> Flow[Verdict[None]]:
    patience = Patience(context.policy, (yield Now()))
    while True:
        try:
            outcome = yield from transmit(call, context, doubtful=doubtful)
        except Misuse as error:  # larger than its bucket, or the client is closed: not sent
            return Unproven(error) if doubtful else Rejected(error)
        verdict = judge(call, outcome, context, client_transfer_id=key)
        if isinstance(verdict, Unproven) and verdict.exists:
            return Accepted(None)
        doubtful = doubtful or isinstance(verdict, Unproven)
        if not isinstance(verdict, Unproven) or patience.over((yield Now())):
            return verdict
        yield Sleep(patience.wait())


def _conflict(key: str, there: Entry) -> DuplicateIdConflict:
    when = f"{there.created_at:%Y-%m-%d %H:%M:%S} UTC"
    return DuplicateIdConflict(
        f"client_transfer_id {key!r} already names another transfer of {when}"
    )
