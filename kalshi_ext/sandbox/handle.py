"""Start an exchange as a process of its own, and hold it."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kalshi_ext.sandbox.engine import Admin
from kalshi_ext.sandbox.keyring import Credentials, write_all
from kalshi_ext.sandbox.options import Options
from kalshi_ext.sandbox.process import ServerProcess
from kalshi_ext.sandbox.remote import ClockHandle, Faults, Link, Markets, SandboxError, Truth, do
from kalshi_ext.sandbox.seed_data import TRADER


class Sandbox:
    """Run a sandbox exchange for the length of a with-block.

    The server is another process on loopback; it ends with the block, and with this process
    however that ends. Works in ``async with`` too. Keywords are the fields of Options.
    """

    def __init__(self, **options: Any) -> None:
        self.options = Options(**options)
        self._process: ServerProcess | None = None
        self._told: dict[str, Any] = {}
        self._link: Link | None = None
        self._stack = ExitStack()
        self._directory: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)

    def start(self) -> None:
        """Start the process and wait until it accepts connections."""
        if self._process is not None:
            raise SandboxError("this sandbox is already running")
        self._process = ServerProcess.start(self.options)
        self._told = self._process.announcement
        self._link = Link(self._told["admin_url"], self._told["admin_token"])

    def close(self) -> None:
        """Stop the process and remove what was written for it."""
        if self._process is not None:
            self._process.stop()
        self._forget()
        self._stack.close()
        self._directory = None

    def kill(self) -> None:
        """Kill the process as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
        self._forget()

    def restart(self) -> None:
        """Start again on the same port after kill or close; a state file brings the state back."""
        port = int(str(self._told["url"]).rpartition(":")[2].partition("/")[0])
        self.options.port = port
        self.start()

    def reset(self) -> None:
        """Put the exchange back to its beginning; addresses and keys stay."""
        self.link.run("reset")

    @property
    def link(self) -> Link:
        """The connection to the admin side."""
        if self._link is None:
            raise SandboxError("this sandbox is not running: use it in a with-block")
        return self._link

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self._process.pid if self._process else None

    @property
    def url(self) -> str:
        """The API's base URL, through the proxy when there is one."""
        return str(self._known("url"))

    @property
    def direct_url(self) -> str:
        """The API's base URL without the proxy."""
        return str(self._known("direct_url"))

    @property
    def ca_pem(self) -> str | None:
        """The certificate authority to trust, with tls=True."""
        pem = self._known("ca_pem")
        return str(pem) if pem else None

    @property
    def ui_url(self) -> str | None:
        """The window's address, with ui=True; its fragment is the admin token."""
        known = self._known("ui_url")
        return str(known) if known else None

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
            made = tempfile.TemporaryDirectory(prefix="kalshi-sandbox-")
            self._directory = Path(self._stack.enter_context(made))
        keys = [Credentials.from_data(data) for data in self.link.run("keys.list")]
        write_all(keys, self._directory)
        return self._directory

    def account(
        self,
        name: str,
        *,
        funds: str = "1000",
        kind: str = "rsa",
        scopes: frozenset[str] = frozenset({"read", "write"}),
        subaccount: int | None = None,
    ) -> Credentials:
        """Give an account's key; opens the account, with funds, when there is none.

        Another kind, scope or subaccount lock than the account's first key makes a new key.
        """
        if name not in self.truth.accounts():
            self.do(Admin("add_account", {"account": name, "funds": funds}))
        given = {"kind": kind, "scopes": sorted(scopes), "subaccount": subaccount}
        plain = given == {"kind": "rsa", "scopes": ["read", "write"], "subaccount": None}
        known = self.link.run("keys.of", account=name) if plain else None
        return Credentials.from_data(known or self.link.run("keys.issue", account=name, **given))

    def do(self, command: Admin) -> Any:
        """Carry out an admin command (see engine.admin for the builders)."""
        return do(self.link, command)

    def configure(self, **settings: Any) -> None:
        """Change switches of the engine while it runs."""
        self.do(Admin("configure", settings))

    @property
    def faults(self) -> Faults:
        """The switchboard of the faults."""
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
    def clock(self) -> ClockHandle:
        """The exchange's time."""
        return ClockHandle(self.link)

    def _known(self, name: str) -> Any:
        if not self._told:
            raise SandboxError("this sandbox is not running: use it in a with-block")
        return self._told[name]

    def _forget(self) -> None:
        if self._link is not None:
            self._link.close()
        self._process, self._link = None, None


AsyncSandbox = Sandbox
"""The same class: it works in ``async with`` as in ``with``."""
