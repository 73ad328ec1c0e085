"""Transfers between subaccounts: they carry a key, so what is in doubt is simply sent again.

Journalled, so that a crash forgets none: the same transfer under its key goes on where it was.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from attrs import evolve

from kalshi_ext.errors import DuplicateIdConflict, Misuse, OutcomeUnknown
from kalshi_ext.journal import REOPENABLE, Entry, JournalError, Reservation, State
from kalshi_ext.protocol.flow import Context, Flow, Now, Record, Sleep, send_with_retries
from kalshi_ext.protocol.messages import Call
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.create import serialized
from kalshi_ext.writes.outcomes import Executed, NotExecuted, Unknown, WriteOutcome, judge
from kalshi_ext.writes.probes import SUBACCOUNT_TRANSFER
from kalshi_ext.writes.resolve import new_entry, transition_of
from kalshi_ext.writes.watermark import PollSchedule


def transfer_between_subaccounts(call: Call[None], context: Context) -> Flow[None]:
    """Do a transfer that carries a client_transfer_id: refused the second time means done.

    Repeated under its key until the outcome is known or `resolve_within` is over; the error of
    an unknown one carries the key.
    """
    said: dict[str, Any] = json.loads(call.request.body or b"{}")
    key = said["client_transfer_id"]
    entry = new_entry(call, None, {"kind": SUBACCOUNT_TRANSFER, **said}, (yield Now()))
    entry = evolve(entry, key=f"transfer-{key}")
    yield from serialized(entry.key, context, partial(_transfer, call, entry, key, context))


def _transfer(call: Call[None], entry: Entry, key: str, context: Context) -> Flow[None]:
    claimed: list[Reservation] = yield Record("reserve_many", ([entry],))
    doubtful = False
    if not claimed[0].acquired:
        there = claimed[0].entry
        if there.fingerprint != entry.fingerprint:
            raise _conflict(key, there)
        if there.state is State.ACKNOWLEDGED:
            return
        doubtful = yield from _take_over_earlier(there, key)
    verdict: WriteOutcome[None] = yield from _send_until_known(
        call, key, context, doubtful=doubtful
    )
    yield from journal_codec.record([transition_of(entry.key, verdict, (yield Now()))])
    if not isinstance(verdict, Executed):
        raise verdict.error


def _take_over_earlier(there: Entry, key: str) -> Flow[bool]:
    """Take over what an earlier call left; say whether that may have been executed."""
    if there.state is State.RESOLVED:
        raise Misuse(f"client_transfer_id {key!r} was resolved by hand: use a new one")
    if there.state in REOPENABLE:
        reopened: Reservation = yield Record("reopen", (there.key,))
        taken, why = reopened.acquired, _BUSY
    else:
        taken, why = yield from _take_over_open(there)
    if not taken:
        raise OutcomeUnknown(
            f"subaccounts.transfer: {key} has no verdict yet: {why}",
            operation=there.operation,
            client_transfer_id=key,
        )
    return there.is_open


_BUSY = "another program is busy with it"


def _take_over_open(there: Entry) -> Flow[tuple[bool, str]]:
    try:
        return (yield Record("take_over", (there.key, there.owner))), _BUSY
    except JournalError as error:  # which says nothing about the earlier attempt
        return False, str(error.args[0])


def _send_until_known(
    call: Call[None], key: str, context: Context, *, doubtful: bool
) -> Flow[WriteOutcome[None]]:
    patience = PollSchedule(context.policy, (yield Now()))
    while True:
        try:
            outcome = yield from send_with_retries(call, context, maybe_executed=doubtful)
        except Misuse as error:  # larger than its bucket, or the client is closed: not sent
            return Unknown(error) if doubtful else NotExecuted(error)
        verdict = judge(call, outcome, context, client_transfer_id=key)
        if isinstance(verdict, Unknown) and verdict.key_taken:
            return Executed(None)
        doubtful = doubtful or isinstance(verdict, Unknown)
        if not isinstance(verdict, Unknown) or patience.expired((yield Now())):
            return verdict
        yield Sleep(patience.next_wait())


def _conflict(key: str, there: Entry) -> DuplicateIdConflict:
    when = f"{there.created_at:%Y-%m-%d %H:%M:%S} UTC"
    return DuplicateIdConflict(
        f"client_transfer_id {key!r} already names another transfer of {when}"
    )
