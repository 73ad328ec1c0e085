"""The retry policy of each operation: one table, obeyed by every flow.

What may be done after an attempt that may have been executed depends on what a second execution
would do. An operation without a row of its own, such as a read, follows its kind (`Repeat`):

    kind      a second execution              retry immediately   resend when absent
    READ      changes nothing                 yes                 yes
    CANCEL    finds it ended                  yes                 yes
    ABSOLUTE  ends in the same state          no                  yes
    KEYED     is refused: it has a key        no                  yes
    RELATIVE  doubles the difference          no                  no
    UNKEYED   creates a second one            no                  no

`retry_immediately` is the fast path (`protocol/flow.py`): no look-up. `resend_when_absent` is the
slow one (`writes/`), after a look-up proved that the write was not executed; the first is never set
without the second. A row may be stricter than its kind or looser, with its reason: an amend is
absolute, yet a delayed first copy could undo a later change.

The rows are written by hand in openapi/facade.yaml and arrive here through the derived
`contract/operations`; both contracts share them, by facade word. `scripts/retry_policy.py` writes
them into docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from kalshi_ext.bases import Value
from kalshi_ext.contract.operations import RETRY_POLICY as ROWS
from kalshi_ext.protocol.messages import Operation, Repeat


@frozen(eq=False, repr=False)
class RetryRule(Value):
    """What may be done after an attempt of a write that may have been executed.

    `retry_immediately` allows a retry without looking the outcome up. `resend_when_absent` allows
    one after a look-up proved that the write was not executed and that no copy of it can be
    accepted any more. `resolved_by` says how the outcome is looked up, `reason` why all that is so.
    """

    repeat: Repeat
    retry_immediately: bool
    resend_when_absent: bool
    resolved_by: str
    reason: str


RETRY_POLICY: Final[Mapping[str, RetryRule]] = {
    word: RetryRule(
        repeat=Repeat[row.repeat.upper()],
        retry_immediately=row.immediately,
        resend_when_absent=row.when_absent,
        resolved_by=row.resolved_by,
        reason=row.reason,
    )
    for word, row in ROWS.items()
}

# For what the table does not name: reads, and operations of the generated clients.
_DEFAULTS: Final[Mapping[Repeat, RetryRule]] = {
    repeat: RetryRule(
        repeat,
        retry_immediately=repeat in (Repeat.READ, Repeat.CANCEL),
        resend_when_absent=repeat not in (Repeat.RELATIVE, Repeat.UNKEYED),
        resolved_by="not by itself",
        reason=repeat.value,
    )
    for repeat in Repeat
}


# What to do about a write whose outcome stayed unknown, by whether it may go again at once. Orders
# are not named: theirs is the advice of OutcomeUnknown itself.
_UNKNOWN_ADVICE: Final[Mapping[tuple[Repeat, bool], str]] = {
    (Repeat.CANCEL, True): "call it again: a repeat can only find it done",
    (Repeat.ABSOLUTE, True): "call it again: it names the wanted state",
    (Repeat.KEYED, True): "call it again with the same id: it is executed once",
    (Repeat.ABSOLUTE, False): "read the order before you change it again, or call client.recover()",
    (Repeat.RELATIVE, False): "do not send it again before a read shows whether it was executed",
    (Repeat.UNKEYED, False): "do not send it again before its list shows whether it was executed",
}


def advice_when_unknown(operation: Operation) -> str | None:
    """Say what to do about a write of unknown outcome; None for what OutcomeUnknown advises."""
    rule = retry_rule(operation)
    return _UNKNOWN_ADVICE.get((rule.repeat, rule.retry_immediately))


def retry_rule(operation: Operation) -> RetryRule:
    """Return the rule of an operation: its row, else the default of its kind."""
    return RETRY_POLICY.get(operation.facade) or _DEFAULTS[operation.repeat]
