"""Open an exchange: from its state file when there is one, else from the seed data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import asdict, evolve

from kalshi_ext.errors import Misuse
from kalshi_ext.sandbox.clock import Clock
from kalshi_ext.sandbox.engine import Answer, Engine, admin
from kalshi_ext.sandbox.engine.settings import Settings
from kalshi_ext.sandbox.exchange import Exchange
from kalshi_ext.sandbox.faults import CATALOGUE, Plan, Rule
from kalshi_ext.sandbox.gate import Gate
from kalshi_ext.sandbox.keyring import Credentials, Keyring, issue, key_kind
from kalshi_ext.sandbox.options import Options
from kalshi_ext.sandbox.oracle import Oracle
from kalshi_ext.sandbox.routes import Routes
from kalshi_ext.sandbox.seed_data import TRADER, seed_commands
from kalshi_ext.sandbox.store import StateMismatch, Store


def found(options: Options) -> Exchange:
    """Build the exchange that the options ask for; raises StateMismatch for a foreign file."""
    exchange = Exchange(
        routes=Routes(options.contract),
        gate=Gate(Keyring(), tolerance=options.tolerance),
        clock=Clock(fixed=options.clock),
        engine=Engine(_settings(options)),
        faults=Plan(seed=options.seed),
        oracle=Oracle(keeping=options.record),
        store=Store(options.state) if options.state else None,
    )
    if exchange.store is not None and exchange.store.get("settings") is not None:
        _recall(exchange, exchange.store, options)
    else:
        _begin(exchange, options)
    add_rules(exchange, options)
    _open_accounts(exchange, options)
    return exchange


def renew(exchange: Exchange, options: Options) -> None:
    """Put the exchange back to its beginning; keys stay valid, so that clients may stay open."""
    exchange.engine = Engine(_settings(options))
    exchange.clock = Clock(fixed=options.clock)
    exchange.faults.forget()
    exchange.oracle.forget()
    exchange.mischief.zombies.clear()
    if exchange.store is not None:
        exchange.store.clear()
        exchange.store.put("clock", None)
    _populate(exchange, options)
    add_rules(exchange, options)
    _open_accounts(exchange, options)


def _open_accounts(exchange: Exchange, options: Options) -> None:
    """Open the further accounts and give each a key, unless it has them from before."""
    for account in options.accounts:
        if account not in exchange.engine.truth.accounts():
            exchange.execute(admin.add_account(account, funds="1000"))
        if exchange.gate.keyring.of(account) is None:
            keep_key(exchange, issue(account, seed=_key_seed(options)))


def add_rules(exchange: Exchange, options: Options) -> None:
    """Add the fault rules the exchange begins with."""
    for data in options.faults:
        add_rule(exchange, options, data)


def add_rule(exchange: Exchange, options: Options, data: Mapping[str, Any]) -> Rule:
    """Add a fault rule; raises Misuse for one that nothing could act out."""
    rule = Rule.from_data(data)
    if CATALOGUE[rule.kind].layer != "answer" and not (options.proxy or options.tls):
        raise Misuse(f"{rule.kind}: needs the proxy, and this sandbox runs with proxy=False")
    return exchange.faults.add(rule)


def keep_key(exchange: Exchange, credentials: Credentials) -> Credentials:
    """Accept a key, and remember it in the state file."""
    exchange.gate.keyring.add(credentials)
    if exchange.store is not None:
        exchange.store.put("keys", [known.to_data() for known in exchange.gate.keyring.issued])
    return credentials


def keep_clock(exchange: Exchange) -> None:
    """Remember in the state file how the clock was moved."""
    if exchange.store is not None:
        exchange.store.put("clock", exchange.clock.to_data())


def _begin(exchange: Exchange, options: Options) -> None:
    if exchange.store is not None:
        exchange.store.put("settings", asdict(_settings(options)))
    keep_key(exchange, _first_key(options))
    _populate(exchange, options)


def _first_key(options: Options) -> Credentials:
    made = issue(TRADER, kind=key_kind(options.key_kind), seed=_key_seed(options))
    return evolve(
        made,
        key_id=options.key_id or made.key_id,
        private_key=options.private_key or made.private_key,
    )


def _key_seed(options: Options) -> int | None:
    return options.seed if options.fixed_keys else None


def _populate(exchange: Exchange, options: Options) -> None:
    if exchange.store is not None:
        exchange.store.begin()
    now = exchange.clock.now()
    for moment, command in seed_commands(now, trading=options.seed_data):
        _insist(exchange.execute(command, at=moment), command)
    if exchange.store is not None:
        exchange.store.commit()


def _recall(exchange: Exchange, store: Store, options: Options) -> None:
    if store.get("settings") != asdict(_settings(options)):
        raise StateMismatch(f"state: {options.state} was written with other settings")
    for data in store.get("keys"):
        exchange.gate.keyring.add(Credentials.from_data(data))
    for moment, command in store.commands():
        exchange.engine.execute(command, now=moment)
    kept = store.get("clock")
    if kept:
        exchange.clock = Clock.from_data(kept)
    exchange.clock.not_before(exchange.engine.now)


def _insist(answer: Answer, command: object) -> None:
    if answer.status >= 400:
        raise RuntimeError(f"seed data: {command} was answered {answer.status} {answer.body}")


def _settings(options: Options) -> Settings:
    served = "served" if options.contract == "classic" else "retired"
    chosen = {"seed": options.seed, "classic_writes": served, **options.settings}
    return Settings.from_mapping(chosen)
