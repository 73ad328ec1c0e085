"""Key, signature and token show up nowhere: not in errors, their locals, logs, texts, pickles."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import core_clients as clients
import key_files
import leaks
import pytest
from scripted_server import OK, Connection, Server

from kalshi_ext import AsyncKalshi, Kalshi
from kalshi_ext.errors import KalshiError

KEY_ID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
TOKEN = "a-bearer-token-that-nobody-may-see"
RSA_PEM = key_files.rsa_key()


def echo(connection: Connection, head: bytes) -> None:
    """Refuse, and give back everything the request said, as a debugging proxy does."""
    connection.send(b"HTTP/1.1 401 No\r\ncontent-length: %d\r\n\r\n%s" % (len(head), head))


def reset(connection: Connection, head: bytes) -> None:
    connection.reset()


def garbage(connection: Connection, head: bytes) -> None:
    connection.send(b"\x00\x01\x02 not http at all\r\n\r\n")


def truncated(connection: Connection, head: bytes) -> None:
    connection.send(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"bal')


def unreadable(connection: Connection, head: bytes) -> None:
    connection.send(OK.replace(b"{}", b"[]"))


TROUBLE = (echo, reset, garbage, truncated, unreadable)
SAID = {
    "key": {"key_id": KEY_ID, "private_key": RSA_PEM},
    "token": {"bearer_token": TOKEN},
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "read": lambda client: client.portfolio.balance(),
    "write": lambda client: client.orders.place("T", side="bid", count=1, price="0.50"),
}


@pytest.fixture(params=["sync", "async"])
def colour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def failed(colour: str, call: Callable[[Any], Any], given: dict[str, Any]) -> KalshiError:
    async def asynchronously() -> None:
        async with AsyncKalshi(**given) as client:
            await call(client)

    def synchronously() -> None:
        with Kalshi(**given) as client:
            call(client)

    with pytest.raises(KalshiError) as caught:
        synchronously() if colour == "sync" else asyncio.run(asynchronously())
    return caught.value


def secrets_in(seen: list[bytes]) -> list[str]:
    """Give what must not be seen: the secrets given, and the signatures that really went out."""
    signatures = [
        line.split(b":", 1)[1].strip().decode()
        for request in seen
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"kalshi-access-signature:")
    ]
    return [TOKEN, *leaks.fragments(RSA_PEM), *signatures]


@pytest.fixture
def spoken(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Let every logger say everything it can."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


@pytest.mark.parametrize("trouble", TROUBLE, ids=lambda script: script.__name__)
@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("call", CALLS)
def test_no_error_and_no_log_shows_a_secret_whatever_the_other_end_does(
    colour: str,
    call: str,
    said: str,
    trouble: Callable[[Connection, bytes], None],
    spoken: pytest.LogCaptureFixture,
) -> None:
    seen: list[bytes] = []

    def script(connection: Connection) -> None:
        seen.append(connection.request())
        trouble(connection, seen[-1])

    with Server(script) as server:
        given = {
            **SAID[said],
            "environment": server.url("/trade-api/v2"),
            "policy": clients.QUICK,
        }
        error = failed(colour, CALLS[call], given)
        secrets = secrets_in(seen)
    assert any(secret.encode() in request for secret in secrets for request in seen)
    shown = [*leaks.texts_of(error), spoken.text]
    # What was received is kept for whoever asks for it, and only there.
    body = repr(getattr(error, "body", None))
    shown = [text.replace(body, "") for text in shown]
    assert [secret for secret in secrets if any(secret in text for text in shown)] == []


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("kind", [Kalshi, AsyncKalshi])
def test_a_client_shows_no_secret_and_cannot_be_pickled(said: str, kind: type[Any]) -> None:
    client = kind(**SAID[said])
    parts = [client, client.session, client.driver, client.session.endpoint, client.orders]
    for part in parts:
        text = repr(part) + str(part)
        assert [s for s in (TOKEN, *leaks.fragments(RSA_PEM)) if s in text] == []
        with pytest.raises((TypeError, pickle.PicklingError, AttributeError)):
            pickle.dumps(part)
    client.close() if kind is Kalshi else asyncio.run(client.aclose())


def test_an_error_travels_between_processes_whole(colour: str) -> None:
    with Server(lambda connection: echo(connection, connection.request())) as server:
        given = {**SAID["token"], "environment": server.url(), "policy": clients.QUICK}
        error = failed(colour, CALLS["read"], given)
    for there in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(there) is type(error)
        assert str(there) == str(error)
        assert there.status == 401
