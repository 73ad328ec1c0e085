# Derived from kalshi_ext/_async/orders.py by scripts/unasync.py; do not edit.
"""client.orders: place, change, cancel and look up orders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kalshi_ext import bulk, reads, stop, values, writes
from kalshi_ext._sync.resource import Resource
from kalshi_ext._sync.rows import Rows
from kalshi_ext.arguments import entries, flag
from kalshi_ext.errors import KalshiError
from kalshi_ext.models import Order, OrderAck, QueuePosition
from kalshi_ext.protocol.limits import Deadline
from kalshi_ext.protocol.time_keys import ORDERS
from kalshi_ext.requests import (
    Action,
    AmendTicket,
    Count,
    DecreaseTicket,
    Dollars,
    Moment,
    OrderRef,
    OrderTicket,
    Progress,
    Side,
    Target,
    order_arguments,
    progress,
    subaccount_number,
)
from kalshi_ext.requests.bulk import amend_tickets, bulk_targets, order_tickets
from kalshi_ext.requests.filters import list_query
from kalshi_ext.stop import StopReport


class Orders(Resource):
    """Orders of the account.

    Writes raise Misuse before anything is sent, NotSent when nothing was sent, Refused and its
    kinds when the exchange refused it, OutcomeUnknown when the outcome could not be looked up.
    """

    def place(
        self,
        ticker: str,
        *,
        side: Side,
        count: Count,
        price: Dollars | None,
        action: Action | None = None,
        client_order_id: str | None = None,
        intent: str | None = None,
        time_in_force: str = "good_till_canceled",
        self_trade_prevention: str = "taker_at_cross",
        post_only: bool | None = None,
        reduce_only: bool | None = None,
        expires: Moment | None = None,
        cancel_order_on_pause: bool | None = None,
        subaccount: int | None = None,
        order_group_id: str | None = None,
        exchange_index: int | None = None,
        max_cost: Dollars | None = None,
        sell_position_floor: int | None = None,
        deadline: Deadline | None = None,
        expire_at_deadline: bool = False,
    ) -> OrderAck:
        """Place one order, exactly once.

        `side` 'yes' or 'no' goes with `action` 'buy' or 'sell', and `price` is then the price of
        that side in dollars; `side` 'bid' or 'ask' goes alone, and `price` is the YES price.
        `count` is contracts (step 0.01; whole on the classic contract). `client_order_id` is made
        before the first attempt unless given; `intent` derives it from a name of your own, so that
        running the same intent twice is one order. `time_in_force` is good_till_canceled,
        immediate_or_cancel or fill_or_kill (GTC, IOC, FOK); `expires`, for the first, is a
        datetime, ISO text or Unix seconds. `post_only` refuses what would trade at once;
        `reduce_only`, for the other two, trades no more than closes the position. On classic only:
        `price=None` for a market order, `max_cost` (dollars), which it needs, and
        `sell_position_floor`.

        `deadline` (seconds from now, or an aware datetime) bounds the call and everything it does;
        an order not known by then raises OutcomeUnknown. `expire_at_deadline` gives the order that
        moment as its own expiry too (whole seconds), so that it dies at the exchange.
        """
        ticket = OrderTicket.of(**order_arguments(locals()))
        return self._run(
            writes.place(
                self._contract,
                ticket,
                self._context,
                deadline=deadline,
                expire_at_deadline=flag(expire_at_deadline, "expire_at_deadline"),
            )
        )

    def place_many(
        self,
        tickets: Iterable[OrderTicket],
        *,
        deadline: Deadline | None = None,
        expire_at_deadline: bool = False,
        on_progress: Progress | None = None,
    ) -> list[OrderAck | KalshiError]:
        """Place any number of orders; not atomic.

        The result has one entry for each ticket, in their order: the acknowledgement, or the error
        that says what became of this order. Build tickets with `OrderTicket.of(...)`, which takes
        the arguments of `place`. They go in as few requests as the rate limits allow; an id that
        stands twice is refused before the first. At the `deadline` the rest ends as NotSent;
        `expire_at_deadline` gives each order that moment as its own expiry, as in `place`.
        `on_progress(done, total)` is called as outcomes come in; what it raises is ignored. Where
        one request holds all of them, a refusal that all met is raised.
        """
        checked = order_tickets(tickets)
        return self._run(
            bulk.place_many(
                self._contract,
                checked,
                self._context,
                deadline=deadline,
                expire_at_deadline=flag(expire_at_deadline, "expire_at_deadline"),
                on_progress=progress(on_progress),
            )
        )

    def amend(
        self,
        order: OrderRef,
        *,
        price: Dollars | None = None,
        count: Count | None = None,
        side: Side | None = None,
        action: Action | None = None,
        ticker: str | None = None,
        client_order_id: str | None = None,
        updated_client_order_id: str | None = None,
        expires: Moment | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        deadline: Deadline | None = None,
    ) -> OrderAck:
        """Change price (dollars) or size of a resting order.

        `count` is the total: already filled plus wanted resting. With an Order, what stays may be
        left out; a bare id needs side, price and count, and ticker unless this client saw it.
        `expires=0` removes the expiry.
        """
        ticket = AmendTicket.of(
            order,
            price=price,
            count=count,
            side=side,
            action=action,
            ticker=self._context.known_orders.ticker_of(order) if ticker is None else ticker,
            client_order_id=client_order_id,
            updated_client_order_id=updated_client_order_id,
            expires=expires,
            subaccount=subaccount,
            exchange_index=exchange_index,
        )
        return self._run(writes.amend(self._contract, ticket, self._context, deadline=deadline))

    def amend_many(
        self,
        tickets: Iterable[AmendTicket],
        *,
        deadline: Deadline | None = None,
        on_progress: Progress | None = None,
    ) -> list[OrderAck | KalshiError]:
        """Amend any number of orders, one request each; one result for each, in their order.

        Build tickets with `AmendTicket.of(...)`, which takes the arguments of `amend`. An order
        that stands twice is refused before the first request. The rest is as in `place_many`.
        """
        checked = amend_tickets(tickets)
        return self._run(
            bulk.amend_many(
                self._contract,
                checked,
                self._context,
                deadline=deadline,
                on_progress=progress(on_progress),
            )
        )

    def decrease(
        self,
        order: OrderRef,
        *,
        by: Count | None = None,
        to: Count | None = None,
        ticker: str | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        deadline: Deadline | None = None,
    ) -> OrderAck:
        """Make an order smaller `by` so many contracts or down `to` so many remaining.

        `to` is absolute, so it may be repeated when its answer is lost; `by` never is.
        """
        target = Target.of(
            order, ticker=ticker, subaccount=subaccount, exchange_index=exchange_index
        )
        ticket = DecreaseTicket.of(target, by=by, to=to)
        steps = writes.decrease(self._contract, ticket, self._context, deadline=deadline)
        return self._run(writes.noted(self._context, steps))

    def cancel(
        self,
        order: OrderRef,
        *,
        ticker: str | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        deadline: Deadline | None = None,
    ) -> OrderAck:
        """Cancel one order.

        A bare id is enough: where this client saw the order, its ticker, shard and subaccount go
        along; else the exchange looks on shard 0 only (documented), and the order is looked for.
        """
        target = Target.of(
            order, ticker=ticker, subaccount=subaccount, exchange_index=exchange_index
        )
        steps = writes.cancel(self._contract, target, self._context, deadline=deadline)
        return self._run(writes.noted(self._context, steps))

    def cancel_many(
        self,
        orders: Iterable[OrderRef],
        *,
        deadline: Deadline | None = None,
        on_progress: Progress | None = None,
    ) -> list[OrderAck | KalshiError]:
        """Cancel any number of orders; one result for each, in their order.

        As `place_many`; an order that stands twice is cancelled once.
        """
        targets = bulk_targets(orders)
        steps = bulk.cancel_many(
            self._contract,
            targets,
            self._context,
            deadline=deadline,
            on_progress=progress(on_progress),
        )
        return self._run(writes.noted(self._context, steps))

    def cancel_all(
        self, *, subaccount: int | None = None, deadline: Deadline | None = None
    ) -> StopReport:
        """Cancel every resting order, of all subaccounts unless one is named; return what it did.

        First stops what this client was still going to send of them: a call of `place` that waits
        or looks for its order sends nothing any more. Orders placed in the following minute may be
        cancelled too (documented). It shuts no latch, and the report is of one look afterwards:
        `client.stop` is what keeps orders out and looks until nothing rests.
        """
        number = subaccount_number(subaccount)
        steps = stop.cancel_all(self._contract, self._context, number, deadline=deadline)
        return self._run(steps)

    def get(self, order_id: str, *, ticker: str | None = None) -> Order:
        """Return one order. NotFound proves nothing: reads lag behind writes.

        With `ticker` an order that is not found is looked for in the live list of that market too:
        whether the exchange finds an order off shard 0 by its id alone is not known.
        """
        return self._run(
            reads.get_order(
                self._contract,
                values.path_id(order_id, name="order_id"),
                self._context,
                ticker=None if ticker is None else values.ticker(ticker),
            )
        )

    def find(
        self, client_order_id: str, *, ticker: str, since: Moment | None = None
    ) -> Order | None:
        """Look for an order by its client_order_id among live and historical orders.

        The exchange has no such filter, so the ticker's orders are read, from `since` on.
        None means "not seen", which does not prove that it does not exist: reads lag behind writes.
        """
        return self._run(
            reads.find_order(
                self._contract,
                values.client_order_id(client_order_id),
                list_query(ticker=values.ticker(ticker), since=since),
                self._context,
            )
        )

    def queue_position(self, order_id: str) -> QueuePosition:
        """Return how many contracts rest ahead of one order."""
        return self._request(
            self._contract.orders.queue_position(values.path_id(order_id, name="order_id"))
        )

    def queue_positions(
        self,
        orders: Iterable[OrderRef] | None = None,
        *,
        tickers: Sequence[str] | None = None,
        event_ticker: str | None = None,
        subaccount: int | None = None,
    ) -> list[QueuePosition]:
        """Return queue positions: of `orders` (classic), or of `tickers` or an event (current)."""
        # The contract refuses the arguments it does not have.
        refs = None if orders is None else entries(orders, "orders")
        names = None if tickers is None else entries(tickers, "tickers")
        call = self._contract.orders.queue_positions(
            None if refs is None else [Target.of(order).order_id for order in refs],
            None if names is None else [values.ticker(name, "tickers") for name in names],
            None if event_ticker is None else values.ticker(event_ticker, name="event_ticker"),
            subaccount_number(subaccount),
        )
        return self._whole_list(call)

    def list(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        status: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> Rows[Order]:
        """Iterate over live orders, newest first. `limit` counts rows; times are as in `place`."""
        query = list_query(
            ticker=ticker,
            event_ticker=event_ticker,
            status=status,
            since=since,
            until=until,
            subaccount=subaccount,
            exchange_index=exchange_index,
            limit=limit,
            page_size=page_size,
        )
        return self._rows_by_time(self._contract.orders.list, query, ORDERS, limit, max_pages)
