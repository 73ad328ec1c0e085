"""The stop button at the wire: late creates, queues, slow reads, killed processes, the shell."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kalshi_ext import AsyncKalshi, Kalshi, KalshiError, Policy, TradingStopped
from kalshi_ext.cli import main
from kalshi_ext.journal import MemoryJournal, open_journal
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.sandbox.engine import admin
from kalshi_ext.stop import button

TICKER, CRYPTO = "KXRAIN-26DEC31-NYC", "KXBTC-26DEC31-B100"
ORDER: dict[str, Any] = {"side": "bid", "count": 1, "price": "0.10"}
QUICK = Policy(poll=0.02, poll_ceiling=0.1, read_lag=0.1, timeout=5)
BOT = Path(__file__).with_name("stopped_bot.py")


@pytest.fixture(params=[Kalshi, AsyncKalshi])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def proxied() -> Iterator[Sandbox]:
    with Sandbox(settings={"rate_limits": False}) as box:
        yield box


def box_of(request: pytest.FixtureRequest, contract: str) -> Sandbox:
    found: Sandbox = request.getfixturevalue(f"{contract}_box")
    return found


def options(box: Sandbox, name: str, **more: Any) -> dict[str, Any]:
    account = box.account(name)
    keys = {"key_id": account.key_id, "private_key": account.private_key}
    return keys | {"environment": box.url, "policy": QUICK, "order_group": "auto"} | more


def use(client: Any, work: Any) -> Any:
    """Do something with a client, sync or async, and close it."""

    async def run() -> Any:
        async with client:
            return await work(client)

    if isinstance(client, AsyncKalshi):
        return asyncio.run(run())
    with client:
        try:
            work(client).send(None)
        except StopIteration as stop:
            return stop.value
    raise AssertionError("a sync client waits for nothing")


async def value(result: Any) -> Any:
    """Wait for a result of an async client; give that of a sync one."""
    return await result if inspect.isawaitable(result) else result


def resting(box: Sandbox, name: str) -> int:
    rows = box.truth.orders(account=name)
    return sum(row["status"] == "resting" for row in rows)


@pytest.mark.parametrize("contract", ["current", "classic"])
def test_a_stop_ends_everything_and_its_latch_survives_a_restart(
    request: pytest.FixtureRequest, kind: Any, contract: str, tmp_path: Path
) -> None:
    box, name = box_of(request, contract), f"stop-{kind.__name__}"
    given = options(box, name, contract=contract, journal=tmp_path / "orders.db")

    async def trade(client: Any) -> Any:
        await value(client.orders.place(TICKER, **ORDER))
        report = await value(client.stop())
        with pytest.raises(TradingStopped):
            await value(client.orders.place(TICKER, **ORDER))
        return report

    async def restart(client: Any) -> None:
        before = len(box.truth.requests())
        with pytest.raises(TradingStopped):
            await value(client.orders.place(TICKER, **ORDER))
        assert len(box.truth.requests()) == before  # nothing was sent
        assert [each.scope for each in client.latches()] == ["all"]
        await value(client.resume())
        await value(client.orders.place(TICKER, **ORDER))

    report = use(kind(**given), trade)
    assert (report.outcome, resting(box, name)) == ("flat", 0)
    assert len(report.cancelled) == 1
    use(kind(**given), restart)
    assert resting(box, name) == 1


class DeafJournal(MemoryJournal):
    """A journal whose database stands still once it `sleeps`."""

    blocking = True
    sleeps = False

    def submit(self, verb: str, *args: Any, **options: Any) -> Future[Any]:
        return Future() if self.sleeps else super().submit(verb, *args, **options)


def test_a_journal_that_stands_still_holds_no_stop_up(
    proxied: Sandbox, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(button, "JOURNAL_WITHIN", 0.05)
    journal, name = DeafJournal(), f"deaf-{kind.__name__}"

    async def trade(client: Any) -> Any:
        await value(client.orders.place(TICKER, **ORDER))
        journal.sleeps = True
        report = await value(client.stop(deadline=2.0))
        with pytest.raises(TradingStopped):
            await value(client.orders.place(TICKER, **ORDER))
        journal.sleeps = False
        return report

    report = use(kind(**options(proxied, name, journal=journal)), trade)
    assert resting(proxied, name) == 0
    assert report.latch_error == "the journal does not answer in 0.05 s"
    assert report.outcome == "unknown"
    assert any("the journal" in each for each in report.unread)


def test_a_journal_that_stands_still_leaves_a_stop_half_of_its_deadline(
    proxied: Sandbox, kind: Any
) -> None:
    journal, name = DeafJournal(), f"deaf-short-{kind.__name__}"

    async def trade(client: Any) -> Any:
        await value(client.orders.place(TICKER, **ORDER))
        journal.sleeps = True
        report = await value(client.stop(deadline=1.0))
        journal.sleeps = False
        return report

    report = use(kind(**options(proxied, name, journal=journal)), trade)
    assert resting(proxied, name) == 0
    assert "the journal does not answer" in report.latch_error


def test_a_create_that_arrives_after_the_stop_is_refused_by_the_group(
    proxied: Sandbox, kind: Any
) -> None:
    name = f"late-{kind.__name__}"
    given = options(proxied, name, policy=Policy(poll=0.02, poll_ceiling=0.1, timeout=0.3))

    async def trade(client: Any) -> Any:
        await value(client.orders.place(TICKER, **ORDER))
        late = proxied.faults.add(
            "delay", operation="CreateOrderV2", seconds=0.8, where="request", times=1
        )
        with suppress(KalshiError):
            await value(client.orders.place(TICKER, **ORDER, deadline=0.4))
        report = await value(client.stop())
        while not [each for each in proxied.truth.requests() if _is_late_create(each, name)]:
            await asyncio.sleep(0) if kind is AsyncKalshi else threading.Event().wait(0.02)
        proxied.faults.remove(late)
        return report

    report = use(kind(**given), trade)
    assert report.flat
    assert resting(proxied, name) == 0


def _is_late_create(request: Any, name: str) -> bool:
    return (request.operation, request.account, request.outcome) == (
        "CreateOrderV2",
        name,
        "refused",
    )


def placed_after_the_stop(box: Sandbox, since: int) -> int:
    """Count the creates executed after the first stopping request."""
    rows = box.truth.requests(since=since)
    first = next(n for n, row in enumerate(rows) if row.operation == "TriggerOrderGroup")
    return sum(row.operation == "CreateOrderV2" and row.executed for row in rows[first:])


def test_behind_queued_creates_of_threads_none_is_placed_after_it(
    current_box: Sandbox,
) -> None:
    box, since = current_box, len(current_box.truth.requests())
    with Kalshi(**options(box, "queued", pace="basic")) as client:
        client.orders.place(TICKER, **ORDER)
        begun = threading.Barrier(31)

        def place(_: int) -> str:
            begun.wait()
            try:
                return client.orders.place(TICKER, **ORDER).order_id
            except KalshiError as error:
                return type(error).__name__

        with ThreadPoolExecutor(30) as pool:
            placed = [pool.submit(place, number) for number in range(30)]
            begun.wait()
            client.stop(verify=False)
            results = [each.result() for each in placed]
    assert placed_after_the_stop(box, since) <= 1
    assert {"NotSent", "TradingStopped"} & set(results)


def test_behind_queued_creates_of_tasks_none_is_placed_after_it(current_box: Sandbox) -> None:
    box, since = current_box, len(current_box.truth.requests())

    async def run() -> None:
        async with AsyncKalshi(**options(box, "tasks", pace="basic")) as client:
            await client.orders.place(TICKER, **ORDER)
            tasks = [asyncio.ensure_future(client.orders.place(TICKER, **ORDER)) for _ in range(30)]
            await asyncio.sleep(0)
            await client.stop(verify=False)
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    assert placed_after_the_stop(box, since) <= 1


def test_each_shard_has_a_group_of_its_own_and_a_subaccount_stops_alone(
    current_box: Sandbox, kind: Any
) -> None:
    name = f"shards-{kind.__name__}"
    given = options(current_box, name)
    for shard in (1, 2):
        current_box.do(admin.fund(name, "100", exchange_index=shard))

    async def trade(client: Any) -> Any:
        number = await value(client.subaccounts.create())
        for ticker in (TICKER, CRYPTO):
            await value(client.orders.place(ticker, **ORDER))
        other = await value(client.stop(subaccount=number))
        await value(client.orders.place(TICKER, **ORDER))
        return other, await value(client.stop())

    other, whole = use(kind(**given), trade)
    assert (other.groups, other.flat) == ((), True)
    assert sorted(group.exchange_index for group in whole.groups) == [0, 2]
    assert (whole.outcome, resting(current_box, name)) == ("flat", 0)


def test_two_clients_of_one_journal_share_the_latch(current_box: Sandbox, tmp_path: Path) -> None:
    given = options(current_box, "two", journal=tmp_path / "orders.db")
    with Kalshi(**given) as one, Kalshi(**given) as two:
        one.stop(ticker=TICKER, verify=False)
        with pytest.raises(TradingStopped):
            two.orders.place(TICKER, **ORDER)
        two.orders.place("KXRAIN-26DEC31-CHI", **ORDER)
        two.resume()
        one.orders.place(TICKER, **ORDER)


def environment(box: Sandbox, name: str) -> dict[str, str]:
    account = box.account(name)
    return {
        "KALSHI_KEY_ID": account.key_id,
        "KALSHI_PRIVATE_KEY": account.private_key,
        "KALSHI_ENVIRONMENT": box.url,
    }


def start(what: str, box: Sandbox, name: str, journal: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(BOT), what, str(journal)],
        env=os.environ | environment(box, name),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_shell_stops_a_bot_that_runs_and_the_exit_code_tells(
    current_box: Sandbox, tmp_path: Path
) -> None:
    journal, variables = tmp_path / "orders.db", environment(current_box, "shell")
    with start("hold", current_box, "shell", journal) as bot:
        assert "-" in line_of(bot)  # an order's id
        ran = CliRunner(env=variables).invoke(main, ["stop", "--journal", str(journal), "--json"])
        assert ran.exit_code == 0, ran.output
        report = json.loads(ran.output)
        assert [group["triggered"] for group in report["groups"]] == [True]
        assert bot.stdin is not None
        bot.stdin.write("again\n")
        bot.stdin.flush()
        assert line_of(bot) == "TradingStopped"
        bot.stdin.close()
    assert resting(current_box, "shell") == 0
    blind = CliRunner(env=variables).invoke(
        main, ["stop", "--journal", str(journal), "--no-verify"]
    )
    assert (blind.exit_code, "NOT KNOWN" in blind.output) == (4, True)
    opened = CliRunner(env=variables).invoke(main, ["resume", "--journal", str(journal)])
    assert (opened.exit_code, "opened: all" in opened.output) == (0, True)


def test_a_process_killed_in_the_midst_of_a_stop_stays_stopped_and_a_second_stop_ends_it(
    proxied: Sandbox, tmp_path: Path
) -> None:
    journal = tmp_path / "orders.db"
    rule = proxied.faults.add("silence", operation="TriggerOrderGroup", forward=False)
    with start("stop", proxied, "killed", journal) as bot:
        line_of(bot)
        while not (tmp_path / "orders.db.stop").exists() or not _is_shut(journal):
            threading.Event().wait(0.01)
        bot.kill()
    proxied.faults.remove(rule)
    assert resting(proxied, "killed") == 1
    with Kalshi(**options(proxied, "killed", journal=journal)) as client:
        with pytest.raises(TradingStopped):
            client.orders.place(TICKER, **ORDER)
        assert client.stop().flat
    assert resting(proxied, "killed") == 0


def _is_shut(journal: Path) -> bool:
    with open_journal(journal, readonly=True) as opened:
        return bool(opened.stops.latches)


def test_behind_slow_reads_the_stop_gets_through(proxied: Sandbox) -> None:
    slow = proxied.faults.add("delay", operation="GetOrders", seconds=1.0)
    with Kalshi(**options(proxied, "slow")) as client, ThreadPoolExecutor(30) as pool:
        client.orders.place(TICKER, **ORDER)
        reads = [pool.submit(client.orders.list().all) for _ in range(30)]
        client.stop(verify=False)
        assert not all(each.done() for each in reads)
        proxied.faults.remove(slow)
    assert resting(proxied, "slow") == 0
