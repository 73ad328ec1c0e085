"""What the requests of a journal do, on a view of the store that is written once a group.

A request changes the view or raises, and a raised one leaves no trace in it: that is what keeps
the others of its group whole, without a savepoint in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any, Final, TypeVar, cast

from attrs import define, field, frozen

from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.journal.entry import (
    REOPENABLE,
    Entry,
    Reservation,
    State,
    Transition,
    advance,
    changed,
    reopened,
)
from kalshi_ext.journal.errors import (
    IllegalTransition,
    JournalUnusable,
    JournalUnwritable,
    NotOwner,
    TransitionUnwritten,
    UnknownKey,
)
from kalshi_ext.journal.store import InvalidData, Selection, Store, StoreError, TransientError

T = TypeVar("T")


@define
class UnitOfWork:
    """The rows one group of requests sees and changes."""

    store: Store
    owner: str
    now: Callable[[], datetime]
    _rows: dict[str, Entry | None] = field(factory=dict[str, Entry | None])
    _keys_by_intent: dict[str, str | None] = field(factory=dict[str, str | None])
    _staged: dict[str, Entry] = field(factory=dict[str, Entry])
    _staged_intents: dict[str, str] = field(factory=dict[str, str])
    # dicts keep the order of arrival, sets do not
    _new: dict[str, None] = field(factory=dict[str, None])
    _changed: dict[str, None] = field(factory=dict[str, None])

    def fetch(self, keys: Iterable[str], intents: Iterable[str]) -> None:
        """Load what is not in the view yet, in one question to the store."""
        unseen = [key for key in dict.fromkeys(keys) if key not in self._rows]
        unnamed = [name for name in dict.fromkeys(intents) if name not in self._keys_by_intent]
        if not unseen and not unnamed:
            return
        self._rows.update(dict.fromkeys(unseen))
        self._keys_by_intent.update(dict.fromkeys(unnamed))
        for entry in self.store.load(unseen, unnamed):
            self._notice(entry)

    def _notice(self, entry: Entry) -> None:
        if self._rows.get(entry.key) is None:
            self._rows[entry.key] = entry
        if entry.intent is not None:
            self._keys_by_intent[entry.intent] = entry.key

    def find(self, key: str) -> Entry | None:
        """Return the entry under a key."""
        if key in self._staged:
            return self._staged[key]
        if key not in self._rows:
            self.fetch([key], ())
        return self._rows[key]

    def find_intent(self, intent: str) -> Entry | None:
        """Return the entry of an intent."""
        if intent not in self._keys_by_intent:
            self.fetch((), [intent])
        key = self._staged_intents.get(intent) or self._keys_by_intent[intent]
        return None if key is None else self.find(key)

    def put(self, entry: Entry) -> Entry:
        """Stage an entry until the running request has ended well."""
        self._staged[entry.key] = entry
        if entry.intent is not None:
            self._staged_intents[entry.intent] = entry.key
        return entry

    def attempt(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run one request; keep what it staged only when it returns."""
        try:
            result = work(self)
            self._keep()
        finally:
            self._staged.clear()
            self._staged_intents.clear()
        return result

    def _keep(self) -> None:
        for key, entry in self._staged.items():
            fresh = self._rows.get(key) is None or key in self._new
            (self._new if fresh else self._changed)[key] = None
            self._notice(entry)
            self._rows[key] = entry

    def flush(self) -> None:
        """Write what changed into the store's transaction."""
        new = [entry for key in self._new if (entry := self._rows[key])]
        old = [entry for key in self._changed if (entry := self._rows[key])]
        if new or old:
            self.store.save(new, old)
        self._new.clear()
        self._changed.clear()


def reserve(sheet: UnitOfWork, entry: Entry) -> Reservation:
    """Insert an entry unless its key, or else its intent, is taken."""
    if entry.state is not State.INTENT:
        raise Misuse(f"state: a claim starts as intent, got {entry.state}")
    found = sheet.find(entry.key)
    if found is None and entry.intent is not None:
        found = sheet.find_intent(entry.intent)
    if found is not None:
        return Reservation(found, acquired=False)
    return Reservation(sheet.put(changed(entry, owner=sheet.owner)), acquired=True)


def reopen(sheet: UnitOfWork, key: str) -> Reservation:
    """Make a refused or never sent entry an intent of ours; not mine when it is neither."""
    found = _known(sheet, key)
    if found.state not in REOPENABLE:
        return Reservation(found, acquired=False)
    return Reservation(
        sheet.put(reopened(found, owner=sheet.owner, now=sheet.now())), acquired=True
    )


def apply(sheet: UnitOfWork, made: Transition) -> Entry:
    """Apply a mark to an entry of ours."""
    found = _known(sheet, made.key)
    if found.owner != sheet.owner:
        raise NotOwner(f"entry {made.key} is driven by {found.owner}", owner=found.owner)
    advanced = advance(found, made, now=sheet.now())
    return found if advanced == found else sheet.put(advanced)


def _known(sheet: UnitOfWork, key: str) -> Entry:
    found = sheet.find(key)
    if found is None:
        raise UnknownKey(f"no entry has the key {key!r}")
    return found


def cancel_reservation(sheet: UnitOfWork, claimed: Entry) -> None:
    """Take back a claim whose caller never learned of it; does nothing once it went on."""
    found = sheet.find(claimed.key)
    if found is not None and found == claimed:
        sheet.put(advance(found, Transition(found.key, State.NOT_SENT), now=sheet.now()))


def take_over(sheet: UnitOfWork, key: str, from_owner: str) -> bool:
    """Move an open entry of a dead owner to us; say whether it is open and ours now."""
    found = sheet.find(key)
    if found is None or not found.is_open:
        return False
    if found.owner == sheet.owner:
        return True
    if found.owner != from_owner or sheet.store.alive(from_owner):
        return False
    sheet.put(changed(found, owner=sheet.owner, updated_at=max(sheet.now(), found.updated_at)))
    return True


EntryPage = list[tuple[int, Entry]]


def page(sheet: UnitOfWork, selection: Selection, after: int, limit: int) -> EntryPage:
    """List entries of the store, with what this group changed so far."""
    sheet.flush()
    return sheet.store.select(selection, after, limit)


_PAGE = 500


def everything(sheet: UnitOfWork, selection: Selection) -> list[Entry]:
    """List all entries of a selection at once."""
    listed: EntryPage = []
    while part := page(sheet, selection, listed[-1][0] if listed else -1, _PAGE):
        listed += part
    return [entry for _, entry in listed]


def settle(sheet: UnitOfWork, key: str, made: Transition, from_owner: str) -> Entry:
    """Take an entry over and give it a person's verdict, in one step."""
    if not take_over(sheet, key, from_owner):
        found = _known(sheet, key)
        state = "driven by a living process" if found.is_open else f"already {found.state}"
        raise IllegalTransition(f"entry {key} is {state}", entry=found)
    return apply(sheet, made)


_RUNS: Final = 10  # of one group, when others keep getting in the way


class RequestKind(Enum):
    """What a request does; its failure says what the caller knows then."""

    RESERVE = "reserve"
    ADVANCE = "advance"
    READ = "read"


@frozen(eq=False)
class JournalRequest:
    """One thing to do, and the future that learns of it after the commit.

    `keys` and `intents` are loaded before, together with those of the whole group.
    """

    kind: RequestKind
    work: Callable[[UnitOfWork], Any]
    keys: Sequence[str] = ()
    intents: Sequence[str] = ()
    future: Future[Any] = field(factory=Future[Any])

    def failure(self, why: str) -> KalshiError:
        """Build the error of this request when the journal itself fails."""
        if self.kind is RequestKind.RESERVE:
            return JournalUnwritable(f"journal: {why}")
        if self.kind is RequestKind.ADVANCE:
            return TransitionUnwritten(f"journal: {why}")
        return JournalUnusable(f"journal: {why}")


@frozen
class RequestResult:
    """What a request came to."""

    value: Any = None
    error: BaseException | None = None

    def deliver(self, future: Future[Any]) -> None:
        """Let the waiting caller go on."""
        if self.error is not None:
            future.set_exception(self.error)
        else:
            future.set_result(self.value)


@define
class GroupCommitter:
    """Serves groups of requests on a store. Used by one thread at a time.

    `_owed` holds the claims whose callers were told "not written" although the store may keep
    them all the same (a commit whose answer got lost): each is withdrawn with the next group.
    """

    store: Store
    owner: str
    now: Callable[[], datetime]
    _owed: list[Entry] = field(factory=list[Entry])

    def serve(self, requests: Sequence[JournalRequest]) -> None:
        """Do the requests in order, commit once, then release their callers."""
        live = [request for request in requests if _begun(request.future)]
        for request, outcome in zip(live, self._outcomes(live), strict=True):
            outcome.deliver(request.future)

    def _outcomes(self, requests: Sequence[JournalRequest]) -> list[RequestResult]:
        reason = ""
        for _ in range(_RUNS):
            try:
                return self._once(requests)
            except TransientError as again:
                reason = str(again)
            except InvalidData as error:
                if len(requests) > 1:
                    return [
                        outcome for request in requests for outcome in self._outcomes([request])
                    ]
                return self._failed(requests, str(error))
            except StoreError as error:
                return self._failed(requests, str(error))
            except Exception as error:  # noqa: BLE001 - a caller must never wait for ever
                return self._failed(requests, f"unexpected {error!r}")
        return self._failed(requests, f"gave up after {_RUNS} attempts: {reason}")

    def _failed(self, requests: Sequence[JournalRequest], why: str) -> list[RequestResult]:
        return [RequestResult(error=request.failure(why)) for request in requests]

    def _once(self, requests: Sequence[JournalRequest]) -> list[RequestResult]:
        sheet = UnitOfWork(self.store, self.owner, self.now)
        outcomes: list[RequestResult] = []
        try:
            writing = bool(self._owed) or any(r.kind is not RequestKind.READ for r in requests)
            self.store.begin(writing=writing)
            self._withdraw_owed(sheet)
            sheet.fetch(*_needs(requests))
            outcomes += [_attempt(request, sheet) for request in requests]
            sheet.flush()
            self.store.commit()
        except BaseException:
            self.store.rollback()
            self._owed += [entry for one in outcomes for entry in reservations_in(one.value)]
            raise
        self._owed.clear()
        return outcomes

    def _withdraw_owed(self, sheet: UnitOfWork) -> None:
        if self._owed:
            sheet.fetch([entry.key for entry in self._owed], ())
        for entry in self._owed:
            sheet.attempt(partial(cancel_reservation, claimed=entry))


def _begun(future: Future[Any]) -> bool:
    return future.running() or future.set_running_or_notify_cancel()


def _needs(requests: Sequence[JournalRequest]) -> tuple[list[str], list[str]]:
    keys = [key for request in requests for key in request.keys]
    return keys, [intent for request in requests for intent in request.intents]


def _attempt(request: JournalRequest, sheet: UnitOfWork) -> RequestResult:
    try:
        return RequestResult(sheet.attempt(request.work))
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this caller alone
        return RequestResult(error=error)


def reservations_in(value: object) -> list[Entry]:
    """Return the entries that a claim, or several, made the caller's."""
    several = cast("list[object]", value) if isinstance(value, list) else [value]
    return [one.entry for one in several if isinstance(one, Reservation) and one.acquired]
