from __future__ import annotations

from pathlib import Path

import pytest
import vcr
from scripted_server import COLOURS, Connection, Server, Wire, open_wire
from vcr.errors import CannotOverwriteExistingCassetteException


def answer(connection: Connection) -> None:
    while True:
        body = connection.request().partition(b"\r\n\r\n")[2]
        connection.send(b"HTTP/1.1 201 Made\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


def recorder(directory: Path, mode: str) -> object:
    matches = ["method", "scheme", "host", "port", "path", "query", "body"]
    return vcr.VCR(match_on=matches, record_mode=mode).use_cassette(str(directory / "c.yaml"))


@pytest.mark.parametrize("colour", COLOURS)
def test_vcrpy_records_and_replays_what_goes_through_the_transports(
    colour: str, tmp_path: Path
) -> None:
    with Server(answer) as server, open_wire(colour) as wire:
        url = server.url()
        with recorder(tmp_path, "once"):
            recorded = say(wire, url)
    assert [evidence for *_, evidence in recorded] == [False, False]
    with open_wire(colour) as wire, recorder(tmp_path, "none") as cassette:
        replayed = say(wire, url)
        assert cassette.all_played
        with pytest.raises(CannotOverwriteExistingCassetteException):
            wire.post(url, b'{"count":"1000.00"}')
    assert [reply[:2] for reply in replayed] == [reply[:2] for reply in recorded]
    assert [never_left for *_, never_left in replayed] == [True, True]


def say(wire: Wire, url: str) -> list[tuple[int, bytes, bool]]:
    outcomes = [wire.post(url, body) for body in (b'{"count":"1.00"}', b'{"count":"2.00"}')]
    assert [type(outcome.error) for outcome in outcomes] == [type(None)] * 2
    return [(outcome.status, outcome.body, outcome.evidence.nothing_sent) for outcome in outcomes]
