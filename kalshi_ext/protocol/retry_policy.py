"""How often each write may be sent: one table, with the reasons. The flows obey it.

`scripts/retry_policy.py` writes it into docs/reliability.md. Both contracts share it, by facade
word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import evolve, frozen

from kalshi_ext.protocol.messages import Operation, Repeat

READ, KEYED, ABSOLUTE = Repeat.READ, Repeat.KEYED, Repeat.ABSOLUTE
CANCEL, RELATIVE, UNKEYED = Repeat.CANCEL, Repeat.RELATIVE, Repeat.UNKEYED


@frozen
class RetryRule:
    """What may be done after an attempt of a write that may have been executed.

    `at_once` lets it be sent again without looking; `resent` lets it be sent again once looking
    proved that it was not executed and that no copy of it can be accepted any more. `found` says
    how its outcome is found out, `reason` why all that is so.
    """

    repeat: Repeat
    retry_immediately: bool
    resend_when_absent: bool
    resolved_by: str
    reason: str


_ORDER_LISTS = "live orders, historical orders and fills of the ticker, by client_order_id"
_REPEATED = "by the answer to the repeat"
_STATE = RetryRule(
    ABSOLUTE,
    retry_immediately=True,
    resend_when_absent=True,
    resolved_by=_REPEATED,
    reason="it names the wanted state, so a repeat ends in the same state",
)

RETRY_POLICY: Final[Mapping[str, RetryRule]] = {
    "orders.place": RetryRule(
        KEYED,
        retry_immediately=False,
        resend_when_absent=True,
        resolved_by=_ORDER_LISTS,
        reason="the exchange refuses an id twice, but how long after an order's end is unknown: "
        "so it goes again, under the same id, only once proven absent",
    ),
    "orders.place_many": RetryRule(
        KEYED,
        retry_immediately=False,
        resend_when_absent=True,
        resolved_by=_ORDER_LISTS + ", each entry for itself",
        reason="as orders.place; entries succeed and fail apart, so only the absent ones go again",
    ),
    "orders.amend": RetryRule(
        ABSOLUTE,
        retry_immediately=False,
        resend_when_absent=True,
        resolved_by="the order itself: price, total, expiry and id, read past the sending",
        reason="price and total are absolute; not at once, because a delayed first copy could "
        "undo a later change",
    ),
    "orders.decrease(to)": RetryRule(
        ABSOLUTE,
        retry_immediately=False,
        resend_when_absent=True,
        resolved_by="the order itself: what remains, read past the sending",
        reason="reduce_to is absolute; not at once, for the same reason as an amend",
    ),
    "orders.decrease": RetryRule(
        RELATIVE,
        retry_immediately=False,
        resend_when_absent=True,
        resolved_by="the order's total (filled and remaining) against the one read before the "
        "sending",
        reason="reduce_by is a difference and never goes twice: once proven not done it is "
        "rewritten as reduce_to from a fresh read; where the total tells nothing it is unknown",
    ),
    "orders.cancel": RetryRule(
        CANCEL,
        retry_immediately=True,
        resend_when_absent=True,
        resolved_by="the order itself, read until it is over; a 404 is investigated the same way",
        reason="a repeat can only find the order ended; 404 is the same for a cancelled, an "
        "executed and an unknown order, and for one on another shard",
    ),
    "orders.cancel_many": RetryRule(
        CANCEL,
        retry_immediately=True,
        resend_when_absent=True,
        resolved_by="each order for itself, as orders.cancel",
        reason="as orders.cancel",
    ),
    "orders.cancel_all": RetryRule(
        CANCEL,
        retry_immediately=True,
        resend_when_absent=True,
        resolved_by=_REPEATED,
        reason="a repeat finds nothing left; a late copy may also end orders placed meanwhile, "
        "as the exchange's own sweep of the following minute does (documented)",
    ),
    "order_groups.create": RetryRule(
        UNKEYED,
        retry_immediately=False,
        resend_when_absent=False,
        resolved_by="groups listed before and after: exactly one new one of the same limit",
        reason="no idempotency key; two that look alike cannot be told apart, so more than one "
        "new group is unknown",
    ),
    "order_groups.delete": RetryRule(
        CANCEL,
        retry_immediately=True,
        resend_when_absent=True,
        resolved_by="the list of groups, where a repeat meets 404",
        reason="a repeat can only find the group gone",
    ),
    "order_groups.reset": _STATE,
    "order_groups.trigger": evolve(
        _STATE, reason=_STATE.reason + "; it stops trading, so it must not wait"
    ),
    "order_groups.set_limit": _STATE,
    "portfolio.transfer": RetryRule(
        UNKEYED,
        retry_immediately=False,
        resend_when_absent=False,
        resolved_by="transfers listed before and after: exactly one new one of the same ends and "
        "amount",
        reason="whether the exchange honours client_transfer_id here is unknown, so it counts as "
        "having no key",
    ),
    "portfolio.set_target_allocation": _STATE,
    "subaccounts.create": RetryRule(
        UNKEYED,
        retry_immediately=False,
        resend_when_absent=False,
        resolved_by="balances listed before and after: exactly one new number",
        reason="no idempotency key",
    ),
    "subaccounts.transfer": RetryRule(
        KEYED,
        retry_immediately=True,
        resend_when_absent=True,
        resolved_by="by the repeat: 409 transfer_already_applied says that it was done; after a "
        "crash by the same call under the same id",
        reason="client_transfer_id is refused twice (documented), so a repeat moves nothing",
    ),
    "subaccounts.set_netting": _STATE,
    "account.upgrade": RetryRule(
        RELATIVE,
        retry_immediately=False,
        resend_when_absent=False,
        resolved_by="not by itself: read account.limits()",
        reason="it asks for the next level, so a repeat could ask for the one after",
    ),
}

# What the table does not name: reads, and operations of the generated clients.
_OTHERS: Final[Mapping[Repeat, RetryRule]] = {
    repeat: RetryRule(
        repeat,
        retry_immediately=repeat in (READ, CANCEL),
        resend_when_absent=repeat not in (RELATIVE, UNKEYED),
        resolved_by="not by itself",
        reason=repeat.value,
    )
    for repeat in Repeat
}


def retry_rule(operation: Operation) -> RetryRule:
    """Return the rule of an operation."""
    return RETRY_POLICY.get(operation.facade) or _OTHERS[operation.repeat]
