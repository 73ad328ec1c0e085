"""The one door: commands in, answers out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine import access, budgets, invariants
from kalshi_ext.sandbox.engine.admin import FOREIGN
from kalshi_ext.sandbox.engine.admin_actions import ACTIONS, open_account
from kalshi_ext.sandbox.engine.amounts import to_datetime, to_moment
from kalshi_ext.sandbox.engine.api import Admin, Answer
from kalshi_ext.sandbox.engine.digest import digest
from kalshi_ext.sandbox.engine.dispatch import PRIVATE, PUBLIC
from kalshi_ext.sandbox.engine.operations import CLASSIC, RETIRED
from kalshi_ext.sandbox.engine.refusals import Refusal
from kalshi_ext.sandbox.engine.settings import Settings, UnknownSetting
from kalshi_ext.sandbox.engine.settling import keep_thursdays
from kalshi_ext.sandbox.engine.state import Exchange
from kalshi_ext.sandbox.engine.truth import Truth

if TYPE_CHECKING:
    from datetime import datetime

    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.api import Call, Command

_CLASSIC = frozenset(op.id for op in CLASSIC)
_TOO_MANY = Answer(429, {"error": "too many requests"})


class Engine:
    """Run the exchange: one command in, one answer out, always the same for the same log."""

    truth: Truth

    def __init__(self, settings: Settings | None = None) -> None:
        """Open an exchange without markets; only the foreign account exists."""
        self._ex = Exchange(settings=settings or Settings())
        self.truth = Truth(self._ex)
        foreign = open_account(self._ex, FOREIGN)
        foreign.endless, foreign.tier = True, "prestige"

    @property
    def settings(self) -> Settings:
        """Give the settings as they are now."""
        return self._ex.settings

    @property
    def now(self) -> datetime:
        """Give the last moment seen: log it with each command, so that a replay is exact."""
        return to_datetime(self._ex.now)

    def execute(self, command: Command, *, now: datetime) -> Answer:
        """Do one command at a moment; the only door through which anything changes.

        now is aware; a moment earlier than the last one seen counts as the last one. Reads
        change nothing but token buckets and due expiries (which carry their own moments), so a
        log may leave them out where changes() says so. An Admin command answers 200 with what
        it made, or 400 with {"error": {"code": "admin", "message"}}.
        """
        self.advance(now=now)
        if isinstance(command, Admin):
            return self._administer(command)
        try:
            return self._told(self._call(command))
        except Refusal as refusal:
            return self._refused(command, refusal)

    def advance(self, *, now: datetime) -> None:
        """Let time pass: do what is due. execute does so by itself."""
        ex = self._ex
        ex.pass_time(to_moment(now))
        if ex.settings.thursday_pause != ex.pauses.thursdays_kept:
            keep_thursdays(ex)

    def _told(self, answer: Answer) -> Answer:
        bare = answer.body is None and answer.status != 204
        if bare and self._ex.settings.empty_answers == "object":
            return Answer(answer.status, {})
        return answer

    def _call(self, call: Call) -> Answer:
        ex = self._ex
        public = PUBLIC.get(call.operation)
        if public is not None:
            return public(ex, call)
        who = self._known(call)
        if ex.settings.rate_limits and not budgets.spend(ex, who, call):
            return _TOO_MANY
        if call.operation in RETIRED and ex.settings.classic_writes == "retired":
            message = "this endpoint is gone; use the V2 order endpoints"
            raise Refusal(410, "deprecated_v1_order_endpoint", message)
        return PRIVATE[call.operation](ex, who, call)

    def _known(self, call: Call) -> Account:
        who = self._ex.accounts.get(call.caller.account) if call.caller else None
        if who is None or call.caller is None:
            raise Refusal(401, "authentication_error", "authentication failed", "NOT_FOUND")
        access.need_scope(call.caller, "read" if budgets.reads(call.operation) else "write")
        return who

    def _refused(self, call: Call, refusal: Refusal) -> Answer:
        settings = self._ex.settings
        if refusal.bare and settings.parameter_errors == "msg":
            return Answer(refusal.status, {"msg": refusal.message})
        if settings.error_shape == "flat" and call.operation not in _CLASSIC:
            return Answer(refusal.status, refusal.error())
        return Answer(refusal.status, {"error": refusal.error()})

    def _administer(self, command: Admin) -> Answer:
        action = ACTIONS.get(command.action)
        try:
            if action is None:
                raise ValueError(f"no action {command.action!r}; known: {', '.join(ACTIONS)}")
            return Answer(200, action(self._ex, command.params))
        except Refusal as refusal:
            return Answer(refusal.status, {"error": refusal.error()})
        except (ValueError, TypeError, KeyError, UnknownSetting) as error:
            message = f"{command.action}: {error!r}" if isinstance(error, KeyError) else str(error)
            return Answer(400, {"error": {"code": "admin", "message": message}})

    def changes(self, command: Command) -> bool:
        """Tell whether a command may change state, so that a log must keep it."""
        if isinstance(command, Admin) or self._ex.settings.rate_limits:
            return True
        return not budgets.reads(command.operation)

    def check_invariants(self, *, history: bool = False) -> None:
        """Raise InvariantBroken when money, contracts or the books do not reconcile.

        history: every order and fill ever made is checked too (slow).
        """
        invariants.check(self._ex)
        if history:
            invariants.check_history(self._ex)

    def digest(self) -> str:
        """Fingerprint the whole state (sha256 hex): equal for equal command logs."""
        return digest(self._ex)
