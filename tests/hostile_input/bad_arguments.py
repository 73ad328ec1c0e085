"""Try bad values as every argument of every public method; judge what became of each."""

from __future__ import annotations

import asyncio
import inspect
import random
import string
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import bad_values
import httpx
from attrs import define, field, frozen
from calls import BOTH, Arguments, examples_of
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from time_limit import Hung, limited

from kalshi_ext import (
    AsyncKalshi,
    Backoff,
    Environment,
    Kalshi,
    KalshiError,
    Limits,
    Misuse,
    OrderTicket,
    Pacer,
    Policy,
    Timeout,
    TokenBucket,
)
from kalshi_ext.requests import AmendTicket, DecreaseTicket, InstanceTransferTicket, Target
from kalshi_ext.requests.filters import ListQuery

LONGEST: Final = 500  # characters of a message
# The message of a check of two arguments names both.
ALIASES: Final = {"orders": ("order",), "source": ("source", "destination")}
WRONG: Final = ("wire", "silent", "foreign", "unclear", "hung")


@frozen
class Attempt:
    """One bad value as one argument of one word."""

    word: str
    parameter: str
    value: Any
    run: Callable[[], Any]
    sent: Callable[[], int] = lambda: 0

    def __str__(self) -> str:
        return f"{self.word}({self.parameter}={bad_repr(self.value)})"


def bad_repr(value: object) -> str:
    try:
        return repr(value)[:60]
    except Exception:
        return type(value).__name__


@define
class Verdicts:
    """What became of the attempts: counts, and the first of each kind that is wrong."""

    tried: int = 0
    counts: Counter[str] = field(factory=Counter[str])
    examples: list[str] = field(factory=list[str])

    def add(self, attempt: Attempt) -> None:
        self.tried += 1
        verdict, why = judge(attempt)
        self.counts[verdict] += 1
        if verdict in WRONG and len(self.examples) < 200:
            self.examples.append(f"{verdict}: {attempt}: {why}"[:400])

    @property
    def wrong(self) -> dict[str, int]:
        return {kind: self.counts[kind] for kind in WRONG if self.counts[kind]}


def judge(attempt: Attempt) -> tuple[str, str]:
    """Run an attempt; say what is wrong with what became of it, or that it was refused."""
    before = attempt.sent()
    try:
        with limited():
            result = attempt.run()
    except Hung:
        return "hung", ""
    except KalshiError as error:
        if attempt.sent() != before:
            return "wire", str(error)
        return ("refused", "") if is_clear(error, attempt.parameter) else ("unclear", str(error))
    except Exception as error:
        return "foreign", f"{type(error).__name__}: {error!s:.200}"
    return ("wire" if attempt.sent() != before else "silent"), bad_repr(result)


def is_clear(error: KalshiError, parameter: str) -> bool:
    """Say whether a message names the argument, fits on a screen and can be printed."""
    text = str(error.args[0])
    names = ALIASES.get(parameter, (parameter,))
    named = any(name in text for name in names)
    whole = isinstance(error, Misuse) or parameter == "journal"
    return (
        whole and named and len(text) <= LONGEST and text.isprintable() and len(text.split()) >= 3
    )


class Silence(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Count the requests; answer none of them with anything good."""

    def __init__(self) -> None:
        self.count = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        return httpx.Response(418, content=b"{}")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


QUICK: Final = Policy(
    attempts=1, rounds=1, backoff=Backoff(first=0.0), poll=0.0, poll_ceiling=0.0,
    resolve_within=0.01, signature_life=0.0, read_lag=0.0,
)  # fmt: skip


@define
class Clients:
    """A sync and an async client of one contract over one counting transport."""

    contract: str
    limits: Limits | None = None
    transport: Silence = field(factory=Silence)
    loop: asyncio.AbstractEventLoop = field(factory=asyncio.new_event_loop)
    clients: dict[str, Any] = field(factory=dict[str, Any])

    def __attrs_post_init__(self) -> None:
        options: dict[str, Any] = {
            "pace": None,
            "bearer_token": "a-token-of-a-test", "environment": "http://127.0.0.1:1",
            "contract": self.contract, "policy": QUICK, "transport": self.transport,
            "limits": self.limits,
        }  # fmt: skip
        self.clients = {"sync": Kalshi(**options), "async": AsyncKalshi(**options)}

    def call(self, kind: str, word: str, arguments: Arguments) -> Any:
        method = self.clients[kind]
        for name in word.split("."):
            method = getattr(method, name)
        result = method(*arguments.args, **arguments.named)
        if kind == "sync":
            return result.all() if hasattr(result, "all") else result
        if hasattr(result, "all"):
            result = result.all()
        return self.loop.run_until_complete(result) if inspect.isawaitable(result) else result

    def close(self) -> None:
        self.clients["sync"].close()
        self.loop.run_until_complete(self.clients["async"].aclose())
        self.loop.close()


def of_methods(
    contract: str,
    clients: Clients,
    kinds: tuple[str, ...],
    values: Callable[[str], list[Any]] = bad_values.of_parameter,
) -> Iterator[Attempt]:
    """Walk the bad values of every parameter of every method of a contract."""
    for example in examples_of(contract):
        classic = contract == "classic" and example.full_classic is not None
        full = example.full_classic if classic else example.full
        assert full is not None
        for kind in kinds:
            for parameter in _parameters(clients, kind, example.word):
                for value in values(parameter):
                    changed = partial(_with, clients, kind, example.word, full, parameter, value)
                    yield Attempt(
                        f"{contract}.{kind}.{example.word}", parameter, value,
                        lambda k=kind, w=example.word, a=changed: clients.call(k, w, a()),
                        lambda: clients.transport.count,
                    )  # fmt: skip


def _signature(clients: Clients, kind: str, word: str) -> inspect.Signature:
    method = clients.clients[kind]
    for name in word.split("."):
        method = getattr(method, name)
    return inspect.signature(method)


def _parameters(clients: Clients, kind: str, word: str) -> list[str]:
    return [name for name in _signature(clients, kind, word).parameters if name in bad_values.KINDS]


def _with(
    clients: Clients, kind: str, word: str, full: Arguments, parameter: str, value: Any
) -> Arguments:
    bound = _signature(clients, kind, word).bind(*full.args, **full.named)
    bound.arguments[parameter] = value
    # Of two ways to say one thing only the tried one, or the clash would be what is refused.
    for clash in CLASHES.get(parameter, ()):
        bound.arguments.pop(clash, None)
    return Arguments(bound.args, bound.kwargs)


CLASHES: Final = {"intent": ("client_order_id",), "by": ("to",), "to": ("by",)}


def random_texts(seed: int, count: int) -> list[str]:
    """Make texts that no argument may be: random letters with a control character inside."""
    dice = random.Random(seed)
    letters = string.ascii_letters + string.digits + "-._~:/?#[]@!$&'()*+,;=%\"\\<>{}|^`éüæ漢\u2028"
    texts = []
    for _ in range(count):
        text = "".join(dice.choices(letters, k=dice.randint(1, 80)))
        at = dice.randint(0, len(text))
        texts.append(f"{text[:at]}x{dice.choice(CONTROLS)}x{text[at:]}")
    return texts


CONTROLS: Final = ("\0", "\x01", "\x1b", "\x7f", "\x85", "\ud800", "\udfff", "\u200b", "\n", "\r\n")

# ---- any path

ANY: Final = {
    "method": ["get it", "HEAD", 5],
    "path": ["portfolio", "/", "/..", "/a/../b", "/a?b=c", "/a#b", "/a%2e", "/trade-api/v2/x", 5],
    "params": [5, "a=b", [("a", "b")], {"a b": 1}, {1: 2}, {"a": object()}, {"a": bad_values.endless()}],  # noqa: E501
    "json": [object(), {"a": object()}, {1j: 2}, float("nan"), {"a": bad_values.Hostile()}, "\ud800"],  # noqa: E501
}  # fmt: skip


def of_any_path(contract: str, clients: Clients) -> Iterator[Attempt]:
    """Walk the bad values of a request to any path."""
    good = {"method": "POST", "path": "/portfolio/x", "params": None, "json": {}}
    common = [
        value
        for value in bad_values.for_all()
        if not any(type(value) is kind for kind in (dict, list, tuple))
    ]
    for kind in ("sync", "async"):
        for name, values in ANY.items():
            # JSON may be any text or number, and no parameters are said by nothing.
            pool = values if name == "json" else [*values, *common]
            for value in pool:
                given = good | {name: value}
                yield Attempt(
                    f"{contract}.{kind}.request", name, value,
                    lambda k=kind, g=given: clients.call(k, "request", Arguments((), g)),
                    lambda: clients.transport.count,
                )  # fmt: skip


# ---- the classes a caller can make

GOOD_TARGET: Final = Target.of("o1")
CLASSES: Final[dict[type, dict[str, Any]]] = {
    Timeout: {}, Backoff: {}, Policy: {},
    TokenBucket: {"rate": 1, "capacity": 1},
    Pacer: {"read": TokenBucket(1, 1), "write": TokenBucket(1, 1)},
    Environment: {"name": "x", "base_url": "https://x.example"},
    OrderTicket: {
        "ticker": "T", "book_side": "bid", "count": "1", "price": "0.5", "client_order_id": "c",
    },
    Target: {"order_id": "o"},
    AmendTicket: {
        "target": GOOD_TARGET, "ticker": "T", "book_side": "bid", "price": "0.5", "count": "1",
    },
    DecreaseTicket: {"target": GOOD_TARGET, "by": "1"},
    InstanceTransferTicket: {
        "source": "event_contract", "destination": "margined", "amount": 1,
    },
    ListQuery: {}, Limits: {},
}  # fmt: skip
# Fields that hold an object of the caller's own, or any truth.
FREE: Final = {(Backoff, "rng"), (ListQuery, "explicit_size"), (Environment, "allow_insecure")}


def of_classes() -> Iterator[Attempt]:
    """Walk the bad values of every field of every class that a caller can make."""
    from attrs import fields

    for kind, good in CLASSES.items():
        named = [part.name for part in fields(kind) if part.init and (kind, part.name) not in FREE]
        for name in (each for each in named if not each.startswith("_")):
            for value in bad_values.for_all():
                yield Attempt(
                    kind.__name__, name, value, lambda k=kind, a=good | {name: value}: k(**a)
                )


# ---- the client itself


def locked_key() -> bytes:
    """Make an encrypted key: only with one is a passphrase looked at."""
    key = ed25519.Ed25519PrivateKey.generate()
    lock = BestAvailableEncryption(b"a passphrase")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


async def _never_awaited(event: object) -> None:
    del event


CREDENTIALS: Final = {"bearer_token": "a-token-of-a-test"}
OPTIONS: Final = (
    *("key_id", "private_key", "bearer_token", "environment", "contract", "timeout", "transport"),
    *("journal", "pace", "budget", "policy", "verify", "proxy", "account", "passphrase"),
    *("on_event", "order_group", "order_group_limit", "limits", "dry_run"),
)
# What an option needs beside it; the others need a token.
BESIDE: Final[dict[str, dict[str, Any]]] = {
    "key_id": {"key_id": "k" * 20, "private_key": "no key"},
    "private_key": {"key_id": "k" * 20, "private_key": "no key"},
    "bearer_token": {},
    "passphrase": {"key_id": "k" * 20, "private_key": locked_key()},
    "order_group_limit": {"bearer_token": "a-token-of-a-test", "order_group": "auto"},
}


def of_clients() -> Iterator[Attempt]:
    """Walk the bad values of every option of both clients, given directly and over from_env."""
    for kind in (Kalshi, AsyncKalshi):
        for name in OPTIONS:
            for value in [*bad_values.for_all(), *MORE_OPTIONS.get(name, ())]:
                if not _may_pass(name, value):
                    options = {**BESIDE.get(name, CREDENTIALS), name: value}
                    yield Attempt(kind.__name__, name, value, lambda k=kind, o=options: k(**o))
                    yield Attempt(
                        f"{kind.__name__}.from_env", name, value,
                        lambda k=kind, o=options: k.from_env({}, **o),
                    )  # fmt: skip


MORE_OPTIONS: Final[dict[str, tuple[Any, ...]]] = {
    "environment": ("prod", "http://example.com", "https://external-api.kalshi.com", "ftp://x"),
    "verify": (False, "/etc/ssl/cert.pem", 0),
    "proxy": ("socks5://127.0.0.1:1", "127.0.0.1:1", "http://", 5),
    "pace": ("gold", 5, True),
    "budget": (5, True, "mysql://host/db"),
    "policy": (5, "fast", Policy),
    "timeout": (0, -1, True, "5", "soon"),
    "contract": ("v2", 2, True),
    "journal": (5, True),
    "account": (5, True, " a"),
    "transport": (5, httpx.Client),
    "key_id": (5, "two words"),
    "bearer_token": (5, "two words"),
    "private_key": (5,),
    "passphrase": (5, True, ("a", "b")),
    "on_event": (5, "print", _never_awaited),
    "order_group": ("manual", "auto ", 5, True),
    "order_group_limit": (0, -1, "0.5", 1_000_001, True),
    "limits": (5, {}, Limits),
    "dry_run": ("yes", 2),
}


def _may_pass(name: str, value: Any) -> bool:
    # A type is callable, as the source of a key may be; what it raises is the caller's.
    return name in ("private_key", "passphrase", "on_event") and callable(value)


# ---- what a client does beside the operations of the exchange

OTHER_METHODS: Final[dict[str, dict[str, Any]]] = {
    "stop": {},
    "resume": {},
    "recover": {},
    "deadman": {"key_id": "k" * 20, "private_key": locked_key()},
    "use_key": {"key_id": "k" * 20, "private_key": locked_key()},
    "exchange.wait_until_open": {"ticker": "T"},
    "orders.amend_many": {"tickets": [AmendTicket(**CLASSES[AmendTicket])]},
    "trading.override": {"name": "n", "for_seconds": 1.0, "order_contracts": 5},
    "trading.set_reference": {"ticker": "T", "price": "0.5"},
    "trading.refresh": {},
}


def of_other_methods() -> Iterator[Attempt]:
    """Walk the bad values of every argument that the methods of a client itself have."""
    clients = Clients("current", limits=Limits(order_contracts=5))
    for kind in ("sync", "async"):
        for word, good in OTHER_METHODS.items():
            for name, parameter in _signature(clients, kind, word).parameters.items():
                if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                    continue
                for value in bad_values.of_parameter(name):
                    if not _may_pass(name, value):
                        arguments = Arguments((), {**good, name: value})
                        yield Attempt(
                            f"{kind}.{word}", name, value,
                            lambda k=kind, w=word, a=arguments: clients.call(k, w, a),
                            lambda: clients.transport.count,
                        )  # fmt: skip
    clients.close()


def everything(kinds: tuple[str, ...] = ("sync", "async")) -> Iterator[Attempt]:
    """Walk all attempts: both contracts, the classes, the clients."""
    for contract in BOTH:
        clients = Clients(contract)
        try:
            yield from of_methods(contract, clients, kinds)
            yield from of_any_path(contract, clients)
        finally:
            clients.close()
    yield from of_classes()
    yield from of_clients()
    yield from of_other_methods()
