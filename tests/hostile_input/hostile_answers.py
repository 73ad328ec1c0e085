"""Answer every call with hostile bodies under every status; judge what the caller was told."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
from attrs import define, field, frozen
from bad_arguments import QUICK, bad_repr
from calls import BOTH, Example, examples_of
from ruamel.yaml import YAML
from time_limit import Hung, limited

from kalshi_ext import AsyncKalshi, Kalshi, KalshiError, Misuse, NotSent, OutcomeUnknown, Refused
from kalshi_ext.contract.operations import OPERATIONS, RETRY_POLICY

STATUSES: Final = (
    *(
        200,
        201,
        202,
        204,
        206,
        301,
        302,
        304,
        307,
        400,
        401,
        403,
        404,
        405,
        408,
        409,
        410,
        413,
        415,
    ),
    *(418, 422, 425, 429, 451, 500, 502, 503, 504, 520, 530, 599),
)
HUGE: Final = "1e9999999999999999999"
DEEP: Final = "[" * 3000 + "]" * 3000
VALUES: Final = (
    *("null", "true", "0", "-1", "1.5", HUGE, f"-{HUGE}", "1e-9999999999999999999", "9" * 4000),
    *("9" * 5000, '""', '" "', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udfffx"', '"\\u202e"'),
    *('"NaN"', '"Infinity"', '"1e999999999"', '"-0"', '"0x1"', '"1_000"', '"٣"', "[]", "{}"),
    *("[null]", "[[]]", '[{"a":1}]', '{"order_id":null}', DEEP, '"' + "x" * 100_000 + '"'),
    *('"9999-12-31T24:00:00Z"', '"0001-01-01T00:00:00+23:59"', '"2026-02-30"', "1e308", "[1e400]"),
    *('"../../x"', '"a\\r\\nX: y"', '"<script>"', '"..", "..": ".."'),
)
BODIES: Final = (
    *(b"", b" ", b"null", b"true", b"0", b"[]", b"{}", b'""', b"[{}]", b"\xff\xfe", b"\x00", b"{"),
    *(b'{"a":', b"NaN", b"Infinity", HUGE.encode(), b"9" * 5000, DEEP.encode(), b"\xef\xbb\xbf{}"),
    *(b"<html><h1>502</h1></html>", b"<?xml version='1.0'?><x/>", b"upstream connect error"),
    *(
        b'{"error":"too many requests"}',
        b'{"error":null}',
        b'{"error":[]}',
        b'{"error":{"error":{}}}',
    ),
    *(b'{"error":{"code":5,"message":[]}}', b'{"code":"x","message":"y"}', b'{"msg":"z"}'),
    *(
        b'{"error":{"code":"internal_server_error","message":"m"}}',
        b'{"error":{"code":"c","message":%s}}' % HUGE.encode(),
    ),
    b'{"error":' * 900 + b"{}" + b"}" * 900,
    b'{"cursor":"\\ud800"}',
    b'{"cursor":"' + b"c" * 200_000 + b'","orders":[]}',
    b'{"message":"' + b"user_" * 20_000 + b'"}',
    b"user_" * 20_000,
    b"KALSHI-ACCESS-KEY: " * 5_000,
    b'{"a":1,' * 1000 + b'"b":2' + b"}" * 1000,
    json.dumps({f"k{number}": number for number in range(3000)}).encode(),
)
CASSETTES: Final = Path(__file__).parent.parent / "recorded" / "cassettes" / "sandbox"


@frozen
class Answer:
    status: int
    body: bytes


def recorded_answers(contract: str) -> dict[str, list[Any]]:
    """Read the JSON that the sandbox answered each operation of a contract."""
    yaml = YAML(typ="safe")
    answers: dict[str, list[Any]] = {}
    for path in sorted((CASSETTES / contract).glob("*.yaml")):
        for turn in yaml.load(path)["interactions"]:
            text = turn["response"]["body"]["string"]
            if text.startswith(("{", "[")):
                answers.setdefault(path.stem, []).append(json.loads(text))
    return answers


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Walk the paths of everything inside a document; of a list its first entry."""
    if path:
        yield path
    if isinstance(document, dict):
        for key in document:
            yield from places(document[key], (*path, key))
    elif isinstance(document, list) and document:
        yield from places(document[0], (*path, 0))


_MARK: Final = "\x01mark\x01"


def with_value(document: Any, path: tuple[Any, ...], text: str) -> bytes:
    """Write a document as JSON with this text at a path."""
    copy = json.loads(json.dumps(document))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = _MARK
    return json.dumps(copy).replace(json.dumps(_MARK), text).encode()


Body = Callable[[], bytes]  # written when it is picked: there are tens of thousands


def bodies_for(contract: str, example: Example) -> list[Body]:
    """List the hostile bodies of one word: of no kind, and its answers with one part changed."""
    names = [name for name, row in OPERATIONS.items() if row.facade == example.word]
    own = [each for name in names for each in recorded_answers_of(contract).get(name, ())][:2]
    changed = [
        partial(with_value, each, path, text)
        for each in own
        for path in places(each)
        for text in VALUES
    ]
    return [*(partial(bytes, body) for body in BODIES), *changed]


_RECORDED: Final[dict[str, dict[str, list[Any]]]] = {}


def recorded_answers_of(contract: str) -> dict[str, list[Any]]:
    if contract not in _RECORDED:
        _RECORDED[contract] = recorded_answers(contract)
    return _RECORDED[contract]


class Answering(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Give one answer to everything."""

    def __init__(self) -> None:
        self.answer = Answer(200, b"")
        self.writes = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.writes += request.method != "GET"
        return httpx.Response(self.answer.status, content=self.answer.body)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


@define
class Judgement:
    tried: int = 0
    counts: Counter[str] = field(factory=Counter[str])
    examples: list[str] = field(factory=list[str])

    def add(self, what: str, verdict: str) -> None:
        self.tried += 1
        self.counts[verdict] += 1
        if verdict != "right" and len(self.examples) < 100:
            self.examples.append(f"{verdict}: {what}"[:500])


@define
class Trial:
    """Clients of one contract whose exchange answers as it is told."""

    contract: str
    transport: Answering = field(factory=Answering)
    loop: asyncio.AbstractEventLoop = field(factory=asyncio.new_event_loop)
    clients: dict[str, Any] = field(factory=dict[str, Any])

    def client(self, kind: str) -> Any:
        """Return the client of this kind, made when it is needed: making one takes most time."""
        if kind not in self.clients:
            options: dict[str, Any] = {
                "pace": None,
                "bearer_token": "a-token-of-a-test", "environment": "http://127.0.0.1:1",
                "contract": self.contract, "policy": QUICK, "transport": self.transport,
            }  # fmt: skip
            self.clients[kind] = (Kalshi if kind == "sync" else AsyncKalshi)(**options)
            # So many 429s would slow every read down to one a second.
            self.clients[kind].session.context.throttle.ceiling = 0.0
        return self.clients[kind]

    def run(self, kind: str, example: Example, answer: Answer) -> tuple[str, str]:
        """Make a call; return what is wrong with what the caller was told, and the error."""
        self.transport.answer, before = answer, self.transport.writes
        try:
            with limited():
                value = self._call(kind, example)
        except Hung:
            return "hung", ""
        except KalshiError as error:
            wrote = self.transport.writes > before
            return _judged(example, answer, error, wrote=wrote), f"{type(error).__name__}: {error}"
        except Exception as error:
            return "foreign", f"{type(error).__name__}: {error!s:.200}"
        return _judged_value(example, answer), bad_repr(value)

    def _call(self, kind: str, example: Example) -> Any:
        result = example.call_in_full(self.client(kind))
        if hasattr(result, "all"):
            result = result.all()
        return result if kind == "sync" else self.loop.run_until_complete(result)

    def forget(self, kind: str) -> None:
        """Close the client of this kind: what is unknown of one write would hold up the next."""
        client = self.clients.pop(kind, None)
        if kind == "sync" and client is not None:
            client.close()
        elif client is not None:
            self.loop.run_until_complete(client.aclose())

    def close(self) -> None:
        self.forget("sync")
        self.forget("async")
        self.loop.close()


def is_write(example: Example) -> bool:
    return example.word in RETRY_POLICY


def _judged(example: Example, answer: Answer, error: KalshiError, *, wrote: bool) -> str:
    if isinstance(error, Misuse):
        return "wrong verdict"  # the calls are good ones
    if not is_write(example) or not wrote:  # a write may read before it sends, and end there
        return "right"
    if isinstance(error, OutcomeUnknown):
        return "right"
    if isinstance(error, Refused):
        return "right" if _proves_refusal(answer) else "wrong verdict"
    # NotSent after a send needs a proof of absence, and nothing here is fresh enough for one.
    return "wrong verdict" if isinstance(error, NotSent) and _needs_proof(example) else "right"


def _needs_proof(example: Example) -> bool:
    # These list what exists before they send: that fails first, and then nothing was sent.
    return example.word in {"orders.place", "orders.cancel", "orders.amend"}


_REFUSING: Final = {*range(301, 304), 307, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429}


def _proves_refusal(answer: Answer) -> bool:
    """Say by our own reading whether an answer is one of the exchange's refusals."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    return (answer.status in _REFUSING or 200 <= answer.status < 300) and isinstance(document, dict)


def _judged_value(example: Example, answer: Answer) -> str:
    """Judge a call that returned: a write only where the answer can be an acknowledgement."""
    if example.word != "orders.place":
        return "right"
    if not 200 <= answer.status < 300:
        return "wrong verdict"
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return "wrong verdict"
    order = document.get("order", document) if isinstance(document, dict) else {}
    order_id = order.get("order_id") if isinstance(order, dict) else None
    good = isinstance(order_id, str) and order_id and "\0" not in order_id
    return (
        "right"
        if good and not any("\ud800" <= c <= "\udfff" for c in order_id)
        else "wrong verdict"
    )


def cases(contract: str) -> Iterator[tuple[Example, Body]]:
    """Walk each word of a contract with each of its hostile bodies."""
    for example in examples_of(contract):
        for body in bodies_for(contract, example):
            yield example, body


def sample(seed: int, count: int, statuses: int) -> Iterator[tuple[str, Example, Answer]]:
    """Pick so many (word, body) of both contracts, each under so many statuses."""
    dice = random.Random(seed)
    every = [(contract, *case) for contract in BOTH for case in cases(contract)]
    for contract, example, body in dice.sample(every, min(count, len(every))):
        written = body()
        for status in dice.sample(STATUSES, min(statuses, len(STATUSES))):
            yield contract, example, Answer(status, written)


def judge_all(picked: Iterator[tuple[str, Example, Answer]]) -> Judgement:
    """Run trials, sync and async in turns; count the verdicts."""
    trials = {contract: Trial(contract) for contract in BOTH}
    judgement = Judgement()
    for number, (contract, example, answer) in enumerate(picked):
        trial, kind = trials[contract], ("sync", "async")[number % 2]
        verdict, why = trial.run(kind, example, answer)
        if is_write(example):
            trial.forget(kind)
        what = f"{contract} {example.word} {answer.status} {answer.body[:150]!r}: {why}"
        judgement.add(what, verdict)
    for trial in trials.values():
        trial.close()
    return judgement
