"""`kalshi-ext drift --live` as a process, against a sandbox that answers as each test says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from attrs import frozen
from click.testing import CliRunner

from kalshi_ext import Kalshi, NotSent
from kalshi_ext.cli import main
from kalshi_ext.cli.drift_command import ReadOnlyTransport
from kalshi_ext.contracts import contract
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.transport import DeadlineTransport

BALANCE = {"current": "GetBalance", "classic": "getBalance"}
FILLS = {"current": "GetFills", "classic": "getFills"}
ORDER = {"current": "GetOrder", "classic": "getOrder"}
SECRET_VALUE = "a-value-nobody-may-print"


@frozen
class CommandResult:
    """Exit code and output of a command."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> Any:
        return json.loads(self.out)

    def kinds(self) -> set[tuple[str, str, str]]:
        """Return operation, kind and field name of each deviation."""
        return {
            (deviation["operation"], deviation["kind"], deviation["where"].rpartition(".")[2])
            for deviation in self.report["surprises"]
        }


def run_in_process(*options: str, **variables: str) -> CommandResult:
    """Run the command inside this process, which saves a second."""
    environ = dict.fromkeys(key for key in os.environ if key.startswith("KALSHI_"))
    done = CliRunner().invoke(main, ["drift", *options], env={**environ, **variables})
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return CommandResult(done.exit_code, done.stdout, done.stderr)


def run_process(*options: str, **variables: str) -> CommandResult:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("KALSHI_")}
    command = [sys.executable, "-m", "kalshi_ext", "drift", *options]
    done = subprocess.run(
        command, env=environ | variables, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return CommandResult(done.returncode, done.stdout, done.stderr)


def run_live(
    box: Sandbox,
    name: str,
    *options: str,
    runner: Callable[..., CommandResult] = run_in_process,
    **variables: str,
) -> CommandResult:
    variables = {"KALSHI_BEARER_TOKEN": box.token, "KALSHI_CONTRACT": name} | variables
    arguments = ("--live", "--environment", box.url, "--format", "json")
    return runner(*arguments, *options, **variables)


@pytest.fixture(scope="module", params=["current", "classic"])
def serving(request: pytest.FixtureRequest) -> Iterator[tuple[Sandbox, str]]:
    with Sandbox(contract=request.param, proxy=False, settings={"rate_limits": False}) as box:
        yield box, request.param


@pytest.fixture
def serving_sandbox(serving: tuple[Sandbox, str]) -> tuple[Sandbox, str]:
    serving[0].reset()
    return serving


def balance(name: str, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"balance": 100}
    if name == "current":
        fields |= {"portfolio_value": 0, "updated_ts": 1_795_000_000, "balance_dollars": "1.0000"}
    return {key: value for key, value in (fields | changes).items() if value is not ...}


def test_every_read_is_made_once_and_no_write(serving_sandbox: tuple[Sandbox, str]) -> None:
    box, name = serving_sandbox
    result = run_live(box, name, runner=run_process)
    assert (result.status, result.err, result.report["surprises"]) == (0, "", [])
    reads = {
        operation.id for operation in contract(name).operations.values() if not operation.writes
    }
    answered = set(result.report["answered"])
    assert answered | set(result.report["not_judged"]) == reads
    assert len(answered) >= len(reads) - 1
    operations = [entry.operation for entry in box.truth.requests()]
    assert set(operations) == answered
    assert len(operations) == len(answered)


def test_text_names_environment_contract_and_verdict(serving_sandbox: tuple[Sandbox, str]) -> None:
    box, name = serving_sandbox
    text = run_live(box, name, "--format", "text").out
    assert f"{name} contract: " in text
    assert box.url.partition("//")[2].partition("/")[0] in text
    assert text.endswith("no answer holds anything unexpected\n")


def test_an_unknown_field_exits_1_and_its_value_stays_unsaid(
    serving_sandbox: tuple[Sandbox, str],
) -> None:
    box, name = serving_sandbox
    body = balance(name, moon_phase=SECRET_VALUE)
    box.faults.add("status", operation=BALANCE[name], status=200, body=body)
    result = run_live(box, name)
    assert result.status == 1
    assert result.kinds() == {(BALANCE[name], "unknown_field", "moon_phase")}
    assert SECRET_VALUE not in result.out + result.err


def test_an_unknown_member_exits_1_and_stays_unsaid(serving_sandbox: tuple[Sandbox, str]) -> None:
    box, name = serving_sandbox
    resting = [row for row in box.truth.orders() if row["status"] == "resting"]
    assert resting
    with Kalshi(contract=name, bearer_token=box.token, environment=box.url) as client:
        (order,) = client.orders.list(limit=1).all()
    row = {**order.raw, "status": SECRET_VALUE}
    box.faults.add("status", operation=ORDER[name], status=200, body={"order": row})
    result = run_live(box, name)
    assert result.status == 1
    assert result.kinds() == {(ORDER[name], "unknown_member", "OrderStatus")}
    assert SECRET_VALUE not in result.out + result.err


def test_a_missing_required_field_exits_2(serving_sandbox: tuple[Sandbox, str]) -> None:
    box, name = serving_sandbox
    body = balance(name, portfolio_value=...)
    box.faults.add("status", operation=BALANCE[name], status=200, body=body)
    result = run_live(box, name)
    if name == "current":
        assert result.status == 2
        assert result.kinds() == {("GetBalance", "missing_field", "portfolio_value")}
    body = balance(name, balance=..., balance_dollars=...)
    box.faults.add("status", operation=BALANCE[name], status=200, body=body)
    # The status of a breaking finding, once, from a process.
    result = run_live(box, name, runner=run_process if name == "current" else run_in_process)
    assert result.status == 2
    assert (BALANCE[name], "missing_field", "balance") in result.kinds()


def test_a_row_that_cannot_be_read_exits_2(serving_sandbox: tuple[Sandbox, str]) -> None:
    box, name = serving_sandbox
    body = {"fills": [{"fill_id": SECRET_VALUE, "count": "many", "count_fp": "many"}], "cursor": ""}
    box.faults.add("status", operation=FILLS[name], status=200, body=body)
    result = run_live(box, name)
    assert result.status == 2
    assert (FILLS[name], "invalid_row", "Fill") in result.kinds()
    assert SECRET_VALUE not in result.out + result.err


def test_a_value_that_cannot_be_read_exits_2_and_stays_unsaid(
    serving_sandbox: tuple[Sandbox, str],
) -> None:
    box, name = serving_sandbox
    with Kalshi(contract=name, bearer_token=box.token, environment=box.url) as client:
        (order,) = client.orders.list(limit=1).all()
    row = {**order.raw, "created_time": SECRET_VALUE}
    box.faults.add("status", operation=ORDER[name], status=200, body={"order": row})
    result = run_live(box, name)
    assert result.status == 2
    assert (ORDER[name], "unreadable_field", "created_time") in result.kinds()
    assert SECRET_VALUE not in result.out + result.err


def test_an_answer_that_cannot_be_read_exits_2(serving_sandbox: tuple[Sandbox, str]) -> None:
    box, name = serving_sandbox
    box.faults.add("wrong_type", operation=BALANCE[name], to="list")
    result = run_live(box, name)
    assert result.status == 2
    assert (BALANCE[name], "unreadable", "") in result.kinds()


def test_a_status_the_contract_does_not_name_is_reported(
    serving_sandbox: tuple[Sandbox, str],
) -> None:
    box, name = serving_sandbox
    box.faults.add("status", operation=BALANCE[name], status=418, code="teapot")
    result = run_live(box, name)
    assert result.status == 1
    assert result.kinds() == {(BALANCE[name], "status", "418")}
    assert result.report["not_judged"][BALANCE[name]] == "answered 418 teapot"


def test_a_documented_refusal_is_no_drift_and_a_failing_exchange_no_verdict(
    serving_sandbox: tuple[Sandbox, str],
) -> None:
    box, name = serving_sandbox
    box.faults.add("status", operation=BALANCE[name], status=403, code="permission_denied")
    result = run_live(box, name)
    assert (result.status, result.kinds()) == (0, set())
    assert result.report["not_judged"][BALANCE[name]] == "answered 403 permission_denied"
    box.faults.add("html", operation=BALANCE[name], status=503, times=None)
    result = run_live(box, name)
    assert (result.status, result.kinds()) == (3, set())


def test_without_credentials_only_public_reads_are_made(
    serving_sandbox: tuple[Sandbox, str],
) -> None:
    box, name = serving_sandbox
    result = run_live(box, name, KALSHI_BEARER_TOKEN="")
    public = {operation.id for operation in contract(name).operations.values() if operation.public}
    assert set(result.report["answered"]) == public
    assert result.status == (0 if public else 3)
    assert {entry.operation for entry in box.truth.requests()} == public


def test_a_report_can_go_to_a_file(serving_sandbox: tuple[Sandbox, str], tmp_path: Any) -> None:
    box, name = serving_sandbox
    result = run_live(box, name, "--output", str(tmp_path / "report.json"))
    assert (result.status, result.out) == (0, "")
    assert json.loads((tmp_path / "report.json").read_text())["contract"] == name


def test_nobody_there_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from kalshi_ext.transport import driver

    # Each read is retried after waits that add up to seconds here.
    monkeypatch.setattr(driver.time, "sleep", lambda _seconds: None)

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/trade-api/v2"
        result = run_in_process(
            "--live", "--environment", url, "--format", "json",
            KALSHI_BEARER_TOKEN="x" * 20, KALSHI_CONTRACT="classic",
        )  # fmt: skip
    assert result.status == 3
    assert result.report["answered"] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--environment", "demo"], "--environment is for --live"),
        (["--live", "new.yaml"], "--live compares answers, not documents"),
        (["--live", "--format", "sarif"], "--format sarif is for documents"),
        (["--live", "--environment", "http://example.com"], "http is for this machine only"),
        (["--live", "--environment", "mars"], "environment='mars'"),
    ],
)
def test_contradictions_are_refused_before_anything_is_sent(
    options: list[str], message: str
) -> None:
    result = run_in_process(*options)
    assert result.status == 3
    assert message in result.err


def test_no_write_passes_the_guard(serving_sandbox: tuple[Sandbox, str]) -> None:
    """Whatever a later version of the command asks for, the transport under it sends reads only."""
    box, name = serving_sandbox
    guard = ReadOnlyTransport(DeadlineTransport(), contract(name), "/trade-api/v2")
    writes = [operation for operation in contract(name).operations.values() if operation.writes]
    for operation in writes:
        path = operation.path.replace("{order_id}", "o").replace("{order_group_id}", "g")
        request = httpx.Request(operation.method, f"{box.url}{path}", json={})
        with pytest.raises(httpx.UnsupportedProtocol, match="is no read"):
            guard.handle_request(request)
    assert len(writes) == {"current": 18, "classic": 9}[name]
    with Kalshi(
        contract=name, bearer_token=box.token, environment=box.url, transport=guard
    ) as client:
        with pytest.raises(NotSent, match="is no read"):
            client.orders.place("KXRAIN-26DEC31-NYC", side="bid", count=1, price="0.10")
        assert client.portfolio.balance().balance > 0
    assert [entry.operation for entry in box.truth.requests()] == [BALANCE[name]]


def test_what_the_exchange_says_cannot_steer_the_terminal(
    serving_sandbox: tuple[Sandbox, str],
) -> None:
    box, name = serving_sandbox
    code = "\x1b]0;owned\x07\x1b[2J\r" + "x" * 5_000
    box.faults.add("status", operation=BALANCE[name], status=403, code=code)
    box.faults.add("status", operation=FILLS[name], status=200, body={"\x1b[31mfills": []})
    result = run_live(box, name, runner=run_process)
    assert result.out
    assert not set(result.out + result.err) & set("\x1b\x07\r\x00")
    assert "\\u001b" not in result.out
    assert len(result.report["not_judged"][BALANCE[name]]) <= 80
