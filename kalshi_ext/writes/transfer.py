"""Transfers between subaccounts: sent again under their key until the outcome is known.

A transfer carries a client_transfer_id, which the exchange refuses twice: 409
`transfer_already_applied` (documented). So a repeat moves nothing, and the answer to it tells what
became of the first: no probe is needed, and none could tell, as the list of transfers names no key.
The entry in the journal, under `transfer-` and the key, lets a crash forget none: the same call
under the same id, in any later process, goes on where it was.
"""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import Any

from attrs import evolve

from kalshi_ext.errors import DuplicateIdConflict, KalshiError, Misuse, OutcomeUnknown
from kalshi_ext.journal import (
    REOPENABLE,
    Entry,
    JournalError,
    Reservation,
    State,
    Transition,
)
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Monotonic,
    Now,
    Record,
    Told,
    begin_call,
    send_with_retries,
)
from kalshi_ext.protocol.limits import Deadline
from kalshi_ext.protocol.messages import Call
from kalshi_ext.protocol.telling import ending
from kalshi_ext.reads.watermark import poll
from kalshi_ext.writes import journal_codec, telling
from kalshi_ext.writes.admission import refuse_in_dry_run
from kalshi_ext.writes.outcomes import (
    Executed,
    NotExecuted,
    Unknown,
    WriteOutcome,
    is_stray,
    judge,
    says_applied,
    stray_error,
    unknown_error,
)
from kalshi_ext.writes.reservation import serialized
from kalshi_ext.writes.single import new_entry

log = logging.getLogger("kalshi_ext.writes")

SUBACCOUNT_TRANSFER = "subaccount transfer"  # its kind in the journal
_BUSY = "another program is busy with it"


def transfer_between_subaccounts(
    call: Call[None], context: Context, *, deadline: Deadline | None = None
) -> Flow[None]:
    """Do a transfer that carries a client_transfer_id; OutcomeUnknown carries it too."""
    body: dict[str, Any] = json.loads(call.request.body or b"{}")
    key = body["client_transfer_id"]
    limits = yield from begin_call(context, deadline)
    yield from refuse_in_dry_run(call, context, limits)
    exchange_time = context.exchange_clock.at(limits.started)
    payload = {"kind": SUBACCOUNT_TRANSFER, **body}
    entry = new_entry(call, None, payload, (yield Now()), exchange_time)
    entry = evolve(entry, key=f"transfer-{key}")
    work = partial(_transfer, call, entry, key, context, limits)
    steps = serialized(entry.key, context, limits, call.operation.facade, work)
    yield from ending(context.events, call.operation, steps)


def _transfer(
    call: Call[None], entry: Entry, key: str, context: Context, limits: CallLimits
) -> Flow[None]:
    now: float = yield Now()
    started: float = yield Monotonic()
    reservations: list[Reservation] = yield Record("reserve_many", ([entry],))
    maybe_executed = False
    if not reservations[0].acquired:
        earlier = reservations[0].entry
        if earlier.fingerprint != entry.fingerprint:
            raise _conflict_error(key, entry, earlier)
        if earlier.state is State.ACKNOWLEDGED:
            yield Told((entry.key,))
            return
        maybe_executed = yield from _take_over_earlier(earlier, key)
    if context.shared_journal:
        limits.renewed_at, limits.renew = (started, now), partial(_renew, entry.key)
    outcome: WriteOutcome[None] = yield from _send_until_known(
        call, key, context, limits, maybe_executed=maybe_executed
    )
    yield from _record(entry.key, outcome, (yield Now()))
    if not isinstance(outcome, Unknown):
        yield Told((entry.key,))
    if not isinstance(outcome, Executed):
        raise outcome.error


def _renew(key: str) -> Flow[None]:
    """Have the journal confirm that the entry is ours. Raises JournalError where it is not."""
    yield Record("renew", ([key],))


def _record(key: str, outcome: WriteOutcome[None], now: float) -> Flow[None]:
    """Record an outcome; a journal that fails is logged, and nothing is raised."""
    if isinstance(outcome, Executed):
        transition = Transition(key, State.ACKNOWLEDGED)
    elif isinstance(outcome, Unknown):
        transition = Transition(key, State.UNKNOWN, sent_at=journal_codec.instant(now))
    else:
        transition = journal_codec.ended(key, outcome.error)
    try:
        yield Record("advance_many", ([transition],))
    except JournalError:
        # The outcome is known, and the caller must hear it. The same call settles the entry later.
        log.exception("the journal could not record an outcome")


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
    call: Call[None], key: str, context: Context, limits: CallLimits, *, maybe_executed: bool
) -> Flow[WriteOutcome[None]]:
    """Send until the answer proves something; a repeat under the key moves nothing twice."""
    latest: WriteOutcome[None] = Unknown(KalshiError("nothing was tried"))
    since: float | None = None

    def look() -> Flow[bool | None]:
        nonlocal latest, maybe_executed, since
        send = send_with_retries(call, context, maybe_executed=maybe_executed, limits=limits)
        try:
            response = yield from send
        except Misuse as error:  # larger than its bucket, or the client is closed: not sent
            latest = _not_repeated(latest, error, call, key, maybe_executed=maybe_executed)
            return True
        except JournalError as error:  # another process has the entry by now, and may send it
            latest = Unknown(_unproven(latest, error, call, key))
            return True
        latest = judge(call, response, context, client_transfer_id=key)
        if isinstance(latest, Executed) and is_stray(None, response):
            latest = Unknown(stray_error(call, client_transfer_id=key))
        # The key names this transfer alone: that it was applied means that ours was.
        if isinstance(latest, Unknown) and (latest.key_taken or says_applied(response)):
            latest = Executed(None)
        # A later refusal says nothing about an attempt that may have been executed.
        maybe_executed = maybe_executed or isinstance(latest, Unknown)
        if isinstance(latest, Unknown) and since is None:
            since = yield from telling.keyed_opened(
                context, call.operation, f"transfer-{key}", latest.error, limits
            )
        return None if isinstance(latest, Unknown) else True

    yield from poll(look, context, limits)
    result = None if isinstance(latest, Executed) else latest.error
    yield from telling.keyed_resolved(context, call.operation, f"transfer-{key}", result, since)
    return latest


def _not_repeated(
    latest: WriteOutcome[None], error: Misuse, call: Call[None], key: str, *, maybe_executed: bool
) -> WriteOutcome[None]:
    """Say what is known of a transfer whose repeat could not be sent."""
    if isinstance(latest, Unknown) and isinstance(latest.error, OutcomeUnknown):  # of this call
        return Unknown(_unproven(latest, error, call, key))
    return Unknown(error) if maybe_executed else NotExecuted(error)


def _unproven(
    latest: WriteOutcome[None], error: KalshiError, call: Call[None], key: str
) -> OutcomeUnknown:
    """Make the error of a transfer that is not sent again, and may have been executed."""
    reason = f"{call.operation.facade}: {error.args[0]}"
    if isinstance(latest, Unknown) and isinstance(latest.error, OutcomeUnknown):
        reason = f"{latest.error.args[0]}; {error.args[0]}"
    return unknown_error(call.operation, reason, client_transfer_id=key)


def _conflict_error(key: str, entry: Entry, earlier: Entry) -> DuplicateIdConflict:
    when = f"{earlier.created_at:%Y-%m-%d %H:%M:%S} UTC"
    return DuplicateIdConflict(
        f"client_transfer_id {key!r} already names another transfer of {when}",
        differs=journal_codec.differences(json.loads(entry.ticket), json.loads(earlier.ticket)),
    )
