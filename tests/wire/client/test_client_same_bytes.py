"""Sync and async client put the same bytes on the wire, for every call of both contracts."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import time
from collections.abc import Iterator
from typing import Any

import core_clients as clients
import key_files
import pytest
from attrs import evolve, frozen
from client_recorder import RequestRecorder
from core_every_call import EVERY, TABLES
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from scripted_server import Server

from kalshi_ext import AsyncKalshi, Kalshi, OutcomeUnknown
from kalshi_ext.contracts import contract

KEY_ID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
SIGNATURE = "kalshi-access-signature"


@frozen
class FrozenClock:
    """A clock that stands still, so that both clients sign the same timestamps."""

    at: float = 1_800_000_000.125

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return time.monotonic()

    def adjust(self, seconds: float) -> None:
        raise AssertionError("nothing here is refused")


@pytest.fixture(scope="module", params=list(TABLES))
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, RequestRecorder, Server]]:
    recorder = RequestRecorder(request.param)
    with Server(recorder) as running:
        yield request.param, recorder, running


def client_options(server: Server, name: str) -> dict[str, Any]:
    return {
        "key_id": KEY_ID,
        # Ed25519 signs the same text alike; RSA-PSS has a random salt and would differ each time.
        "private_key": key_files.ed25519_key(),
        "environment": server.url("/trade-api/v2"),
        "contract": name,
        "policy": clients.QUICK,
        "pace": None,  # the recorder's account may do one thing a second
    }


def freeze_clock(client: Any) -> None:
    client.driver.endpoint = evolve(client.driver.endpoint, clock=FrozenClock())


def call_all_sync(table: dict[str, Any], options: dict[str, Any], recorder: RequestRecorder) -> Any:
    recorded = {}
    with Kalshi(**options) as client:
        freeze_clock(client)
        for word, work in table.items():
            clients.finish(work(client))
            recorded[word] = recorder.take_recorded()
    return recorded


async def call_all_async(
    table: dict[str, Any], options: dict[str, Any], recorder: RequestRecorder
) -> Any:
    recorded = {}
    async with AsyncKalshi(**options) as client:
        freeze_clock(client)
        for word, work in table.items():
            value = clients.finish(work(client))
            if inspect.isawaitable(value):
                await value
            recorded[word] = recorder.take_recorded()
    return recorded


@pytest.fixture(scope="module")
def recorded(server: tuple[str, RequestRecorder, Server]) -> tuple[str, Any, Any]:
    """Record every call of a contract with the sync and the async client."""
    name, recorder, running = server
    options = client_options(running, name)
    sync = call_all_sync(TABLES[name], options, recorder)
    return name, sync, asyncio.run(call_all_async(TABLES[name], options, recorder))


def test_the_sync_and_the_async_client_put_identical_bytes_on_the_wire(
    recorded: tuple[str, Any, Any],
) -> None:
    name, sync, asynchronous = recorded
    assert list(sync) == list(TABLES[name]) == list(asynchronous)
    different = [word for word in sync if sync[word] != asynchronous[word]]
    assert different == []
    silent = [word for word, (raw, _) in sync.items() if not raw]
    assert silent == []


def test_every_operation_was_on_the_wire(recorded: tuple[str, Any, Any]) -> None:
    name, sync, _ = recorded
    seen = {id_ for _, operations in sync.values() for id_ in operations}
    assert seen == set(contract(name).operations)


def parse_request(raw: bytes) -> tuple[str, str, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(headers) == len(lines), "no header stands twice"
    return method, target, {key.lower(): value for key, value in headers.items()}, body


def test_every_private_request_carries_a_valid_signature_and_no_public_one_does(
    recorded: tuple[str, Any, Any],
) -> None:
    name, sync, _ = recorded
    private = load_pem_private_key(key_files.ed25519_key(), password=None)
    assert isinstance(private, Ed25519PrivateKey)
    verified = public = 0
    for requests, operations in sync.values():
        for raw, id_ in zip(requests, operations, strict=True):
            method, target, headers, _ = parse_request(raw)
            if contract(name).operations[id_].public:
                assert not [header for header in headers if header.startswith("kalshi-access")]
                public += 1
                continue
            stamp = headers["kalshi-access-timestamp"]
            assert (stamp, headers["kalshi-access-key"]) == ("1800000000125", KEY_ID)
            signed = f"{stamp}{method}{target.partition('?')[0]}".encode()
            private.public_key().verify(base64.b64decode(headers[SIGNATURE]), signed)
            verified += 1
    assert verified >= {"current": 45, "classic": 20}[name]
    assert bool(public) is (name == "current")


def test_bodies_are_json_with_their_exact_length(recorded: tuple[str, Any, Any]) -> None:
    _, sync, _ = recorded
    for requests, _ in sync.values():
        for raw in requests:
            _, _, headers, body = parse_request(raw)
            assert len(body) == int(headers.get("content-length", 0))
            assert ("content-type" in headers) is bool(body)
            if body:
                json.loads(body)


def test_the_calls_of_the_table_are_those_recorded(recorded: tuple[str, Any, Any]) -> None:
    name, sync, _ = recorded
    assert set(sync) == {word for of, word in EVERY if of == name}


def test_an_unknown_outcome_is_not_what_was_recorded(
    server: tuple[str, RequestRecorder, Server],
) -> None:
    """The comparison is of calls that succeeded, not of the same failure twice."""
    name, recorder, running = server
    with Kalshi(**client_options(running, name)) as client:
        try:
            ack = TABLES[name]["orders.place"](client)
        except OutcomeUnknown as error:
            raise AssertionError(str(error)) from error
        assert ack.order_id == "o1"
        assert ack.replayed is False
    recorder.take_recorded()
