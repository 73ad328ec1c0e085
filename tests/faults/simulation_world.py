"""The simulated world: the real write flows against the sandbox's real engine, in virtual time.

No sockets, no threads, no real clock. One seed decides everything that happens, so a run takes
milliseconds and can be replayed by its number. Four modules: this one is the exchange, the network
in front of it and the time of both; simulation_process is the bot's process (its clock, its
journal, how it dies); simulation_bot is what the bot does; simulation_oracle is the judge.

What the world may do to a request (FaultRates says how often):

| rate         | is it executed?                       | what the client learns               |
|--------------|---------------------------------------|--------------------------------------|
| refuse       | no                                    | Lost, no byte was sent               |
| lose_request | no                                    | Lost, bytes were sent                |
| lose_answer  | yes                                   | Lost, bytes were sent                |
| delay        | up to 45 s later, if still accepted   | Lost, bytes were sent                |
| double       | yes, and perhaps once more later      | the answer to the first              |
| storm        | yes or no                             | 408 or 5xx, an HTML page             |
| limit        | no                                    | 429                                  |
| garble       | yes                                   | the body is cut or something else    |
| wrong_ack    | yes                                   | an acknowledgement that cannot be    |
| lie          | as the engine says                    | 404 for a live order, 409 codeless   |
| bad_row      | a read                                | one row of the list is unreadable    |

Beside that the exchange does what exchanges do (stuck, lag, archive, trade, pause). The process
dies or its flow is cancelled (crash, abandon), its clock jumps (clock), its journal fails
(journal).

What it may not do: a request is refused (401) more than CLOCK_TOLERANCE seconds after it was
signed, late copies too. And a delayed duplicate is only made of a request that something at the
exchange can recognize (`_duplicate_is_recognizable`): against the others no client can do anything.

Who judges: the engine's own books, never an answer of its API. A fault of a run is one of

- duplicate: one intent (one order group, one transfer ...) stands more than once;
- lost: something stands and the journal has no record of it, or says that it was not executed;
- wrong verdict: a result or a journal entry says executed, refused or not sent, and is not true;
- wrong order: something stands that nobody asked for;
- no verdict: a write ended in an error that says neither refused, not sent nor unknown;
- unsettled: no verdict although the faults have stopped and every late copy has arrived;
- untold: a verdict that no caller heard, and that recovery did not speak of.

An example. A create meets `lose_answer`: the engine holds the order, the flow gets a Lost. It looks
the order up by its client_order_id, through whatever faults the lookup meets, and returns it. The
oracle finds one order under that id, and its order_id in the acknowledgement and the journal. A
client that had sent again at once would, where the exchange forgets ids, have made two: duplicate.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import lru_cache
from heapq import heappop, heappush
from typing import Any

import fake_acks
from attrs import define, field, fields, frozen
from virtual_exchange import ROUTER

from kalshi_ext.contracts import contract
from kalshi_ext.protocol.flow import Send
from kalshi_ext.protocol.messages import Lost, Reply
from kalshi_ext.sandbox.engine import ApiRequest, Caller, Engine, Settings, admin

START = 1_790_000_000.0
CLOCK_TOLERANCE = 30.0  # seconds a signature's timestamp is accepted; our policy assumes at most 60
ACCOUNT = "trader"
TICKERS = ("KXRAIN-26DEC31-NYC", "KXBTC-26DEC31-B100")
SHARDS = (0, 2)

_NETWORK_FAULTS = (
    *("refuse", "lose_request", "lose_answer", "delay", "double"),
    *("storm", "limit", "garble", "wrong_ack"),
)
_EXCHANGE_EVENTS = ("stuck", "lag", "archive", "trade", "pause")
_PROCESS_FAULTS = ("crash", "abandon", "clock")


@frozen
class FaultRates:
    """How often what happens, per request or effect."""

    refuse: float = 0.05  # connection refused: no byte was sent
    lose_request: float = 0.08  # sent, never arrives
    lose_answer: float = 0.10  # executed, the answer is lost
    delay: float = 0.08  # the request arrives up to 45 s later, its answer never
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
    def none(cls) -> FaultRates:
        """Return the rates of a world without faults."""
        return cls(**{part.name: 0.0 for part in fields(cls)})


@define(slots=False)
class SimulatedWorld:
    """The exchange, the network in front of it, and the clock of both.

    `in_flight` holds late copies as (arrival, serial number, request, time of the signature).
    """

    seed: int
    dedupe: str = "forever"
    rates: FaultRates = field(factory=FaultRates)
    time: float = START
    requests: int = 0
    happened: dict[str, int] = field(factory=dict)
    in_flight: list[tuple[float, int, Send, float]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        # Every draw comes from this one generator: another draw more or less, or in another order,
        # and every seed leads to another life.
        rng = self.rng = random.Random(self.seed)
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
        self.page_limit = rng.choice(("1", "2", "1000", "1000", "1000"))
        self.engine = Engine(settings)
        self.contract = contract("current")
        self._serial = 0
        self._frozen_watermark: tuple[float, str] = (0.0, "")
        self._pause_ends_at = 0.0
        self._open_markets()
        self._set_rates(self.rates)

    def _set_rates(self, rates: FaultRates) -> None:
        self.rates = rates
        self._network_rates = [(name, getattr(rates, name)) for name in _NETWORK_FAULTS]
        self._event_rates = [(name, getattr(rates, name)) for name in _EXCHANGE_EVENTS]
        self.process_rates = [(name, getattr(rates, name)) for name in _PROCESS_FAULTS]
        self.process_fault_rate = sum(rate for _, rate in self.process_rates)

    def _open_markets(self) -> None:
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
        """Let time pass and deliver the late copies that are due."""
        until = self.time + seconds
        while self.in_flight and self.in_flight[0][0] <= until:
            at, _, send, signed_at = heappop(self.in_flight)
            self.time = max(self.time, at)
            self.deliver(send, signed_at)
        self.time = max(self.time, until)

    def deliver_later(self, send: Send, signed_at: float) -> None:
        """Put a copy of a request on a slow way; some arrive after their signature has expired."""
        self._serial += 1
        at = self.time + self.rng.uniform(0.05, CLOCK_TOLERANCE * 1.5)
        heappush(self.in_flight, (at, self._serial, send, signed_at))

    def deliver(self, send: Send, signed_at: float) -> tuple[int, Any]:
        """Execute a request at the exchange; one signed too long ago is refused."""
        if not send.public and abs(self.time - signed_at) > CLOCK_TOLERANCE:
            return 401, {"error": {"code": "header_timestamp_expired", "message": "too old"}}
        request = send.request
        operation, path = ROUTER.route(request.method, request.path)
        query = dict(request.query)
        if "limit" in query:
            query["limit"] = self.page_limit  # an exchange may give fewer rows than asked for
        body = None if request.body is None else json.loads(request.body)
        kind = "absent" if request.body is None else "json"
        call = ApiRequest(operation, Caller(ACCOUNT), path, query, body, kind)
        answer = self.engine.execute(call, now=self.moment())
        if operation == "GetUserDataTimestamp":
            return answer.status, self._watermark(answer.body)
        return answer.status, answer.body

    def read(self, operation: str) -> Any:
        """Read from the exchange without a network, as a judge does."""
        call = ApiRequest(operation, Caller(ACCOUNT), {}, {}, None, "absent")
        return self.engine.execute(call, now=self.moment()).body

    def _watermark(self, body: Any) -> Any:
        until, as_of = self._frozen_watermark
        return {"as_of_time": as_of} if self.time < until and as_of else body

    def send(self, send: Send, signed_at: float) -> Reply | Lost:
        """Carry one request through the network. Times are the exchange's, `signed_at` too."""
        self.requests += 1
        self.advance(self.rng.uniform(0.0005, 0.02))
        self._run_events()
        name = draw(self.rng.random(), self._network_rates)
        if name is None:
            return self._answer(send, signed_at)
        self.count(name)
        outcome: Reply | Lost = getattr(self, "_network_" + name)(send, signed_at)
        return outcome

    def count(self, name: str) -> None:
        """Count something that happened."""
        self.happened[name] = self.happened.get(name, 0) + 1

    def _answer(self, send: Send, signed_at: float) -> Reply:
        status, body = self.deliver(send, signed_at)
        rates, rng = self.rates, self.rng
        if rng.random() < rates.lie:
            self.count("lie")
            status, body = fake_acks.false_status(rng, send.request, status, body)
        if send.request.method == "GET" and rng.random() < rates.bad_row:
            self.count("bad_row")
            fake_acks.spoil_row(rng, body)
        return self._reply(status, body)

    def _reply(self, status: int, body: Any) -> Reply:
        return self._raw_reply(status, b"" if body is None else json.dumps(body).encode())

    def _raw_reply(self, status: int, raw: bytes) -> Reply:
        self.advance(self.rng.uniform(0.0005, 0.02))
        return Reply(status, {"date": _date(int(self.time))}, raw, 0.0, self.time)

    def _time_out(self, send: Send) -> Lost:
        self.advance(send.timeout if self.rng.random() < 0.5 else 0.01)
        return Lost(True, "ReadTimeout")

    def _network_refuse(self, send: Send, signed_at: float) -> Lost:
        return Lost(False, "ConnectError: refused")

    def _network_lose_request(self, send: Send, signed_at: float) -> Lost:
        return self._time_out(send)

    def _network_lose_answer(self, send: Send, signed_at: float) -> Lost:
        self.deliver(send, signed_at)
        return self._time_out(send)

    def _network_delay(self, send: Send, signed_at: float) -> Lost:
        self.deliver_later(send, signed_at)
        return self._time_out(send)

    def _network_double(self, send: Send, signed_at: float) -> Reply:
        reply = self._answer(send, signed_at)
        # Nor can a client know of a copy of what was refused, made later where it is not.
        if self._duplicate_is_recognizable(send) and _is_fully_accepted(reply):
            self.deliver_later(send, signed_at)
        return reply

    def _duplicate_is_recognizable(self, send: Send) -> bool:
        """Say whether something at the exchange can tell a proxy's copy from a new request.

        What names a difference, carries no key, or an id that was forgotten, or would undo what
        the user asks for next, is beyond any client.
        """
        operation, _ = ROUTER.route(send.request.method, send.request.path)
        if operation in ("CreateOrderV2", "BatchCreateOrdersV2"):
            return self.dedupe == "forever"
        return operation in ("CancelOrderV2", "BatchCancelOrdersV2", "ApplySubaccountTransfer")

    def _network_storm(self, send: Send, signed_at: float) -> Reply:
        if self.rng.random() < 0.5:
            self.deliver(send, signed_at)
        return self._raw_reply(self.rng.choice((408, 500, 502, 503, 520)), b"<html>bad gateway")

    def _network_limit(self, send: Send, signed_at: float) -> Reply:
        return self._reply(429, {"error": "too many requests"})

    def _network_garble(self, send: Send, signed_at: float) -> Reply:
        status, body = self.deliver(send, signed_at)
        raw = json.dumps(body).encode()
        garbled = self.rng.choice((b"", raw[: len(raw) // 2], b"[]", b'{"error":"x"}', b"<html>"))
        return self._raw_reply(status, garbled)

    def _network_wrong_ack(self, send: Send, signed_at: float) -> Reply:
        status, body = self.deliver(send, signed_at)
        operation, _ = ROUTER.route(send.request.method, send.request.path)
        return self._reply(status, fake_acks.false_ack(self.rng, operation, status, body))

    def _run_events(self) -> None:
        """Let the rest of the world act."""
        if self._pause_ends_at and self.time >= self._pause_ends_at:
            self.resume()
        name = draw(self.rng.random(), self._event_rates)
        if name is not None:
            self.count(name)
            getattr(self, "_event_" + name)()

    def _event_stuck(self) -> None:
        as_of = self.read("GetUserDataTimestamp")["as_of_time"]
        self._frozen_watermark = (self.time + self.rng.uniform(5, 120), as_of)

    def _event_lag(self) -> None:
        self.admin(admin.configure(read_lag_seconds=self.rng.choice((0.0, 0.4, 3.0, 8.0))))

    def _event_archive(self) -> None:
        # No row is archived before it can be read at all.
        at = self.moment() - timedelta(seconds=self.engine.settings.read_lag_seconds + 1)
        self.admin(admin.cutoff(orders=at, trades=at))

    def _event_trade(self) -> None:
        side, price = self.rng.choice((("ask", "0.41"), ("bid", "0.59"), ("ask", "0.60")))
        count = str(self.rng.randint(1, 20))
        ticker = self.rng.choice(TICKERS)
        if not self._pause_ends_at:
            self.admin(admin.liquidity(ticker, side=side, price=price, count=count))

    def _event_pause(self) -> None:
        self.resume()
        self.admin(admin.pause(self.rng.choice(("trading", "exchange"))))
        self._pause_ends_at = self.time + self.rng.uniform(1, 30)

    def resume(self) -> None:
        """End whatever pause there is."""
        self._pause_ends_at = 0.0
        for scope in ("trading", "exchange"):
            self.admin(admin.resume(scope))

    def stop_faults(self) -> None:
        """Let the faults stop; late copies still arrive."""
        self._set_rates(FaultRates.none())
        self._frozen_watermark = (0.0, "")
        self.resume()

    def orders_of(self, client_order_id: str) -> list[dict[str, Any]]:
        """Return every order the exchange ever made under an id, from its books."""
        return self.engine.truth.orders(client_order_id=client_order_id)


def _is_fully_accepted(reply: Reply) -> bool:
    """Say whether all of a request was accepted: of a batch, each entry."""
    if reply.status not in (200, 201):
        return False
    entries = (json.loads(reply.body) or {}).get("orders") or []
    return not any(entry.get("error") for entry in entries)


def draw(number: float, rates: list[tuple[str, float]]) -> str | None:
    """Return which of several events a random number from 0 to 1 means, None for none."""
    for name, rate in rates:
        if number < rate:
            return name
        number -= rate
    return None


@lru_cache(maxsize=4096)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
