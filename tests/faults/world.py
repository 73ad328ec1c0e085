"""A world in which time, network and process are simulated: the real flows against the real engine.

One number decides everything that happens: which messages get lost, late or doubled, what answers
say, how stale reads are. No sockets, no threads, no real clock: a run takes milliseconds and can
be replayed by its seed.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import lru_cache
from heapq import heappop, heappush
from typing import Any

import liars
from attrs import define, field, fields, frozen
from delivery import Delivery

from kalshi_ext.contracts import contract
from kalshi_ext.protocol.flow import Send
from kalshi_ext.protocol.messages import Lost, Reply
from kalshi_ext.sandbox.engine import ApiRequest, Caller, Engine, Settings, admin

START = 1_790_000_000.0
TOLERANCE = 30.0  # seconds a signature's timestamp is accepted; our policy assumes at most 60
ACCOUNT = "trader"
TICKERS = ("KXRAIN-26DEC31-NYC", "KXBTC-26DEC31-B100")
SHARDS = (0, 2)


@frozen
class Chances:
    """How often what happens, per request or effect."""

    refuse: float = 0.05  # connection refused: no byte left
    lose_request: float = 0.08  # left, never arrives
    lose_answer: float = 0.10  # executed, the answer is lost
    delay: float = 0.08  # the request arrives up to a minute later, its answer never
    double: float = 0.06  # delivered now and once more later
    storm: float = 0.08  # an HTML 502 or 520, executed or not
    limit: float = 0.04  # 429
    garble: float = 0.05  # executed, the answer is cut or is something else
    wrong_ack: float = 0.02  # executed, the acknowledgement says what cannot be
    lie: float = 0.03  # an existing order answers 404, a 409 comes without its code
    bad_row: float = 0.03  # a row of a list cannot be read
    stuck: float = 0.01  # the watermark stands still for up to two minutes
    lag: float = 0.01  # reads begin to lag by something else
    archive: float = 0.02  # the cutoff moves: what has ended is only in history
    trade: float = 0.03  # somebody else trades
    pause: float = 0.005  # trading, or the exchange, pauses for a while
    crash: float = 0.003  # the process dies; per effect
    abandon: float = 0.003  # the flow is cancelled, the process lives on; per effect
    clock: float = 0.002  # the machine's clock jumps; per effect
    journal: float = 0.004  # the journal fails, having written or not; per effect

    @classmethod
    def calm(cls) -> Chances:
        """Return a world without faults."""
        return cls(**{part.name: 0.0 for part in fields(cls)})


@define(slots=False)
class World:
    """The exchange, the network in front of it, and the clock of both."""

    seed: int
    dedupe: str = "forever"
    chances: Chances = field(factory=Chances)
    time: float = START
    requests: int = 0
    happened: dict[str, int] = field(factory=dict)
    waiting: list[tuple[float, int, Send, float]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        rng = self.rng
        settings = Settings(
            seed=self.seed % 2**31,
            dedupe=self.dedupe,  # type: ignore[arg-type]
            dedupe_seconds=5,
            read_lag_seconds=rng.choice((0.0, 0.0, 0.4, 3.0, 8.0)),
            batch_answers=rng.choice(("request", "reversed", "shuffled")),  # type: ignore[arg-type]
            cancel_names_client_order_id=rng.random() < 0.5,
            error_shape=rng.choice(("nested", "flat")),  # type: ignore[arg-type]
            full_page_cursor=rng.choice(("when_more", "always")),  # type: ignore[arg-type]
            empty_lists=rng.choice(("array", "omit", "null")),  # type: ignore[arg-type]
            instance_transfer_seconds=rng.choice((0, 20)),
            log_events=False,
        )
        self.page = rng.choice(("1", "2", "1000", "1000", "1000"))
        self.engine = Engine(settings)
        self.contract = contract("current")
        self.delivery = _DELIVERY
        self._serial = 0
        self._stuck: tuple[float, str] = (0.0, "")
        self._resume_at = 0.0
        self._found()
        self._draw(self.chances)

    def _draw(self, chances: Chances) -> None:
        self.chances = chances
        self._network = [(name, getattr(chances, name)) for name in _NETWORK]
        self._events = [(name, getattr(chances, name)) for name in _EVENTS]
        self.fate = [(name, getattr(chances, name)) for name in ("crash", "abandon", "clock")]
        self.fates = sum(chance for _, chance in self.fate)

    def _found(self) -> None:
        self.admin(admin.add_account(ACCOUNT, funds="100000", subaccounts=1))
        self.admin(admin.fund(ACCOUNT, "100000", exchange_index=2))
        for shard, ticker in zip(SHARDS, TICKERS, strict=True):
            self.admin(admin.add_market(ticker, exchange_index=shard))
        self.admin(admin.liquidity(TICKERS[0], side="ask", price="0.60", count="40"))
        self.admin(admin.liquidity(TICKERS[0], side="bid", price="0.40", count="40"))

    def admin(self, command: Any) -> None:
        """Do something on the exchange's own side."""
        answer = self.engine.execute(command, now=self.moment())
        assert answer.status in (200, 201), answer

    def moment(self) -> datetime:
        """Return the exchange's time."""
        return datetime.fromtimestamp(self.time, UTC)

    def advance(self, seconds: float) -> None:
        """Let time pass and deliver what was on its way."""
        until = self.time + seconds
        while self.waiting and self.waiting[0][0] <= until:
            at, _, send, signed = heappop(self.waiting)
            self.time = max(self.time, at)
            self.deliver(send, signed)
        self.time = max(self.time, until)

    def later(self, send: Send, signed: float) -> None:
        """Put a copy of a request on a slow way."""
        self._serial += 1
        at = self.time + self.rng.uniform(0.05, TOLERANCE * 1.5)
        heappush(self.waiting, (at, self._serial, send, signed))

    def deliver(self, send: Send, signed: float) -> tuple[int, Any]:
        """Execute a request at the exchange; one signed too long ago is refused."""
        if not send.public and abs(self.time - signed) > TOLERANCE:
            return 401, {"error": {"code": "header_timestamp_expired", "message": "too old"}}
        operation, path, query, body = self.delivery.read(send.request)
        if "limit" in query:
            query["limit"] = self.page  # an exchange may give fewer rows than asked for
        kind = "absent" if send.request.body is None else "json"
        call = ApiRequest(operation, Caller(ACCOUNT), path, query, body, kind)
        answer = self.engine.execute(call, now=self.moment())
        if operation == "GetUserDataTimestamp":
            return answer.status, self._watermark(answer.body)
        return answer.status, answer.body

    def ask(self, operation: str) -> Any:
        """Read from the exchange without a network, as a judge does."""
        call = ApiRequest(operation, Caller(ACCOUNT), {}, {}, None, "absent")
        return self.engine.execute(call, now=self.moment()).body

    def _watermark(self, body: Any) -> Any:
        until, as_of = self._stuck
        return {"as_of_time": as_of} if self.time < until and as_of else body

    def send(self, send: Send, signed: float) -> Reply | Lost:
        """Carry one request through the network. Times are the exchange's, `signed` too."""
        self.requests += 1
        self.advance(self.rng.uniform(0.0005, 0.02))
        self._meanwhile()
        dice = self.rng.random()
        name = drawn(dice, self._network)
        if name is not None:
            return self._noted(name, send, signed)
        return self._answered(send, signed)

    def note(self, name: str) -> None:
        """Count something that happened."""
        self.happened[name] = self.happened.get(name, 0) + 1

    def _noted(self, name: str, send: Send, signed: float) -> Reply | Lost:
        self.note(name)
        outcome: Reply | Lost = getattr(self, "_" + name)(send, signed)
        return outcome

    def _answered(self, send: Send, signed: float) -> Reply:
        status, body = self.deliver(send, signed)
        chances, rng = self.chances, self.rng
        if rng.random() < chances.lie:
            self.note("lie")
            status, body = liars.lie(rng, send.request, status, body)
        if send.request.method == "GET" and rng.random() < chances.bad_row:
            self.note("bad_row")
            liars.spoil_a_row(rng, body)
        return self._reply(status, body)

    def _reply(self, status: int, body: Any) -> Reply:
        return self._raw(status, b"" if body is None else json.dumps(body).encode())

    def _raw(self, status: int, raw: bytes) -> Reply:
        self.advance(self.rng.uniform(0.0005, 0.02))
        return Reply(status, {"date": _date(int(self.time))}, raw, 0.0, self.time)

    def _refuse(self, send: Send, signed: float) -> Lost:
        return Lost(False, "ConnectError: refused")

    def _timeout(self, send: Send) -> Lost:
        self.advance(send.timeout if self.rng.random() < 0.5 else 0.01)
        return Lost(True, "ReadTimeout")

    def _lose_request(self, send: Send, signed: float) -> Lost:
        return self._timeout(send)

    def _lose_answer(self, send: Send, signed: float) -> Lost:
        self.deliver(send, signed)
        return self._timeout(send)

    def _delay(self, send: Send, signed: float) -> Lost:
        self.later(send, signed)
        return self._timeout(send)

    def _double(self, send: Send, signed: float) -> Reply:
        reply = self._answered(send, signed)
        # Nor can a client know of a copy of what was refused, made later where it is not.
        if self._copy_is_told(send) and _accepted(reply):
            self.later(send, signed)
        return reply

    def _copy_is_told(self, send: Send) -> bool:
        """Say whether something at the exchange can tell a proxy's copy from a new request.

        What names a difference, carries no key, or an id that was forgotten, or would undo what
        the user asks for next, is beyond any client.
        """
        operation = self.delivery.read(send.request)[0]
        if operation in ("CreateOrderV2", "BatchCreateOrdersV2"):
            return self.dedupe == "forever"
        return operation in ("CancelOrderV2", "BatchCancelOrdersV2", "ApplySubaccountTransfer")

    def _storm(self, send: Send, signed: float) -> Reply:
        if self.rng.random() < 0.5:
            self.deliver(send, signed)
        return self._raw(self.rng.choice((408, 500, 502, 503, 520)), b"<html>bad gateway")

    def _limit(self, send: Send, signed: float) -> Reply:
        return self._reply(429, {"error": "too many requests"})

    def _garble(self, send: Send, signed: float) -> Reply:
        status, body = self.deliver(send, signed)
        raw = json.dumps(body).encode()
        cut = self.rng.choice((b"", raw[: len(raw) // 2], b"[]", b'{"error":"x"}', b"<html>"))
        return self._raw(status, cut)

    def _wrong_ack(self, send: Send, signed: float) -> Reply:
        status, body = self.deliver(send, signed)
        operation = self.delivery.read(send.request)[0]
        return self._reply(status, liars.wrong(self.rng, operation, status, body))

    def _meanwhile(self) -> None:
        """Let the rest of the world act."""
        if self._resume_at and self.time >= self._resume_at:
            self.resume()
        name = drawn(self.rng.random(), self._events)
        if name is not None:
            self.note(name)
            getattr(self, "_do_" + name)()

    def _do_stuck(self) -> None:
        as_of = self.ask("GetUserDataTimestamp")["as_of_time"]
        self._stuck = (self.time + self.rng.uniform(5, 120), as_of)

    def _do_lag(self) -> None:
        self.admin(admin.configure(read_lag_seconds=self.rng.choice((0.0, 0.4, 3.0, 8.0))))

    def _do_archive(self) -> None:
        # No row is archived before it can be read at all.
        at = self.moment() - timedelta(seconds=self.engine.settings.read_lag_seconds + 1)
        self.admin(admin.cutoff(orders=at, trades=at))

    def _do_trade(self) -> None:
        side, price = self.rng.choice((("ask", "0.41"), ("bid", "0.59"), ("ask", "0.60")))
        count = str(self.rng.randint(1, 20))
        ticker = self.rng.choice(TICKERS)
        if not self._resume_at:
            self.admin(admin.liquidity(ticker, side=side, price=price, count=count))

    def _do_pause(self) -> None:
        self.resume()
        self.admin(admin.pause(self.rng.choice(("trading", "exchange"))))
        self._resume_at = self.time + self.rng.uniform(1, 30)

    def resume(self) -> None:
        """End whatever pause there is."""
        self._resume_at = 0.0
        for what in ("trading", "exchange"):
            self.admin(admin.resume(what))

    def calm(self) -> None:
        """Let the faults stop."""
        self._draw(Chances.calm())
        self._stuck = (0.0, "")
        self.resume()

    def truth(self, client_order_id: str) -> list[dict[str, Any]]:
        """Return every order the exchange ever made under an id."""
        return self.engine.truth.orders(client_order_id=client_order_id)


def _accepted(reply: Reply) -> bool:
    """Say whether all of a request was accepted: of a batch, each entry."""
    if reply.status not in (200, 201):
        return False
    entries = (json.loads(reply.body) or {}).get("orders") or []
    return not any(entry.get("error") for entry in entries)


def drawn(dice: float, chances: list[tuple[str, float]]) -> str | None:
    """Return what happens, None for nothing."""
    for name, chance in chances:
        if dice < chance:
            return name
        dice -= chance
    return None


@lru_cache(maxsize=4096)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


_DELIVERY = Delivery(contract("current").operations)
_EVENTS = ("stuck", "lag", "archive", "trade", "pause")
_NETWORK = (
    *("refuse", "lose_request", "lose_answer", "delay", "double"),
    *("storm", "limit", "garble", "wrong_ack"),
)
