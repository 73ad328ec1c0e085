"""`Sandbox`: start an exchange as a process of its own, and hold it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

from kalshi_ext.sandbox.admin_client import (
    AdminClient,
    ClockControl,
    Faults,
    Markets,
    SandboxError,
    Truth,
    administer,
)
from kalshi_ext.sandbox.auth import Credentials, write_all
from kalshi_ext.sandbox.engine import Admin
from kalshi_ext.sandbox.options import TRADER, Options
from kalshi_ext.sandbox.worker import WorkerProcess

_PORT_WITHIN: Final = 10.0  # seconds, in which a restart gets its port back


class Sandbox:
    """Run a sandbox exchange for the length of a with-block.

    The server is another process on loopback; it ends with the block, and with this process
    however that ends. Works in ``async with`` too. Keywords are the fields of Options.
    """

    def __init__(self, **options: Any) -> None:
        self.options = Options(**options)
        self._process: WorkerProcess | None = None
        self._announcement: dict[str, Any] = {}
        self._client: AdminClient | None = None
        self._stack = ExitStack()
        self._directory: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        # Starting waits for the worker's announcement, which would block the loop.
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def start(self) -> None:
        """Start the process and wait until it accepts connections."""
        if self._process is not None:
            raise SandboxError("this sandbox is already running")
        self._process = WorkerProcess.start(self.options)
        self._announcement = self._process.announcement
        self._client = AdminClient(
            self._announcement["admin_url"], self._announcement["admin_token"]
        )

    def close(self) -> None:
        """Stop the process and remove what was written for it."""
        if self._process is not None:
            self._process.stop()
        self._discard_process()
        self._stack.close()
        self._directory = None

    def kill(self) -> None:
        """Kill the process as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
        self._discard_process()

    def restart(self) -> None:
        """Start again on the same port after kill or close; a state file brings the state back."""
        # The announcement is kept after kill and close, for this port.
        port = int(str(self._announcement["url"]).rpartition(":")[2].partition("/")[0])
        self.options.port = port
        until = time.monotonic() + _PORT_WITHIN
        while True:
            try:
                return self.start()
            except SandboxError as error:
                # Another process may hold it for a moment, for a connection of its own.
                if "already in use" not in str(error) or time.monotonic() >= until:
                    raise
            time.sleep(0.1)

    def reset(self) -> None:
        """Put the exchange back to its beginning; addresses and keys stay."""
        self.link.run("reset")

    @property
    def link(self) -> AdminClient:
        """The connection to the admin side."""
        if self._client is None:
            raise SandboxError("this sandbox is not running: use it in a with-block")
        return self._client

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self._process.pid if self._process else None

    @property
    def url(self) -> str:
        """The API's base URL, through the proxy when there is one."""
        return str(self._announced("url"))

    @property
    def direct_url(self) -> str:
        """The API's base URL without the proxy."""
        return str(self._announced("direct_url"))

    @property
    def ca_pem(self) -> str | None:
        """The certificate authority to trust, with tls=True."""
        pem = self._announced("ca_pem")
        return str(pem) if pem else None

    @property
    def ui_url(self) -> str | None:
        """The page's address, with ui=True; its fragment is the admin token."""
        url = self._announced("ui_url")
        return str(url) if url else None

    @property
    def key_id(self) -> str:
        """The first account's key id."""
        return self.account(TRADER).key_id

    @property
    def private_key(self) -> str:
        """The first account's private key, PEM text."""
        return self.account(TRADER).private_key

    @property
    def token(self) -> str:
        """The first account's bearer token."""
        return self.account(TRADER).token

    @property
    def credentials_dir(self) -> Path:
        """A directory with every issued key as files; removed on close."""
        if self._directory is None:
            directory = tempfile.TemporaryDirectory(prefix="kalshi-sandbox-")
            self._directory = Path(self._stack.enter_context(directory))
        # At each call: keys may have been issued since the last one.
        keys = [Credentials.from_data(data) for data in self.link.run("keys.list")]
        write_all(keys, self._directory)
        return self._directory

    def account(
        self,
        name: str,
        *,
        funds: str = "1000",
        precision: str = "0.0001",
        kind: str = "rsa",
        scopes: frozenset[str] = frozenset({"read", "write"}),
        subaccount: int | None = None,
    ) -> Credentials:
        """Give an account's key; opens the account, with funds, when there is none.

        `precision` (dollars) is what the balance moves in: 0.0001 for direct members, 0.01 for
        others; it decides how fees are rounded.
        Another kind, scope or subaccount lock than the account's first key makes a new key.
        """
        if name not in self.truth.accounts():
            self.do(Admin("add_account", {"account": name, "funds": funds, "precision": precision}))
        options = {"kind": kind, "scopes": sorted(scopes), "subaccount": subaccount}
        plain = options == {"kind": "rsa", "scopes": ["read", "write"], "subaccount": None}
        key = self.link.run("keys.of", account=name) if plain else None
        return Credentials.from_data(key or self.link.run("keys.issue", account=name, **options))

    def do(self, command: Admin) -> Any:
        """Execute a command of the exchange's own side (engine.admin builds them)."""
        return administer(self.link, command)

    def configure(self, **settings: Any) -> None:
        """Change switches of the engine while it runs."""
        self.do(Admin("configure", settings))

    @property
    def faults(self) -> Faults:
        """The faults: add, list, remove."""
        return Faults(self.link)

    @property
    def truth(self) -> Truth:
        """What truly happened."""
        return Truth(self.link)

    oracle = truth

    @property
    def markets(self) -> Markets:
        """The markets, from the exchange's side."""
        return Markets(self.link)

    @property
    def clock(self) -> ClockControl:
        """The exchange's time."""
        return ClockControl(self.link)

    def _announced(self, name: str) -> Any:
        if not self._announcement:
            raise SandboxError("this sandbox is not running: use it in a with-block")
        return self._announcement[name]

    def _discard_process(self) -> None:
        if self._client is not None:
            self._client.close()
        self._process, self._client = None, None


AsyncSandbox = Sandbox
"""The same class: it works in ``async with`` as in ``with``."""
