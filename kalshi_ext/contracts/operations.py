"""The operations of both contracts, ready for a conversation: one derived row each.

Everything that is known of an operation stands in two places: its document says method, path and
statuses, and openapi/facade.yaml says the word of the facade and how safe a repeat is.
`make generate` joins them in `contract/operations`; nothing is listed a second time here.
"""

from __future__ import annotations

from typing import Final

from kalshi_ext.contract.operations import OPERATIONS, OperationRow
from kalshi_ext.protocol.messages import Operation, Repeat


def operation_of(row: OperationRow) -> Operation:
    """Turn a derived row into an operation; one without a word goes by its id."""
    return Operation(
        id=row.id,
        method=row.method,
        path=row.path,
        facade=row.facade or row.id,
        repeat=Repeat[row.repeat.upper()],
        success=frozenset(row.success),
        public=row.public,
    )


def _named(contract: str) -> dict[str, Operation]:
    rows = [row for row in OPERATIONS.values() if row.contract == contract and row.facade]
    return {row.id: operation_of(row) for row in rows}


CURRENT: Final = _named("current")
CLASSIC: Final = _named("classic")


def facade_of(operation_id: str) -> str:
    """Return the facade's word for an operation of either contract; its id where it has none."""
    known = CURRENT.get(operation_id) or CLASSIC.get(operation_id)
    return known.facade if known else operation_id


FACADE_WORDS: Final = frozenset(row.facade for row in OPERATIONS.values() if row.facade)
