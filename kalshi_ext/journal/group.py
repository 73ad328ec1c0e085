"""Group commit: many requests, one transaction, one sync."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Any, Final, cast

from attrs import define, field, frozen

from kalshi_ext.errors import KalshiError
from kalshi_ext.journal import ledger
from kalshi_ext.journal.entry import Claimed, Entry
from kalshi_ext.journal.errors import JournalUnusable, JournalUnwritable, MarkUnwritten
from kalshi_ext.journal.ledger import Sheet
from kalshi_ext.journal.store import Again, Rejected, Store, StoreError

_RUNS: Final = 10  # of one group, when others keep getting in the way


class Kind(Enum):
    """What a request does; its failure says what the caller knows then."""

    CLAIM = "claim"
    MARK = "mark"
    READ = "read"


@frozen(eq=False)
class Request:
    """One thing to do, and the future that learns of it after the commit.

    `keys` and `intents` are loaded before, together with those of the whole group.
    """

    kind: Kind
    work: Callable[[Sheet], Any]
    keys: Sequence[str] = ()
    intents: Sequence[str] = ()
    future: Future[Any] = field(factory=Future[Any])

    def failure(self, why: str) -> KalshiError:
        """Build the error of this request when the journal itself fails."""
        if self.kind is Kind.CLAIM:
            return JournalUnwritable(f"journal: {why}")
        if self.kind is Kind.MARK:
            return MarkUnwritten(f"journal: {why}")
        return JournalUnusable(f"journal: {why}")


@frozen
class Outcome:
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
class Desk:
    """Serves groups of requests on a store. Used by one thread at a time.

    `_owed` holds the claims whose callers were told "not written" although the store may keep
    them all the same (a commit whose answer got lost): each is withdrawn with the next group.
    """

    store: Store
    owner: str
    now: Callable[[], datetime]
    _owed: list[Entry] = field(factory=list[Entry])

    def serve(self, requests: Sequence[Request]) -> None:
        """Do the requests in order, commit once, then release their callers."""
        live = [request for request in requests if _begun(request.future)]
        for request, outcome in zip(live, self._outcomes(live), strict=True):
            outcome.deliver(request.future)

    def _outcomes(self, requests: Sequence[Request]) -> list[Outcome]:
        reason = ""
        for _ in range(_RUNS):
            try:
                return self._once(requests)
            except Again as again:
                reason = str(again)
            except Rejected as error:
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

    def _failed(self, requests: Sequence[Request], why: str) -> list[Outcome]:
        return [Outcome(error=request.failure(why)) for request in requests]

    def _once(self, requests: Sequence[Request]) -> list[Outcome]:
        sheet = Sheet(self.store, self.owner, self.now)
        outcomes: list[Outcome] = []
        try:
            writing = bool(self._owed) or any(r.kind is not Kind.READ for r in requests)
            self.store.begin(writing=writing)
            self._withdraw_owed(sheet)
            sheet.fetch(*_needs(requests))
            outcomes += [_attempt(request, sheet) for request in requests]
            sheet.flush()
            self.store.commit()
        except BaseException:
            self.store.rollback()
            self._owed += [entry for one in outcomes for entry in claims_in(one.value)]
            raise
        self._owed.clear()
        return outcomes

    def _withdraw_owed(self, sheet: Sheet) -> None:
        if self._owed:
            sheet.fetch([entry.key for entry in self._owed], ())
        for entry in self._owed:
            sheet.attempt(partial(ledger.withdraw, claimed=entry))


def _begun(future: Future[Any]) -> bool:
    return future.running() or future.set_running_or_notify_cancel()


def _needs(requests: Sequence[Request]) -> tuple[list[str], list[str]]:
    keys = [key for request in requests for key in request.keys]
    return keys, [intent for request in requests for intent in request.intents]


def _attempt(request: Request, sheet: Sheet) -> Outcome:
    try:
        return Outcome(sheet.attempt(request.work))
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to this caller alone
        return Outcome(error=error)


def claims_in(value: object) -> list[Entry]:
    """Return the entries that a claim, or several, made the caller's."""
    several = cast("list[object]", value) if isinstance(value, list) else [value]
    return [one.entry for one in several if isinstance(one, Claimed) and one.mine]
