"""AsyncKalshi, the client: one session, one driver, one journal and the resources over them."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from kalshi_ext import reads, stop, writes
from kalshi_ext._async.account import AsyncAccount, AsyncExchange
from kalshi_ext._async.history import AsyncHistory
from kalshi_ext._async.markets import AsyncMarkets
from kalshi_ext._async.order_groups import AsyncOrderGroups
from kalshi_ext._async.orders import AsyncOrders
from kalshi_ext._async.portfolio import AsyncPortfolio
from kalshi_ext._async.subaccounts import AsyncSubaccounts
from kalshi_ext._async.trading import AsyncTrading
from kalshi_ext.arguments import flag, instance
from kalshi_ext.config import Environment, Timeout
from kalshi_ext.contracts.any_path import Parameters, any_call
from kalshi_ext.contracts.passthrough import GeneratedResponse, passthrough_call
from kalshi_ext.errors import Misuse
from kalshi_ext.events import Listener
from kalshi_ext.journal import Journal, Latch, open_journal
from kalshi_ext.models import Health
from kalshi_ext.protocol.flow import Flow, Policy, request
from kalshi_ext.protocol.limits import Deadline, checked_deadline
from kalshi_ext.protocol.messages import Call
from kalshi_ext.protocol.pacing import return_tokens
from kalshi_ext.redact import Secret, as_secret, is_a, without_key, without_password
from kalshi_ext.requests import Count
from kalshi_ext.session import (
    BudgetSource,
    ClientSession,
    JournalSource,
    PaceSource,
    async_transport,
    automatic_groups,
    build_session,
    client_arguments,
    latch_of,
    risk_gate,
    start_deadman,
)
from kalshi_ext.stop import StopReport
from kalshi_ext.transport.async_driver import AsyncDriver
from kalshi_ext.transport.driver import in_flight
from kalshi_ext.transport.family import httpx
from kalshi_ext.transport.keys import KeySource, Passphrase
from kalshi_ext.writes import Resolution

if TYPE_CHECKING:
    from kalshi_ext.risk import Limits
    from kalshi_ext.transport.deadman import DeadMan

T = TypeVar("T")


class AsyncKalshi:
    """Trade on the Kalshi exchange from asyncio.

    Use as a context manager, or call `aclose()`. Not to be shared between event loops.
    """

    def __init__(
        self,
        *,
        key_id: str | Secret[str] | None = None,
        private_key: KeySource | None = None,
        passphrase: Passphrase | None = None,
        bearer_token: str | Secret[str] | None = None,
        environment: str | Environment | None = None,
        contract: str = "current",
        timeout: float | Timeout | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        journal: JournalSource = None,
        account: str | None = None,
        pace: PaceSource = "auto",
        budget: BudgetSource = None,
        policy: Policy | None = None,
        on_event: Listener | None = None,
        order_group: str | None = None,
        order_group_limit: Count | None = None,
        limits: Limits | None = None,
        dry_run: bool = False,
        verify: ssl.SSLContext | None = None,
        proxy: httpx.Proxy | str | Secret[str] | None = None,
    ) -> None:
        """Check the arguments; nothing is sent or connected.

        `environment` is 'demo' (the default), 'production', one of the old hosts, or a URL.
        `private_key` is a path, PEM text or bytes, or a callable returning one; `bearer_token`
        replaces it. `contract` is 'current' or 'classic'. `timeout` bounds each attempt, in seconds
        in total. `journal` is a file or a postgresql:// URL; without one the outcome of an order
        whose answer is lost is still looked up, but not after a crash. A journal belongs to one
        account: `account` is your name for it, the same for all of its keys; without one a new
        key counts as another account. `pace` keeps the exchange's rate limits: "auto" learns the
        account's numbers once a request would have to wait; a usage tier, two rates (reads, writes)
        a second or a Pacer replace them, None sends at once. `budget` is a file or a postgresql://
        URL in which the processes of one account share it.
        `order_group="auto"` puts every order that names no group in one of this client's own, for
        each subaccount and shard, which may fill `order_group_limit` contracts in 15 seconds
        (default: the most there is): so `stop` also ends orders that are still on their way.
        `on_event` is called with every Event of this client, on the thread that works; what it
        raises is logged once. `limits` refuses orders before they are sent (docs/limits.md); with
        `dry_run` every write is checked and signed, and raises DryRun instead of being sent. Raises
        Misuse, JournalMismatch where the journal is another account's, and JournalBusy where
        another living process holds it.
        """
        # First of all: a traceback shows the locals of its frames.
        key_id, private_key, passphrase = map(as_secret, (key_id, private_key, passphrase))
        bearer_token, journal, proxy = map(as_secret, (bearer_token, journal, proxy))
        budget = as_secret(budget)
        environment, contract = without_password(environment), without_password(contract)
        timeout, pace, account = (
            without_password(timeout),
            without_password(pace),
            without_key(account),
        )
        self.session = build_session(
            key_id=key_id,
            private_key=private_key,
            passphrase=passphrase,
            bearer_token=bearer_token,
            environment_=environment,
            contract=contract,
            policy=policy,
            timeout_=timeout,
            pace=pace,
            budget=budget,
            account=account,
            on_event=on_event,
            auto_groups=automatic_groups(order_group, order_group_limit),
            risk=risk_gate(limits, dry_run=flag(dry_run, "dry_run")),
        )
        wire_transport = async_transport(
            transport, timeout=self.session.timeout, verify=verify, proxy=proxy
        )
        if dry_run:  # not even a latch: what is rehearsed must leave no trace in it
            journal = as_secret(None)
        # Last, because it may take a lock, and nothing after it may fail and leave it locked.
        self._owns_journal = not is_a(journal.reveal(), Journal)
        self._journal = open_journal(journal)
        try:
            self.session = self.session.use(self._journal)
        except BaseException:
            self._close_journal()
            raise
        events = self.session.context.events
        self.driver = AsyncDriver(self.session.endpoint, wire_transport, self._journal, events)
        self.orders = AsyncOrders(self)
        self.order_groups = AsyncOrderGroups(self)
        self.portfolio = AsyncPortfolio(self)
        self.subaccounts = AsyncSubaccounts(self)
        self.history = AsyncHistory(self)
        self.account = AsyncAccount(self)
        self.exchange = AsyncExchange(self)
        self.markets = AsyncMarkets(self)
        self.trading = AsyncTrading(self)

    @classmethod
    def from_env(cls, variables: Mapping[str, str] | None = None, **options: Any) -> Self:
        """Build a client from the KALSHI_ variables; `options` override them. Raises Misuse."""
        given = Secret((variables, options))
        del variables, options  # a traceback shows the locals of its frames
        return cls(**client_arguments(given))

    def __repr__(self) -> str:
        # Also of a client whose construction failed: a traceback shows it.
        session: ClientSession | None = getattr(self, "session", None)
        parts = (
            "not built"
            if session is None
            else f"{session.environment.name}, {session.contract.name}"
        )
        return f"{type(self).__name__}({parts})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, and the journal unless the caller opened it.

        Gives back the tokens of a shared budget that are not used.
        """
        try:
            if self.session.shares_budget():
                await self.driver.run(return_tokens(self.session.context))
        finally:
            try:
                await self.driver.aclose()
            finally:
                # A database that stands still is waited for.
                blocking = self._journal.blocking or self.session.shares_budget()
                await self.driver.release(self._close_stores, blocking=blocking)

    def _close_stores(self) -> None:
        self.session.close_budget()
        self._close_journal()

    def _close_journal(self) -> None:
        # A Journal object may serve several clients; whoever opened it closes it.
        if self._owns_journal:
            self._journal.close()

    async def run(self, steps: Flow[T]) -> T:
        """Run a flow with this client's connections and journal. Raises Misuse for no flow."""
        instance(steps, "steps", Generator, "must be a flow, which is a generator")
        return await self.driver.run(steps)

    async def call(self, operation: Callable[..., GeneratedResponse[T]], **arguments: Any) -> T:
        """Send any generated operation through the same signing, retries and errors.

        `operation` is a `sync_detailed` of kalshi_portfolio.api or kalshi_classic.api, the
        arguments are its own. Returns the generated model; raises what every call raises. A write
        whose answer is lost raises OutcomeUnknown: only the named calls can look its outcome up.
        """
        call: Call[T] = passthrough_call(self.session.contract, operation, arguments)
        if not call.operation.public:
            self.session.require_credentials()
        return await self.run(request(call, self.session.context))

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        json: Any = None,
        deadline: Deadline | None = None,
    ) -> Any:
        """Send a request to any path of the exchange, also one that this library has no call for.

        `path` is below the base URL, as in `request("GET", "/series/KXRAIN")`; `params` becomes the
        query, `json` the body (say `{}` where the exchange wants an empty one). Returns the parsed
        JSON, numbers with a fraction as Decimal, and None for an empty body. Signed where the
        client has credentials. Signing, retries, rate limits and errors are those of every call. A
        request that is no GET is executed at most once: a lost answer raises OutcomeUnknown, and
        neither the journal nor `recover` knows of it.
        """
        call = any_call(method, path, params, json)
        checked_deadline(deadline)
        if call.operation.writes:
            self.session.require_credentials()
        if not self.session.authenticated:
            call = call.unsigned()
        return await self.run(request(call, self.session.context, deadline=deadline))

    async def recover(self, *, deadline: Deadline | None = None) -> list[Resolution]:
        """Look up the outcome of every write in the journal that has no verdict; send only reads.

        Runs by itself before the first order of a ticker that has such a write. Raises Misuse where
        there is nothing to recover from: a client without `journal=` that has written nothing.
        """
        self.session.require_credentials()
        checked_deadline(deadline)
        if self._owns_journal and not self._journal.durable and not self._journal.accounts():
            raise Misuse(
                "recover() has nothing to recover from: this client keeps its journal in memory,"
                " and what an earlier process wrote is forgotten; give journal='FILE' (or a"
                " postgresql:// URL) from the first order on, and look at the exchange for orders"
                " of the process that died"
            )
        steps = writes.recover(self.session.contract, self.session.context, deadline=deadline)
        return await self.run(steps)

    async def health(self) -> Health:
        """Return what a supervisor asks: open writes, calls in flight, clock, last answer, tokens.

        Sends nothing to the exchange; the journal is read. A write that is open for long, or a call
        in flight for longer than `Policy.resolve_within`, is worth waking somebody.
        """
        session, calls = self.session, in_flight(self.driver.calls)
        steps = reads.health(session.context, calls, session.endpoint.clock.correction)
        return await self.run(steps)

    def now(self) -> datetime:
        """Return the exchange's time by its latest answer, aware UTC; sends nothing.

        Right to a second; before the first answer it is this machine's clock.
        """
        return self.session.now()

    def use_key(
        self,
        *,
        key_id: str | Secret[str] | None = None,
        private_key: KeySource | None = None,
        passphrase: Passphrase | None = None,
        bearer_token: str | Secret[str] | None = None,
    ) -> None:
        """Sign with another key or token of the same account from the next attempt on.

        Attempts on their way keep theirs; journal, budget and connections stay. A client of a
        journal should name its `account=`: without one the journal goes by the first key, and
        refuses the new one after a restart. Raises Misuse, and then nothing has changed.
        """
        key_id, private_key, passphrase, bearer_token = map(
            as_secret, (key_id, private_key, passphrase, bearer_token)
        )
        self.session = self.session.with_credentials(
            key_id=key_id,
            private_key=private_key,
            passphrase=passphrase,
            bearer_token=bearer_token,
        )
        self.driver.endpoint = self.session.endpoint

    async def stop(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        subaccount: int | None = None,
        verify: bool = True,
        deadline: Deadline | None = None,
    ) -> StopReport:
        """Stop trading: shut a latch, end every order it covers, and look until none rests.

        Of the whole account, or of what is named. What this client was still going to send is not
        sent, and every later order of every client on this journal raises TradingStopped, also
        after a restart, until `resume`. The call returns once a look proves that nothing rests, or
        at its deadline (`Policy.resolve_within` by default); the report says which. It raises
        nothing for what the exchange or the journal does; call it again to go on. `verify=False`
        sends what ends the orders once, and does not look.
        """
        latch = latch_of(ticker, event_ticker, subaccount)
        self.session.require_credentials()
        steps = stop.stop(
            self.session.contract,
            self.session.context,
            latch,
            verify=flag(verify, "verify"),
            deadline=deadline,
        )
        return await self.run(steps)

    async def resume(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        subaccount: int | None = None,
        deadline: Deadline | None = None,
    ) -> tuple[Latch, ...]:
        """Open the latch of this scope, every latch where none is named; return those opened.

        Resets the automatic order groups first; where that fails its error is raised, and
        everything stays shut. Orders placed before the stop are not sent by it.
        """
        latch = latch_of(ticker, event_ticker, subaccount)
        self.session.require_credentials()
        steps = stop.resume(self.session.contract, self.session.context, latch, deadline=deadline)
        return await self.run(steps)

    def deadman(
        self,
        *,
        alive_every: float = 1.0,
        timeout: float = 5.0,
        key_id: str | Secret[str] | None = None,
        private_key: KeySource | None = None,
    ) -> DeadMan:
        """Start a process that stops trading when this one dies or goes silent; return its handle.

        Call its `alive()` from the loop that trades, at least every `alive_every` seconds, and
        `off()` before the end; from the first `alive()` on a silence of `timeout` seconds stops.
        Under `kalshi-ext deadman -- command` it is the handle of that process. The other process
        needs this client's journal, a file, and a key: its own, given here, else that of the
        KALSHI_ variables. Blocks until it watches, about a second. Raises Misuse.
        """
        key_id, private_key = map(as_secret, (key_id, private_key))
        return start_deadman(self.session, self._journal, alive_every, timeout, key_id, private_key)

    def latches(self) -> tuple[Latch, ...]:
        """Return the latches that are shut, from this journal's record: no order passes them."""
        return self.session.context.stops.latches

    def drift(self) -> dict[tuple[str, str, str], int]:
        """Return the deviations of answers from the contract: (operation, kind, where) to count.

        Kinds: unknown_field, unknown_member, missing_field, unreadable_field, invalid_row, status.
        Names only, never values.
        """
        return dict(self.session.context.deviations.counts)
