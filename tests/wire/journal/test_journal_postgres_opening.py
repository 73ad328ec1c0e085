"""Opening a shared journal while its server starts, is away, or will never let us in."""

from __future__ import annotations

import re
import socket
import threading

import pytest

pytest.importorskip("psycopg", reason="psycopg is missing: the shared journal was NOT tested")

import psycopg
from journal_writers import entry
from postgres_server import Server
from test_journal_postgres_schema import error_texts

from kalshi_ext.journal import JournalUnusable
from kalshi_ext.journal.postgres import PostgresJournal


def test_opening_waits_for_a_server_that_is_starting(server: Server, schema: str) -> None:
    server.stop()
    opened: list[PostgresJournal] = []

    def open_one() -> None:
        opened.append(PostgresJournal(server.url(), schema=schema, patience=60))

    thread = threading.Thread(target=open_one)
    thread.start()
    try:
        thread.join(0.3)
        assert thread.is_alive(), "nobody listens yet"
    finally:
        server.start()
    thread.join(60)
    with opened[0] as journal:
        assert journal.reserve(entry("a")).acquired


class Starting:
    """A server that answers so many connections with a FATAL error of a code, then nothing."""

    def __init__(self, code: str, words: str) -> None:
        self.count = 0
        self._answer = f"SFATAL\0VFATAL\0C{code}\0M{words}\0\0".encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                data = client.recv(4096)
                if len(data) == 8:  # asks for TLS first
                    client.sendall(b"N")
                    client.recv(4096)
                self.count += 1
                client.sendall(b"E" + (len(self._answer) + 4).to_bytes(4, "big") + self._answer)

    def close(self) -> None:
        self._listener.close()


@pytest.mark.parametrize(
    ("code", "words", "is_waited_for"),
    [
        ("57P03", "the database system is starting up", True),
        ("57P03", "the database system is shutting down", True),
        ("57P03", "das Datenbanksystem startet", True),
        ("53300", "sorry, too many clients already", True),
        ("28P01", 'password authentication failed for user "u"', False),
        ("28000", 'role "u" does not exist', False),
        ("3D000", 'database "d" does not exist', False),
        ("28000", 'no pg_hba.conf entry for host "127.0.0.1"', False),
    ],
)
def test_what_may_pass_is_waited_for_within_the_patience_and_what_lasts_is_not(
    code: str, words: str, is_waited_for: bool
) -> None:
    starting = Starting(code, words)
    url = f"postgresql://u:s3cret@127.0.0.1:{starting.port}/d"
    with pytest.raises(JournalUnusable, match=re.escape(words)) as caught:
        PostgresJournal(url, patience=0.4)
    starting.close()
    assert (starting.count > 1) == is_waited_for
    assert "s3cret" not in error_texts(caught.value)


def test_a_black_hole_is_given_up_after_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def connect(*_: object, connect_timeout: int, **__: object) -> None:
        asked.append(connect_timeout)
        raise psycopg.OperationalError("connection timeout expired")

    monkeypatch.setattr(psycopg, "connect", connect)
    with pytest.raises(JournalUnusable, match="timeout expired"):
        PostgresJournal("postgresql://u@127.0.0.1:9/d", patience=0.2)
    assert set(asked) == {2}, "an attempt takes no longer than what is left, from 2 s up"
