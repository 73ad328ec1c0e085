# Derived from kalshi_ext/_async/resource.py by scripts/unasync.py; do not edit.
"""The base of the client's resources: run a write, request an answer, iterate over a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from kalshi_ext._sync.rows import Rows
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.protocol import flow
from kalshi_ext.protocol.flow import Context, Flow
from kalshi_ext.protocol.messages import Call, Page
from kalshi_ext.protocol.pagination import Paginator, collect

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

    def _whole_list(self, call: Call[Page[T]]) -> list[T]:
        """Fetch a list that is returned as one: a row that cannot be read is Unintelligible."""
        if not call.operation.public:
            self._client.session.require_credentials()
        # A list has no place for invalid rows, and without them a subaccount's money is missing.
        return self._client.run(collect(Paginator(call, self._context, invalid="any_row")))
