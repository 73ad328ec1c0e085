"""Join the parts into one exchange: routes, gate, engine, faults, oracle, state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from attrs import define, evolve, field

from kalshi_ext.errors import Misuse
from kalshi_ext.sandbox.clock import Clock
from kalshi_ext.sandbox.engine import Admin, Answer, ApiRequest, Caller, Command, Engine
from kalshi_ext.sandbox.faults import Plan
from kalshi_ext.sandbox.gate import Credential, Denied, Gate
from kalshi_ext.sandbox.mischief import Asked, Mischief
from kalshi_ext.sandbox.oracle import Exchanged, Oracle, answered
from kalshi_ext.sandbox.routes import NoMatch, Routes
from kalshi_ext.sandbox.store import Store
from kalshi_ext.sandbox.wire import Reply, Request, json_reply, refusal


@define
class Exchange:
    """Answer requests: one at a time, never waiting."""

    routes: Routes
    gate: Gate
    clock: Clock
    engine: Engine
    faults: Plan = field(factory=Plan)
    oracle: Oracle = field(factory=Oracle)
    store: Store | None = None
    watchers: list[Callable[[Exchanged], None]] = field(factory=list[Callable[[Exchanged], None]])
    """Told of every answered request (the window)."""
    mischief: Mischief = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.mischief = Mischief(self)

    def serve(self, request: Request) -> Reply:
        """Answer one request, truly or as a fault wants it."""
        entry = self.oracle.arrived(request, at=self.clock.now())
        found = self.routes.find(request.method, request.path)
        if isinstance(found, NoMatch):
            reply = _lost(request, found)
        else:
            reply = self._answer(Asked(request, found, entry))
        self._finish(entry, reply)
        if self.mischief.zombies:
            self._deliver_again()
        return reply

    def execute(self, command: Command, *, at: datetime | None = None) -> Answer:
        """Carry a command out, logged first when there is a state file."""
        now = at or self.clock.tick()
        if self.store is not None and self.engine.changes(command):
            self.store.append(command, at=now)
        return self.engine.execute(command, now=now)

    def administer(self, action: str, params: Mapping[str, Any]) -> Answer:
        """Carry out a command of the exchange's own side; raises Misuse when it is refused."""
        answer = self.execute(Admin(action, params))
        if answer.status >= 400:
            raise Misuse(f"{action}: {answer.body}")
        return answer

    def _answer(self, asked: Asked) -> Reply:
        entry = asked.entry
        entry.operation = asked.found.operation.id
        entry.account = self.gate.claimed(asked.request.headers)
        if self.faults.rules:
            rule = self.mischief.meets(asked)
            if rule is not None:
                return self.mischief.act(rule, asked, partial(self._true_answer, asked))
        return self._true_answer(asked)

    def _true_answer(self, asked: Asked, *, skew: float = 0) -> Reply:
        caller = None
        if not asked.found.operation.public:
            admitted = self._admit(asked.request, skew)
            if isinstance(admitted, Denied):
                return refusal(401, admitted.code, details=admitted.details)
            caller = admitted
        asked.entry.executed = True
        answer = self.execute(_call(asked, caller))
        return json_reply(answer.status, answer.body)

    def _admit(self, request: Request, skew: float) -> Caller | Denied:
        credential = Credential(request.headers, request.method, request.path)
        return self.gate.admit(credential, now=self.clock.now() + timedelta(seconds=skew))

    def _finish(self, entry: Exchanged, reply: Reply) -> None:
        answered(entry, reply, at=self.clock.now())
        for watch in self.watchers:
            watch(entry)

    def _deliver_again(self) -> None:
        for asked in self.mischief.risen():
            entry = self.oracle.arrived(asked.request, at=self.clock.now())
            entry.operation, entry.account = asked.entry.operation, asked.entry.account
            entry.replay_of = asked.entry.seq
            self._finish(entry, self._true_answer(Asked(asked.request, asked.found, entry)))


def _call(asked: Asked, caller: Caller | None) -> ApiRequest:
    body, body_is = asked.request.content()
    return ApiRequest(
        operation=asked.found.operation.id,
        caller=caller,
        path=asked.found.path,
        query=asked.request.parameters(),
        body=body,
        body_is=body_is,
    )


def _lost(request: Request, found: NoMatch) -> Reply:
    if request.path.endswith("/") and len(request.path) > 1:
        return Reply(301, b"", "", {"location": request.path.rstrip("/")})
    if found.status == 405:
        plain = refusal(405, "method_not_allowed")
        return evolve(plain, headers={"allow": ", ".join(found.allowed)})
    return refusal(404, "not_found", "page not found")
