"""Look for secrets outside of a process: its files, its children, and what pytest prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from bad_arguments import QUICK
from echoes import ECHOES, Echo
from secret_surfaces import Leaks, Vault, credentials

from kalshi_ext import Kalshi

FAILING: Final = """
import json, logging, os, pathlib
import pytest
from kalshi_ext import AsyncKalshi, Kalshi, Policy
from kalshi_ext.journal import postgres_connection

VAULT = pathlib.Path(os.environ["VAULT"])


def read(name):
    return json.loads(VAULT.read_text())[name]


@pytest.mark.parametrize("wrong", [{"environment": "prod"}, {"timeout": -1}, {"contract": "x"}])
@pytest.mark.parametrize("client", [Kalshi, AsyncKalshi])
def test_key(client, wrong):
    client(key_id=read("key_id"), private_key=read("rsa_pem"), **wrong)


@pytest.mark.parametrize("client", [Kalshi, AsyncKalshi])
def test_environment(client):
    client.from_env({"KALSHI_KEY_ID": read("key_id"), "KALSHI_PRIVATE_KEY": read("locked_pem")})


def test_token():
    Kalshi(bearer_token=read("token"), proxy=read("proxy"), policy=5)


def test_nothing_listens():
    once = Policy(attempts=1)
    with Kalshi(bearer_token=read("token"), proxy=read("proxy"), policy=once) as client:
        client.portfolio.balance()


def test_database(monkeypatch):
    monkeypatch.setattr(postgres_connection, "_LASTING", postgres_connection.re.compile(""))
    Kalshi(journal=read("database"))
"""


def _vault_file(vault: Vault, folder: Path) -> Path:
    names = ("token", "key_id", "rsa_pem", "locked_pem", "database", "proxy")
    path = folder / "vault.json"
    path.write_text(json.dumps({name: getattr(vault, name) for name in names}))
    return path


STYLES: Final = ("long", "auto", "native")
# Nothing of the outer run's: each costs time in every run, and prints nothing here.
_PLAIN: Final = [f"-pno:{name}" for name in ("cacheprovider", "xdist", "hypothesispytest", "anyio")]


def look_at_pytest(leaks: Leaks, styles: Sequence[str] = STYLES) -> None:
    """Run failing tests under pytest, with locals and the log at DEBUG; look at what it prints."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "test_failing.py").write_text(FAILING)
        environ = os.environ | {"VAULT": str(_vault_file(leaks.vault, folder))}
        for style in styles:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *_PLAIN, "--showlocals",
                 "--log-level=DEBUG", f"--tb={style}", "-q", "test_failing.py"],
                cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
            assert "failed" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
            for line in done.stdout.splitlines():
                leaks.look("pytest", f"pytest --tb={style}", line)
            leaks.look("pytest", f"pytest --tb={style}", done.stderr)


def look_at_files(leaks: Leaks) -> None:
    """Fail writes into a journal in a file; look at the file, its side files and their modes."""
    with tempfile.TemporaryDirectory() as place:
        for number, write in enumerate(ECHOES.values()):
            for status in (201, 400, 403, 502):
                path = Path(place) / f"{number}-{status}.db"
                options: dict[str, Any] = credentials(leaks.vault)["token"]()
                options |= {"transport": Echo(status, write), "policy": QUICK, "journal": path}
                with Kalshi(**options) as client:
                    with suppress(Exception):
                        client.orders.place("T", side="bid", count=1, price="0.5")
                    _look_at_files_of(path, leaks)
                _look_at_files_of(path, leaks)


def _look_at_files_of(path: Path, leaks: Leaks) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        leaks.look(path.name, "file", file.read_bytes().decode("latin-1"))
        leaks.surfaces += 1
        if os.name == "posix" and file.stat().st_mode & 0o077 and file.suffix != ".lock":
            leaks.found.append(f"{file.name}: others may read it: {file.stat().st_mode:o}")


def look_at_processes(leaks: Leaks) -> None:
    """Start a sandbox with secrets in the environment; look at the child as others see it."""
    from kalshi_ext.sandbox import Sandbox

    given = {
        "KALSHI_KEY_ID": leaks.vault.key_id,
        "KALSHI_BEARER_TOKEN": leaks.vault.token,
        "KALSHI_JOURNAL": leaks.vault.database,
        "KALSHI_PRIVATE_KEY_PASSPHRASE": leaks.vault.passphrase,
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        with Sandbox():
            for child in _children(os.getpid()):
                for name in ("cmdline", "environ"):
                    with suppress(OSError):
                        text = Path(f"/proc/{child}/{name}").read_bytes().decode("latin-1")
                        leaks.look("sandbox", f"process {name}", text)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(stat.parent.name))
    return found + [each for child in found for each in _children(child)]
