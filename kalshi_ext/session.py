"""Put a client together: check its arguments and build what the sync and async client share.

No I/O: a client that was built has sent nothing and opened no connection.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from weakref import WeakValueDictionary

from attrs import evolve, frozen

from kalshi_ext import contracts, values
from kalshi_ext.arguments import instance, must_be, plain
from kalshi_ext.bases import Value
from kalshi_ext.config import (
    Environment,
    EnvironmentSettings,
    Timeout,
    environment,
    settings_from_env,
    timeout,
)
from kalshi_ext.errors import Misuse
from kalshi_ext.events import Events, checked_listener, configure_logging
from kalshi_ext.journal import Journal, Latch, account_label
from kalshi_ext.journal.stop_record import FileStopRecord
from kalshi_ext.models.account import AccountLimits, EndpointCosts
from kalshi_ext.protocol.deviations import DeviationCounter
from kalshi_ext.protocol.flow import Context, Policy
from kalshi_ext.protocol.messages import Call
from kalshi_ext.protocol.pacer import Pacer, checked_pacer
from kalshi_ext.redact import Secret, as_secret, class_name, is_a
from kalshi_ext.requests import subaccount_number
from kalshi_ext.stop import AutoGroups
from kalshi_ext.transport.endpoint import Endpoint
from kalshi_ext.transport.family import family_of, httpx
from kalshi_ext.transport.keys import load_key, pem_of
from kalshi_ext.transport.pool import ConnectionPool
from kalshi_ext.transport.signing import signer

if TYPE_CHECKING:
    from kalshi_ext.risk import RiskGate
    from kalshi_ext.transport.async_pool import AsyncConnectionPool
    from kalshi_ext.transport.deadman import DeadMan

BudgetSource: TypeAlias = str | Path | Secret[Any] | None
PaceSource: TypeAlias = str | tuple[float, float] | Pacer | None
JournalSource: TypeAlias = str | Path | Journal | Secret[Any] | None


@frozen(eq=False, repr=False)
class ClientSession(Value):
    """The parts of one client, the same for sync and async."""

    environment: Environment
    contract: contracts.Contract
    context: Context
    endpoint: Endpoint
    timeout: Timeout
    authenticated: bool
    account: str | None
    """Whose entries this client writes, as its journal names it; None without credentials."""

    def use(self, journal: Journal) -> ClientSession:
        """Bind a journal to this client's account and share what it has in flight.

        Raises JournalMismatch, JournalUnadopted.
        """
        if self.account is not None:
            journal.bind(self.account)
        context = evolve(
            self.context,
            locks=journal.locks,
            pending_writes=journal.pending_writes,
            recent_writes=journal.recent_writes,
            stops=journal.stops,
            stray_writes=journal.stray_writes,
            shared_journal=journal.shared,
            journal_owner=journal.owner,
            journal_account=self.account or "",
        )
        return evolve(self, context=context)

    def now(self) -> datetime:
        """Return the exchange's time, as well as it is known."""
        clock = self.endpoint.clock
        best = self.context.exchange_clock.best(clock.monotonic(), clock.now())
        return datetime.fromtimestamp(best, UTC)

    def with_credentials(self, **credentials: Secret[Any]) -> ClientSession:
        """Return this session with another key or token of the same account. Raises Misuse."""
        self.require_credentials()
        new = signer(**credentials)
        if not new.authenticated:
            raise Misuse("use_key: give key_id and private_key, or bearer_token")
        return evolve(self, endpoint=evolve(self.endpoint, signer=new))

    def shares_budget(self) -> bool:
        """Say whether this process takes its tokens from a store; a forked child's are its own."""
        pacer = self.context.pacer
        owner = "" if pacer is None or pacer.store is None else pacer.owner
        return owner.partition("-")[0] == str(os.getpid())

    def close_budget(self) -> None:
        """Close the store of a shared budget."""
        pacer = self.context.pacer
        if pacer is not None and pacer.store is not None:
            pacer.store.close()

    def require_credentials(self) -> None:
        """Refuse a private operation without credentials, before anything is sent."""
        if not self.authenticated:
            raise Misuse(
                "this operation needs credentials: give key_id and private_key (or bearer_token), "
                "or set KALSHI_KEY_ID and KALSHI_PRIVATE_KEY_PATH and use from_env()"
            )


def build_session(
    *,
    key_id: Secret[Any],
    private_key: Secret[Any],
    passphrase: Secret[Any],
    bearer_token: Secret[Any],
    environment_: str | Environment | None,
    contract: str,
    policy: Policy | None,
    timeout_: Any,
    pace: PaceSource,
    budget: Secret[Any],
    account: str | None,
    on_event: object = None,
    auto_groups: AutoGroups | None = None,
    risk: RiskGate | None = None,
) -> ClientSession:
    """Check the arguments of a client and put its parts together. Raises Misuse."""
    listener = checked_listener(on_event)
    configure_logging(os.environ.get("KALSHI_LOG"))
    exchange = environment(environment_)
    events = Events(listener, exchange.base_url)
    credentials = signer(
        key_id=key_id, private_key=private_key, passphrase=passphrase, bearer_token=bearer_token
    )
    name = _account(exchange, account, key_id, bearer_token) if credentials.authenticated else None
    language = contracts.contract(contract)
    checked_policy, checked_timeout = _policy_and_timeout(policy, timeout_)
    return ClientSession(
        exchange,
        language,
        Context(
            policy=checked_policy,
            pacer=_pacer(pace, budget, name),
            budget_calls=_budget_calls(language) if name is not None else None,
            deviations=DeviationCounter(events=events),
            events=events,
            auto_groups=auto_groups,
            risk=risk,
        ),
        Endpoint(exchange.base_url, credentials, dry_run=risk is not None and risk.dry_run),
        checked_timeout,
        credentials.authenticated,
        name,
    )


def _account(
    exchange: Environment, account: object, key_id: Secret[Any], token: Secret[Any]
) -> str | None:
    # A name first and alone: its refusal must not show the token among the locals of a frame.
    if account is not None:
        return account_label(exchange.base_url, account=cast("str", account))
    if key_id.reveal() is not None:
        return account_label(exchange.base_url, key_id=plain(key_id.reveal()).strip())
    return account_label(exchange.base_url, token=plain(token.reveal()).strip())


def _policy_and_timeout(policy: Policy | None, timeout_: Any) -> tuple[Policy, Timeout]:
    """Make policy and timeout agree: a `timeout` argument overrides the policy's."""
    chosen = Policy() if policy is None else policy
    if not is_a(chosen, Policy):
        raise must_be("policy", chosen, "a Policy")
    limits = Timeout(total=chosen.timeout) if timeout_ is None else timeout(timeout_)
    return evolve(chosen, timeout=limits.total), limits


# One budget for the clients of one account in this process, as long as one of them lives.
_SHARED: WeakValueDictionary[str, Pacer] = WeakValueDictionary()
if hasattr(os, "register_at_fork"):  # a forked child has a lock that nobody will open
    os.register_at_fork(after_in_child=_SHARED.clear)


def _pacer(pace: PaceSource, budget: Secret[Any], account: str | None) -> Pacer | None:
    pacer = checked_pacer(pace)
    if budget.reveal() is not None:
        if account is None or pacer is None or pacer is pace:
            raise Misuse("budget needs credentials, and a pace that is neither None nor a Pacer")
        from kalshi_ext.budget import open_budget

        pacer.share(open_budget(budget, account), f"{os.getpid()}-{uuid.uuid4()}")
        return pacer
    if plain(pace) != "auto" or account is None or pacer is None:
        return pacer
    return _SHARED.setdefault(account, pacer)


def _budget_calls(
    contract: contracts.Contract,
) -> Callable[[], tuple[Call[AccountLimits], Call[EndpointCosts]]]:
    if contract.has_watermark:
        return lambda: (contract.account.limits(), contract.account.endpoint_costs())

    def classic() -> tuple[Call[AccountLimits], Call[EndpointCosts]]:
        from kalshi_ext.contracts.budget_reads import budget_reads

        return budget_reads()

    return classic


LARGEST_GROUP_LIMIT: Final = Decimal(1_000_000)  # contracts in 15 seconds (documented)


def automatic_groups(order_group: object, limit: Any) -> AutoGroups | None:
    """Check what a client does with orders that name no group. Raises Misuse."""
    if order_group is None:
        if limit is not None:
            raise Misuse("order_group_limit goes only with order_group='auto'")
        return None
    word = plain(order_group)
    if type(word) is not str or word != "auto":
        raise must_be("order_group", order_group, "'auto' or None; an order may name its own")
    checked = LARGEST_GROUP_LIMIT if limit is None else values.count(limit, "order_group_limit")
    if not 1 <= checked <= LARGEST_GROUP_LIMIT:
        raise must_be("order_group_limit", limit, "from 1 to 1,000,000 contracts")
    return AutoGroups(checked)


def risk_gate(limits: object, *, dry_run: bool) -> RiskGate | None:
    """Return the gate of a client, None without limits and dry run. Raises Misuse."""
    if limits is None and not dry_run:
        return None
    from kalshi_ext.risk import Limits, RiskGate

    checked = Limits() if limits is None else instance(limits, "limits", Limits, "must be a Limits")
    return RiskGate(checked, dry_run)


def latch_of(ticker: object, event_ticker: object, subaccount: object) -> Latch:
    """Check what is stopped. Raises Misuse."""
    return Latch(
        ticker=None if ticker is None else values.ticker(ticker),
        event_ticker=None if event_ticker is None else values.ticker(event_ticker, "event_ticker"),
        subaccount=subaccount_number(subaccount),
    )


def start_deadman(
    session: ClientSession,
    journal: Journal,
    alive_every: object,
    timeout_: object,
    key_id: Secret[Any],
    private_key: Secret[Any],
) -> DeadMan:
    """Give the handle of a dead man's switch for a client. Raises Misuse."""
    from kalshi_ext.transport.deadman import DeadMan, checked_times, supervisor_variables

    times = checked_times(alive_every, timeout_)
    key = _asked_once(private_key)
    # The other process will load the key; what is wrong with it is better said here.
    signer(key_id=key_id, private_key=key)
    if (inherited := DeadMan.inherited(*times)) is not None:
        return inherited
    record = journal.stops.record
    if not isinstance(record, FileStopRecord):
        raise Misuse(
            "a dead man's switch shares the journal's file with this client: give journal='FILE';"
            " with a postgresql:// journal run the bot under `kalshi-ext deadman -- command`"
        )
    given = Secret[dict[str, Any]](
        {
            "ENVIRONMENT": session.environment.base_url,
            "CONTRACT": session.contract.name,
            "JOURNAL": record.path.with_name(record.path.name.removesuffix(".stop")),
            "KEY_ID": key_id.reveal(),
            **_key_variable(key),
        }
    )
    own_key = key_id.reveal() is not None
    return DeadMan.start(*times, supervisor_variables(given, own_key=own_key))


def _asked_once(source: Secret[Any]) -> Secret[Any]:
    # A callable may ask a person, and the key is loaded twice: to check it, and to hand it on.
    return Secret(cache(lambda: source.reveal()())) if callable(source.reveal()) else source


def _key_variable(private_key: Secret[Any]) -> dict[str, Any]:
    # Revealed where it is used: a traceback shows the locals of its frames.
    is_text = is_a(private_key.reveal(), (str, Path))
    if private_key.reveal() is None or (is_text and "-----BEGIN" not in str(private_key.reveal())):
        return {"PRIVATE_KEY_PATH": private_key.reveal()}
    return {"PRIVATE_KEY": pem_of(load_key(private_key))}


def client_arguments(given: Secret[tuple[Any, dict[str, Any]]]) -> dict[str, Any]:
    """Return the arguments of a client from (environment variables, options over them).

    Both come as one Secret: a traceback shows the locals of its frames.
    """
    settings = settings_from_env(Secret(given.reveal()[0]))
    variables: Mapping[str, str] = given.reveal()[0] or {}
    configure_logging(variables.get("KALSHI_LOG"))
    return {**from_settings(settings), **given.reveal()[1]}


def from_settings(settings: EnvironmentSettings) -> dict[str, Any]:
    """Turn the settings of the environment variables into the arguments of a client."""
    return {
        "key_id": None if settings.key_id is None else Secret(settings.key_id),
        "private_key": settings.private_key,
        "passphrase": settings.passphrase,
        "bearer_token": settings.bearer_token,
        "environment": settings.environment,
        "contract": settings.contract,
        # None lets a policy given beside them keep its own timeout.
        "timeout": None if settings.timeout == Timeout() else settings.timeout,
        "journal": None if settings.journal is None else Secret(settings.journal),
        "account": settings.account,
    }


def sync_transport(
    custom: httpx.BaseTransport | None, **options: Any
) -> httpx.BaseTransport | ConnectionPool:
    """Return the caller's transport, else a ConnectionPool of `options`. Raises Misuse."""
    if custom is None:
        return ConnectionPool(**options)
    _check_custom(custom, "BaseTransport", options)
    return custom


def async_transport(
    custom: httpx.AsyncBaseTransport | None, **options: Any
) -> httpx.AsyncBaseTransport | AsyncConnectionPool:
    """Return the caller's transport, else an AsyncConnectionPool. Raises Misuse."""
    if custom is None:
        from kalshi_ext.transport.async_pool import AsyncConnectionPool

        return AsyncConnectionPool(**options)
    _check_custom(custom, "AsyncBaseTransport", options)
    return custom


def _check_custom(custom: object, kind: str, options: dict[str, Any]) -> None:
    if not is_a(custom, getattr(family_of(custom), kind)):
        raise Misuse(f"transport must be an httpx.{kind}, not {class_name(custom)}")
    # They would be ignored silently: a certificate check or a proxy that is not in use.
    given = {"verify": as_secret(options.get("verify")), "proxy": options["proxy"]}
    ignored = [name for name, value in given.items() if value.reveal() is not None]
    if ignored:
        raise Misuse(f"{', '.join(ignored)}: give it to your transport, or leave transport out")
