"""The simulated exchange: routes, authentication, engine, faults, request log and state in one.

One request at a time, in the order in which the requests were complete, and never waiting: `serve`
is a plain function, so the event loop cannot run a second request inside the first. What the
books become depends on the commands, their times and the seed alone.

One request, step by step:

1. The request log numbers it.
2. The routes find its operation (404 or 405 otherwise, and no rule of the answer layer counts it).
3. The fault rules count it. If one is due, it decides the answer, and whether steps 4 to 6 happen.
4. Authentication finds the caller (401 otherwise).
5. The command goes to the state file, before it is executed: what was answered survives a kill.
6. The engine executes it.
7. The answer is completed in the log.
8. Delayed duplicates that are due are delivered: steps 4 to 7 again, and nobody gets the answer.

Example: the rule html(executed=False) for CreateOrderV2 ends with a 502 after step 3, and the log
says "received"; html(executed=True) runs steps 4 to 6 first, and the client sees the same 502.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from attrs import define, evolve, field

from kalshi_ext.errors import Misuse
from kalshi_ext.sandbox.auth import Authenticator, AuthFailure
from kalshi_ext.sandbox.clock import ExchangeClock
from kalshi_ext.sandbox.engine import Admin, Answer, ApiRequest, Caller, Command, Engine
from kalshi_ext.sandbox.faults import FaultPlan
from kalshi_ext.sandbox.faults.injection import FaultInjector, RoutedRequest
from kalshi_ext.sandbox.http_messages import (
    HttpRequest,
    HttpResponse,
    error_response,
    json_response,
)
from kalshi_ext.sandbox.request_log import RequestLog, record_response
from kalshi_ext.sandbox.routes import NoMatch, Routes
from kalshi_ext.sandbox.state_file import StateFile


@define
class SimulatedExchange:
    """Answer requests: one at a time, never waiting."""

    routes: Routes
    authenticator: Authenticator
    clock: ExchangeClock
    engine: Engine
    faults: FaultPlan = field(factory=FaultPlan)
    request_log: RequestLog = field(factory=RequestLog)
    state_file: StateFile | None = None
    injector: FaultInjector = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.injector = FaultInjector(self)

    def serve(self, request: HttpRequest) -> HttpResponse:
        """Answer one request, truly or as a fault rule wants it."""
        entry = self.request_log.record_arrival(request, at=self.clock.now())
        match = self.routes.find(request.method, request.path)
        if isinstance(match, NoMatch):
            response = _unrouted(request, match)
        else:
            response = self._answer(RoutedRequest(request, match, entry))
        record_response(entry, response, at=self.clock.now())
        if self.injector.duplicates:
            self._deliver_duplicates()
        return response

    def execute(self, command: Command, *, at: datetime | None = None) -> Answer:
        """Execute a command, logged first when there is a state file."""
        now = at or self.clock.tick()
        # Reads leave the books as they are and need no place in the log.
        if self.state_file is not None and self.engine.changes(command):
            self.state_file.append(command, at=now)
        return self.engine.execute(command, now=now)

    def administer(self, action: str, params: Mapping[str, Any]) -> Answer:
        """Execute a command of the exchange's own side; raises Misuse when it is refused."""
        answer = self.execute(Admin(action, params))
        if answer.status >= 400:
            raise Misuse(f"{action}: {answer.body}")
        return answer

    def _answer(self, routed: RoutedRequest) -> HttpResponse:
        entry = routed.entry
        entry.operation = routed.match.operation.id
        # Claimed, not proven: a rule for one account acts also where the signature is refused.
        entry.account = self.authenticator.claimed_account(routed.request.headers)
        if self.faults.rules:
            rule = self.injector.due_rule(routed)
            if rule is not None:
                return self.injector.respond(rule, routed, partial(self._true_answer, routed))
        return self._true_answer(routed)

    def _true_answer(self, routed: RoutedRequest, *, skew: float = 0) -> HttpResponse:
        caller = None
        if not routed.match.operation.public:
            now = self.clock.now() + timedelta(seconds=skew)
            result = self.authenticator.authenticate(routed.request, now=now)
            if isinstance(result, AuthFailure):
                routed.entry.outcome = "refused"
                return error_response(401, result.code, details=result.details)
            caller = result
        answer = self.execute(_call(routed, caller))
        routed.entry.outcome = "executed" if answer.status < 400 else "refused"
        return json_response(answer.status, answer.body)

    def _deliver_duplicates(self) -> None:
        for routed in self.injector.due_duplicates():
            entry = self.request_log.record_arrival(routed.request, at=self.clock.now())
            entry.operation, entry.account = routed.entry.operation, routed.entry.account
            entry.replay_of = routed.entry.seq
            duplicate = RoutedRequest(routed.request, routed.match, entry)
            # Past the fault rules: a rule would count the duplicate and might delay it again.
            response = self._true_answer(duplicate)
            record_response(entry, response, at=self.clock.now())


def _call(routed: RoutedRequest, caller: Caller | None) -> ApiRequest:
    body, body_is = routed.request.content()
    return ApiRequest(
        operation=routed.match.operation.id,
        caller=caller,
        path=routed.match.path,
        query=routed.request.parameters(),
        body=body,
        body_is=body_is,
    )


def _unrouted(request: HttpRequest, match: NoMatch) -> HttpResponse:
    if request.path.endswith("/") and len(request.path) > 1:
        return HttpResponse(301, b"", "", {"location": request.path.rstrip("/")})
    if match.status == 405:
        plain = error_response(405, "method_not_allowed")
        return evolve(plain, headers={"allow": ", ".join(match.allowed)})
    # observed: not in JSON, because nothing of the exchange read the path
    return HttpResponse(404, b"404 page not found\n", "text/plain; charset=utf-8")
