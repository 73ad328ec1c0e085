"""How often each operation may be sent: one table, obeyed by every flow.

The rows stand in openapi/facade.yaml, where a person writes them, and arrive here by way of the
derived `contract/operations`. Both contracts share them, by word of the facade. Reads, and
operations that have no word yet, follow from their kind of repeat alone:

    repeat      again at once   again once proven absent
    READ        yes             yes
    CANCEL      yes             yes
    ABSOLUTE    no              yes
    KEYED       no              yes
    RELATIVE    no              no
    UNKEYED     no              no

`scripts/retry_policy.py` writes the table into docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from kalshi_ext.contract.operations import RETRY_POLICY as ROWS
from kalshi_ext.protocol.messages import Operation, Repeat


@frozen
class RetryRule:
    """What may be done after an attempt of a write that may have been executed.

    `retry_immediately` lets it be sent again without asking; `resend_when_absent` lets it be sent
    again once it is proven that it was not executed and that no copy of it can be accepted any
    more. `resolved_by` says how its outcome is found out, `reason` why all that is so.
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

# What the table does not name: reads, and operations of the generated clients.
_OTHERS: Final[Mapping[Repeat, RetryRule]] = {
    repeat: RetryRule(
        repeat,
        retry_immediately=repeat in (Repeat.READ, Repeat.CANCEL),
        resend_when_absent=repeat not in (Repeat.RELATIVE, Repeat.UNKEYED),
        resolved_by="not by itself",
        reason=repeat.value,
    )
    for repeat in Repeat
}


def retry_rule(operation: Operation) -> RetryRule:
    """Return the rule of an operation."""
    return RETRY_POLICY.get(operation.facade) or _OTHERS[operation.repeat]
