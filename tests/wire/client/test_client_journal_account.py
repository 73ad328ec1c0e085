"""A client's journal belongs to one exchange and account: what is refused, shared and found."""

from __future__ import annotations

import asyncio
import inspect
import threading
from pathlib import Path
from typing import Any

import pytest

from kalshi_ext import AsyncKalshi, Kalshi, Misuse, Policy
from kalshi_ext.journal import (
    Entry,
    JournalMismatch,
    JournalUnadopted,
    MemoryJournal,
    State,
    open_journal,
)
from kalshi_ext.sandbox import Sandbox

TICKER = "KXRAIN-26DEC31-NYC"
ORDER: dict[str, Any] = {"side": "bid", "count": 1, "price": "0.10"}
QUICK = Policy(poll=0.01, poll_ceiling=0.05)


@pytest.fixture(params=["current", "classic"])
def contract(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def box(contract: str, request: pytest.FixtureRequest) -> Sandbox:
    found: Sandbox = request.getfixturevalue(f"{contract}_box")
    return found


@pytest.fixture(params=[Kalshi, AsyncKalshi])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def credentials(box: Sandbox, name: str = "trader") -> dict[str, Any]:
    """Give a key of an account; the same one each time."""
    account = box.account(name)
    keys = {"key_id": account.key_id, "private_key": account.private_key}
    return keys | {"environment": box.url, "policy": QUICK}


def use(client: Any, work: Any = lambda client: None) -> Any:
    """Do something with a sync or async client and close it."""

    async def main() -> Any:
        async with client:
            result = work(client)
            return await result if inspect.isawaitable(result) else result

    if isinstance(client, AsyncKalshi):
        return asyncio.run(main())
    with client:
        return work(client)


def refused(make: Any) -> JournalMismatch:
    with pytest.raises(JournalMismatch) as caught:
        use(make())
    assert isinstance(caught.value, Misuse)
    return caught.value


def place(client: Any) -> Any:
    return client.orders.place(TICKER, **ORDER, intent="once")


def reserve(client: Any) -> None:
    """Let a client's journal have an entry, as an order would."""
    client._journal.reserve(
        Entry(key="k", operation="op", fingerprint="0" * 64, ticket="{}", intent="once")
    )


def test_a_journal_of_another_account_is_refused_at_opening_and_both_are_named(
    box: Sandbox, contract: str, kind: Any, tmp_path: Path
) -> None:
    path = tmp_path / "orders.db"
    use(kind(**credentials(box), contract=contract, journal=path), reserve)
    other = credentials(box, "second") | {"contract": contract}
    error = refused(lambda: kind(**other, journal=path))
    assert error.bound.startswith("http://localhost:")
    assert f"[{error.bound}]" in str(error)
    assert f"[{error.asked}]" in str(error)
    for name in ("trader", "second"):
        assert credentials(box, name)["key_id"] not in str(error)
    use(kind(**credentials(box), journal=path))  # a refusal leaves the file free


def test_a_journal_of_demo_is_refused_in_production(kind: Any, tmp_path: Path) -> None:
    options = {"bearer_token": "t", "journal": tmp_path / "orders.db"}
    use(kind(**options), reserve)
    use(kind(**options, environment="demo-old-host"))
    error = refused(lambda: kind(**options, environment="production"))
    assert (error.bound.split()[0], error.asked.split()[0]) == ("demo", "production")


def test_both_contracts_of_an_account_share_a_journal(kind: Any, tmp_path: Path) -> None:
    options = {"bearer_token": "t", "journal": tmp_path / "orders.db"}
    use(kind(**options), reserve)
    found = use(kind(**options, contract="classic"), lambda c: c._journal.by_intent("once"))
    assert found.key == "k"


def test_a_new_key_of_a_named_account_goes_on(
    current_box: Sandbox, kind: Any, tmp_path: Path
) -> None:
    named = {"journal": tmp_path / "orders.db", "account": "main"}
    use(kind(**credentials(current_box), **named), reserve)
    found = use(kind(**credentials(current_box, "second"), **named), lambda c: c._journal.get("k"))
    assert found.account.endswith(" account:main")
    refused(lambda: kind(**credentials(current_box), journal=tmp_path / "orders.db"))
    refused(lambda: kind(**credentials(current_box), **(named | {"account": "other"})))


def test_a_new_token_counts_as_another_account_unless_the_account_is_named(
    kind: Any, tmp_path: Path
) -> None:
    path = tmp_path / "orders.db"
    use(kind(bearer_token="one", journal=path), reserve)
    use(kind(bearer_token="one", journal=path))
    refused(lambda: kind(bearer_token="two", journal=path))
    named = {"journal": tmp_path / "named.db", "account": "main"}
    use(kind(bearer_token="one", **named), reserve)
    use(kind(bearer_token="two", **named))


def test_a_journal_object_serves_one_account(kind: Any) -> None:
    journal = MemoryJournal()
    use(kind(bearer_token="one", journal=journal))
    refused(lambda: kind(bearer_token="two", journal=journal))
    use(kind(bearer_token="one", journal=journal), reserve)


def test_an_account_that_is_no_name_is_refused_before_the_journal_is_opened(
    kind: Any, tmp_path: Path
) -> None:
    path = tmp_path / "orders.db"
    with pytest.raises(Misuse, match=r"^account: "):
        kind(bearer_token="t", journal=path, account=" ")
    assert not path.exists()


def test_the_environment_names_the_account(kind: Any, tmp_path: Path) -> None:
    variables = {
        "KALSHI_BEARER_TOKEN": "t",
        "KALSHI_JOURNAL": str(tmp_path / "orders.db"),
        "KALSHI_ACCOUNT": "main",
    }
    assert use(kind.from_env(variables), lambda c: c.session.account) == "demo account:main"


def test_entries_of_an_older_version_are_refused_until_they_are_adopted(
    kind: Any, tmp_path: Path
) -> None:
    path = tmp_path / "orders.db"
    with open_journal(path) as journal:  # bound to nobody, as an older version left it
        journal.reserve(Entry(key="k", operation="op", fingerprint="0" * 64, ticket="{}"))
    with pytest.raises(JournalUnadopted, match="kalshi-ext journal adopt"):
        use(kind(bearer_token="t", journal=path))
    with open_journal(path) as journal:
        label = kind(bearer_token="t").session.account
        assert journal.adopt(label) == 1
    found = use(kind(bearer_token="t", journal=path), lambda c: c._journal.open_entries())
    assert [each.key for each in found] == ["k"]


def test_a_client_without_credentials_binds_nothing(kind: Any, tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    use(kind(bearer_token="t", journal=path), reserve)
    use(kind(journal=path))


def test_recovery_without_a_journal_says_that_there_is_nothing_to_recover_from(kind: Any) -> None:
    with pytest.raises(Misuse, match=r"nothing to recover from.*journal='FILE'"):
        use(kind(bearer_token="t"), lambda c: c.recover())


def test_recovery_with_an_empty_journal_finds_nothing(kind: Any, tmp_path: Path) -> None:
    assert use(kind(bearer_token="t", journal=tmp_path / "o.db"), lambda c: c.recover()) == []
    assert use(kind(bearer_token="t", journal=MemoryJournal()), lambda c: c.recover()) == []


def test_recovery_from_memory_knows_what_this_client_wrote(current_box: Sandbox, kind: Any) -> None:
    async def both(client: Any) -> Any:
        first = client.orders.place(TICKER, **ORDER)
        if inspect.isawaitable(first):
            await first
        found = client.recover()
        return await found if inspect.isawaitable(found) else found

    def work(client: Any) -> Any:
        if isinstance(client, AsyncKalshi):
            return both(client)
        client.orders.place(TICKER, **ORDER)
        return client.recover()

    found = use(kind(**credentials(current_box)), work)
    assert [each for each in found if each.state is State.UNKNOWN] == []


def test_clients_of_one_file_share_what_is_in_flight(tmp_path: Path) -> None:
    options = {"journal": tmp_path / "orders.db", "account": "main"}
    with Kalshi(bearer_token="one", **options) as old:
        with Kalshi(bearer_token="two", **options) as new:
            assert new.session.context.locks is old.session.context.locks
            assert new.session.context.pending_writes is old.session.context.pending_writes
            assert new.session.context.recent_writes is old.session.context.recent_writes
            beside = AsyncKalshi(bearer_token="one", **options)
            assert beside.session.context.locks is old.session.context.locks
            use(beside)
        reserve(old)  # the file is open as long as one of them is
    assert old.session.context.locks is not new_locks(options)


def new_locks(options: dict[str, Any]) -> Any:
    with Kalshi(bearer_token="one", **options) as client:
        return client.session.context.locks


def test_an_intent_placed_by_several_clients_at_once_is_one_order(
    current_box: Sandbox, tmp_path: Path
) -> None:
    options = credentials(current_box) | {"journal": tmp_path / "orders.db"}
    order_ids: list[str] = []
    count = len(current_box.truth.orders(account="trader"))

    def sync() -> None:
        with Kalshi(**options) as client:
            order_ids.append(client.orders.place(TICKER, **ORDER, intent="many").order_id)

    def loop() -> None:
        async def main() -> None:
            async with AsyncKalshi(**options) as client:
                acks = await asyncio.gather(
                    *(client.orders.place(TICKER, **ORDER, intent="many") for _ in range(3))
                )
                order_ids.extend(ack.order_id for ack in acks)

        asyncio.run(main())

    threads = [threading.Thread(target=work) for work in (sync, loop, loop, sync)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(order_ids) == 8
    assert len(set(order_ids)) == 1
    assert len(current_box.truth.orders(account="trader")) == count + 1
