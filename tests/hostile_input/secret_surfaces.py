"""Put secrets in every place of a call, and look for them wherever an error or a log shows text."""

from __future__ import annotations

import asyncio
import copy
import io
import logging
import pickle
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import bad_arguments
from attrs import define, field, frozen
from calls import BOTH, Arguments, examples_of
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from echoes import ECHOES, Echo

from kalshi_ext import AsyncKalshi, Kalshi, KalshiError, Misuse, open_journal
from kalshi_ext.journal import postgres_connection

HERE: Final = Path(__file__).resolve().parent
PASSPHRASE: Final = "Battery-staple-of-a-horse"


@define
class Vault:
    """The secrets of one run. Read by attribute inside calls, so that no frame here holds one."""

    token: str = "b64Token-Zq9xW3vK7mP2sT5nR8yL"
    key_id: str = "b952bcbe-ec3b-4b5b-b8f9-11dae589608c"
    password: str = "hunter2Hunter2pass"
    passphrase: str = PASSPHRASE
    rsa_pem: str = ""
    ed_pem: str = ""
    locked_pem: str = ""

    def __attrs_post_init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.rsa_pem = _pem(key, NoEncryption())
        self.ed_pem = _pem(ed25519.Ed25519PrivateKey.generate(), NoEncryption())
        self.locked_pem = _pem(key, BestAvailableEncryption(PASSPHRASE.encode()))

    def __repr__(self) -> str:
        return "Vault()"

    @property
    def database(self) -> str:
        return f"postgresql://trader:{self.password}@127.0.0.1:1/orders"

    @property
    def proxy(self) -> str:
        return f"http://trader:{self.password}@127.0.0.1:1"

    def fragments(self) -> dict[str, list[str]]:
        """Return, for each secret, the parts that give it away."""
        whole = ("token", "key_id", "password", "passphrase")
        keys = ("rsa_pem", "ed_pem", "locked_pem")
        lines = {
            name: [line for line in getattr(self, name).splitlines() if "-----" not in line]
            for name in keys
        }
        parts = {name: [piece for line in lines[name] for piece in (line[:40],)] for name in keys}
        return {name: [getattr(self, name)] for name in whole} | parts


def _pem(key: Any, lock: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode()


@define
class Leaks:
    """The surfaces looked at, and where a secret was seen."""

    vault: Vault
    surfaces: int = 0
    kinds: Counter[str] = field(factory=Counter[str])
    found: list[str] = field(factory=list[str])
    errors: list[type[Exception]] = field(factory=list[type[Exception]])  # of the scenarios

    def look(self, scenario: str, surface: str, text: str) -> None:
        self.surfaces += 1
        self.kinds[surface] += 1
        for name, parts in self.vault.fragments().items():
            if any(part in text for part in parts):
                at = next(text.index(part) for part in parts if part in text)
                self.found.append(
                    f"{scenario}: {surface} shows {name}: {text[max(0, at - 80) : at]}"
                )

    def look_at_error(self, scenario: str, error: BaseException, *, frames: bool = True) -> None:
        for surface, text in surfaces_of(error, frames=frames):
            self.look(scenario, surface, text)


def surfaces_of(error: BaseException, *, frames: bool = True) -> Iterator[tuple[str, str]]:
    """Walk what an error shows: texts, chain, attributes, pickles, tracebacks with their locals."""
    for link in chain(error):
        yield "message", str(link)
        yield "repr", repr(link)
        yield "arguments", repr(link.args)
        yield "notes", repr(getattr(link, "__notes__", ()))
        yield "traceback", "".join(traceback.format_exception(link))
        with suppress(Exception):
            yield "pickle", pickle.dumps(link).decode("latin-1")
        with suppress(Exception):
            yield "copy", repr(copy.deepcopy(link))
        if frames:
            yield "attributes", repr(vars(link))
            yield from _locals_of(link)


def chain(error: BaseException) -> Iterator[BaseException]:
    seen: dict[int, BaseException] = {}
    pending: list[BaseException | None] = [error]
    while pending:
        link = pending.pop()
        if link is not None and id(link) not in seen:
            seen[id(link)] = link
            yield link
            pending += [link.__cause__, link.__context__]


def _locals_of(error: BaseException) -> Iterator[tuple[str, str]]:
    for frame, _ in traceback.walk_tb(error.__traceback__):
        # Not this folder's own frames; those of every library below are looked at.
        if Path(frame.f_code.co_filename).resolve().parent == HERE:
            continue
        for value in list(frame.f_locals.values()):
            yield "locals", repr(value)  # what raises here breaks Python 3.11's own traceback


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.stream = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        self.stream.write(logging.Formatter("%(name)s %(message)s").format(record) + "\n")


@contextmanager
def logs_at_debug() -> Iterator[io.StringIO]:
    """Collect the log of every library, at DEBUG."""
    root, handler = logging.getLogger(), _Collector()
    names = [
        name for name in logging.root.manager.loggerDict if not name.startswith("kalshi_ext.no")
    ]
    levels = {name: logging.getLogger(name).level for name in ["", *names]}
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(handler)
    try:
        yield handler.stream
    finally:
        root.removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@frozen
class Scenario:
    """A call with secrets in it. `frames`: whether tracebacks must not show them either."""

    name: str
    run: Callable[[], Any]
    frames: bool = True


@contextmanager
def no_patience() -> Iterator[None]:
    """Take every failure to reach a database for one that waiting does not change."""
    before = postgres_connection._LASTING
    postgres_connection._LASTING = re.compile("")  # type: ignore[misc]
    try:
        yield
    finally:
        postgres_connection._LASTING = before  # type: ignore[misc]


def watch(scenario: Scenario, leaks: Leaks) -> None:
    """Run a scenario and look at everything it shows."""
    with logs_at_debug() as log, no_patience():
        try:
            result = scenario.run()
        except Exception as error:
            leaks.errors.append(type(error))
            leaks.look_at_error(scenario.name, error, frames=scenario.frames)
            logging.getLogger("a.bot").exception("it failed")
        else:
            leaks.look(scenario.name, "result", repr(result))
    leaks.look(scenario.name, "log", log.getvalue())


# ---- constructors that fail, and clients that do not

WRONG: Final[dict[str, Any]] = {
    "environment": "prod", "contract": "v3", "timeout": -1, "pace": "gold", "policy": 5,
    "verify": False, "transport": 5, "journal": "/no/such/place/journal.db",
}  # fmt: skip


def credentials(vault: Vault) -> dict[str, Callable[[], dict[str, Any]]]:
    """List the ways to give credentials, good and bad."""
    return {
        "rsa": lambda: {"key_id": vault.key_id, "private_key": vault.rsa_pem},
        "bytes": lambda: {"key_id": vault.key_id, "private_key": vault.rsa_pem.encode()},
        "ed25519": lambda: {"key_id": vault.key_id, "private_key": vault.ed_pem},
        "callable": lambda: {"key_id": vault.key_id, "private_key": lambda: vault.ed_pem},
        "locked": lambda: {
            "key_id": vault.key_id, "private_key": vault.locked_pem, "passphrase": vault.passphrase,
        },
        "wrong passphrase": lambda: {
            "key_id": vault.key_id, "private_key": vault.locked_pem, "passphrase": vault.password,
        },
        "token": lambda: {"bearer_token": vault.token},
        "both": lambda: {
            "key_id": vault.key_id, "private_key": vault.ed_pem, "bearer_token": vault.token,
        },
        "half": lambda: {"private_key": vault.rsa_pem},
        "no begin": lambda: {"key_id": vault.key_id, "private_key": vault.rsa_pem[28:]},
        "cut": lambda: {"key_id": vault.key_id, "private_key": vault.rsa_pem[:400]},
        "as id": lambda: {"key_id": vault.rsa_pem, "private_key": vault.rsa_pem},
        "proxy": lambda: {"bearer_token": vault.token, "proxy": vault.proxy},
        "bad proxy": lambda: {"proxy": vault.proxy.replace("http", "socks5")},
        "odd proxy": lambda: {"proxy": f"trader:{vault.password}@127.0.0.1:1"},
        "database": lambda: {"bearer_token": vault.token, "journal": vault.database},
        "odd database": lambda: {"journal": vault.database.replace("@", "@@/")},
        "budget": lambda: {"bearer_token": vault.token, "budget": vault.database},
        "odd budget": lambda: {
            "bearer_token": vault.token, "budget": vault.database.replace("postgresql", "mysql"),
        },
        "budget of words": lambda: {
            "bearer_token": vault.token, "budget": f"host=h user=u password={vault.password}",
        },
        "url": lambda: {"environment": f"https://me:{vault.password}@example.com"},
    }  # fmt: skip


def variables(vault: Vault) -> dict[str, str]:
    return {
        "KALSHI_KEY_ID": vault.key_id, "KALSHI_PRIVATE_KEY": vault.locked_pem,
        "KALSHI_PRIVATE_KEY_PASSPHRASE": vault.passphrase,
    }  # fmt: skip


def constructions(vault: Vault) -> Iterator[Scenario]:
    """Walk constructors with each way to give credentials and each other argument wrong."""
    for kind in (Kalshi, AsyncKalshi):
        for name, given in credentials(vault).items():
            for wrong, value in [("nothing", None), *WRONG.items()]:
                options = {} if wrong == "nothing" else {wrong: value}
                yield Scenario(
                    f"{kind.__name__}({name}, {wrong})",
                    lambda k=kind, g=given, o=options: k(**{**g(), **o}),
                )
                yield Scenario(
                    f"{kind.__name__}.from_env({name}, {wrong})",
                    lambda k=kind, g=given, o=options: k.from_env({}, **{**g(), **o}),
                )
                yield Scenario(
                    f"{kind.__name__}.from_env(variables and {name}, {wrong})",
                    lambda k=kind, g=given, o=options: k.from_env(variables(vault), **{**g(), **o}),
                )
        yield Scenario("open_journal", lambda: open_journal(vault.database))


# ---- exchanges and proxies that quote what they were sent

CALLS: Final[dict[str, Callable[[Any], Any]]] = {
    "place": lambda c: c.orders.place("T", side="bid", count=1, price="0.5"),
    "cancel": lambda c: c.orders.cancel("o", ticker="T"),
    "list": lambda c: c.orders.list().all(),
    "balance": lambda c: c.portfolio.balance(),
    "batch": lambda c: c.orders.cancel_many(["o", "p"]),
}
STATUSES: Final = (0, 200, 201, 301, 400, 401, 403, 404, 409, 429, 500, 502, 520)


def echoes(vault: Vault) -> Iterator[Scenario]:
    """Walk calls whose answer quotes the credentials, in every writing and under every status."""
    for name in ("rsa", "ed25519", "token"):
        given = credentials(vault)[name]
        for writing, write in ECHOES.items():
            for status in STATUSES:
                for word, call in CALLS.items():
                    yield Scenario(
                        f"{name} {writing} {status} {word}",
                        lambda g=given, w=write, s=status, c=call: _call(g(), Echo(s, w), c),
                    )


def _call(options: dict[str, Any], transport: Echo, call: Callable[[Any], Any]) -> Any:
    options |= {"transport": transport, "policy": bad_arguments.QUICK, "pace": None}
    options["environment"] = "http://127.0.0.1:1"
    with Kalshi(**options) as client:
        return call(client)


async def _acall(options: dict[str, Any], transport: Echo, call: Callable[[Any], Any]) -> Any:
    options |= {"transport": transport, "policy": bad_arguments.QUICK, "pace": None}
    options["environment"] = "http://127.0.0.1:1"
    async with AsyncKalshi(**options) as client:
        return await call(client)


def async_echoes(vault: Vault) -> Iterator[Scenario]:
    """Walk the same with the async client."""
    for scenario_name, write in ECHOES.items():
        for status in STATUSES:
            yield Scenario(
                f"async {scenario_name} {status}",
                lambda w=write, s=status: asyncio.run(
                    _acall(credentials(vault)["token"](), Echo(s, w), CALLS["place"])
                ),
            )


# ---- secrets in the wrong argument


def misplaced(vault: Vault) -> Iterator[Scenario]:
    """Walk every parameter of every method with each secret in its place."""
    secrets: dict[str, Callable[[], str]] = {
        "rsa_pem": lambda: vault.rsa_pem,
        "one line": lambda: vault.rsa_pem.replace("\n", "\\n"),
        "ed_pem": lambda: vault.ed_pem,
        "inner": lambda: vault.rsa_pem[28:],
        "header": lambda: f"Authorization: Bearer {vault.token}\n",
        "variable": lambda: f"KALSHI_BEARER_TOKEN={vault.token}\n",
        "database": lambda: f"{vault.database}\n",
        "nested": lambda: [{"private_key": vault.rsa_pem}],  # type: ignore[dict-item,return-value]
    }
    for contract in BOTH:
        clients = bad_arguments.Clients(contract)
        for example in examples_of(contract):
            full = example.full_classic if contract == "classic" else example.full
            for kind in ("sync", "async"):
                for parameter in bad_arguments._parameters(clients, kind, example.word):
                    for name, secret in secrets.items():
                        yield Scenario(
                            f"{contract} {kind} {example.word}({parameter}={name})",
                            lambda c=clients, k=kind, e=example, p=parameter, s=secret, f=full: (
                                _only_misuse(c, k, e.word, f or e.full, p, s)
                            ),
                            # The caller's own argument stands in the frames that were given it.
                            frames=False,
                        )
        clients.close()


def _only_misuse(
    clients: Any, kind: str, word: str, full: Arguments, parameter: str, secret: Callable[[], str]
) -> Any:
    arguments = bad_arguments._with(clients, kind, word, full, parameter, secret())
    try:
        clients.call(kind, word, arguments)
    except Misuse:
        raise
    except KalshiError:
        return None  # the text is a good one there, and was sent
    return None


def every(vault: Vault) -> Iterator[Scenario]:
    """Walk all scenarios of one process."""
    yield from constructions(vault)
    yield from echoes(vault)
    yield from async_echoes(vault)
    yield from misplaced(vault)
