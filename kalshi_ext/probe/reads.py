"""Cards that only read: clocks, pages, limits, errors. They put nothing at risk."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Any

from kalshi_ext.probe.bench import Bench, Skipped
from kalshi_ext.probe.card import AtMost, OneOf, Values, card
from kalshi_ext.values import read_time

LIST = "/portfolio/orders"
BURST = 400  # requests at most to meet a rate limit


def _signature_age(bench: Bench, sign: int, seconds: Iterable[int]) -> Values:
    """Find the oldest (or farthest ahead) timestamp that is accepted, and how the next is told."""
    accepted: int | None = None
    for age in seconds:
        answer = bench.ask("GET", "/portfolio/balance", skew=sign * age)
        if answer.status == 401:
            code, shape = answer.error
            return {"accepted": accepted, "refused": age, "code": code, "shape": shape}
        if answer.status != 200:
            raise Skipped(f"a balance was answered {answer.status}")
        accepted = age
    return {"accepted": accepted, "refused": None}


@card(
    "How old may a timestamp be?",
    assumed={"refused": AtMost(60), "code": "header_timestamp_expired"},
    depends="a delayed copy of an order may be accepted when the order is already called absent",
)
def signature_past(bench: Bench) -> Values:
    return _signature_age(bench, -1, (0, 5, 10, 15, 20, 25, 30, 40, 50, 60, 90, 120))


@card(
    "How far ahead may a timestamp be?",
    assumed={"refused": AtMost(60)},
    depends="a copy of an order signed by a clock that runs ahead lives longer",
)
def signature_ahead(bench: Bench) -> Values:
    return _signature_age(bench, 1, (0, 5, 10, 15, 20, 30, 45, 60, 90))


@card(
    "Do answers carry a Date, and is this machine's clock right?",
    assumed={"date": True, "seconds_off": AtMost(5)},
    depends="an expired timestamp cannot be corrected",
)
def clock(bench: Bench) -> Values:
    answer = bench.get("/portfolio/balance")
    if "date" not in answer.headers:
        return {"date": False}
    ahead = parsedate_to_datetime(answer.headers["date"]).timestamp() - bench.clock.now()
    return {"date": True, "seconds_off": round(abs(ahead))}


@card("How is a wrong signature refused?", assumed={"status": 401})
def wrong_signature(bench: Bench) -> Values:
    forged = {"KALSHI-ACCESS-SIGNATURE": "AAAA", "Authorization": "Bearer AAAA"}
    return bench.ask("GET", "/portfolio/balance", headers=forged).refusal()


@card("How is an order that does not exist answered?", assumed={"status": 404, "code": "not_found"})
def unknown_order(bench: Bench) -> Values:
    return bench.get(f"{LIST}/{uuid.uuid4()}").refusal()


@card("How is an order id that is no UUID answered?", assumed={"status": OneOf((400, 404))})
def malformed_id(bench: Bench) -> Values:
    return bench.get(f"{LIST}/not-an-order").refusal()


@card(
    "What answers a cursor that was never given?",
    assumed={"answer": OneOf(("refused", "page 1", "empty"))},
    depends="a loop over pages would not end",
)
def garbage_cursor(bench: Bench) -> Values:
    first = bench.get(LIST, limit=1)
    answer = bench.get(LIST, limit=1, cursor="bm90IGEgY3Vyc29y")
    if answer.status != 200:
        return {"answer": "refused", **answer.refusal()}
    rows, before = answer.rows("orders"), first.rows("orders")
    if not rows:
        return {"answer": "empty"}
    return {"answer": "page 1" if rows == before else "other rows"}


@card("Is a page size over the maximum refused?", assumed={"answer": OneOf(("refused", "clamped"))})
def page_too_large(bench: Bench) -> Values:
    answer = bench.get(LIST, limit=1001)
    return (
        {"answer": "clamped"} if answer.status == 200 else {"answer": "refused"} | answer.refusal()
    )


@card(
    "How does a list without rows look?",
    assumed={"shape": OneOf(("array", "omit", "null"))},
    depends="with `omit` no absence of an order can be proven: its outcome stays unknown",
)
def empty_list(bench: Bench) -> Values:
    answer = bench.get(LIST, ticker=f"NO-SUCH-MARKET-{uuid.uuid4().hex[:8].upper()}")
    if answer.status != 200:
        return {"shape": "refused", **answer.refusal()}
    body = answer.object
    if "orders" not in body:
        return {"shape": "omit"}
    return {"shape": "null" if body["orders"] is None else "array"}


@card(
    "Does a full last page name a cursor?",
    assumed={"full_page_cursor": OneOf(("always", "when_more"))},
)
def last_page(bench: Bench) -> Values:
    """Ask a page that holds exactly what there is: does it name a cursor?"""
    everything = bench.get(LIST, limit=1000)
    rows = everything.rows("orders")
    if not rows or everything.object.get("cursor"):
        raise Skipped("it needs an account with 1 to 1,000 live orders")
    exact = bench.get(LIST, limit=len(rows))
    return {"full_page_cursor": "always" if exact.object.get("cursor") else "when_more"}


@card("Are answers compressed when asked?")
def compression(bench: Bench) -> Values:
    answer = bench.ask("GET", LIST, query={"limit": 100}, headers={"accept-encoding": "gzip"})
    return {"gzip": answer.headers.get("content-encoding") == "gzip"}


@card("How are queue positions without a scope refused?", assumed={"status": 400})
def queue_without_scope(bench: Bench) -> Values:
    return bench.get("/portfolio/orders/queue_positions").refusal()


@card(
    "What answers a path with a trailing slash?",
    assumed={"status": OneOf((301, 307, 308, 404))},
    depends="a redirect would send signed headers elsewhere; none is followed",
)
def trailing_slash(bench: Bench) -> Values:
    return {"status": bench.get("/portfolio/balance/").status}


@card("What answers a path that does not exist?", assumed={"status": 404})
def unknown_path(bench: Bench) -> Values:
    answer = bench.get("/portfolio/no-such-path")
    kind = answer.headers.get("content-type", "").partition(";")[0]
    return {"status": answer.status, "content_type": kind}


@card("What may this account send?")
def limits(bench: Bench) -> Values:
    answer = bench.get("/account/limits")
    body = answer.object
    if answer.status != 200 or not body:
        raise Skipped(f"limits were answered {answer.status}")
    return {name: value for name, value in body.items() if isinstance(value, int | str | dict)}


@card(
    "What does a request cost?",
    assumed={"default": 10},
    depends="a pacer that counts less is refused with 429",
)
def endpoint_costs(bench: Bench) -> Values:
    answer = bench.get("/account/endpoint_costs")
    body = answer.object
    if answer.status != 200 or not body:
        raise Skipped(f"costs were answered {answer.status}")
    return {"default": body.get("default_cost"), "listed": len(body.get("endpoint_costs") or ())}


@card(
    "How is a 429 told?", assumed={"headers": []}, depends="a Retry-After would be worth keeping to"
)
def rate_limit(bench: Bench) -> Values:
    """Read until a 429 comes. Costs nothing: no penalty is documented."""
    for count in range(1, BURST + 1):
        answer = bench.ask("GET", "/portfolio/balance", limited=True)
        if answer.status == 429:
            code, shape = answer.error
            told = sorted(n for n in answer.headers if "retry" in n or "ratelimit" in n)
            return {"met": True, "after": count, "code": code, "shape": shape, "headers": told}
    return {"met": False, "after": BURST}


@card(
    "How far do reads say that they lag?",
    assumed={"told": True, "seconds_behind": AtMost(10)},
    depends="a lost answer takes longer to look up",
)
def watermark(bench: Bench) -> Values:
    answer = bench.get("/exchange/user_data_timestamp")
    stamp = answer.object.get("as_of_time")
    if not isinstance(stamp, str) or "date" not in answer.headers:
        return {"told": False}
    date, as_of = parsedate_to_datetime(answer.headers["date"]), read_time(stamp)
    if as_of is None:
        return {"told": False}
    return {"told": True, "seconds_behind": round((date - as_of).total_seconds())}


@card("Which fields does an order row leave out?")
def row_shape(bench: Bench) -> Values:
    rows = bench.get(LIST, limit=1).rows("orders")
    if not rows:
        raise Skipped("it needs an account with an order")
    optional = ("expiration_time", "order_group_id", "cancel_order_on_pause", "action", "side")
    return {name: _presence(rows[0], name) for name in optional}


def _presence(row: dict[str, Any], name: str) -> str:
    if name not in row:
        return "absent"
    return "null" if row[name] is None else "set"
