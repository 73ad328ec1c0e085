"""Calls that are given a secret and fail: every public function that takes one, in odd writings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
from attrs import evolve
from secret_surfaces import Scenario, Vault

from kalshi_ext import AsyncKalshi, Environment, Kalshi, Secret
from kalshi_ext.journal import account_label, open_journal
from kalshi_ext.transport import AsyncDeadlineTransport, DeadlineTransport
from kalshi_ext.transport.keys import load_key

_AT: Final = "127.0.0.1:1"


def databases(vault: Vault) -> dict[str, Callable[[], Any]]:
    """List places of a journal that hold a password and are no place."""
    return {
        "parameters": lambda: f"host={_AT[:9]} port=1 password={vault.password} user=x",
        "path of a url": lambda: Path(f"postgresql://trader:{vault.password}@{_AT}/orders"),
        "path with a space": lambda: Path(f" postgres://trader:{vault.password}@{_AT}/orders"),
        "half a pair": lambda: f"postgresql://trader:{vault.password}\ud800@{_AT}/orders",
        "bad percent": lambda: f"postgresql://trader:{vault.password}%zz@{_AT}/orders",
        "bad port": lambda: f"postgresql://trader:{vault.password}@127.0.0.1:port/orders",
        "bad option": lambda: f"{vault.database}?nosuch=1",
        "other scheme": lambda: vault.database.replace("postgresql", "mysql"),
        "in the query": lambda: f"postgresql://{_AT}/x?user=trader&password={vault.password}",
        "bytes": lambda: vault.database.encode(),
        "a key": lambda: vault.rsa_pem,
    }


def proxies(vault: Vault) -> dict[str, Callable[[], Any]]:
    """List proxies with a secret, good and bad."""
    return {
        "only a user": lambda: f"http://{vault.password}@{_AT}",
        "query": lambda: f"http://{_AT}/?password={vault.password}",
        "ftp": lambda: vault.proxy.replace("http", "ftp"),
        "port": lambda: f"http://trader:{vault.password}@127.0.0.1:99999",
        "object": lambda: httpx.Proxy(vault.proxy),
        "header": lambda: httpx.Proxy(
            f"http://{_AT}", headers={"Proxy-Authorization": f"Bearer {vault.token}"}
        ),
        "mapping": lambda: {"https": vault.proxy},
    }


def words(vault: Vault) -> dict[str, Callable[[], Any]]:
    """List secrets that take the place of a word."""
    return {
        "password": lambda: f"https://me:{vault.password}@example.com",
        "user": lambda: f"https://{vault.token}@example.com",
        "query": lambda: f"https://example.com/?token={vault.token}",
        "a key": lambda: vault.rsa_pem,
        "a line of a key": lambda: vault.rsa_pem.splitlines()[1],
    }


def doors(vault: Vault) -> Iterator[Scenario]:
    """Walk the calls."""
    for name, url in databases(vault).items():
        yield Scenario(f"open_journal({name})", lambda u=url: open_journal(u()))
        yield Scenario(f"journal={name}", lambda u=url: _client(vault, journal=u()))
    for name, proxy in proxies(vault).items():
        for kind in (DeadlineTransport, AsyncDeadlineTransport):
            yield Scenario(f"proxy={name}", lambda k=kind, p=proxy: k(proxy=p(), timeout=-1))
        yield Scenario(
            f"proxy={name} beside a transport",
            lambda p=proxy: _client(vault, proxy=p(), transport=httpx.HTTPTransport()),
        )
    for name, word in words(vault).items():
        yield Scenario(f"Environment({name})", lambda w=word: Environment("x", w()))
        yield Scenario(f"Environment(name={name})", lambda w=word: Environment(w(), "http://x"))
        for option in ("environment", "contract", "timeout", "pace"):
            for kind in (Kalshi, AsyncKalshi):
                yield Scenario(f"{option}={name}", lambda k=kind, o=option, w=word: k(**{o: w()}))
        for variable in ("ENVIRONMENT", "CONTRACT", "TIMEOUT"):
            yield Scenario(
                f"KALSHI_{variable}={name}",
                lambda v=variable, w=word: Kalshi.from_env({f"KALSHI_{v}": w()}),
            )
    yield from _keys(vault)


def _keys(vault: Vault) -> Iterator[Scenario]:
    # What an environment variable holds that is no UTF-8 are halves of pairs in its text.
    odd: dict[str, Callable[[], Any]] = {
        "half a pair": lambda: f"{vault.rsa_pem[:-40]}\ud800",
        "a byte": lambda: f"{vault.rsa_pem[:-40]}\udcff",
    }
    for name, key in odd.items():
        yield Scenario(f"load_key({name})", lambda k=key: load_key(k()))
        yield Scenario(
            f"passphrase={name}",
            lambda n=name: load_key(
                vault.locked_pem, passphrase=f"{vault.passphrase}{n and chr(0xD800)}"
            ),
        )
    yield Scenario("account_label", lambda: account_label("", token=vault.token))
    yield Scenario("account=a key", lambda: _client(vault, account=vault.rsa_pem))
    local = Environment("x", "http://127.0.0.1")
    yield Scenario("secret", lambda: evolve(local, name=f"{Secret(vault.token)}\0"))


def _client(vault: Vault, **options: Any) -> Kalshi:
    return Kalshi(bearer_token=vault.token, **options)
