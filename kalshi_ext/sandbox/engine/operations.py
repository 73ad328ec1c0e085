"""The operations that the engine answers: the derived table of both contracts, not a second list.

A handler registers itself with `@handles("OperationId")`, so that an operation is added in one
file; a test holds that each operation has exactly one. The data are shared with the client, its
code is not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from kalshi_ext.contract.operations import OPERATIONS as ROWS
from kalshi_ext.contract.operations import OperationRow

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.commands import Answer

CURRENT: Final = tuple(row for row in ROWS.values() if row.contract == "current")
CLASSIC: Final = tuple(row for row in ROWS.values() if row.contract == "classic")
OPERATIONS: Final[tuple[OperationRow, ...]] = CURRENT + CLASSIC

# The classic order writes that today's exchange answers with 410 (observed since June 2026).
RETIRED: Final = frozenset(
    {
        "createOrder",
        "amendOrder",
        "decreaseOrder",
        "cancelOrder",
        "batchCreateOrders",
        "batchCancelOrders",
    }
)

# A public operation's handler takes the state and the request, any other the account in between.
Handler = Callable[..., "Answer"]
H = TypeVar("H", bound=Handler)

HANDLERS: Final[dict[str, Handler]] = {}
PUBLIC: Final = frozenset(row.id for row in OPERATIONS if row.public)


def handles(operation: str, **options: bool) -> Callable[[H], H]:
    """Register a handler for an operation; `options` are keyword arguments of each call."""

    def register(handler: H) -> H:
        if operation in HANDLERS or operation not in ROWS:
            raise ValueError(f"{operation}: handled twice, or in no contract")
        HANDLERS[operation] = partial(handler, **options)
        return handler

    return register
