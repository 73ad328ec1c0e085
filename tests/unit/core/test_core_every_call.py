"""Every word of the facade: complete tables, and nothing private goes out without credentials."""

from __future__ import annotations

from typing import Any

import core_clients as clients
import httpx
import pytest
from core_every_call import CLASSIC, CURRENT, EVERY, PUBLIC, TABLES

from kalshi_ext import KalshiError, Misuse
from kalshi_ext.contracts import contract

BEYOND = {"orders.find", "portfolio.event_positions"}
SIGNED = ("authorization", "kalshi-access-key", "kalshi-access-signature")


def test_the_tables_hold_every_word() -> None:
    facades = {name: {row.facade for row in contract(name).operations.values()} for name in TABLES}
    assert set(CLASSIC) == facades["classic"] | BEYOND
    assert set(CURRENT) == facades["current"] | BEYOND | {"history.all_orders", "history.all_fills"}
    assert len(facades["current"]) >= 51
    assert (len(facades["classic"]), len(PUBLIC)) == (19, 9)


@pytest.mark.parametrize(("name", "facade"), EVERY)
def test_a_private_call_without_credentials_is_refused_before_anything_is_sent(
    name: str, facade: str
) -> None:
    transport = clients.answering(500, b"")
    results = clients.sync_and_async(
        TABLES[name][facade], transport, contract=name, bearer_token=None
    )
    if facade in PUBLIC and name == "current":
        assert not [result for result in results if isinstance(result, Misuse)]
        assert len(transport.requests) >= 2
        assert not [h for r in transport.requests for h in SIGNED if h in r.headers]
        return
    assert transport.requests == []
    for error in results:
        assert isinstance(error, Misuse)
        assert "needs credentials" in str(error)


@pytest.mark.parametrize("facade", sorted(PUBLIC))
def test_a_public_call_shows_no_credentials_even_where_there_are_some(facade: str) -> None:
    transport = clients.answering(200, {})
    clients.sync_and_async(CURRENT[facade], transport)
    assert len(transport.requests) == 2
    assert not [h for r in transport.requests for h in SIGNED if h in r.headers]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_recovery_and_the_escape_hatch_need_credentials_too(mode: str) -> None:
    from kalshi_portfolio.api.exchange import get_exchange_status
    from kalshi_portfolio.api.portfolio import get_balance

    status = {"exchange_active": True, "trading_active": True}
    transport = clients.answering(200, status)
    mode_index = ["sync", "async"].index(mode)
    for work in (lambda c: c.recover(), lambda c: c.call(get_balance.sync_detailed)):
        error = clients.sync_and_async(work, transport, bearer_token=None)[mode_index]
        assert isinstance(error, Misuse)
        assert transport.requests == []
    status_read = clients.sync_and_async(
        lambda c: c.call(get_exchange_status.sync_detailed), transport, bearer_token=None
    )[mode_index]
    assert status_read.trading_active is True


@pytest.mark.parametrize(("name", "facade"), EVERY)
def test_a_closed_client_sends_nothing(name: str, facade: str) -> None:
    transport = clients.RecordingTransport()

    def closed_first(client: Any) -> Any:
        client.driver._closed = True
        return TABLES[name][facade](client)

    for error in clients.sync_and_async(closed_first, transport, contract=name):
        assert isinstance(error, KalshiError), repr(error)
    assert transport.requests == []


@pytest.fixture(scope="module")
def every_request() -> list[httpx.Request]:
    """Collect what every call sends where the exchange refuses it."""
    sent: list[httpx.Request] = []
    for name, facade in EVERY:
        # In the exchange's own words, so that no write is looked for afterwards.
        refusal = {"error": {"code": "invalid_parameters", "message": "m", "service": "s"}}
        transport = clients.answering(400, refusal)
        clients.sync_and_async(TABLES[name][facade], transport, contract=name)
        sent += transport.requests
    return sent


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_requests_carry_what_servers_expect_and_no_more(
    method: str, every_request: list[httpx.Request]
) -> None:
    seen = [request for request in every_request if request.method == method]
    assert seen
    for request in seen:
        names = {header.lower() for header in request.headers}
        expected = {"accept", "accept-encoding", "host", "user-agent", "authorization"}
        assert request.headers["accept-encoding"] == "gzip"
        if request.content:
            expected |= {"content-type", "content-length"}
            assert request.headers["content-type"] == "application/json"
        public = "authorization" not in names
        assert names - {"content-length"} == expected - {"content-length"} - (
            {"authorization"} if public else set()
        )
