"""The operations that the engine answers: the derived table of both contracts, not a second list.

Handlers stand beside the engine's door (`engine.py`), by operationId; a test holds that each
operation has one. The data are shared with the client, its code is not.
"""

from __future__ import annotations

from typing import Final

from kalshi_ext.contract.operations import OPERATIONS as ROWS
from kalshi_ext.contract.operations import OperationRow

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
