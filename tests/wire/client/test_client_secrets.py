"""Key, signature and token are in no error, its frames' locals, no log, text or pickle."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import core_clients as clients
import key_files
import pytest
import secret_leaks
from scripted_server import OK, Connection, Server

from kalshi_ext import AsyncKalshi, Kalshi
from kalshi_ext.errors import KalshiError

KEY_ID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
TOKEN = "a-bearer-token-that-nobody-may-see"
RSA_PEM = key_files.rsa_key()


def echo(connection: Connection, head: bytes) -> None:
    """Refuse, and send the whole request back, as a debugging proxy does."""
    connection.send(b"HTTP/1.1 401 No\r\ncontent-length: %d\r\n\r\n%s" % (len(head), head))


def reset(connection: Connection, head: bytes) -> None:
    connection.reset()


def garbage(connection: Connection, head: bytes) -> None:
    connection.send(b"\x00\x01\x02 not http at all\r\n\r\n")


def truncated(connection: Connection, head: bytes) -> None:
    connection.send(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"bal')


def unreadable(connection: Connection, head: bytes) -> None:
    connection.send(OK.replace(b"{}", b"[]"))


BAD_ANSWERS = (echo, reset, garbage, truncated, unreadable)
CREDENTIALS = {
    "key": {"key_id": KEY_ID, "private_key": RSA_PEM},
    "token": {"bearer_token": TOKEN},
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "read": lambda client: client.portfolio.balance(),
    "write": lambda client: client.orders.place("T", side="bid", count=1, price="0.50"),
}


@pytest.fixture(params=["sync", "async"])
def client_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def raised_error(
    client_kind: str, call: Callable[[Any], Any], options: dict[str, Any]
) -> KalshiError:
    async def call_async() -> None:
        async with AsyncKalshi(**options) as client:
            await call(client)

    def call_sync() -> None:
        with Kalshi(**options) as client:
            call(client)

    with pytest.raises(KalshiError) as caught:
        call_sync() if client_kind == "sync" else asyncio.run(call_async())
    return caught.value


def secrets_in(requests: list[bytes]) -> list[str]:
    """Return what must not be seen: the secrets given, and the signatures that really went out."""
    signatures = [
        line.split(b":", 1)[1].strip().decode()
        for request in requests
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"kalshi-access-signature:")
    ]
    return [TOKEN, *secret_leaks.fragments(RSA_PEM), *signatures]


@pytest.fixture
def all_logs(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Capture every logger at DEBUG."""
    with caplog.at_level(logging.DEBUG):
        yield caplog


@pytest.mark.parametrize("answer", BAD_ANSWERS, ids=lambda script: script.__name__)
@pytest.mark.parametrize("credentials", CREDENTIALS)
@pytest.mark.parametrize("call", CALLS)
def test_no_error_and_no_log_shows_a_secret_whatever_the_other_end_does(
    client_kind: str,
    call: str,
    credentials: str,
    answer: Callable[[Connection, bytes], None],
    all_logs: pytest.LogCaptureFixture,
) -> None:
    requests: list[bytes] = []

    def script(connection: Connection) -> None:
        requests.append(connection.request())
        answer(connection, requests[-1])

    with Server(script) as server:
        options = {
            **CREDENTIALS[credentials],
            "environment": server.url("/trade-api/v2"),
            "policy": clients.QUICK,
        }
        error = raised_error(client_kind, CALLS[call], options)
        secrets = secrets_in(requests)
    assert any(secret.encode() in request for secret in secrets for request in requests)
    texts = [*secret_leaks.texts_of(error), all_logs.text]
    # What was received is kept for whoever asks for it, and only there.
    body = repr(getattr(error, "body", None))
    texts = [text.replace(body, "") for text in texts]
    assert [secret for secret in secrets if any(secret in text for text in texts)] == []


@pytest.mark.parametrize("credentials", CREDENTIALS)
@pytest.mark.parametrize("kind", [Kalshi, AsyncKalshi])
def test_a_client_shows_no_secret_and_cannot_be_pickled(credentials: str, kind: type[Any]) -> None:
    client = kind(**CREDENTIALS[credentials])
    parts = [client, client.session, client.driver, client.session.endpoint, client.orders]
    for part in parts:
        text = repr(part) + str(part)
        assert [s for s in (TOKEN, *secret_leaks.fragments(RSA_PEM)) if s in text] == []
        with pytest.raises((TypeError, pickle.PicklingError, AttributeError)):
            pickle.dumps(part)
    client.close() if kind is Kalshi else asyncio.run(client.aclose())


def test_an_error_travels_between_processes_whole(client_kind: str) -> None:
    with Server(lambda connection: echo(connection, connection.request())) as server:
        options = {**CREDENTIALS["token"], "environment": server.url(), "policy": clients.QUICK}
        error = raised_error(client_kind, CALLS["read"], options)
    for copied in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(copied) is type(error)
        assert str(copied) == str(error)
        assert copied.status == 401
