"""What one transmission of a write proved. Every write ends in one of four verdicts."""

from __future__ import annotations

import re
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import frozen

from kalshi_ext.calls import Call, Lost, Repeat, Reply
from kalshi_ext.errors import (
    Conflict,
    DuplicateOrder,
    KalshiError,
    NotSent,
    OutcomeUnknown,
    Refused,
    TransferAlreadyApplied,
)
from kalshi_ext.flow import Context, conclude, lost_error

T = TypeVar("T")

_NO_PROOF = re.compile(
    "internal|unavailable|timeout|timed_out|deadline|exist|duplicate", re.IGNORECASE
)


@frozen
class Accepted(Generic[T]):
    """The exchange said yes."""

    value: T


@frozen
class Rejected:
    """Nothing stands: the exchange said no, or no byte left."""

    error: KalshiError


@frozen
class Unproven:
    """It may or may not have been executed. `exists` when the exchange says its key is taken."""

    error: KalshiError
    exists: bool = False


Verdict: TypeAlias = Accepted[T] | Rejected | Unproven


def judge(call: Call[T], outcome: Reply | Lost, context: Context, **known: Any) -> Verdict[T]:
    """Say what an outcome proves about the write it answers."""
    if isinstance(outcome, Lost):
        error = lost_error(call.operation, outcome, **known)
        return Rejected(error) if isinstance(error, NotSent) else Unproven(error)
    try:
        return Accepted(conclude(call, outcome, context))
    except OutcomeUnknown as error:
        error.__dict__.update(known)
        return Unproven(error)
    except (DuplicateOrder, TransferAlreadyApplied) as error:
        return Unproven(error, exists=True)
    except Refused as error:
        error.__dict__.update(known)
        return Unproven(error) if _may_mean_taken(call, error) else Rejected(error)


def _may_mean_taken(call: Call[Any], error: Refused) -> bool:
    """Say whether a 409 may be the one that says the key is taken, under a code not known."""
    unknown = type(error) is Conflict
    return unknown and (error.code is None or call.operation.repeat is Repeat.KEYED)


def proves(error: Refused) -> bool:
    """Say whether the refusal of a batch's entry proves that the entry was not executed.

    An entry has no status of its own: without a code, or with one that tells of a failing server
    or of a key that is taken, it proves nothing.
    """
    return error.code is not None and not _NO_PROOF.search(error.code)
