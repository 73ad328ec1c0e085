"""Transfers between subaccounts: sent again under their key until the outcome is known.

A transfer carries a client_transfer_id, which the exchange refuses twice: 409
`transfer_already_applied` (documented). So a repeat moves nothing, and the answer to it tells what
became of the first: no probe is needed, and none could tell, as the list of transfers names no key.
The entry in the journal, under `transfer-` and the key, lets a crash forget none: the same call
under the same id, in any later process, goes on where it was.
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

_BUSY = "another program is busy with it"


def transfer_between_subaccounts(call: Call[None], context: Context) -> Flow[None]:
    """Do a transfer that carries a client_transfer_id; OutcomeUnknown carries it too."""
    body: dict[str, Any] = json.loads(call.request.body or b"{}")
    key = body["client_transfer_id"]
    entry = new_entry(call, None, {"kind": SUBACCOUNT_TRANSFER, **body}, (yield Now()))
    entry = evolve(entry, key=f"transfer-{key}")
    yield from serialized(entry.key, context, partial(_transfer, call, entry, key, context))


def _transfer(call: Call[None], entry: Entry, key: str, context: Context) -> Flow[None]:
    reservations: list[Reservation] = yield Record("reserve_many", ([entry],))
    maybe_executed = False
    if not reservations[0].acquired:
        earlier = reservations[0].entry
        if earlier.fingerprint != entry.fingerprint:
            raise _conflict_error(key, entry, earlier)
        if earlier.state is State.ACKNOWLEDGED:
            return
        maybe_executed = yield from _take_over_earlier(earlier, key)
    outcome: WriteOutcome[None] = yield from _send_until_known(
        call, key, context, maybe_executed=maybe_executed
    )
    yield from journal_codec.record([transition_of(entry.key, outcome, (yield Now()))])
    if not isinstance(outcome, Executed):
        raise outcome.error


def _take_over_earlier(earlier: Entry, key: str) -> Flow[bool]:
    """Take over what an earlier call left; say whether that may have been executed."""
    if earlier.state is State.RESOLVED:
        raise Misuse(f"client_transfer_id {key!r} was resolved by hand: use a new one")
    if earlier.state in REOPENABLE:
        reopened: Reservation = yield Record("reopen", (earlier.key,))
        taken_over, reason = reopened.acquired, _BUSY
    else:
        taken_over, reason = yield from _take_over_open(earlier)
    if not taken_over:
        raise OutcomeUnknown(
            f"subaccounts.transfer: {key} has no verdict yet: {reason}",
            operation=earlier.operation,
            client_transfer_id=key,
        )
    return earlier.is_open


def _take_over_open(earlier: Entry) -> Flow[tuple[bool, str]]:
    try:
        return (yield Record("take_over", (earlier.key, earlier.owner))), _BUSY
    except JournalError as error:
        # A failing journal says nothing about the earlier attempt: unknown, not unsent.
        return False, str(error.args[0])


def _send_until_known(
    call: Call[None], key: str, context: Context, *, maybe_executed: bool
) -> Flow[WriteOutcome[None]]:
    schedule = PollSchedule(context.policy, (yield Now()))
    while True:
        try:
            response = yield from send_with_retries(call, context, maybe_executed=maybe_executed)
        except Misuse as error:  # larger than its bucket, or the client is closed: not sent
            return Unknown(error) if maybe_executed else NotExecuted(error)
        outcome = judge(call, response, context, client_transfer_id=key)
        # The key names this transfer alone: that it was applied means that ours was.
        if isinstance(outcome, Unknown) and outcome.key_taken:
            return Executed(None)
        # A later refusal says nothing about an attempt that may have been executed.
        maybe_executed = maybe_executed or isinstance(outcome, Unknown)
        if not isinstance(outcome, Unknown) or schedule.expired((yield Now())):
            return outcome
        yield Sleep(schedule.next_wait())


def _conflict_error(key: str, entry: Entry, earlier: Entry) -> DuplicateIdConflict:
    when = f"{earlier.created_at:%Y-%m-%d %H:%M:%S} UTC"
    return DuplicateIdConflict(
        f"client_transfer_id {key!r} already names another transfer of {when}",
        differs=journal_codec.differences(json.loads(entry.ticket), json.loads(earlier.ticket)),
    )
