"""The largest page of each list that states one: the maximum of its parameter `limit`.

Derived by `make generate` from openapi/portfolio.yaml and openapi/classic.yaml; do not edit.
"""

from __future__ import annotations

from typing import Final

# By operation; rows.
PAGE_SIZES: Final[dict[str, int]] = {
    "GetDeposits": 500,
    "GetFills": 1000,
    "GetFillsHistorical": 1000,
    "GetHistoricalOrders": 1000,
    "GetHistoricalPositions": 1000,
    "GetIntraExchangeInstanceTransfers": 500,
    "GetMarkets": 1000,
    "GetOrders": 1000,
    "GetPositions": 1000,
    "GetSettlements": 1000,
    "GetSubaccountTransfers": 1000,
    "GetTrades": 1000,
    "GetWithdrawals": 500,
    "getFills": 200,
    "getOrderGroups": 200,
    "getOrders": 200,
    "getPositions": 200,
    "getSettlements": 200,
}
