"""The boundary of a flow: after a send nothing but this library's own errors leaves it.

Before the first byte of a request has left, an error of any class tells the truth: nothing
happened. After it, a class that this library did not choose says nothing about what stands at the
exchange, and a Misuse says the contrary of what is known: "nothing was sent". So here they change:

    after                                a foreign error        Misuse
    nothing was sent                     as it is               as it is
    a read was sent                      Unintelligible         as it is
    a write may have been executed       OutcomeUnknown         OutcomeUnknown

DuplicateIdConflict is a Misuse that a write may end in: it tells which order stands.

What an answer can hold is met where it is decoded; this is the net below, for what nobody thought
of: an id that a journal cannot store, a cursor that makes no URL, a journal of the caller's.
"""

from __future__ import annotations

from typing import Any, TypeVar

from attrs import define

from kalshi_ext.bases import Printed
from kalshi_ext.errors import (
    DuplicateIdConflict,
    KalshiError,
    Misuse,
    OutcomeUnknown,
    Unintelligible,
)
from kalshi_ext.protocol.flow import Flow, Send
from kalshi_ext.protocol.messages import Lost
from kalshi_ext.redact import clean_text

T = TypeVar("T")


@define(eq=False, repr=False)
class Sent(Printed):
    """What left so far."""

    read: bool = False
    write: bool = False

    def add(self, send: Send, outcome: Any) -> None:
        """Take in what became of a request."""
        if isinstance(outcome, Lost) and not outcome.bytes_sent:
            return
        # By method, which is careful: the classic contract also reads by POST.
        if send.request.method == "GET":
            self.read = True
        else:
            self.write = True

    def own_error(self, error: Exception) -> Exception:
        """Return the error that may leave the flow in place of this one."""
        told = isinstance(error, KalshiError) and not (self.write and _denies_sending(error))
        if told or not (self.read or self.write):
            return error
        reason = clean_text(f"{type(error).__name__}: {error}", 300)
        if self.write:
            return OutcomeUnknown(f"a write was sent, and then the client failed: {reason}")
        return Unintelligible(f"the answer cannot be used: {reason}", reason=reason)


def _denies_sending(error: Exception) -> bool:
    return isinstance(error, Misuse) and not isinstance(error, DuplicateIdConflict)


def guarded(steps: Flow[T]) -> Flow[T]:
    """Run a flow inside another with the rule above; its effects pass through unchanged."""
    sent = Sent()
    try:
        effect = next(steps)
        while True:
            try:
                result = yield effect
            except Exception as error:  # noqa: BLE001 - of performing the effect: the flow decides
                effect = steps.throw(error)
            else:
                if isinstance(effect, Send):
                    sent.add(effect, result)
                effect = steps.send(result)
    except StopIteration as stop:
        value: T = stop.value
        return value
    except Exception as error:
        own = sent.own_error(error)
        if own is error:
            raise
        raise own from error
    finally:
        steps.close()
