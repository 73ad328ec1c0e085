"""The engine: a deterministic exchange, commands in and answers out.

Invariants, on which everything else in this room rests:

- Commands are done one after the other, each whole before the next; execute() is the only door
  through which anything changes. There are no threads, no I/O and no clock in here.
- A command happens at one time, the `now` it comes with. Time never goes back. What fell due since
  the command before (expiries, delayed transfers, the weekly pause) is done first, each at its own
  time.
- Nothing is random but what is derived from the seed. So the same commands at the same times give
  the same answers, events and digest(), byte for byte.
- Numbers are exact integers (fixed_point.py), and cash, contracts and fees are conserved to the
  micro-dollar (ledger.py).
- A refused request changes nothing but token buckets: whoever raises has not written yet, or undoes
  it (errors.py).

Example: the log [10:00 add_account amy, 10:01 CreateOrderV2 expiring at 10:05, 10:09 GetOrders]
answers the order as cancelled, last updated 10:05, not 10:09; without the read the digest at 10:09
is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine import (
    classic_reads,
    classic_writes,
    invariants,
    market_reads,
    order_groups,
    order_reads,
    order_writes,
    portfolio_reads,
    rate_limits,
    request_parsing,
    trading_status,
    transfers,
)
from kalshi_ext.sandbox.engine.admin import FOREIGN
from kalshi_ext.sandbox.engine.admin_actions import ACTIONS, open_account
from kalshi_ext.sandbox.engine.commands import Admin, Answer
from kalshi_ext.sandbox.engine.errors import ApiError
from kalshi_ext.sandbox.engine.fixed_point import to_datetime, to_microseconds
from kalshi_ext.sandbox.engine.inspector import Inspector
from kalshi_ext.sandbox.engine.operations import CLASSIC, HANDLERS, PUBLIC, RETIRED
from kalshi_ext.sandbox.engine.settings import Settings, UnknownSetting
from kalshi_ext.sandbox.engine.state import EngineState, state_digest
from kalshi_ext.sandbox.engine.trading_status import update_thursday_pause

if TYPE_CHECKING:
    from datetime import datetime

    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.commands import ApiRequest, Command

# Each of these modules holds handlers, which register themselves (`operations.handles`).
_HANDLER_MODULES = (
    classic_reads,
    classic_writes,
    market_reads,
    order_groups,
    order_reads,
    order_writes,
    portfolio_reads,
    rate_limits,
    trading_status,
    transfers,
)
_CLASSIC_IDS = frozenset(op.id for op in CLASSIC)
_TOO_MANY_REQUESTS = Answer(429, {"error": "too many requests"})


class Engine:
    """Run the exchange: one command in, one answer out."""

    truth: Inspector

    def __init__(self, settings: Settings | None = None) -> None:
        """Open an exchange without markets; only the foreign account exists."""
        self._state = EngineState(settings=settings or Settings())
        self.truth = Inspector(self._state)
        foreign = open_account(self._state, FOREIGN)
        # the liquidity that tests script must never be refused for want of cash or tokens
        foreign.endless, foreign.tier = True, "prestige"

    @property
    def settings(self) -> Settings:
        """The settings as they are now: an admin command may change them."""
        return self._state.settings

    @property
    def now(self) -> datetime:
        """The time of the last command: log it with each command, so that a replay is exact."""
        return to_datetime(self._state.now)

    def execute(self, command: Command, *, now: datetime) -> Answer:
        """Do one command at a time.

        now is aware; a time earlier than that of the last command counts as that one. Reads
        change nothing but token buckets and what is due (which carries its own time), so a log
        may leave them out where changes() says so. An Admin command answers 200 with what it
        made, or 400 with {"error": {"code": "admin", "message"}}.
        """
        self.advance(now=now)
        if isinstance(command, Admin):
            return self._administer(command)
        try:
            return self._finish(self._handle(command))
        except ApiError as error:
            return self._error_answer(command, error)

    def advance(self, *, now: datetime) -> None:
        """Let time pass and do what is due; execute() does so by itself."""
        state = self._state
        state.advance_to(to_microseconds(now))
        if state.settings.thursday_pause != state.pauses.thursday_timer_set:
            update_thursday_pause(state)

    def _finish(self, answer: Answer) -> Answer:
        # assumed: no body where the contract promises none, not even {} (`empty_answers`)
        empty = answer.body is None and answer.status != 204
        if empty and self._state.settings.empty_answers == "object":
            return Answer(answer.status, {})
        return answer

    def _handle(self, request: ApiRequest) -> Answer:
        state = self._state
        # public operations have no account, so no bucket and no scope either
        if request.operation in PUBLIC:
            return HANDLERS[request.operation](state, request)
        account = self._authenticated_account(request)
        # the bucket comes before everything the request asks: a refused one is billed too
        if state.settings.rate_limits and not rate_limits.take_tokens(state, account, request):
            return _TOO_MANY_REQUESTS
        # observed: 410, whatever the request says
        if request.operation in RETIRED and state.settings.classic_writes == "retired":
            message = "this endpoint is gone; use the V2 order endpoints"
            raise ApiError(410, "deprecated_v1_order_endpoint", message)
        return HANDLERS[request.operation](state, account, request)

    def _authenticated_account(self, request: ApiRequest) -> TradingAccount:
        account = self._state.accounts.get(request.caller.account) if request.caller else None
        if account is None or request.caller is None:
            raise ApiError(401, "authentication_error", "authentication failed", "NOT_FOUND")
        scope = "read" if rate_limits.is_read(request.operation) else "write"
        request_parsing.require_scope(request.caller, scope)
        return account

    def _error_answer(self, request: ApiRequest, error: ApiError) -> Answer:
        # observed: {"msg"} for query parameters, else {"error": {...}}; the flat shape is a switch
        settings = self._state.settings
        if error.query_error and settings.parameter_errors == "msg":
            return Answer(error.status, {"msg": error.message})
        flat = error.flat or settings.error_shape == "flat"
        if flat and request.operation not in _CLASSIC_IDS:
            return Answer(error.status, error.error_body())
        return Answer(error.status, {"error": error.error_body()})

    def _administer(self, command: Admin) -> Answer:
        action = ACTIONS.get(command.action)
        try:
            if action is None:
                raise ValueError(f"no action {command.action!r}; known: {', '.join(ACTIONS)}")
            return Answer(200, action(self._state, command.params))
        except ApiError as error:
            return Answer(error.status, {"error": error.error_body()})
        except Exception as error:  # noqa: BLE001 - a state file would meet it at each start
            # str() of a KeyError is the bare key, which says nothing
            clear = isinstance(error, ValueError | UnknownSetting)
            message = str(error) if clear else f"{command.action}: {error!r:.200}"
            return Answer(400, {"error": {"code": "admin", "message": message}})

    def changes(self, command: Command) -> bool:
        """Tell whether a command may change state, so that a log must keep it."""
        # a read takes tokens where requests are billed, and so changes what is answered next
        if isinstance(command, Admin) or self._state.settings.rate_limits:
            return True
        return not rate_limits.is_read(command.operation)

    def check_invariants(self, *, history: bool = False) -> None:
        """Raise InvariantBroken when money, contracts or the books do not reconcile.

        history: every order and fill ever made is checked too (slow).
        """
        invariants.check(self._state)
        if history:
            invariants.check_history(self._state)

    def digest(self) -> str:
        """Hash the whole state (sha256 hex): equal for equal command logs."""
        return state_digest(self._state)
