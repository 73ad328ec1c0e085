"""What one transmission of a write proved. Every write ends in one of four verdicts."""

from __future__ import annotations

from typing import Any, Generic, TypeAlias, TypeVar

from attrs import frozen

from kalshi_ext.calls import Call, Lost, Reply
from kalshi_ext.errors import (
    DuplicateOrder,
    KalshiError,
    NotSent,
    OutcomeUnknown,
    Refused,
    TransferAlreadyApplied,
)
from kalshi_ext.flow import Context, conclude, lost_error

T = TypeVar("T")


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
        error.__dict__.update(known)
        return Unproven(error, exists=True)
    except Refused as error:
        error.__dict__.update(known)
        # A 409 without a readable code may be the one that says the key is taken.
        return Unproven(error) if error.status == 409 and error.code is None else Rejected(error)
