"""The sandbox's own side takes any argument: it answers with an error and changes nothing."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from case_samples import examples
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from kalshi_ext.cli import main
from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.sandbox.admin_api import AdminCommands
from kalshi_ext.sandbox.auth import Credentials
from kalshi_ext.sandbox.bootstrap import open_exchange
from kalshi_ext.sandbox.engine.admin_actions import ACTIONS
from kalshi_ext.sandbox.options import Options
from kalshi_ext.sandbox.proxy.proxy import Proxy

NO_FILES = ["../x", "/etc/x", "a/b", "a\\b", "..", ".hidden", "", "a\nb", "a\0", "x" * 65, "c:x"]


@pytest.mark.parametrize("name", NO_FILES)
def test_an_account_whose_name_is_a_path_is_refused_everywhere(
    name: str, tmp_path: Path, commands: AdminCommands
) -> None:
    with pytest.raises(Misuse, match="account"):
        Options(accounts=[name])
    with pytest.raises(Misuse, match="account"):
        commands.exchange.administer("add_account", {"account": name})
    key = Credentials("key", "pem", "token", account=name)
    with pytest.raises(ValueError, match="account"):
        key.write(tmp_path / "keys")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "a/b"])
def test_a_running_sandbox_opens_no_account_outside_its_folder(name: str) -> None:
    with Sandbox() as box, pytest.raises(KalshiError, match="account"):
        box.account(name)


def test_the_command_refuses_a_path_as_account(tmp_path: Path) -> None:
    words = ["sandbox", "--account", "../x", "--credentials", str(tmp_path / "keys")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "account" in result.output
    assert "Traceback" not in result.output


def test_accounts_given_as_one_text_are_refused() -> None:
    with pytest.raises(Misuse, match="a list of names"):
        Options(accounts="alice")


def test_the_exchanges_process_does_not_inherit_the_users_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KALSHI_PRIVATE_KEY", "a key that must stay here")
    monkeypatch.setenv("KALSHI_BEARER_TOKEN", "a token that must stay here")
    monkeypatch.setenv("OTHER_SETTING", "inherited")
    with Sandbox() as box:
        inherited = Path(f"/proc/{box.pid}/environ").read_bytes()
    assert b"OTHER_SETTING=inherited" in inherited
    assert b"KALSHI_" not in inherited
    assert b"must stay here" not in inherited


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**30)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["KXRAIN-26DEC31-NYC", "trader", "bid", "0.50", "1e999999999", "-1", "24:00"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
NAMES = sorted(
    {"account", "ticker", "order_id", "side", "price", "count", "funds", "amount", "cents"}
    | {"precision", "tier", "subaccount", "subaccounts", "exchange_index", "price_ranges", "what"}
    | {"fee_rate", "result", "value", "orders", "kind", "status", "fcm", "event_ticker", "until"}
)


class UnopenedProxy(Proxy):
    """It has no fields to show, and a failing example must be told."""

    def __repr__(self) -> str:
        return "UnopenedProxy()"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


@pytest.fixture(scope="module")
def commands() -> AdminCommands:
    options = Options(clock=None, proxy=False, seed_data=False)
    exchange = open_exchange(options)
    return AdminCommands(exchange, options, UnopenedProxy.__new__(UnopenedProxy))


@settings(max_examples=examples(150), deadline=None)
@given(
    action=st.sampled_from(sorted(ACTIONS)),
    params=st.dictionaries(st.sampled_from(NAMES), JSON_VALUES, max_size=6) | JSON_VALUES,
)
def test_an_action_with_any_parameters_ends_in_an_error_that_changes_nothing(
    commands: AdminCommands, action: str, params: Any
) -> None:
    engine = commands.exchange.engine
    before = engine.digest()
    try:
        commands.run("admin", {"action": action, "params": params})
    except KalshiError:
        assert engine.digest() == before
    engine.check_invariants()


WORDS = ["admin", "clock.set", "clock.advance", "faults.add", "faults.remove", "truth.orders"]
WORDS += ["truth.events", "truth.book", "oracle.requests", "keys.issue", "keys.of", "nonsense"]


@settings(max_examples=examples(100), deadline=None)
@given(
    word=st.sampled_from(WORDS),
    arguments=st.dictionaries(
        st.sampled_from(["to", "seconds", "since", "number", "account", "kind", "ticker", "limit"]),
        JSON_VALUES,
        max_size=4,
    )
    | JSON_VALUES,
)
def test_a_command_with_any_arguments_ends_in_an_error_of_ours(
    commands: AdminCommands, word: str, arguments: Any
) -> None:
    with suppress(KalshiError):
        commands.run(word, arguments)


@pytest.mark.parametrize(
    "body",
    [b"[1]", b"null", b"7", b'"x"', b"{", b"\xff\xfe", b"[" * 100_000, b'{"action": []}', b"NaN"],
)
def test_a_body_that_holds_no_arguments_is_answered_400(
    body: bytes, kalshi_exchange_process: Sandbox
) -> None:
    link = kalshi_exchange_process.link
    headers = {"authorization": f"Bearer {link.token}"}
    answer = httpx.post(f"{link.url}/run/admin", content=body, headers=headers)
    assert answer.status_code == 400
    assert set(json.loads(answer.content)) == {"error", "kind"}
    assert b"Traceback" not in answer.content


def test_a_refused_command_in_a_state_file_does_not_stop_the_next_start(tmp_path: Path) -> None:
    options = Options(state=tmp_path / "exchange.db", seed_data=False, proxy=False)
    exchange = open_exchange(options)
    for params in ({"account": {"a": 1}}, {"account": "x", "funds": "1e999999999"}, {"account": 7}):
        with pytest.raises(KalshiError):
            exchange.administer("add_account", params)
    digest = exchange.engine.digest()
    assert exchange.state_file is not None
    exchange.state_file.close()
    again = open_exchange(options)
    assert again.engine.digest() == digest
