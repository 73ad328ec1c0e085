from __future__ import annotations

from pathlib import Path

import pytest
import vcr
from scripted_server import TRANSPORT_CLIENTS, Connection, Server, TransportClient, open_client
from vcr.errors import CannotOverwriteExistingCassetteException


def answer(connection: Connection) -> None:
    while True:
        body = connection.request().partition(b"\r\n\r\n")[2]
        connection.send(b"HTTP/1.1 201 Made\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


def recorder(directory: Path, mode: str) -> object:
    matches = ["method", "scheme", "host", "port", "path", "query", "body"]
    return vcr.VCR(match_on=matches, record_mode=mode).use_cassette(str(directory / "c.yaml"))


@pytest.mark.parametrize("client_kind", TRANSPORT_CLIENTS)
def test_vcrpy_records_and_replays_what_goes_through_the_transports(
    client_kind: str, tmp_path: Path
) -> None:
    with Server(answer) as server, open_client(client_kind) as client:
        url = server.url()
        with recorder(tmp_path, "once"):
            recorded = post_twice(client, url)
    assert [trace for *_, trace in recorded] == [False, False]
    with open_client(client_kind) as client, recorder(tmp_path, "none") as cassette:
        replayed = post_twice(client, url)
        assert cassette.all_played
        with pytest.raises(CannotOverwriteExistingCassetteException):
            client.post(url, b'{"count":"1000.00"}')
    assert [reply[:2] for reply in replayed] == [reply[:2] for reply in recorded]
    assert [never_left for *_, never_left in replayed] == [True, True]


def post_twice(client: TransportClient, url: str) -> list[tuple[int, bytes, bool]]:
    round_trips = [client.post(url, body) for body in (b'{"count":"1.00"}', b'{"count":"2.00"}')]
    assert [type(round_trip.error) for round_trip in round_trips] == [type(None)] * 2
    return [
        (round_trip.status, round_trip.body, round_trip.trace.nothing_sent)
        for round_trip in round_trips
    ]
