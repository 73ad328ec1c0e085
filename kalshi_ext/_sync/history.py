# Derived from kalshi_ext/_async/history.py by scripts/unasync.py; do not edit.
"""client.history: what has moved out of the live lists, and complete lists over both."""

from __future__ import annotations

from kalshi_ext._sync.complete import CompleteRows
from kalshi_ext._sync.resource import Resource
from kalshi_ext._sync.rows import Rows
from kalshi_ext.models import Fill, HistoricalCutoff, Order, Position
from kalshi_ext.requests import Moment
from kalshi_ext.requests.filters import MAX_PAGE, list_query


class History(Resource):
    """History of the account (current contract only)."""

    def cutoff(self) -> HistoricalCutoff:
        """Return where live data ends. Public. It moves while one reads."""
        return self._request(self._contract.history.cutoff())

    def orders(
        self,
        *,
        ticker: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        subaccount: int | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> Rows[Order]:
        """Iterate over historical orders only; `all_orders` joins them with the live ones."""
        wanted = list_query(
            ticker=ticker,
            since=since,
            until=until,
            subaccount=subaccount,
            limit=limit,
            page_size=page_size,
        )
        return self._rows(self._contract.history.orders(wanted), limit, max_pages)

    def fills(
        self,
        *,
        ticker: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        subaccount: int | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> Rows[Fill]:
        """Iterate over historical fills only; `all_fills` joins them with the live ones."""
        wanted = list_query(
            ticker=ticker,
            since=since,
            until=until,
            subaccount=subaccount,
            limit=limit,
            page_size=page_size,
        )
        return self._rows(self._contract.history.fills(wanted), limit, max_pages)

    def positions(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        subaccount: int | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> Rows[Position]:
        """Iterate over historical positions by market."""
        wanted = list_query(
            ticker=ticker,
            event_ticker=event_ticker,
            subaccount=subaccount,
            limit=limit,
            page_size=page_size,
        )
        return self._rows(self._contract.history.positions(wanted), limit, max_pages)

    def all_orders(
        self,
        *,
        ticker: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        subaccount: int | None = None,
        page_size: int = MAX_PAGE,
    ) -> CompleteRows[Order]:
        """Iterate over live and historical orders, each once, none missed by a moving cutoff."""
        wanted = list_query(
            ticker=ticker, since=since, until=until, subaccount=subaccount, page_size=page_size
        )
        self._client.session.require_credentials()
        return CompleteRows(
            live=lambda: self._rows(self._contract.orders.list(wanted), None, None),
            old=lambda: self._rows(self._contract.history.orders(wanted), None, None),
            boundary=self.cutoff,
            mark=lambda cutoff: cutoff.orders_updated,
            identity=lambda order: order.order_id,
        )

    def all_fills(
        self,
        *,
        ticker: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        subaccount: int | None = None,
        page_size: int = MAX_PAGE,
    ) -> CompleteRows[Fill]:
        """Iterate over live and historical fills, each once, none missed by a moving cutoff."""
        wanted = list_query(
            ticker=ticker, since=since, until=until, subaccount=subaccount, page_size=page_size
        )
        self._client.session.require_credentials()
        return CompleteRows(
            live=lambda: self._rows(self._contract.portfolio.fills(wanted), None, None),
            old=lambda: self._rows(self._contract.history.fills(wanted), None, None),
            boundary=self.cutoff,
            mark=lambda cutoff: cutoff.trades_created,
            identity=lambda fill: fill.fill_id,
        )
