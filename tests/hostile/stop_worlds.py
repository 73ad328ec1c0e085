"""A hostile exchange in virtual time for the stop button, and a driver that performs its effects.

The books tell what truly rests; every freedom is drawn from one seed. It shares no line with the
client, which it meets as `kalshi_ext.stop.stop` of either contract and its effects.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from attrs import define, field

from kalshi_ext.protocol.flow import AdjustClock, Monotonic, Now, Record, Send, Sleep
from kalshi_ext.protocol.messages import Lost, Reply, Request

EPOCH = 1_800_000_000.0
MINE, OTHER, SISTER = "KXRAIN-26DEC31-NYC", "KXSUN-26DEC31-NYC", "KXRAIN-26DEC31-BOS"
Answer = tuple[int, bytes, dict[str, str]]


def coded(status: int, code: str) -> Answer:
    return answer(status, {"error": {"code": code, "message": "no"}})


def answer(status: int, document: Any = None) -> Answer:
    return status, b"" if document is None else json.dumps(document).encode(), {}


def iso(moment: float) -> str:
    return datetime.fromtimestamp(EPOCH + moment, UTC).isoformat().replace("+00:00", "Z")


# What may be answered instead, executed or not. A list that is empty and is not is beyond anybody.
FOREIGN: tuple[Answer, ...] = (
    *((200, body, {}) for body in (b"", b"{}", b"[]", b"null", b'"x"', b"<html>", b'{"orders":')),
    *((200, body, {}) for body in (b"\xff", b'{"responses":[]}', b'{"order":{"order_id":"x"}}')),
    *((status, b"<html>", {}) for status in (204, 403, 404, 410, 429, 500, 502)),
    (429, b'{"error":"too many requests"}', {}),
    (429, b"", {"retry-after": "3600"}),
    (302, b"", {"location": "https://x/"}),
    coded(401, "header_timestamp_expired"),
    coded(401, "authentication_error"),
    coded(404, "not_found"),
    coded(410, "deprecated_v1_order_endpoint"),
    coded(409, "trading_is_paused"),
)
# How a list may be told: a function of its rows and the cursor asked for.
Pages = Callable[[list[Any], str, random.Random], Answer]


def whole(rows: list[Any], cursor: str = "") -> Answer:
    return answer(200, {"orders": rows, "cursor": cursor})


def each(**changes: Any) -> Pages:
    return lambda rows, _, __: whole([row | changes for row in rows])


def last(**changes: Any) -> Pages:
    return lambda rows, _, __: whole([*rows[:-1], *(row | changes for row in rows[-1:])])


def without(name: str) -> Pages:
    return lambda rows, _, __: whole([{k: row[k] for k in row if k != name} for row in rows])


def paged(rows: list[Any], cursor: str, _: random.Random) -> Answer:
    at = int(cursor or 0)
    return whole(rows[at : at + 3], str(at + 3) if at + 3 < len(rows) else "")


def breaks_off(rows: list[Any], cursor: str, _: random.Random) -> Answer:
    return (500, b"", {}) if cursor else whole(rows[:3], "2" if len(rows) > 3 else "")


LISTS: dict[str, Pages] = {
    "plain": lambda rows, _, __: whole(rows),
    "paged": paged,
    "breaks off": breaks_off,
    "circle": lambda rows, _, __: whole(rows[:3], "a"),
    "doubled": lambda rows, _, __: whole(rows + rows),
    "endless": lambda rows, at, rng: whole([] if at else rows[:3], f"c{rng.random()}"),
    "no list": lambda *_: answer(200, {"cursor": ""}),
    "an object": lambda *_: answer(200, {"orders": {}}),
    "somebody else's": lambda rows, _, __: whole(
        [r | {"order_id": f"9{r['order_id']}"} for r in rows]
    ),
    "no ids": without("order_id"),
    "no status": without("status"),
    "no tickers": without("ticker"),
    "a bad id": last(order_id=3),
    "a bad count": last(remaining_count="x", remaining_count_fp="x"),
    "nothing remains": each(remaining_count=0, remaining_count_fp="0.00"),
    "a new status": each(status="RESTING_NEW"),
    "pending": each(status="pending"),
}
CANCELS = ("ok", "half", "410", "page", "403", "paused", "untold", "others", "doubled", "shuffled")


@define
class BookedOrder:
    """An order in the books; `born` and `ended` are seconds of the world."""

    id: str
    client_order_id: str
    ticker: str
    group: str | None
    born: float
    ended: float | None = None


@define
class StopWorld:
    """The exchange: its books, and how it is to be reached."""

    contract: str
    rng: random.Random
    time: float = 0.0
    orders: list[BookedOrder] = field(factory=list)
    groups: dict[str, bool] = field(factory=dict)  # by id, whether it refuses orders
    on_the_way: list[tuple[float, Any]] = field(factory=list)  # creates, and when they arrive
    foreign: float = 0.0  # the share of foreign answers
    struck: str = ""  # the method or ending of a path that these are for; all where empty
    cancels: str = "ok"
    listed: str = "plain"
    lag: float = 0.0  # of the list behind the books
    latency: tuple[float, float] = (0.01, 0.02)
    dated: bool = True
    heals_at: float = 1e9

    def arrive(self) -> None:
        """Make what was on the way until now."""
        for at, body in sorted(self.on_the_way, key=lambda each: each[0]):
            if at <= self.time:
                self.create(body, at)
        self.on_the_way = [each for each in self.on_the_way if each[0] > self.time]

    def create(self, body: Any, at: float) -> BookedOrder | None:
        group = body.get("order_group_id")
        if self.groups.get(group or "", bool(group)):
            return None  # it refuses orders, or there is none
        name = f"{len(self.orders) + 1:08d}-1111-4111-8111-111111111111"
        self.orders.append(BookedOrder(name, body["client_order_id"], body["ticker"], group, at))
        return self.orders[-1]

    def row(self, order: BookedOrder, status: str) -> dict[str, Any]:
        rest = 5 if status == "resting" else 0
        row: dict[str, Any] = {
            "order_id": order.id, "client_order_id": order.client_order_id,
            "ticker": order.ticker, "type": "limit", "status": status,
            "side": "yes", "action": "buy", "created_time": iso(order.born),
        }  # fmt: skip
        if self.contract == "classic":
            return row | {"yes_price": 56, "initial_count": 5, "remaining_count": rest}
        row |= {"book_side": "bid", "outcome_side": "yes", "yes_price_dollars": "0.5600"}
        counts = {"initial": 5, "fill": 0, "remaining": rest}
        return row | {f"{name}_count_fp": f"{count}.00" for name, count in counts.items()}

    def respond(self, request: Request) -> Answer | None:
        """Answer a request; None where the answer is lost."""
        method, path = request.method, request.path
        is_struck = self.struck in ("", method) or path.endswith(self.struck)
        if self.time < self.heals_at and is_struck and self.rng.random() < self.foreign:
            if method != "GET" and self.rng.random() < 0.3:
                self.execute(request)
            return None if self.rng.random() < 0.25 else self.rng.choice(FOREIGN)
        return self.execute(request)

    def execute(self, request: Request) -> Answer:
        method, path = request.method, request.path
        body = json.loads(request.body or b"{}")
        if path.startswith("/portfolio/order_groups"):
            return self.change_group(method, path.removeprefix("/portfolio/order_groups/"))
        if method == "DELETE":
            return self.cancel(path, body)
        if method == "POST":
            order = self.create(body, self.time)
            if order is None:
                return coded(400, "invalid_order")
            row = self.row(order, "resting")
            told = {"order_id": order.id, "client_order_id": order.client_order_id}
            return answer(201, {"order": row} if self.contract == "classic" else told)
        if path == "/portfolio/orders":
            return self.list_orders(dict(request.query))
        if path == "/exchange/user_data_timestamp":
            return answer(200, {"as_of_time": iso(self.time - self.lag)})
        if path.startswith("/markets/"):
            return answer(200, {"market": {"exchange_index": 0}})
        names = {"/portfolio/fills": "fills", "/markets": "markets"}
        return answer(200, {names[path]: []}) if path in names else coded(404, "not_found")

    def change_group(self, method: str, rest: str) -> Answer:
        name, _, _ = rest.partition("/")
        if rest == "create":
            name = f"{len(self.groups) + 1:08d}-aaaa-4aaa-8aaa-111111111111"
            self.groups[name] = False
            return answer(201, {"order_group_id": name, "subaccount": 0, "exchange_index": 0})
        if method == "GET":
            there = [{"id": each} for each, ended in self.groups.items() if not ended]
            return answer(200, {"order_groups": there})
        if self.contract == "classic" and self.groups.get(name, True):
            return coded(404, "not_found")
        self.groups[name] = True
        for order in self.orders:
            if order.group == name:
                self.end(order)
        return answer(200, {})

    def end(self, order: BookedOrder) -> None:
        order.ended = self.time if order.ended is None else order.ended

    def cancel(self, path: str, body: Any) -> Answer:
        refusals = {
            "410": coded(410, "deprecated_v1_order_endpoint"),
            "page": (410, b"<html>", {}),
            "403": coded(403, "permission_denied"),
            "paused": coded(409, "trading_is_paused"),
        }
        how = self.cancels if self.time < self.heals_at else "ok"
        if how in refusals:
            return refusals[how]
        ids = body.get("order_ids") or [each["order_id"] for each in body.get("orders", ())]
        wanted = [each for each in self.orders if path.endswith("/orders") or each.id in ids]
        rows = [
            self.cancel_one(order, how == "half" and n % 2 > 0) for n, order in enumerate(wanted)
        ]
        if path.endswith("/orders"):
            return answer(204)
        if how == "others":
            rows = [row | {"order_id": f"9{row['order_id']}"} for row in rows]
        rows = {"untold": [], "doubled": rows + rows}.get(how, rows)
        if how == "shuffled":
            self.rng.shuffle(rows)
        return answer(200, {"orders": rows})

    def cancel_one(self, order: BookedOrder, refused: bool) -> dict[str, Any]:
        if refused:
            return {"order_id": order.id, "error": {"code": "internal_error", "message": "no"}}
        self.end(order)
        return {"order_id": order.id, "reduced_by": 5 if self.contract == "classic" else "5.00"}

    def list_orders(self, query: dict[str, str]) -> Answer:
        moment, rows = self.time - self.lag, []
        for order in self.orders:
            rests = order.ended is None or order.ended > moment
            status = "resting" if rests else "canceled"
            asked = {"ticker": order.ticker, "status": status} | query
            fits = (asked["ticker"], asked["status"]) == (order.ticker, status)
            is_of_event = order.ticker.startswith(query.get("event_ticker", ""))
            if fits and is_of_event and order.born <= moment:
                rows.append(self.row(order, status))
        healed = self.time >= self.heals_at or query.get("status") == "canceled"
        return LISTS["plain" if healed else self.listed](rows, query.get("cursor", ""), self.rng)


@define
class StopDriver:
    """Performs a flow's effects against a world, and times out where that is slow."""

    world: StopWorld
    journal: Any
    offset: float = 0.0  # of this machine's clock

    def run(self, flow: Any) -> Any:
        try:
            effect = next(flow)
            while True:
                effect = flow.send(self.perform(effect))
        except StopIteration as stop:
            return stop.value

    def perform(self, effect: Any) -> Any:
        world = self.world
        if isinstance(effect, Send):
            return self.exchange(effect)
        if isinstance(effect, Record):
            return getattr(self.journal, effect.verb)(*effect.args)
        if isinstance(effect, Sleep):
            self.pass_time(effect.seconds)
        if isinstance(effect, AdjustClock):
            self.offset += effect.seconds
        if isinstance(effect, Monotonic):
            return world.time + 1000.0
        return EPOCH + world.time + self.offset if isinstance(effect, Now) else None

    def pass_time(self, seconds: float) -> None:
        self.world.time += max(0.0, seconds)
        self.world.arrive()

    def exchange(self, send: Send) -> Reply | Lost:
        world = self.world
        now, stamp = world.time + 1000.0, EPOCH + world.time + self.offset
        if send.refusal is not None and (why := send.refusal(now)) is not None:
            return Lost(False, why, now, stamp)
        takes, patience = world.rng.uniform(*world.latency), min(send.timeout, send.deadline - now)
        lost = Lost(True, "ReadTimeout", now, stamp)
        if takes > patience:
            if world.rng.random() < 0.5:
                world.respond(send.request)
            self.pass_time(patience)
            return lost
        self.pass_time(takes / 2)
        answered = world.respond(send.request)
        if answered is None:
            self.pass_time(patience - takes / 2)
            return lost
        status, body, headers = answered
        date = {"date": formatdate(EPOCH + world.time, usegmt=True)} if world.dated else {}
        self.pass_time(takes / 2)
        arrived = world.time + 1000.0
        return Reply(status, headers | date, body, received_at=arrived, sent_at=now, stamp=stamp)
