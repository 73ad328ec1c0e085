"""What a card works with: single signed requests, a market to trade on, and a budget of dollars.

Nothing is retried and nothing is interpreted: a card wants to see each answer as it came. Whatever
a card leaves resting is cancelled after it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias, cast

from attrs import define, field, frozen

from kalshi_ext.config import Timeout
from kalshi_ext.errors import KalshiError
from kalshi_ext.protocol.flow import Send
from kalshi_ext.protocol.messages import Request
from kalshi_ext.transport import DeadlineTransport
from kalshi_ext.transport.endpoint import Endpoint
from kalshi_ext.transport.family import httpx
from kalshi_ext.transport.signing import Signer

Json: TypeAlias = Any
ORDERS = "/portfolio/events/orders"
TIMEOUT = 10.0  # seconds an answer may take
LIMIT_WAITS = (0.5, 1.0, 2.0)  # seconds, after a 429: a bucket fills up within two


class Skipped(Exception):
    """A card cannot be tried here; the text says why."""


@frozen
class Answer:
    """One answer: its status, its headers (lower case), its body as text and as JSON (or None)."""

    status: int
    headers: Mapping[str, str]
    text: str
    document: Json

    @property
    def object(self) -> dict[str, Json]:
        """The body where it is a JSON object, else an empty one."""
        document: Json = self.document
        return cast("dict[str, Json]", document) if isinstance(document, dict) else {}

    def rows(self, name: str) -> list[dict[str, Json]]:
        """Return the rows of a list; none where there is no such list."""
        return list(self.object.get(name) or ())

    def refusal(self) -> dict[str, Json]:
        """Return what a refusal is told by: status, code and the shape of the error."""
        code, shape = self.error
        return {"status": self.status, "code": code, "shape": shape}

    @property
    def error(self) -> tuple[str, str]:
        """The error's code and the shape it came in: nested, flat, msg, text or none."""
        body = self.object
        if not body:
            return "", "none" if not self.text else "text"
        inner: Json = body.get("error", body)
        if isinstance(inner, str):
            return inner, "string"
        if "msg" in body:
            return str(body["msg"]), "msg"
        return str(inner.get("code", "")), "nested" if "error" in body else "flat"


@frozen
class Resting:
    """An order that a card left: its market, and what it holds at risk in dollars."""

    ticker: str
    dollars: Decimal


@define
class SkewedClock:
    """This machine's clock, off by `skew` seconds."""

    skew: float = 0.0

    def now(self) -> float:
        return time.time() + self.skew

    def adjust(self, seconds: float) -> None:
        """Move the clock, as a client's correction would."""
        self.skew += seconds


@define
class Bench:
    """An account on an exchange, asked one request at a time. `risk_left` is in dollars."""

    base_url: str
    signer: Signer
    ticker: str
    patience: float  # seconds a card may wait for something to change
    risk_left: Decimal
    transport: httpx.BaseTransport = field(
        factory=lambda: DeadlineTransport(timeout=Timeout(TIMEOUT))
    )
    requests: int = 0
    clock: SkewedClock = field(factory=SkewedClock)
    resting: dict[str, Resting] = field(factory=dict[str, "Resting"])  # by order id

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Json = None,
        raw: bytes | None = None,
        skew: float = 0.0,
        headers: Mapping[str, str] | None = None,
        limited: bool = False,
    ) -> Answer:
        """Send one request and return its answer.

        Waits where there were too many, unless `limited`: then the 429 is the answer. Raises
        Skipped where none came, or a passing failure: neither tells how the exchange is set.
        """
        answer = self._send(method, path, query, body, raw, skew, headers)
        for wait in LIMIT_WAITS:
            if answer.status != 429 or limited:
                break
            time.sleep(wait)
            answer = self._send(method, path, query, body, raw, skew, headers)
        if answer.status >= 500 or (answer.status == 429 and not limited):
            raise Skipped(f"{method} {path}: {answer.status} {answer.error[0]}: ask again later")
        return answer

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        body: Json,
        raw: bytes | None,
        skew: float,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        pairs = tuple((name, str(value)) for name, value in (query or {}).items())
        content = raw if raw is not None or body is None else json.dumps(body).encode()
        endpoint = Endpoint(self.base_url, self.signer, clock=SkewedClock(self.clock.skew + skew))
        request = endpoint.prepare(
            Send(Request(method, path, pairs, content), public=False, timeout=TIMEOUT)
        )
        request.headers.update(headers or {})
        self.requests += 1
        try:
            response = self.transport.handle_request(request)
            response.read()
        except (httpx.HTTPError, KalshiError) as error:
            raise Skipped(f"{method} {path}: no answer: {type(error).__name__}") from None
        return _answer(response)

    def get(self, path: str, **query: str | int) -> Answer:
        """Read something."""
        return self.ask("GET", path, query=query)

    def order_body(self, **changes: Json) -> dict[str, Json]:
        """Build the body of a bid for one contract at a cent, which rests and is worth a cent."""
        body: dict[str, Json] = {
            "ticker": self.ticker,
            "client_order_id": f"probe-{uuid.uuid4()}",
            "side": "bid",
            "count": "1.00",
            "price": "0.0100",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        }
        return {name: value for name, value in {**body, **changes}.items() if value is not None}

    def place(self, body: Mapping[str, Json]) -> Answer:
        """Send an order and remember to cancel it. Raises Skipped where the budget is used up."""
        price = Decimal(str(body["price"]))
        dollars = (price if body["side"] == "bid" else 1 - price) * Decimal(str(body["count"]))
        self.spend(dollars)
        answer = self.ask("POST", ORDERS, body=body)
        if answer.status == 201:
            order_id = str(answer.object.get("order_id"))
            self.resting[order_id] = Resting(str(body["ticker"]), dollars)
        elif answer.error[0]:  # refused in the exchange's own words: nothing is at risk
            self.risk_left += dollars
        return answer

    def must_place(self, **changes: Json) -> tuple[str, dict[str, Json]]:
        """Place an order that must rest; return its order id and body. Raises Skipped."""
        body = self.order_body(**changes)
        answer = self.place(body)
        if answer.status != 201:
            raise Skipped(f"an order to look at was refused: {answer.status} {answer.error[0]}")
        return str(answer.document["order_id"]), body

    def cancel(self, order_id: str, *, ticker: str | None = None) -> Answer:
        """Cancel an order."""
        left = self.resting.get(order_id, Resting(ticker or self.ticker, Decimal(0)))
        answer = self.ask("DELETE", f"{ORDERS}/{order_id}", query={"market_ticker": left.ticker})
        if answer.status == 200:
            self.risk_left += left.dollars
            self.resting.pop(order_id, None)
        return answer

    def spend(self, dollars: Decimal) -> None:
        """Take dollars off the budget. Raises Skipped where it does not reach."""
        if dollars > self.risk_left:
            raise Skipped(f"it would put ${dollars} at risk, and ${self.risk_left} are left")
        self.risk_left -= dollars

    def close(self) -> None:
        """Close the connections."""
        self.transport.close()

    def clean_up(self) -> None:
        """Cancel what rests, and give back what it held at risk; what fails is tried again."""
        for order_id in list(self.resting):
            try:
                answer = self.cancel(order_id)
            except Skipped:
                continue
            if answer.status == 404:  # it ended otherwise
                self.resting.pop(order_id, None)


def _answer(response: httpx.Response) -> Answer:
    text = response.text
    try:
        document: Json = json.loads(text, parse_float=Decimal)
    except ValueError:
        document = None
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, text, document)
