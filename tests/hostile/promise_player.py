"""Plays a promise: a script of wire bytes against the client, over TCP, and checks what it ends in.

A script (promises/*.txt) is read without knowing the code:

    No order twice.                              the first paragraph says what is promised

    client: place KXRAIN… bid 3 at 0.50 as c1    a call; what follows is what it meets
    > POST /portfolio/events/orders              the request that must come next
    executed                                     the exchange does it
    silence                                      and what the client gets for it
    then: the caller hears done, replayed        how the call ends

    exchange has: 1 order                        at last, late copies included
    sent: 1 POST                                 and how many of those requests came

What a request meets is one or more of: `executed`, `executed in 30 s`, `wait 5 s`, and at the end
`< 200 {…}` (a body, its lines go on while they are indented), `< the answer` (the exchange's own),
`cut at 60 %` of it, `silence`, or `the process dies` (async only). `always > GET …` answers every
such request that is not the next one. A read that the script does not name is answered truly; a
write that it does not name fails it. `exchange: …` takes a freedom, `before: …` puts something
there, `policy: …` is a setting, `meanwhile: …` a call beside the one above. A minute of the script
takes 3 seconds.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from collections import Counter
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from hostile_books import STRANGER, OrderRequest
from hostile_bot import Bot
from hostile_exchange import HostileExchange, WireRequest
from hostile_freedoms import Freedoms
from hostile_network import HostileNetwork, Reader, Writer, silence
from hostile_scenario import (
    ACCOUNT,
    KEY_ID,
    ClientKind,
    Scenario,
    SteppingClock,
    new_key,
    verdict_of,
)

from kalshi_ext import OrderTicket

MINUTE = 3.0  # seconds of this machine
# What the client counts on: every request is counted here, so that none may time out by accident.
TIMES = {"timeout": 2.0, "signature_life": 3.2, "resolve_within": 9.0}
PROMISES = Path(__file__).with_name("promises")
FREEDOMS: dict[str, dict[str, Any]] = {
    "forgets ids": {"ids": "forgotten"},
    "answers every list with {}": {"empty_list": "empty_object"},
    "shows rows without ids": {"row_ids": "missing"},
    "reads lag by 10 s": {"orders_lag": 0.2, "order_lag": 0.2},
    "lives on shard 2": {"shard": 2},
    "is classic": {"contract": "classic"},
}
POLICIES = {
    "an order goes again for 5 s": {"resend_within": 0.25},
    "an order goes again for 180 s": {"resend_within": 9.0},
}
WORDS = {
    "not sent": "not_sent",
    "held back": "held_back",
    "nothing": "interrupted",
}


@define
class Meeting:
    """One request that must come, or may always come, and what it meets."""

    method: str
    path: str
    actions: list[str] = field(factory=list)

    def fits(self, request: WireRequest) -> bool:
        return (self.method, self.path) == (request.method, request.path)


@define
class Call:
    """One call of the client, its meetings, and how it must end."""

    words: str
    meetings: list[Meeting] = field(factory=list)
    end: str = ""
    meanwhile: str = ""


@define
class Promise:
    """One script, parsed."""

    name: str
    says: str = ""
    freedoms: Freedoms = field(factory=Freedoms)
    before: list[str] = field(factory=list)
    calls: list[Call] = field(factory=list)
    always: list[Meeting] = field(factory=list)
    ends: list[str] = field(factory=list)
    policy: dict[str, Any] = field(factory=dict)

    @property
    def async_only(self) -> bool:
        return any("the process dies" in m.actions for c in self.calls for m in c.meetings)


def read_promise(path: Path) -> Promise:
    """Parse a script; a line that is not understood is an error."""
    says, _, text = path.read_text(encoding="utf-8").partition("\n\n")
    promise = Promise(path.stem, " ".join(says.split()))
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(" ") and lines:  # a body goes on
            lines[-1] += line.strip()
        elif line.strip():
            lines.append(line.rstrip())
    actions: list[str] = []
    for line in lines:
        actions = _take_line(promise, line, actions)
    return promise


def _take_line(promise: Promise, line: str, actions: list[str]) -> list[str]:
    """Add one line to a promise; return the list that actions on the next lines belong to."""
    word, _, rest = line.partition(": ")
    if word == "client":
        promise.calls.append(Call(rest))
    elif word == "then":
        promise.calls[-1].end = rest.removeprefix("the caller hears ")
    elif word == "exchange":
        promise.freedoms = evolve(promise.freedoms, **FREEDOMS[rest])
    elif word == "policy":
        promise.policy.update(POLICIES[rest])
    elif word == "meanwhile":
        promise.calls[-1].meanwhile = rest
    elif word == "before":
        promise.before.append(rest)
    elif word in ("exchange has", "sent", "journal has"):
        promise.ends.append(line)
    elif line.startswith(("> ", "always > ")):
        meeting = Meeting(*line.removeprefix("always ")[2:].split())
        (promise.always if line.startswith("always") else promise.calls[-1].meetings).append(
            meeting
        )
        return meeting.actions
    else:
        actions.append(line)
    return actions


@define
class ScriptedNetwork(HostileNetwork):
    """A network that does what a script says, and notes what the script did not expect."""

    promise: Promise = field(kw_only=True)
    coming: list[Meeting] = field(factory=list)
    unexpected: list[str] = field(factory=list)
    died: asyncio.Event = field(factory=asyncio.Event)

    async def _answer(
        self, request: WireRequest, reader: Reader, writer: Writer, shifted: list[bytes]
    ) -> bool:
        if self.coming and self.coming[0].fits(request):
            return await self._meet(self.coming.pop(0), request, reader, writer)
        rule = next((rule for rule in self.promise.always if rule.fits(request)), None)
        if rule is not None:
            return await self._meet(rule, request, reader, writer)
        if request.method != "GET":
            self.unexpected.append(f"{request.method} {request.path}")
        return await self._send(writer, self._execute(request), [])

    async def _meet(
        self, meeting: Meeting, request: WireRequest, reader: Reader, writer: Writer
    ) -> bool:
        answer: tuple[int, Any] = (200, {})
        for action in meeting.actions:
            if action == "executed":
                answer = self._execute(request)
            elif seconds := re.fullmatch(r"(executed in|wait) (\d+) s", action):
                wait = int(seconds[2]) * MINUTE / 60
                if seconds[1] == "wait":
                    await asyncio.sleep(wait)
                else:
                    self._deliver_later(request, wait)
            elif action == "< the answer":
                return await self._send(writer, answer, [])
            elif written := re.fullmatch(r"< (\d+) ?(.*)", action):
                writer.write(_raw(int(written[1]), written[2], self.exchange))
                await writer.drain()
                return True
            elif cut := re.fullmatch(r"cut at (\d+) %", action):
                raw = self._render(answer)
                writer.write(raw[: len(raw) * int(cut[1]) // 100])
                await writer.drain()
                return False
            else:
                assert action in ("silence", "the process dies"), action
                if action != "silence":
                    self.died.set()
                await silence(reader)
                return False
        raise AssertionError(f"{meeting.path} is not answered")


def _raw(status: int, body: str, exchange: HostileExchange) -> bytes:
    kind = "text/html" if body.startswith("<") else "application/json"
    headers = {**exchange.date_header(), "Content-Type": kind}
    if status < 400 and status >= 300:
        headers["Location"] = "/trade-api/v2/elsewhere"
    headers["Content-Length"] = str(len(body.encode()))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n{body}".encode()


def wanted(words: str) -> dict[str, Any]:
    """Read an order: `TICKER bid 3 at 0.50 as c1 [fill or kill]`."""
    found = re.fullmatch(r"(\S+) (bid|ask) (\d+) at ([\d.]+) (as|for) (\S+)", words)
    assert found, words
    name = "client_order_id" if found[5] == "as" else "intent"
    return {
        "ticker": found[1],
        "side": found[2],
        "count": int(found[3]),
        "price": found[4],
        name: found[6],
    }


def work_of(bot: Bot, words: str) -> Any:
    """Return the call that a script's line names."""
    if words.startswith("place "):
        first, *more = [wanted(each) for each in words.removeprefix("place ").split(" and ")]
        if more:
            tickets = [OrderTicket.of(**each) for each in (first, *more)]
            return partial(bot.call, "orders.place_many", tickets)
        return partial(bot.call, "orders.place", **first)
    name, *rest = shlex.split(words)
    if words in ("recover", "cancel all"):
        return partial(bot.call, "recover" if name == "recover" else "orders.cancel_all")
    if name == "group":
        return partial(bot.call, "order_groups.create", contracts_limit=int(rest[1]))
    where = {"ticker": rest[-1]}
    if name == "cancel":
        return partial(bot.call, "orders.cancel", rest[0], **where)
    if name == "decrease":
        return partial(bot.call, "orders.decrease", rest[0], **{rest[1]: rest[2]}, **where)
    assert name == "amend", words  # amend ID bid to 5 at 0.45 of TICKER
    prices = {"side": rest[1], "count": rest[3], "price": rest[5]}
    return partial(bot.call, "orders.amend", rest[0], **prices, **where)


async def play_promise(promise: Promise, client: ClientKind, folder: Path) -> list[str]:
    """Play a script; return what did not go as it says."""
    pem, public = new_key()
    exchange = HostileExchange(promise.freedoms, {KEY_ID: (ACCOUNT, public)}, life=MINUTE)
    for words in promise.before:
        _put(exchange, words)
    network = ScriptedNetwork(exchange, promise=promise)
    url = await network.open()
    scenario = Scenario((), promise.freedoms, client=client)
    bot = Bot(url, pem, scenario, SteppingClock(), folder / f"{promise.name}-{client}.db")
    bot.policy = evolve(bot.policy, **TIMES, **promise.policy)
    await bot.open()
    wrong: list[str] = []
    for call in promise.calls:
        if call.words == "starts again":
            await bot.close()
            await bot.open()
            continue
        network.coming = list(call.meetings)
        of_call = _compare(call, await _hear(bot, network, call))
        wrong += [f"{promise.name} ({client}): {line}" for line in of_call]
        wrong += [f"{call.words}: {m.method} {m.path} did not come" for m in network.coming]
    await network.play_out()
    wrong += [f"{promise.name}: {words} was not expected" for words in network.unexpected]
    wrong += await _ends(promise, network, bot)
    await bot.close()
    await network.close()
    return wrong


async def _hear(bot: Bot, network: ScriptedNetwork, call: Call) -> Any:
    words, _, seconds = call.words.partition(" within ")
    limit = {"deadline": int(seconds.split()[0]) * MINUTE / 60} if seconds else {}
    task = asyncio.ensure_future(work_of(bot, words)(**limit))
    if call.meanwhile:
        await asyncio.wait([task], timeout=MINUTE / 10)
        await work_of(bot, call.meanwhile)()
    death = asyncio.ensure_future(network.died.wait())
    await asyncio.wait([task, death], return_when=asyncio.FIRST_COMPLETED)
    if death.done():
        task.cancel()
    death.cancel()
    network.died.clear()
    try:
        return await task
    except (Exception, asyncio.CancelledError) as error:
        return error


def _compare(call: Call, heard: Any) -> list[str]:
    """Say what a call's end differs in from `done, replayed` or `not sent, saying "…"`."""
    words, _, saying = call.end.partition(', saying "')
    results = heard if isinstance(heard, list) else [heard]
    found = ", ".join(_heard_words(each) for each in results) or "nothing to tell"
    wrong = [] if found == words else [f"{call.words}: heard {found}, not {words}: {heard!r}"]
    if saying.rstrip('"') not in str(heard):
        wrong.append(f"{call.words}: {heard} does not say {saying}")
    return wrong


def _heard_words(value: Any) -> str:
    if isinstance(value, BaseException):
        verdict = verdict_of(value)
        return next((words for words, name in WORDS.items() if name == verdict), verdict)
    if hasattr(value, "key"):  # a resolution of recovery
        return f"{value.key} {value.state}"
    return "done, replayed" if getattr(value, "replayed", False) else "done"


async def _ends(promise: Promise, network: ScriptedNetwork, bot: Bot) -> list[str]:
    books = network.exchange.books
    orders = [order for order in books.orders if order.made_by() != STRANGER]
    groups = [group for group in books.groups if group.made_by != STRANGER]
    counts = Counter(request.method for request in network.attempts)
    there = {
        "exchange has": [
            f"{len(orders)} order{'s' * (len(orders) != 1)}",
            f"{len(groups)} group{'s' * (len(groups) != 1)}",
            *(f"{order.order_id} {order.now.status}" for order in books.orders),
            *(f"{order.order_id} of {int(order.now.total)}" for order in books.orders),
        ],
        "sent": [f"{number} {method}" for method, number in counts.items()]
        + ["nothing"] * (not network.attempts),
        "journal has": [f"{len(bot.journal.open_entries())} open"],
    }
    wrong: list[str] = []
    for line in promise.ends:
        where, _, what = line.partition(": ")
        if what not in there[where]:
            wrong.append(f"{promise.name}: {line}, but: {', '.join(there[where])}")
    return wrong


def _put(exchange: HostileExchange, words: str) -> None:
    """Put an order there that somebody made before: `TICKER bid 3 at 0.50 as c1`."""
    if words.startswith("group of "):
        exchange.books.create_group(ACCOUNT, Decimal(words.split()[-1]), STRANGER, exchange.now())
        return
    of = wanted(words)
    of |= {"price": Decimal(of["price"]), "count": Decimal(of["count"])}
    order = exchange.books.create(ACCOUNT, OrderRequest(**of), STRANGER, exchange.now())
    exchange.taken[ACCOUNT, of["client_order_id"]] = order
