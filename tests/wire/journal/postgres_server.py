"""A PostgreSQL server of one's own, from the machine's binaries, and a proxy that can be cut."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from attrs import define, field

if TYPE_CHECKING:
    from kalshi_ext.journal.postgres import PostgresJournal

OpenJournals = Callable[..., "PostgresJournal"]  # the fixture of that name
PASSWORD = "s3cret!%/pass"
_QUOTED = "s3cret%21%25%2Fpass"


def find_binaries() -> Path | None:
    """Find the newest server on this machine: a directory with initdb and postgres."""
    initdb = shutil.which("initdb")
    if initdb is not None and Path(initdb).with_name("postgres").exists():
        return Path(initdb).parent
    clusters = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(clusters, key=lambda place: int(place.parts[-3]))
    return newest[-1].parent if newest else None


def free_port() -> int:
    """Ask the system for a port nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@define(eq=False)
class Server:
    """A cluster in a directory of its own. The server refuses to run as root: then as nobody."""

    directory: Path = field(init=False)
    port: int = field(factory=free_port)
    _bin: Path = field(factory=find_binaries)
    _process: subprocess.Popen[bytes] | None = None

    def create(self) -> Server:
        """Make the cluster and start it. Its syncs are real."""
        # Not tmp_path: other users cannot get there, and a socket's path must stay short.
        self.directory = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        self.directory.chmod(0o700)
        secret = self.directory / "password"
        secret.write_text(PASSWORD)
        if (user := self._user()) is not None:
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            os.chown(secret, user.pw_uid, user.pw_gid)
        self._run(
            *("initdb", "-D", "data", "-U", "boss", "--pwfile", "password", "-E", "UTF8"),
            # Without syncs while the cluster is made; those of the running server are real.
            *("--auth", "scram-sha-256", "--no-locale", "--no-sync"),
        )
        return self.start()

    def _user(self) -> pwd.struct_passwd | None:
        return pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    def _process_options(self) -> dict[str, Any]:
        user = self._user()
        options = {"cwd": self.directory, "env": {"LC_ALL": "C", "PATH": os.environ["PATH"]}}
        if user is None:
            return options
        return options | {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._bin / name), *arguments],
            capture_output=True,
            text=True,
            check=False,
            **self._process_options(),
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> Server:
        """Start the server and wait until it answers."""
        log = (self.directory / "log").open("ab")
        self._process = subprocess.Popen(
            [
                *(str(self._bin / "postgres"), "-D", "data", "-p", str(self.port)),
                *("-k", str(self.directory), "-c", "listen_addresses=127.0.0.1"),
                *("-c", "shared_buffers=8MB", "-c", "max_connections=40"),
                # After a kill one call instead of a sync for each file of the cluster.
                *("-c", "recovery_init_sync_method=syncfs"),
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,  # so that kill() reaches every backend by the group
            **self._process_options(),
        )
        log.close()
        deadline = time.monotonic() + 60
        while not self._is_ready():
            assert self._process.poll() is None, (self.directory / "log").read_text()
            assert time.monotonic() < deadline, (self.directory / "log").read_text()
            time.sleep(0.02)
        return self

    def _is_ready(self) -> bool:
        try:
            self.query("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def url(self, port: int | None = None) -> str:
        """Return a URL over TCP, with the password."""
        return f"postgresql://boss:{_QUOTED}@127.0.0.1:{port or self.port}/postgres"

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement as an administrator."""
        with psycopg.connect(self.url(), autocommit=True) as link:
            done = link.execute(statement.encode(), values or None)
            return done.fetchall() if done.description else []

    def kill(self) -> None:
        """End every process of the server at once, as a power loss would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)
            self._process = None
            time.sleep(0.05)  # until the last backend is reaped by init

    def stop(self) -> None:
        """Shut the server down in order."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """Kill the server and delete the cluster."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@contextmanager
def running_server(untested: str) -> Iterator[Server]:
    """Run a server for a test; skip loudly, saying what was NOT tested, without binaries."""
    import pytest  # not at the top: scripts use this file too

    if find_binaries() is None:
        pytest.skip(
            "NO PostgreSQL binaries (initdb, postgres) on PATH or in /usr/lib/postgresql/*/bin:"
            f" {untested}"
        )
    created = Server().create()
    yield created
    created.remove()


@define(eq=False)
class CuttableProxy:
    """A TCP proxy in front of the server. `on_client_data` sees what the client sends first.

    It returns "pass", "cut" (drop the data and the connection) or "mute" (pass it on, then cut
    before the server's answer comes back: the server has done it and the client cannot know).
    """

    target: int
    on_client_data: Callable[[bytes], str] = lambda data: "pass"
    port: int = 0
    cuts: int = 0
    _listener: socket.socket = field(factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _open: list[socket.socket] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self._open += [client, server]
            muted = threading.Event()
            for pump in (self._forward_to_server, self._forward_to_client):
                threading.Thread(target=pump, args=(client, server, muted), daemon=True).start()

    def _forward_to_server(
        self, client: socket.socket, server: socket.socket, muted: threading.Event
    ) -> None:
        while data := _receive(client):
            action = self.on_client_data(data)
            if action == "cut":
                break
            if action == "mute":
                muted.set()
            _send(server, data)
        self._close(client, server)

    def _forward_to_client(
        self, client: socket.socket, server: socket.socket, muted: threading.Event
    ) -> None:
        while data := _receive(server):
            if muted.is_set():
                break
            _send(client, data)
        self._close(client, server)

    def _close(self, *ends: socket.socket) -> None:
        self.cuts += 1
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        """Cut everything for good."""
        self._listener.close()
        self._close(*self._open)


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 16)
    except OSError:
        return b""


def _send(end: socket.socket, data: bytes) -> None:
    with suppress(OSError):
        end.sendall(data)
