"""Open an exchange: from its state file when there is one, else from the seed data.

A state file belongs to the engine settings it was begun with; with others the same commands would
give other books, so it is refused. Restoring executes every logged command again, at its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import asdict, evolve

from kalshi_ext.errors import Misuse
from kalshi_ext.sandbox.auth import Authenticator, Credentials, Keyring, issue_key, key_kind
from kalshi_ext.sandbox.clock import ExchangeClock
from kalshi_ext.sandbox.engine import Answer, Engine, admin
from kalshi_ext.sandbox.engine.classic_recorded import is_recorded
from kalshi_ext.sandbox.engine.settings import Settings
from kalshi_ext.sandbox.exchange import SimulatedExchange
from kalshi_ext.sandbox.faults import CATALOGUE, FaultPlan, FaultRule
from kalshi_ext.sandbox.options import TRADER, Options
from kalshi_ext.sandbox.request_log import RequestLog
from kalshi_ext.sandbox.routes import Routes
from kalshi_ext.sandbox.seed_data import seed_commands
from kalshi_ext.sandbox.state_file import StateFile, StateMismatch


def open_exchange(options: Options) -> SimulatedExchange:
    """Build the exchange that the options ask for; raises StateMismatch for a foreign file."""
    exchange = SimulatedExchange(
        routes=Routes(options.contract, recorded=is_recorded(_settings(options))),
        authenticator=Authenticator(Keyring(), tolerance=options.tolerance),
        clock=ExchangeClock(fixed=options.clock),
        engine=Engine(_settings(options)),
        faults=FaultPlan(seed=options.seed),
        request_log=RequestLog(enabled=options.record),
        state_file=StateFile(options.state) if options.state else None,
    )
    if exchange.state_file is not None and exchange.state_file.get("settings") is not None:
        _restore(exchange, exchange.state_file, options)
    else:
        _create(exchange, options)
    add_rules(exchange, options)
    _open_accounts(exchange, options)
    return exchange


def reset_exchange(exchange: SimulatedExchange, options: Options) -> None:
    """Put the exchange back to its beginning; keys stay valid, so that clients may stay open."""
    exchange.engine = Engine(_settings(options))
    exchange.clock = ExchangeClock(fixed=options.clock)
    exchange.faults.clear()
    exchange.request_log.clear()
    exchange.injector.duplicates.clear()
    if exchange.state_file is not None:
        exchange.state_file.clear()
        exchange.state_file.put("clock", None)
    _load_seed_data(exchange, options)
    add_rules(exchange, options)
    _open_accounts(exchange, options)


def _open_accounts(exchange: SimulatedExchange, options: Options) -> None:
    """Open the further accounts and give each a key, unless it has them from before."""
    for account in options.accounts:
        if account not in exchange.engine.truth.accounts():
            exchange.execute(admin.add_account(account, funds="1000"))
        if exchange.authenticator.keyring.unrestricted_key(account) is None:
            register_key(exchange, issue_key(account, seed=_key_seed(options)))


def add_rules(exchange: SimulatedExchange, options: Options) -> None:
    """Add the fault rules the exchange begins with."""
    for data in options.faults:
        add_rule(exchange, options, data)


def add_rule(exchange: SimulatedExchange, options: Options, data: Mapping[str, Any]) -> FaultRule:
    """Add a fault rule; raises Misuse for one that nothing could act out."""
    rule = FaultRule.from_data(data)
    # TLS ends in the proxy, so with tls=True there is one although proxy=False.
    if CATALOGUE[rule.kind].layer != "answer" and not (options.proxy or options.tls):
        raise Misuse(f"{rule.kind}: needs the proxy, and this sandbox runs with proxy=False")
    return exchange.faults.add(rule)


def register_key(exchange: SimulatedExchange, credentials: Credentials) -> Credentials:
    """Accept a key, and remember it in the state file."""
    keyring = exchange.authenticator.keyring
    keyring.add(credentials)
    if exchange.state_file is not None:
        exchange.state_file.put("keys", [key.to_data() for key in keyring.issued])
    return credentials


def save_clock(exchange: SimulatedExchange) -> None:
    """Remember in the state file how the clock was moved."""
    if exchange.state_file is not None:
        exchange.state_file.put("clock", exchange.clock.to_data())


def _create(exchange: SimulatedExchange, options: Options) -> None:
    if exchange.state_file is not None:
        exchange.state_file.put("settings", asdict(_settings(options)))
    register_key(exchange, _first_key(options))
    _load_seed_data(exchange, options)


def _first_key(options: Options) -> Credentials:
    key = issue_key(TRADER, kind=key_kind(options.key_kind), seed=_key_seed(options))
    return evolve(
        key,
        key_id=options.key_id or key.key_id,
        private_key=options.private_key or key.private_key,
    )


def _key_seed(options: Options) -> int | None:
    return options.seed if options.fixed_keys else None


def _load_seed_data(exchange: SimulatedExchange, options: Options) -> None:
    if exchange.state_file is not None:
        exchange.state_file.begin()
    now = exchange.clock.now()
    for time, command in seed_commands(now, trading=options.seed_data):
        _require_success(exchange.execute(command, at=time), command)
    if exchange.state_file is not None:
        exchange.state_file.commit()


def _restore(exchange: SimulatedExchange, state_file: StateFile, options: Options) -> None:
    if state_file.get("settings") != asdict(_settings(options)):
        raise StateMismatch(f"state: {options.state} was written with other settings")
    for data in state_file.get("keys"):
        exchange.authenticator.keyring.add(Credentials.from_data(data))
    for time, command in state_file.commands():
        # By the engine, not by the exchange: that would log every command a second time.
        exchange.engine.execute(command, now=time)
    clock_data = state_file.get("clock")
    if clock_data:
        exchange.clock = ExchangeClock.from_data(clock_data)
    # Else a fixed clock would give new rows the times of old ones.
    exchange.clock.move_past(exchange.engine.now)


def _require_success(answer: Answer, command: object) -> None:
    if answer.status >= 400:
        raise RuntimeError(f"seed data: {command} was answered {answer.status} {answer.body}")


def _settings(options: Options) -> Settings:
    # Today's Kalshi answers the six retired writes with 410; only the 2.x contract serves them.
    writes = "served" if options.contract == "classic" else "retired"
    return Settings.from_mapping(
        {"seed": options.seed, "classic_writes": writes, **options.settings}
    )
