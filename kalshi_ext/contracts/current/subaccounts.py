"""Subaccounts in the current contract; answers are read by `contracts/decode_portfolio`."""

# pyright: reportPrivateUsage=false
# The generated `_get_kwargs` builds a request without sending it; there is no public way to it.

from __future__ import annotations

from uuid import UUID

from kalshi_portfolio import models as m
from kalshi_portfolio.api import portfolio as api

from kalshi_ext.contract import types as shapes
from kalshi_ext.contracts.current.orders import or_unset
from kalshi_ext.contracts.current.portfolio import paged
from kalshi_ext.contracts.decode_portfolio import (
    decode_netting,
    decode_subaccount_balance,
    decode_subaccount_transfer,
)
from kalshi_ext.contracts.decoding import build_request, decode_nothing
from kalshi_ext.contracts.interface import Interface
from kalshi_ext.contracts.operations import CURRENT as OPERATIONS
from kalshi_ext.contracts.rows import Row
from kalshi_ext.models import NettingConfig, SubaccountBalance, SubaccountTransfer
from kalshi_ext.protocol.messages import Call, Document, Page
from kalshi_ext.requests.filters import ListQuery


class CurrentSubaccounts(Interface):
    """Subaccounts 0 to 63; amounts travel in cents, balances come back in dollars (documented)."""

    def create(self, exchange_index: int | None) -> Call[int]:
        def decode(document: Document) -> int:
            row = Row(document, shapes.CreateSubaccountResponse)
            return row.required_whole("subaccount_number")

        # An empty body is refused as invalid_content_type (observed), so `{}` goes at least.
        body = m.CreateSubaccountRequest(exchange_index=or_unset(exchange_index))
        kwargs = api.create_subaccount._get_kwargs(body=body)
        return Call(OPERATIONS["CreateSubaccount"], build_request(kwargs), decode)

    def balances(self) -> Call[Page[SubaccountBalance]]:
        kwargs = api.get_subaccount_balances._get_kwargs()
        shape = shapes.SubaccountBalance
        name, key = "GetSubaccountBalances", "subaccount_balances"
        return paged(name, kwargs, key, shape, decode_subaccount_balance)

    def transfer(
        self,
        transfer_id: str,
        from_subaccount: int,
        to_subaccount: int,
        cents: int,
        exchange_index: int | None,
    ) -> Call[None]:
        body = m.ApplySubaccountTransferRequest(
            client_transfer_id=UUID(transfer_id),
            from_subaccount=from_subaccount,
            to_subaccount=to_subaccount,
            amount_cents=cents,
            exchange_index=or_unset(exchange_index),
        )
        kwargs = api.apply_subaccount_transfer._get_kwargs(body=body)
        return Call(OPERATIONS["ApplySubaccountTransfer"], build_request(kwargs), decode_nothing)

    def transfers(self, query: ListQuery) -> Call[Page[SubaccountTransfer]]:
        query.refuse_all_but("current")
        size = query.page_size("GetSubaccountTransfers")
        kwargs = api.get_subaccount_transfers._get_kwargs(limit=or_unset(size))
        shape = shapes.SubaccountTransfer
        name = "GetSubaccountTransfers"
        return paged(name, kwargs, "transfers", shape, decode_subaccount_transfer)

    def netting(self) -> Call[Page[NettingConfig]]:
        kwargs = api.get_subaccount_netting._get_kwargs()
        shape = shapes.SubaccountNettingConfig
        return paged("GetSubaccountNetting", kwargs, "netting_configs", shape, decode_netting)

    def set_netting(self, subaccount: int, enabled: bool) -> Call[None]:
        body = m.UpdateSubaccountNettingRequest(subaccount_number=subaccount, enabled=enabled)
        kwargs = api.update_subaccount_netting._get_kwargs(body=body)
        return Call(OPERATIONS["UpdateSubaccountNetting"], build_request(kwargs), decode_nothing)
