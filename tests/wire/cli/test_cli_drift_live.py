"""`kalshi-ext drift --live` as a process, against a sandbox that answers as asked."""

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
HIDDEN = "a-value-nobody-may-print"


@frozen
class Ran:
    """What a process left behind."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> Any:
        return json.loads(self.out)

    def kinds(self) -> set[tuple[str, str, str]]:
        """Operation, kind and field name of each surprise."""
        return {
            (one["operation"], one["kind"], one["where"].rpartition(".")[2])
            for one in self.report["surprises"]
        }


def called(*options: str, **variables: str) -> Ran:
    """The same command inside this process: a second sooner."""
    environ = dict.fromkeys(key for key in os.environ if key.startswith("KALSHI_"))
    done = CliRunner().invoke(main, ["drift", *options], env={**environ, **variables})
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return Ran(done.exit_code, done.stdout, done.stderr)


def run(*options: str, **variables: str) -> Ran:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("KALSHI_")}
    command = [sys.executable, "-m", "kalshi_ext", "drift", *options]
    done = subprocess.run(
        command, env=environ | variables, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def live(
    box: Sandbox, name: str, *options: str, via: Callable[..., Ran] = called, **variables: str
) -> Ran:
    variables = {"KALSHI_BEARER_TOKEN": box.token, "KALSHI_CONTRACT": name} | variables
    where = ("--live", "--environment", box.url, "--format", "json")
    return via(*where, *options, **variables)


@pytest.fixture(scope="module", params=["current", "classic"])
def serving(request: pytest.FixtureRequest) -> Iterator[tuple[Sandbox, str]]:
    with Sandbox(contract=request.param, proxy=False) as box:
        yield box, request.param


@pytest.fixture
def exchange(serving: tuple[Sandbox, str]) -> tuple[Sandbox, str]:
    serving[0].reset()
    return serving


def balance(name: str, **changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"balance": 100}
    if name == "current":
        whole |= {"portfolio_value": 0, "updated_ts": 1_795_000_000, "balance_dollars": "1.0000"}
    return {key: value for key, value in (whole | changes).items() if value is not ...}


def test_every_read_is_made_once_and_no_write(exchange: tuple[Sandbox, str]) -> None:
    box, name = exchange
    ran = live(box, name, via=run)
    assert (ran.status, ran.err, ran.report["surprises"]) == (0, "", [])
    reads = {one.id for one in contract(name).operations.values() if not one.writes}
    answered = set(ran.report["answered"])
    assert answered | set(ran.report["not_judged"]) == reads
    assert len(answered) >= len(reads) - 1
    asked = [entry.operation for entry in box.truth.requests()]
    assert set(asked) == answered
    assert len(asked) == len(answered)


def test_text_names_environment_contract_and_verdict(exchange: tuple[Sandbox, str]) -> None:
    box, name = exchange
    text = live(box, name, "--format", "text").out
    assert f"{name} contract: " in text
    assert box.url.partition("//")[2].partition("/")[0] in text
    assert text.endswith("no answer holds anything unexpected\n")


def test_an_unknown_field_exits_1_and_its_value_stays_unsaid(exchange: tuple[Sandbox, str]) -> None:
    box, name = exchange
    body = balance(name, moon_phase=HIDDEN)
    box.faults.add("status", operation=BALANCE[name], status=200, body=body)
    ran = live(box, name, via=run)
    assert ran.status == 1
    assert ran.kinds() == {(BALANCE[name], "unknown_field", "moon_phase")}
    assert HIDDEN not in ran.out + ran.err


def test_an_unknown_member_exits_1_and_stays_unsaid(exchange: tuple[Sandbox, str]) -> None:
    box, name = exchange
    ours = [row for row in box.truth.orders() if row["status"] == "resting"]
    assert ours
    with Kalshi(contract=name, bearer_token=box.token, environment=box.url) as client:
        (order,) = client.orders.list(limit=1).all()
    row = {**order.raw, "status": HIDDEN}
    box.faults.add("status", operation=ORDER[name], status=200, body={"order": row})
    ran = live(box, name)
    assert ran.status == 1
    assert ran.kinds() == {(ORDER[name], "unknown_member", "OrderStatus")}
    assert HIDDEN not in ran.out + ran.err


def test_a_missing_required_field_exits_2(exchange: tuple[Sandbox, str]) -> None:
    box, name = exchange
    body = balance(name, portfolio_value=...)
    box.faults.add("status", operation=BALANCE[name], status=200, body=body)
    ran = live(box, name)
    if name == "current":
        assert ran.status == 2
        assert ran.kinds() == {("GetBalance", "missing_field", "portfolio_value")}
    body = balance(name, balance=..., balance_dollars=...)
    box.faults.add("status", operation=BALANCE[name], status=200, body=body)
    ran = live(box, name, via=run)
    assert ran.status == 2
    assert (BALANCE[name], "missing_field", "balance") in ran.kinds()


def test_a_row_that_cannot_be_read_exits_2(exchange: tuple[Sandbox, str]) -> None:
    box, name = exchange
    body = {"fills": [{"fill_id": HIDDEN, "count": "many", "count_fp": "many"}], "cursor": ""}
    box.faults.add("status", operation=FILLS[name], status=200, body=body)
    ran = live(box, name)
    assert ran.status == 2
    assert (FILLS[name], "invalid_row", "Fill") in ran.kinds()
    assert HIDDEN not in ran.out + ran.err


def test_an_answer_that_cannot_be_read_exits_2(exchange: tuple[Sandbox, str]) -> None:
    box, name = exchange
    box.faults.add("wrong_type", operation=BALANCE[name], to="list")
    ran = live(box, name)
    assert ran.status == 2
    assert (BALANCE[name], "unreadable", "") in ran.kinds()


def test_a_status_the_contract_does_not_name_is_reported(exchange: tuple[Sandbox, str]) -> None:
    box, name = exchange
    box.faults.add("status", operation=BALANCE[name], status=418, code="teapot")
    ran = live(box, name)
    assert ran.status == 1
    assert ran.kinds() == {(BALANCE[name], "status", "418")}
    assert ran.report["not_judged"][BALANCE[name]] == "answered 418 teapot"


def test_a_documented_refusal_is_no_drift_and_a_failing_exchange_no_verdict(
    exchange: tuple[Sandbox, str],
) -> None:
    box, name = exchange
    box.faults.add("status", operation=BALANCE[name], status=403, code="permission_denied")
    ran = live(box, name)
    assert (ran.status, ran.kinds()) == (0, set())
    assert ran.report["not_judged"][BALANCE[name]] == "answered 403 permission_denied"
    box.faults.add("html", operation=BALANCE[name], status=503, times=None)
    ran = live(box, name)
    assert (ran.status, ran.kinds()) == (3, set())


def test_without_credentials_only_public_reads_are_made(exchange: tuple[Sandbox, str]) -> None:
    box, name = exchange
    ran = live(box, name, KALSHI_BEARER_TOKEN="")
    public = {one.id for one in contract(name).operations.values() if one.public}
    assert set(ran.report["answered"]) == public
    assert ran.status == (0 if public else 3)
    assert {entry.operation for entry in box.truth.requests()} == public


def test_a_report_can_go_to_a_file(exchange: tuple[Sandbox, str], tmp_path: Any) -> None:
    box, name = exchange
    ran = live(box, name, "--output", str(tmp_path / "report.json"))
    assert (ran.status, ran.out) == (0, "")
    assert json.loads((tmp_path / "report.json").read_text())["contract"] == name


def test_nobody_there_is_no_verdict() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/trade-api/v2"
        ran = run(
            "--live", "--environment", url, "--format", "json",
            KALSHI_BEARER_TOKEN="x" * 20, KALSHI_CONTRACT="classic",
        )  # fmt: skip
    assert ran.status == 3
    assert ran.report["answered"] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--environment", "demo"], "--environment is for --live"),
        (["--live", "new.yaml"], "--live compares answers, not documents"),
        (["--live", "--format", "sarif"], "--format sarif is for documents"),
        (["--live", "--environment", "http://example.com"], "http is for this machine only"),
        (["--live", "--environment", "mars"], "environment='mars'"),
    ],
)
def test_contradictions_are_refused_before_anything_is_sent(options: list[str], words: str) -> None:
    ran = called(*options)
    assert ran.status == 3
    assert words in ran.err


def test_no_write_passes_the_guard(exchange: tuple[Sandbox, str]) -> None:
    """Whatever a later version of the command asks for, the transport under it lets reads out."""
    box, name = exchange
    guard = ReadOnlyTransport(DeadlineTransport(), contract(name), "/trade-api/v2")
    writes = [one for one in contract(name).operations.values() if one.writes]
    for one in writes:
        path = one.path.replace("{order_id}", "o").replace("{order_group_id}", "g")
        request = httpx.Request(one.method, f"{box.url}{path}", json={})
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
