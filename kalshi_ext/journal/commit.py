"""The journal's commit: what is durable when, for requests that share a transaction.

Invariant: an entry is durable before the first byte of its write is sent. A flow reserves its
key and sends only after `reserve` returned with `acquired=True`; `reserve` returns only after the
transaction with the entry was synced. So after any crash each write that may be at the exchange
has an entry, and an entry without a verdict is a write to ask the exchange about.

States (`MOVES` in entry.py has every pair). The owner is the journal instance that reserved the
entry; a verdict is final.

    from                     to                       by
    -----------------------  -----------------------  ------------------------------------------
    (no entry)               intent                   anybody, `reserve`; it owns the entry then
    intent                   sent, unknown, verdict   the owner, `advance`
    intent, as reserved      not_sent                 the owner, `cancel_reservation`
    sent                     unknown, verdict         the owner, `advance`
    unknown                  verdict                  the owner, `advance`
    intent, sent, unknown    the same state           the owner, `advance`: a further attempt
    intent, sent, unknown    the same, another owner  anybody, `take_over`, once the owner is gone
    intent, sent, unknown    verdict                  a person, `settle`, once the owner is gone
    refused, not_sent        intent                   anybody, `reopen`; one of two callers gets it
    a verdict                the same, told           anybody, `mark_told`, or with the verdict
    a verdict                the same verdict         the owner, `advance`; it changes nothing

An unknown entry never becomes sent again: a resend stays unknown and raises `attempts`, for the
earlier attempt may still be executed.

Group commit: one thread (`Writer` in writer.py) takes whatever is queued, applies each request's
rule to one `UnitOfWork`, saves what changed and commits once. What arrives during that sync forms
the next group: a sync serves as many requests as there is demand, and no request waits for a timer.
What the tasks of an event loop reserve in one turn of it arrives together (async_records.py).
Each caller learns of its result after the commit:

    what failed                 what the callers learn
    --------------------------  ---------------------------------------------------------------
    one request's rule          its error, to its caller; the rest of the group is committed
    TransientError              nothing: the group runs again, ten times at most
    InvalidData                 each request runs alone; only the faulty one fails
    StoreUnavailable, or a bug  all fail by kind: JournalUnwritable (nothing was sent) for a
                                reservation, TransitionUnwritten (it happened all the same) for
                                a transition, JournalUnusable for a read or a renewal

Verdicts written behind (`conclude`): an order costs its caller one commit, that of its
reservation. Its verdict waits for the next group, whatever that is, for a tenth of a second at most
(writer.py), or for the end. Which transitions may be lost with a crash, and which not:

    transition                         durable before              because
    ---------------------------------  --------------------------  --------------------------------
    a reservation, a reopening         the sending                 the invariant above
    unknown, with attempts and reason  the look-up, the second     what a 409 said of an id, and how
                                       sending                     often it was sent, no read tells
    the same state, dated anew         the late sending            recovery counts from that date
    take_over, settle, adopt           their callers go on         others must see whose it is
    a verdict after unknown; of a      its caller hears it         a read may not find it out again
    change, a transfer, a create
    without a key
    a verdict straight from `intent`,  nothing                     lost, the entry is open, and
    of an order                                                    recovery finds the order by its
                                                                   id, or proves that none stands

`Writer` checks the state and the ownership, `writes/resolve.py` the kind. What a lost verdict
costs is a look: the entry of an order that stands becomes resolved instead of acknowledged, that of
a refused one not_sent, and its caller may be told once more.

Until it is written, nobody can tell the difference but by a crash. Every group applies the waiting
verdicts first, in their order: a read shows them, and a reservation, which may reuse their id or
intent, makes them durable with itself. Other processes see an open entry of a living owner, which
is theirs to wait for and never to take. An entry that is shared is concluded behind only while its
reservation or renewal is so recent that nobody can have declared it absent; later its verdict is
written, and contradicted, before its caller hears it.

A failure of the store keeps the verdicts for the next attempt, in a transaction of their own, so
that nobody fails with them; it is logged when it begins, and when the journal is closed without
them. A verdict that the journal refuses (somebody else ended the entry differently) is logged.

Marks (`mark_told`) never make a caller wait and cost no commit of their own while there is work:
they go with the next group that writes, or after half a second, or at the end. A mark that is
lost only lets a verdict be told once more.

Pending rollbacks: a commit may be durable although its answer was lost. Its reservations were
reported as not written, so their callers send nothing. The committer keeps these entries and
makes each of them not_sent at the start of the next group, before a request can see it as an
intent that may have been sent. Transitions are not rolled back: they say what happened.

Example. While a sync is under way, A reserves k1, B reserves k2, C advances k0 to acknowledged.
They form one group: begin, load k0 k1 k2, save, commit. The connection is lost during that
commit. A and B get JournalUnwritable and may call again; C gets TransitionUnwritten and its order
stands. The next group begins with k1 and k2: if the commit was durable after all, both become
not_sent, and A, who calls again in this group, finds k1 not_sent and reopens it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import Any, Final, cast

from attrs import define, field, frozen

from kalshi_ext.bases import Printed, Value
from kalshi_ext.journal.entry import Entry, Reservation
from kalshi_ext.journal.held import Held, Moment, clocks
from kalshi_ext.journal.rules import View, cancel_reservation, mark_told
from kalshi_ext.journal.store import InvalidData, Store, StoreError, TransientError
from kalshi_ext.journal.unit_of_work import UnitOfWork
from kalshi_ext.journal.verbs import JournalRequest, RequestKind

log = logging.getLogger("kalshi_ext.journal")

_MAX_RUNS: Final = 10  # of one group, when other processes keep getting in the way


@frozen(eq=False, repr=False)
class RequestResult(Value):
    """What a request came to. `may_pass`: the store failed, not the request."""

    value: Any = None
    error: BaseException | None = None
    may_pass: bool = False

    def deliver(self, future: Future[Any]) -> None:
        """Let the waiting caller go on."""
        if self.error is not None:
            future.set_exception(self.error)
        else:
            future.set_result(self.value)


@frozen(eq=False, repr=False)
class Group(Value):
    """What one transaction does, in this order: verdicts, marks, requests whose callers wait."""

    behind: Sequence[JournalRequest] = ()
    told: Sequence[str] = ()
    requests: Sequence[JournalRequest] = ()

    def one_by_one(self) -> list[Group]:
        """Return a group for each request."""
        return [
            *(Group(behind=[request]) for request in self.behind),
            *(Group(requests=[request]) for request in self.requests),
        ]


@define(eq=False, repr=False)
class GroupCommitter(Printed):
    """Serves groups of requests on a store. Used by one thread at a time.

    `behind` and `told` are the verdicts and marks to write with the next group. `held` learns of a
    reservation before its caller does.
    """

    store: Store
    owner: str
    now: Callable[[], datetime]
    behind: list[JournalRequest] = field(factory=list[JournalRequest])
    told: list[str] = field(factory=list[str])
    held: Held = field(factory=Held)
    _pending_rollbacks: list[Entry] = field(factory=list[Entry])
    _failing: bool = False  # the latest attempt to write verdicts behind failed

    def serve(
        self, requests: Sequence[JournalRequest], done: Callable[[], None] = lambda: None
    ) -> None:
        """Do the requests in order, commit once, call `done`, then release their callers."""
        live, began = [request for request in requests if _started(request.future)], clocks()
        # Apart while the store fails with the verdicts: whoever waits must not fail with them.
        apart = bool(live) and self._failing
        behind, self.behind = ([], self.behind) if apart else (self.behind, [])
        results = self._results(Group(behind, self._take_told(live, behind), live))
        self._keep_failed(behind, results[: len(behind)])
        answers = results[len(behind) :]
        if behind and self._failing and not self._is_writing(live):  # a full disk can be read
            answers = self._results(Group(requests=live))
        for request, result in zip(live, answers, strict=True):
            self._hold(request, result, began)
        done()  # before, for a caller that is released waits until this thread waits itself
        for request, result in zip(live, answers, strict=True):
            result.deliver(request.future)
        if apart and not any(result.may_pass for result in answers):  # it works again
            self.serve([])

    def _hold(self, request: JournalRequest, result: RequestResult, began: Moment) -> None:
        if result.error is not None:
            return
        if request.kind is RequestKind.RESERVE:
            self.held.add(reservations_in(result.value), began)
        elif request.keeps_intent:
            self.held.replace(result.value, began)
        elif request.kind is RequestKind.CHECK and request.keys:
            self.held.renew(request.keys, began)
        elif request.kind is RequestKind.CHECK:  # they are another account's now
            self.held.clear()

    def _keep_failed(
        self, behind: Sequence[JournalRequest], results: Sequence[RequestResult]
    ) -> None:
        """Keep the verdicts that the store failed to write, and log what went wrong."""
        failed = [result for result in results if result.may_pass]
        for result in results:
            refusals = [result.error] if result.error else result.value
            for refusal in () if result.may_pass else refusals:
                log.error("the journal refused an outcome: %s", refusal)
        if failed and not self._failing:
            log.error("the journal could not record %d outcomes: %s", len(failed), failed[0].error)
        if behind:
            self._failing = bool(failed)
        kept = [r for r, result in zip(behind, results, strict=True) if result.may_pass]
        self.behind[:0] = kept

    def _take_told(
        self, requests: Sequence[JournalRequest], behind: Sequence[JournalRequest]
    ) -> list[str]:
        # A group that only reads costs no sync, unless it asks for what was not told; one without
        # requests is made for them.
        reads_only = requests and not behind and not self._is_writing(requests)
        if reads_only and not any(request.asks_untold for request in requests):
            return []
        # Out of the list whatever comes: losing a mark is harmless, repeating a failure is not.
        told, self.told = self.told, []
        return told

    def _results(self, group: Group) -> list[RequestResult]:
        reason = ""
        for _ in range(_MAX_RUNS):
            try:
                return self._run(group)
            except TransientError as error:
                reason = str(error)
            except InvalidData as error:
                # The store does not say whose data: the innocent must not fail with the culprit.
                if len(each := group.one_by_one()) > 1:
                    return [result for alone in each for result in self._results(alone)]
                return _failures(group, str(error))
            except StoreError as error:
                return _failures(group, str(error), may_pass=True)
            except Exception as error:  # noqa: BLE001 - a caller must never wait for ever
                return _failures(group, f"unexpected {error!r}")
        return _failures(group, f"gave up after {_MAX_RUNS} attempts: {reason}", may_pass=True)

    def _run(self, group: Group) -> list[RequestResult]:
        unit = UnitOfWork(self.store, self.owner, self.now)
        results: list[RequestResult] = []
        concluded = {key for request in group.behind for key in request.keys}
        writing = bool(group.behind or group.told) or self._is_writing(group.requests)
        try:
            self.store.begin(writing=writing)
            # Before anything is loaded, so that what is loaded has the marks.
            if early := [key for key in group.told if key not in concluded]:
                self.store.mark_told(early)
            self._roll_back_pending(unit)
            if self.held.is_exclusive:
                unit.know(entry for request in group.behind for entry in request.known)
            unit.fetch(*_needs([*group.behind, *group.requests]))
            results += [_attempt(request.behind or request.work, unit) for request in group.behind]
            if late := [key for key in group.told if key in concluded]:
                unit.attempt(partial(mark_told, keys=late))
            results += [_attempt(request.work, unit) for request in group.requests]
            unit.flush()
            self.store.commit()
        except BaseException:
            self.store.rollback()
            # Durable or not is unknown here; rolling back what is not stored does nothing.
            reserved = [entry for result in results for entry in reservations_in(result.value)]
            self._pending_rollbacks += reserved
            raise
        self._pending_rollbacks.clear()  # only now: a failed group leaves them to the next one
        return results

    def _is_writing(self, requests: Sequence[JournalRequest]) -> bool:
        reads_only = all(request.kind is RequestKind.READ for request in requests)
        return bool(self._pending_rollbacks) or not reads_only

    def _roll_back_pending(self, unit: UnitOfWork) -> None:
        if self._pending_rollbacks:
            unit.fetch([entry.key for entry in self._pending_rollbacks], ())
        for entry in self._pending_rollbacks:
            unit.attempt(partial(cancel_reservation, reserved=entry))


def _failures(group: Group, why: str, *, may_pass: bool = False) -> list[RequestResult]:
    requests = [*group.behind, *group.requests]
    return [RequestResult(error=each.kind.failure(why), may_pass=may_pass) for each in requests]


def _started(future: Future[Any]) -> bool:
    # False for a reservation that was cancelled while it waited: it is not written at all.
    return future.running() or future.set_running_or_notify_cancel()


def _needs(requests: Sequence[JournalRequest]) -> tuple[list[str], list[str]]:
    keys = [key for request in requests for key in request.keys]
    return keys, [intent for request in requests for intent in request.intents]


def _attempt(work: Callable[[View], Any], unit: UnitOfWork) -> RequestResult:
    try:
        return RequestResult(unit.attempt(work))
    except StoreError:  # the transaction is lost, and with it the whole group
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this caller alone
        return RequestResult(error=error)


def reservations_in(value: object) -> list[Entry]:
    """Return the entries that a reservation, or several, acquired."""
    several = cast("list[object]", value) if isinstance(value, list) else [value]
    return [item.entry for item in several if isinstance(item, Reservation) and item.acquired]
