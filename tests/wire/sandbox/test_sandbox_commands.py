"""The command line: kalshi-ext sandbox."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from sandbox_client import SignedClient

from kalshi_ext.sandbox.serve_command import sandbox

_RUN = "from kalshi_ext.sandbox.serve_command import sandbox; sandbox()"


@contextmanager
def _run_command(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start the command; give its first lines once it serves."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", _RUN, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        try:
            yield "".join(process.stdout.readline() for _ in range(3)), process
        finally:
            process.terminate()


def _caller(output: str, directory: Path) -> SignedClient:
    url = re.search(r"https?://\S+", output)
    assert url is not None
    key_id = (directory / "trader.key_id").read_text().strip()
    return SignedClient(url[0], key_id, (directory / "trader.pem").read_text())


def test_it_prints_where_it_is_and_writes_keys_only_the_owner_reads(tmp_path: Path) -> None:
    arguments = ("--credentials", str(tmp_path / "keys"), "--account", "maker")
    with _run_command(*arguments) as (output, process):
        assert (tmp_path / "keys" / "maker.token").exists()
        assert str(tmp_path / "keys" / "trader.pem") in output
        assert (tmp_path / "keys" / "trader.pem").stat().st_mode & 0o777 == 0o600
        with _caller(output, tmp_path / "keys") as caller:
            assert caller.call("GET", "/portfolio/balance").status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0


def test_the_admin_side_is_open_to_who_reads_its_files(tmp_path: Path) -> None:
    with _run_command("--credentials", str(tmp_path)) as (output, _process):
        url, token = ((tmp_path / f"exchange.admin-{it}").read_text() for it in ("url", "token"))
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
        assert token not in output
        rule = {"kind": "status", "status": 418, "operation": "GetBalance"}
        headers = {"Authorization": f"Bearer {token}"}
        address = f"{url.strip()}/run/faults.add"
        added = httpx.post(address, json=rule, headers=headers, trust_env=False).json()["result"]
        assert (added["number"], added["status"]) == (1, 418)
        with _caller(output, tmp_path) as caller:
            assert caller.call("GET", "/portfolio/balance").status == 418


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("faults.json", '[{"kind": "status", "status": 599, "operation": "GetBalance"}]'),
        ("faults.toml", '[[fault]]\nkind = "status"\nstatus = 599\noperation = "GetBalance"\n'),
    ],
)
def test_a_file_of_faults_acts_from_the_start(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    arguments = ("--faults", str(tmp_path / name), "--credentials", str(tmp_path))
    with _run_command(*arguments) as (output, _process), _caller(output, tmp_path) as caller:
        answers = [caller.call("GET", "/portfolio/balance").status for _ in range(2)]
    assert answers == [599, 200]


def test_contract_and_switches_are_chosen_by_option(tmp_path: Path) -> None:
    chosen = ("--contract", "classic", "--set", "empty_lists=omit", "--no-seed-data")
    arguments = (*chosen, "--credentials", str(tmp_path))
    with _run_command(*arguments) as (output, _process), _caller(output, tmp_path) as caller:
        assert "orders" not in caller.call("GET", "/portfolio/orders").json
        assert caller.call("GET", "/portfolio/events/orders").status == 404


def test_tls_and_state_survive_a_kill(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    arguments = ("--tls", "--state", str(tmp_path / "exchange.db"), "--credentials", str(keys))
    with _run_command(*arguments) as (output, process):
        authority = (keys / "ca.pem").read_text()
        with _caller(output, keys) as caller:
            caller.ca_pem = authority
            assert caller.url.startswith("https://")
            assert caller.place("before-the-kill").status == 201
        process.kill()
        process.wait()
    with _run_command(*arguments) as (output, _process), _caller(output, keys) as caller:
        caller.ca_pem = authority
        assert caller.place("before-the-kill").status == 409
        newest = caller.call("GET", "/portfolio/orders?limit=1").json["orders"][0]
        assert newest["client_order_id"] == "before-the-kill"


def test_the_clock_can_be_fixed(tmp_path: Path) -> None:
    arguments = ("--clock", "2027-01-02T03:04:05", "--credentials", str(tmp_path))
    with _run_command(*arguments) as (output, _process), _caller(output, tmp_path) as caller:
        answer = caller.place("on-a-fixed-day")
        order = caller.call("GET", f"/portfolio/orders/{answer.json['order_id']}").json["order"]
    assert answer.headers["date"] == "Sat, 02 Jan 2027 03:04:05 GMT"
    assert order["created_time"].startswith("2027-01-02T03:04:05")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--set", "dedupe"), "--set: NAME=VALUE, not 'dedupe'"),
        (("--set", "dedupe=never"), "setting dedupe must be one of"),
        (("--set", "colour=red"), "'colour' is not known"),
        (("--contract", "modern"), "'modern' is not one of"),
    ],
)
def test_a_wrong_option_is_one_clear_line(
    tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    result = CliRunner().invoke(sandbox, [*arguments, "--credentials", str(tmp_path / "keys")])
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit)
    assert complaint in result.output


def _error_output(directory: Path, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert not (directory / "sandbox-credentials").exists()
    return result.stderr


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("faults.toml", b'[[fault]]\nkind = "explode"\n', "kind: one of html"),
        ("faults.toml", b"[[fault]\n", "faults.toml cannot be read: Expected ']]'"),
        ("faults.json", b"{", "faults.json cannot be read: Expecting property name"),
        ("faults.json", b"\xff\xfe", "faults.json cannot be read: 'utf-8' codec"),
        ("faults.json", b'["html"]', "a rule is a table of names and values, not 'html'"),
        ("faults.json", b'{"kind": "html"}', "should list rules"),
        ("faults.toml", b"", "should list rules"),
    ],
)
def test_a_faults_file_with_a_mistake_is_refused_before_anything_starts(
    tmp_path: Path, name: str, text: bytes, complaint: str
) -> None:
    (tmp_path / name).write_bytes(text)
    keys = tmp_path / "keys"
    arguments = ["--faults", str(tmp_path / name), "--credentials", str(keys)]
    result = CliRunner().invoke(sandbox, arguments)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert complaint in result.output
    assert not keys.exists()


def test_what_cannot_be_served_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "faults.toml").write_text('[[fault]]\nkind = "silence"\n')
    (tmp_path / "no.db").write_bytes(b"not a database" * 99)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}: Address already in use" in _error_output(
            tmp_path, "--port", str(port)
        )
    assert "not in the range 0<=x<=65535" in _error_output(tmp_path, "--port", "65536")
    assert "no.db cannot be used: file is not a database" in _error_output(
        tmp_path, "--state", "no.db"
    )
    refusal = _error_output(tmp_path, "--no-proxy", "--faults", "faults.toml")
    assert "silence: needs the proxy" in refusal
