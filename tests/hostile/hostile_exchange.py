"""The exchange: routes, handlers and reads over the books, with every freedom a switch.

Written from what is documented and was observed (docs, openapi/*.yaml), and from no line of the
client or its sandbox: a second witness must not make the first one's mistakes. It knows no
connection; `hostile_network` carries its answers, or does not.
"""

from __future__ import annotations

import base64
import json
import time
from decimal import Decimal
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

from attrs import define, evolve, field
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hostile_books import STRANGER, Attempt, BookGroup, BookOrder, Books, OrderRequest, Refusal
from hostile_freedoms import LIFE, Freedoms
from hostile_money import KEYED, LISTS, SETTINGS, SUBACCOUNTS, UNKEYED, MoneyDoor, Purse
from hostile_rows import (
    ack,
    cancel_ack,
    error_body,
    fill_row,
    group_row,
    iso,
    order_row,
    read_create,
)

ROOT = "/trade-api/v2"
SHARES = {"none": Decimal(0), "half": Decimal("0.5"), "all": Decimal(1)}
real_time = time.time  # the exchange's own; a client's clock may be made to step
Answer = tuple[int, Any]


@define
class WireRequest:
    """One request as it arrived; `attempt` is what the books know it by."""

    method: str
    path: str  # without root and query
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    attempt: Attempt
    kind: str = ""  # as in `hostile_freedoms.On`

    def document(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


@define
class HostileExchange:
    """One exchange with its accounts (key id to account and public key) and its books."""

    freedoms: Freedoms
    keys: dict[str, tuple[str, Ed25519PublicKey]] = field(factory=dict)
    books: Books = field(factory=Books)
    purse: Purse = field(factory=Purse)
    life: float = LIFE
    taken: dict[tuple[str, str], BookOrder] = field(factory=dict)
    _reads: int = 0
    _opened: float = field(factory=real_time)

    def now(self) -> float:
        """Return the exchange's time in Unix seconds."""
        return real_time() + self.freedoms.clock_ahead

    def date_header(self) -> dict[str, str]:
        """Return the Date header, true to the second, wrong or missing."""
        kind = self.freedoms.date
        if kind == "absent":
            return {}
        if kind == "garbled":
            return {"Date": "yesterday"}
        off = {"hour_ahead": 3600.0, "hour_behind": -3600.0}.get(kind, 0.0)
        return {"Date": formatdate(self.now() + off, usegmt=True)}

    def execute(self, request: WireRequest) -> Answer:
        """Execute one delivered request and return status and document (None for no body)."""
        try:
            account = self._account(request)
            self.books.expire(self.now())
            return self._dispatch(request, account)
        except Refusal as refusal:
            return refusal.status, error_body(refusal, self.freedoms)

    def _account(self, request: WireRequest) -> str:
        if request.path in ("/exchange/user_data_timestamp", "/historical/cutoff"):
            return ""
        known = self.keys.get(request.headers.get("kalshi-access-key", ""))
        stamp = request.headers.get("kalshi-access-timestamp", "")
        if known is None or not stamp.isdigit():
            raise Refusal(401, "authentication_error", "no such key")
        if abs(self.now() - int(stamp) / 1000) > self.life:
            raise Refusal(401, "header_timestamp_expired", "the timestamp is too old or too new")
        signed = f"{stamp}{request.method}{ROOT}{request.path}".encode()
        try:
            known[1].verify(base64.b64decode(request.headers["kalshi-access-signature"]), signed)
        except (InvalidSignature, ValueError, KeyError):
            raise Refusal(401, "authentication_error", "wrong signature") from None
        return known[0]

    def _dispatch(self, request: WireRequest, account: str) -> Answer:
        classic = self.freedoms.contract == "classic"
        writes = "/portfolio/orders" if classic else "/portfolio/events/orders"
        path, method = request.path, request.method
        if method == "GET":
            return self._read(request, account)
        if path == writes and method == "POST":
            order = self._create(request.document(), account, request.attempt)
            return 201, ack(order, self.freedoms)
        if path == writes and method == "DELETE" and not classic:
            self.books.cancel_all(account, request.attempt.number, self.now())
            return 204, None
        if path == writes + "/batched":
            entries = self._batch(request, account)
            success = 201 if method == "POST" and not classic else 200
            return success, {"responses" if classic else "orders": entries}
        if path.startswith(writes + "/"):
            return self._change(request, account, path.removeprefix(writes + "/"))
        if path.startswith("/portfolio/order_groups/"):
            return self._change_group(request, account)
        if path in (KEYED, UNKEYED, SUBACCOUNTS, *SETTINGS) and not classic:
            door, attempt = MoneyDoor(self.purse, self._page), request.attempt.number
            answer: Answer = door.write(
                path, request.document(), attempt, self.now(), self.freedoms
            )
            return answer
        raise Refusal(404, "not_found", "no such route")

    def _create(self, body: Any, account: str, attempt: Attempt) -> BookOrder:
        wanted = read_create(body, self.freedoms.contract)
        name = (account, wanted.client_order_id)
        known = self.taken.get(name)
        if wanted.client_order_id and known is not None and self._remembers(known):
            told = self.freedoms.duplicate_told
            code = "" if told == "409_without_code" else "order_already_exists"
            raise Refusal(400 if told == "400" else 409, code, "order already exists")
        self.books.fill_at_once = SHARES[self.freedoms.fill]
        order = self.books.create(account, wanted, attempt.number, self.now())
        self.taken[name] = order
        return order

    def _remembers(self, order: BookOrder) -> bool:
        ids = self.freedoms.ids
        if ids == "forgotten_when_ended":
            return order.now.status == "resting"
        if ids == "forgotten_soon":
            return self.now() - order.created < 0.2
        return ids == "kept"

    def _batch(self, request: WireRequest, account: str) -> list[Any]:
        body, classic = request.document(), self.freedoms.contract == "classic"
        if request.method == "DELETE":
            ids = body["order_ids"] if classic else [row["order_id"] for row in body["orders"]]
            return [self._cancel_entry(account, order_id, request.attempt) for order_id in ids]
        return [self._create_entry(row, account, request.attempt) for row in body["orders"]]

    def _create_entry(self, row: Any, account: str, attempt: Attempt) -> Any:
        try:
            return ack(self._create(row, account, attempt), self.freedoms)
        except Refusal as refusal:
            error = {"code": refusal.code, "message": refusal.message}
            return {"client_order_id": row["client_order_id"], "error": error}

    def _cancel_entry(self, account: str, order_id: str, attempt: Attempt) -> Any:
        order = self.books.order(account, order_id)
        try:
            if order is None:
                raise Refusal(404, "not_found")
            off = self.books.cancel(order, attempt.number, self.now())
        except Refusal as refusal:
            return {"order_id": order_id, "error": {"code": refusal.code, "message": "no"}}
        if self.freedoms.contract == "classic":
            return {"order_id": order_id, "reduced_by": int(off)}
        return cancel_ack(order, off, self.freedoms)

    def _change(self, request: WireRequest, account: str, rest: str) -> Answer:
        order_id, _, word = rest.partition("/")
        order = self.books.order(account, order_id)
        if order is None:
            raise Refusal(404, "not_found")
        now, attempt = self.now(), request.attempt.number
        body = request.document() if request.body else {}
        where = {**request.query, **body}
        # Without ticker and shard a cancel or decrease goes to shard 0 (documented).
        names_shard = {"market_ticker", "exchange_index", "ticker"} & set(where)
        if order.shard and not names_shard and self.freedoms.contract == "current":
            raise Refusal(404, "not_found")
        if request.method == "DELETE":
            off = self.books.cancel(order, attempt, now)
            return 200, cancel_ack(order, off, self.freedoms)
        if word == "amend":
            price, total, expires = _amend_words(body, order)
            self.books.amend(order, attempt, now, price=price, total=total, expires=expires)
            return 200, ack(order, self.freedoms)
        if word == "decrease":
            by, to = (_maybe(body.get(name)) for name in ("reduce_by", "reduce_to"))
            self.books.decrease(order, attempt, now, by=by, to=to)
            return 200, ack(order, self.freedoms)
        raise Refusal(404, "not_found", "no such route")

    def _change_group(self, request: WireRequest, account: str) -> Answer:
        rest = request.path.removeprefix("/portfolio/order_groups/")
        now, attempt = self.now(), request.attempt.number
        if rest == "create":
            body = request.document()
            limit = Decimal(body.get("contracts_limit_fp") or body["contracts_limit"])
            group = self.books.create_group(account, limit, attempt, now)
            return 201, {"order_group_id": group.group_id, "subaccount": 0}
        group_id, _, word = rest.partition("/")
        found = self.books.group(group_id)
        if found is None:
            raise Refusal(404, "not_found")
        if request.method == "DELETE":
            self.books.end_group(found, attempt, now, delete=True)
        elif word == "trigger":
            self.books.end_group(found, attempt, now, delete=False)
        elif word == "reset":
            found.triggered = False
            found.change("reset", attempt)
        elif word == "limit":
            found.limit = Decimal(request.document()["contracts_limit_fp"])
            found.change("limit", attempt)
        classic = self.freedoms.contract == "classic"
        return (204, None) if classic else (200, {})

    # Reads

    def _read(self, request: WireRequest, account: str) -> Answer:
        path, freedoms = request.path, self.freedoms
        if path == "/exchange/user_data_timestamp":
            return self._watermark()
        if path == "/historical/cutoff":
            names = ("orders_updated_ts", "trades_created_ts", "market_settled_ts")
            return 200, dict.fromkeys(names, iso(self.now() - 1000))
        self._reads += 1
        if self._reads == 1:
            self._meanwhile()
        if path == "/portfolio/orders":
            return self._list(request, account, "orders", historical=False)
        if path == "/historical/orders":
            return self._list(request, account, "orders", historical=True)
        if path == "/portfolio/fills":
            return self._fills(request, account)
        if path == "/portfolio/order_groups":
            mine = self._groups(account)
            return 200, self._page("order_groups", [group_row(g, freedoms) for g in mine], None)
        if path in LISTS and freedoms.contract == "current":
            door = MoneyDoor(self.purse, self._page)
            answer: Answer = door.read(path, request.query, self.now(), freedoms)
            return answer
        if path.startswith("/portfolio/orders/"):
            return self._order(account, path.rpartition("/")[2])
        raise Refusal(404, "not_found", "no such route")

    def _groups(self, account: str) -> list[BookGroup]:
        """Return the groups that a list shows: the watermark vouches for none of them."""
        seen = self.now() - self.freedoms.unkeyed_lag
        made = [g for g in self.books.groups if g.account == account and g.made_at <= seen]
        return [g for g in made if g.deleted_at is None or g.deleted_at > seen]

    def _meanwhile(self) -> None:
        for order in self.books.orders:
            if self.freedoms.meanwhile == "filled":
                self.books.fill(order, order.now.remaining, self.now())
            elif self.freedoms.meanwhile == "cancelled" and order.now.status == "resting":
                self.books.cancel(order, STRANGER, self.now())

    def _watermark(self) -> Answer:
        lags = (self.freedoms.orders_lag, self.freedoms.order_lag, self.freedoms.history_lag)
        moment = self.now() - max(*lags, self.freedoms.fills_lag)
        kind = self.freedoms.watermark
        if kind == "absent":
            raise Refusal(503, "service_unavailable")
        if kind == "stuck":
            moment = min(moment, self._opened)
        return 200, {"as_of_time": iso(moment + (7200.0 if kind == "ahead" else 0.0))}

    def _order(self, account: str, order_id: str) -> Answer:
        order, moment = self.books.order(account, order_id), self.now() - self.freedoms.order_lag
        version = order.as_of(moment) if order is not None else None
        told = self.freedoms.order_get
        if order is None or version is None or told == "404":
            raise Refusal(404, "not_found")
        if version.status != "resting" and told == "404_when_ended":
            raise Refusal(404, "not_found")
        return 200, {"order": order_row(order, version, self.freedoms)}

    def _list(self, request: WireRequest, account: str, key: str, *, historical: bool) -> Answer:
        freedoms, query = self.freedoms, request.query
        moment = self.now() - (freedoms.history_lag if historical else freedoms.orders_lag)
        before = int(query.get("cursor") or 1 << 40)
        rows: list[tuple[int, Any]] = []
        for order in reversed(self.books.orders):
            version = order.as_of(moment)
            wrong = version is None or order.account != account or order.serial >= before
            if wrong or not _asked_for(order, version, query):
                continue
            if self._archived(order, moment) == historical:
                rows.append((order.serial, order_row(order, version, freedoms)))  # type: ignore[arg-type]
        size = min(freedoms.page_size, int(query.get("limit", 100)))
        page = rows[:size]
        cursor = str(page[-1][0]) if len(rows) > size else None
        answer = 200, self._page(key, [row for _, row in page], cursor)
        if not historical and freedoms.archive == "while_read":
            self.freedoms = evolve(freedoms, archive="when_ended")
        return answer

    def _archived(self, order: BookOrder, moment: float) -> bool:
        ended = order.ended_at()
        archives = self.freedoms.archive == "when_ended" and self.freedoms.contract == "current"
        return archives and ended is not None and ended <= moment

    def _fills(self, request: WireRequest, account: str) -> Answer:
        moment = self.now() - self.freedoms.fills_lag
        rows = [
            fill_row(order, change.amount, change.at, number, self.freedoms)
            for order in reversed(self.books.orders)
            if order.account == account and _asked_for(order, None, request.query)
            for number, change in enumerate(order.changes)
            if change.kind == "fill" and change.at <= moment
        ]
        return 200, self._page("fills", rows, None)

    def _page(self, key: str, rows: list[Any], cursor: str | None) -> Any:
        empty = self.freedoms.empty_list
        if empty == "empty_object":
            return {}  # whatever there is: `{}` is no list
        if not rows and empty == "omitted":
            return {"cursor": ""}
        if not rows and empty == "null":
            return {key: None, "cursor": None}
        return {key: rows, "cursor": cursor or ""}

    def add_strangers(self, account: str, wanted: OrderRequest) -> None:
        """Put orders of somebody else on the account, one for each of ours."""
        kind = self.freedoms.strangers
        if kind == "none":
            return
        name = wanted.client_order_id if kind == "under_our_ids" else ""
        more = 0 if kind == "alike" else 7
        theirs = evolve(wanted, client_order_id=name, count=wanted.count + more, words=None)
        order = self.books.create(account, theirs, STRANGER, self.now())
        self.taken[account, name] = order


def _asked_for(order: BookOrder, version: Any, query: dict[str, str]) -> bool:
    if query.get("ticker", order.request.ticker) != order.request.ticker:
        return False
    if version is not None and query.get("status", version.status) != version.status:
        return False
    return order.created >= float(query.get("min_ts", 0))


def _amend_words(body: Any, order: BookOrder) -> tuple[Decimal, Decimal, int | None]:
    if "price" in body:
        return Decimal(body["price"]), Decimal(body["count"]), body.get("expiration_time")
    yes = body.get("yes_price")
    price = order.now.price if yes is None and "no_price" not in body else None
    if price is None:
        price = Decimal(100 - body["no_price"] if yes is None else yes) / 100
    return price, Decimal(body.get("count", order.now.total)), None


def _maybe(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def parse_target(target: str) -> tuple[str, dict[str, str]]:
    """Split a request target into the path below the root and its query."""
    parts = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return parts.path.removeprefix(ROOT), query
