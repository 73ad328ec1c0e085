# Derived from kalshi_ext/_async/resource.py by scripts/unasync.py; do not edit.
"""The base of the client's resources: run a write, request an answer, iterate over a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve

from kalshi_ext._sync.rows import Rows
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.protocol import flow
from kalshi_ext.protocol.flow import Context, Flow
from kalshi_ext.protocol.messages import Call, Page
from kalshi_ext.protocol.pagination import Paginator, collect
from kalshi_ext.protocol.time_keys import TimeKey
from kalshi_ext.requests.filters import ListQuery

if TYPE_CHECKING:
    from kalshi_ext._sync.client import Kalshi

T = TypeVar("T")


class Resource:
    """A group of operations of one client. Nothing is decided here: flows do that."""

    def __init__(self, client: Kalshi) -> None:
        self._client = client

    @property
    def _contract(self) -> Contract:
        return self._client.session.contract

    @property
    def _context(self) -> Context:
        return self._client.session.context

    def _run(self, steps: Flow[T]) -> T:
        # Before the flow begins: it may write the journal before it sends.
        self._client.session.require_credentials()
        return self._client.run(steps)

    def _request(self, call: Call[T]) -> T:
        if not call.operation.public:
            self._client.session.require_credentials()
        return self._client.run(flow.request(call, self._context))

    def _rows(self, call: Call[Page[T]], limit: int | None, max_pages: int | None) -> Rows[T]:
        # Arguments are checked at the call, not at the first row of the loop.
        paginator = Paginator(call, self._context, limit, max_pages)
        if not call.operation.public:
            self._client.session.require_credentials()
        return Rows(self._client.driver, paginator)

    def _rows_by_time(
        self,
        listing: Callable[[ListQuery], Call[Page[T]]],
        query: ListQuery,
        key: TimeKey[T],
        limit: int | None = None,
        max_pages: int | None = None,
        *,
        cut: bool = False,
    ) -> Rows[T]:
        """Iterate over a list in windows of time where `since` is given, or `cut` says so.

        A list that a bound ends sooner is read page by page: nothing beyond it is asked for.
        """
        call = listing(query)
        if (query.since is None and not cut) or limit is not None or max_pages is not None:
            return self._rows(call, limit, max_pages)
        if not call.operation.public:
            self._client.session.require_credentials()

        # Only a list that is cut needs what cuts it.
        from kalshi_ext.protocol.windows import Windowing, Windows

        def window(since: int | None, until: int | None) -> Call[Page[T]]:
            return listing(evolve(query, since=since, until=until))

        windowing = Windowing(window, query.since, query.until, key)
        return Rows(self._client.driver, Windows(windowing, self._context))

    def _whole_list(self, call: Call[Page[T]]) -> list[T]:
        """Fetch a list that is returned as one: a row that cannot be read is Unintelligible."""
        if not call.operation.public:
            self._client.session.require_credentials()
        # A list has no place for invalid rows, and without them a subaccount's money is missing.
        return self._client.run(collect(Paginator(call, self._context, invalid="any_row")))
