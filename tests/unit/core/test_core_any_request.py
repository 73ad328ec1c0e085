"""client.request: any path of the exchange, through the signing, retries and errors of every call.

Each rule is tried with the sync and the async client.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import core_clients as clients
import httpx
import pytest

from kalshi_ext import (
    Misuse,
    NoAnswer,
    NotFound,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Unauthorized,
    Unintelligible,
)

BASE = "/trade-api/v2"


def answers_of(transport: clients.RecordingTransport, *args: Any, **named: Any) -> list[Any]:
    return clients.sync_and_async(lambda c: c.request(*args, **named), transport)


def one_answer(transport: clients.RecordingTransport, *args: Any, **named: Any) -> Any:
    first, second = answers_of(transport, *args, **named)
    assert first == second
    return first


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        (b'{"n":0.10,"whole":3,"text":"x","none":null}', {"n": Decimal("0.10"), "whole": 3}),
        (b'[{"a":1.5}]', [{"a": Decimal("1.5")}]),
        (b'"text"', "text"),
        (b"0.30", Decimal("0.30")),
        (b"", None),
        (b"null", None),
    ],
)
def test_the_answer_is_the_parsed_json_and_no_number_is_a_float(body: bytes, parsed: Any) -> None:
    answer = one_answer(clients.answering(200, body), "GET", "/series/KXRAIN")
    if isinstance(parsed, dict):
        parsed = {**parsed, "text": "x", "none": None}
    assert answer == parsed
    assert type(answer) is type(parsed)


def test_method_path_query_and_body_go_out_as_said_and_signed() -> None:
    transport = clients.RecordingTransport()
    params = {
        "ticker": "A&B=c\r\nX: y",
        "limit": 5,
        "open": True,
        "price": Decimal("0.5600"),
        "id": UUID(int=1),
        "left_out": None,
        "many": ["a", "b"],
    }
    answers_of(transport, "post", "/communications/rfqs", params=params, json={"a": ["ü", 1]})
    assert len(transport.requests) == 2
    for request in transport.requests:
        assert request.method == "POST"
        assert request.url.raw_path.decode() == (
            f"{BASE}/communications/rfqs?ticker=A%26B%3Dc%0D%0AX%3A+y&limit=5&open=true"
            "&price=0.5600&id=00000000-0000-0000-0000-000000000001&many=a&many=b"
        )
        assert request.content == '{"a":["ü",1]}'.encode()
        assert request.headers["content-type"] == "application/json"
        assert request.headers["authorization"] == f"Bearer {clients.TOKEN}"


def test_an_empty_object_is_a_body_and_no_json_is_none() -> None:
    transport = clients.RecordingTransport()
    answers_of(transport, "PUT", "/portfolio/order_groups/g1/reset", json={})
    answers_of(transport, "DELETE", "/portfolio/order_groups/g1")
    assert [request.content for request in transport.requests] == [b"{}", b"{}", b"", b""]


BAD_PATHS = [
    "",
    "/",
    "portfolio/balance",
    "https://elsewhere.example/x",
    "//elsewhere.example/x",
    "/portfolio//balance",
    "/portfolio/balance/",
    "/..",
    "/../../admin",
    "/portfolio/./balance",
    "/portfolio/../account",
    "/portfolio/%2e%2e/account",
    "/portfolio%2fbalance",
    "/portfolio\\..\\account",
    "/a\r\nx-injected: 1",
    "/a\n",
    "/a\t",
    "/a b",
    "/a\x00",
    "/a?b=c",
    "/a#b",
    "/a;b",
    "/@elsewhere.example",
    "/ü",
    "/trade-api/v2/portfolio/balance",
    None,
    5,
    b"/portfolio/balance",
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_is_below_the_base_url_and_nothing_else(path: Any) -> None:
    transport = clients.RecordingTransport()
    for error in answers_of(transport, "GET", path):
        assert type(error) is Misuse
        assert str(error).startswith("path=")
    assert transport.requests == []


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"method": "TRACE"}, "method must be one of GET, POST, PUT, PATCH, DELETE, not 'TRACE'"),
        ({"method": "GET\r\nX: y"}, "method must be"),
        ({"method": None}, "method must be"),
        ({"params": "a=b"}, "params must be a mapping"),
        ({"params": {"": 1}}, "no name of a parameter"),
        ({"params": {"a&b": 1}}, "no name of a parameter"),
        ({"params": {5: 1}}, "no name of a parameter"),
        ({"params": {"a": 0.5}}, "params['a']=0.5"),
        ({"params": {"a": {"b": 1}}}, "params['a']="),
        ({"params": {"a": b"x"}}, "params['a']="),
        ({"params": {"a": "\ud800"}}, "params['a']="),
        ({"params": {"a": Decimal("NaN")}}, "params['a']="),
        ({"params": {"a": Decimal("1e999999")}}, "params['a']="),
        ({"params": {"a": 10**5000}}, "params['a']="),
        ({"params": {"a": [["x"]]}}, "params['a']="),
        ({"json": {}}, "json must be None for GET"),
        ({"method": "POST", "json": {"a": float("nan")}}, "json must be plain JSON"),
        ({"method": "POST", "json": {"price": Decimal("0.5")}}, "json must be plain JSON"),
        ({"method": "POST", "json": {"a": object()}}, "json must be plain JSON"),
        ({"method": "POST", "json": {"a": "\ud800"}}, "json must be plain JSON"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name_before_anything_is_sent(
    named: dict[str, Any], words: str
) -> None:
    transport = clients.RecordingTransport()
    named = {"method": "GET", "path": "/series", **named}
    for error in answers_of(transport, **named):
        assert type(error) is Misuse
        assert words in str(error)
    assert transport.requests == []


def lost(_request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("silence")


def unreachable(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route")


def test_a_lost_read_is_sent_again_and_a_lost_write_never() -> None:
    for method, kind, attempts in (
        ("GET", NoAnswer, 2),
        *((write, OutcomeUnknown, 1) for write in ("POST", "PUT", "PATCH", "DELETE")),
    ):
        transport = clients.RecordingTransport(lost)
        for error in answers_of(transport, method, "/portfolio/events/orders/o1"):
            assert type(error) is kind
        assert len(transport.requests) == 2 * attempts, method


@pytest.mark.parametrize("answer", [(500, {}), (503, b"<html>"), (403, b"<html>"), (408, {})])
def test_a_write_that_may_have_been_executed_is_unknown_and_sent_once(
    answer: tuple[int, Any],
) -> None:
    transport = clients.answering(*answer)
    for error in answers_of(transport, "POST", "/portfolio/subaccounts", json={}):
        assert isinstance(error, OutcomeUnknown)
    assert len(transport.requests) == 2


def test_what_was_certainly_not_executed_is_sent_again() -> None:
    limited = clients.answering(429, {"error": "too many requests"})
    for error in answers_of(limited, "POST", "/x", json={}):
        assert type(error) is RateLimited
    assert len(limited.requests) == 4


def test_an_error_of_a_transport_that_counts_no_bytes_proves_nothing() -> None:
    transport = clients.RecordingTransport(unreachable)
    for error in answers_of(transport, "POST", "/x", json={}):
        assert isinstance(error, OutcomeUnknown)
    assert len(transport.requests) == 2


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(404, "not_found", NotFound), (401, "x", Unauthorized)]
)
def test_a_refusal_is_the_error_of_every_call(status: int, code: str, kind: Any) -> None:
    body = {"error": {"code": code, "message": "m"}}
    for error in answers_of(clients.answering(status, body), "GET", "/series/X"):
        assert type(error) is kind
        assert error.code == code
        assert error.operation == "GET /series/X"


@pytest.mark.parametrize("body", [b"<html>maintenance</html>", b'{"error":{"code":"x"}}', b"{"])
def test_a_success_that_cannot_be_read_is_unintelligible(body: bytes) -> None:
    for error in answers_of(clients.answering(200, body), "GET", "/series"):
        assert type(error) is Unintelligible


def test_without_credentials_a_read_goes_unsigned_and_a_write_not_at_all() -> None:
    transport = clients.RecordingTransport()
    read = partial(clients.sync_and_async, lambda c: c.request("GET", "/series"))
    assert read(transport, bearer_token=None) == [{}, {}]
    assert all("authorization" not in request.headers for request in transport.requests)
    transport = clients.RecordingTransport()
    write = partial(clients.sync_and_async, lambda c: c.request("POST", "/series", json={}))
    for error in write(transport, bearer_token=None):
        assert type(error) is Misuse
        assert "needs credentials" in str(error)
    assert transport.requests == []


def test_no_contract_is_known_of_it_so_nothing_counts_as_a_deviation() -> None:
    transport = clients.answering(202, {"brand": "new"})

    def work(client: Any) -> Any:
        client.drift()
        return client.request("GET", "/brand/new")

    assert clients.sync_and_async(work, transport) == [{"brand": "new"}] * 2
    with clients.client(transport) as client:
        client.request("GET", "/brand/new")
        assert client.drift() == {}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_deadline_that_has_passed_lets_nothing_leave(method: str) -> None:
    transport = clients.RecordingTransport()
    past = datetime.now(UTC) - timedelta(seconds=1)
    for error in answers_of(transport, method, "/series/KXRAIN", deadline=past):
        assert type(error) is NotSent
        assert "the deadline of the call has passed" in str(error)
    assert transport.requests == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_deadline_cuts_the_time_of_an_attempt(method: str) -> None:
    transport = clients.RecordingTransport()
    answers_of(transport, method, "/series/KXRAIN")
    answers_of(transport, method, "/series/KXRAIN", deadline=3)
    usual, _, cut, _ = (request.extensions["timeout"]["read"] for request in transport.requests)
    assert usual == clients.QUICK.timeout
    assert cut <= 3


@pytest.mark.parametrize("deadline", [0, -1, True, "soon", datetime(2026, 1, 1)])
def test_a_deadline_that_is_none_is_refused_before_anything_is_sent(deadline: Any) -> None:
    transport = clients.RecordingTransport()
    for error in answers_of(transport, "GET", "/series/KXRAIN", deadline=deadline):
        assert type(error) is Misuse
        assert "deadline" in str(error)
    assert transport.requests == []
