"""Secrets planted wherever requests and answers have room for them: no cassette or log has them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cassette_player as player
import httpx
import pytest
from attrs import define, field
from scrub import scrubbed_text, scrubbed_uri

from kalshi_ext import AsyncKalshi, Kalshi, KalshiError
from kalshi_ext.redact import REDACTED, SECRET_FIELDS, SECRET_HEADERS
from kalshi_ext.transport import DeadlineTransport

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "5d1a9c52-7f8e-4a0b-9d53-0c6a3e1b7f24"


@define
class PlantedSecrets:
    """Secrets by the place they were put in, each one different so that a leak names its place."""

    by_place: dict[str, str] = field(factory=dict[str, str])

    def secret_for(self, place: str) -> str:
        """Make a secret for a place; not of a form that any pattern would know by itself."""
        secret = f"hush{len(self.by_place):04}{'x' * 24}"
        self.by_place[f"{place} ({len(self.by_place)})"] = secret
        return secret

    def leaks(self, text: str) -> list[str]:
        """Name the places whose secret stands in a text."""
        return [place for place, secret in self.by_place.items() if secret in text]


def secret_fields(planted: PlantedSecrets, place: str) -> dict[str, Any]:
    """An object with a secret under every name of the list, flat, nested, listed and as text."""
    flat = {name: planted.secret_for(f"{place} {name}") for name in sorted(SECRET_FIELDS)}
    inner = {
        name.upper(): planted.secret_for(f"{place} nested {name}") for name in sorted(SECRET_FIELDS)
    }
    listed = [
        {name: [planted.secret_for(f"{place} listed {name}")]} for name in sorted(SECRET_FIELDS)
    ]
    text = json.dumps({"token": planted.secret_for(f"{place} inside text")})
    bearer = f"Authorization: Bearer {planted.secret_for(f'{place} bearer')}"
    quoted = {"token": f'a"b\\{planted.secret_for(f"{place} behind a quote")}'}
    return flat | {
        "deep": {"er": inner},
        "rows": listed,
        "note": text,
        "log": bearer,
        "code": f"user_not_found:_{ACCOUNT}",
        "quoted": quoted,
    }


class SecretLeakingHandler(BaseHTTPRequestHandler):
    """A server that puts secrets into headers and bodies, of answers and of errors."""

    protocol_version = "HTTP/1.1"
    planted: PlantedSecrets
    status = 200

    def do_GET(self) -> None:
        body = json.dumps({"balance": 1} | secret_fields(self.planted, "response")).encode()
        self.send_response(self.status, f"token: {self.planted.secret_for('reason')}")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        for name in sorted(SECRET_HEADERS):
            self.send_header(name, self.planted.secret_for(f"response header {name}"))
        self.send_header("x-unheard-of", self.planted.secret_for("unknown response header"))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def planted() -> PlantedSecrets:
    return PlantedSecrets()


@pytest.fixture(params=[200, 400, 503])
def leaking_server(planted: PlantedSecrets, request: pytest.FixtureRequest) -> Iterator[str]:
    kind = type("Leaking", (SecretLeakingHandler,), {"planted": planted, "status": request.param})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_no_place_of_a_conversation_leaks_into_cassette_log_or_error(
    leaking_server: str, planted: PlantedSecrets, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    query = {name: planted.secret_for(f"query {name}") for name in sorted(SECRET_FIELDS)}
    headers = {name: planted.secret_for(f"header {name}") for name in sorted(SECRET_HEADERS)}
    headers |= {
        "x-api-token": planted.secret_for("unknown header"),
        "content-type": "application/json",
    }
    password = planted.secret_for("user of the url")
    url = f"http://somebody:{password}@{leaking_server}/trade-api/v2/balance"
    body = json.dumps(secret_fields(planted, "request")).encode()
    file = tmp_path / "cassette.yaml"
    with (
        caplog.at_level(logging.DEBUG),
        player.make_recorder().use_cassette(str(file), record_mode="all"),
        DeadlineTransport() as transport,
    ):
        request = httpx.Request("POST", url, params=query, headers=headers, content=body)
        assert transport.handle_request(request).read()
        error_text = ask_for_balance(leaking_server, planted)
    text = file.read_text(encoding="utf-8")
    assert len(planted.by_place) >= 134
    assert planted.leaks(text) == []
    assert ACCOUNT not in text
    assert text.count(REDACTED) > 80
    # httpcore's own debug log shows headers of answers; it is not ours to change.
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith("httpcore")]
    assert planted.leaks("\n".join(ours)) == []
    assert ACCOUNT not in "\n".join(ours)
    assert planted.leaks(error_text) == []
    assert scanner_exit_code(file) == 0


def ask_for_balance(address: str, planted: PlantedSecrets) -> str:
    """Let a client send its token; return its result or its error as text."""
    token = planted.secret_for("bearer token of the client")
    url = f"http://{address}/trade-api/v2"
    with player.make_client(Kalshi, bearer_token=token, environment=url) as client:
        try:
            return repr(client.portfolio.balance())
        except KalshiError as error:
            return f"{error} {error!r}"


def scanner_exit_code(file: Path) -> int:
    scanner = ROOT / "scripts" / "scan_secrets.py"
    done = subprocess.run([sys.executable, str(scanner), str(file)], check=False)
    return done.returncode


def test_what_holds_no_secret_stays_byte_for_byte() -> None:
    for text in ('{"a": 1,"b":"é \\u00e9"}', "", "null", '{"token":""}', "<html>token</html>"):
        assert scrubbed_text(text) == text
    uri = "https://example.com/a%20b?ticker=A%2CB&limit=5&empty="
    assert scrubbed_uri(uri, player.SANDBOX) == uri


def test_loopback_and_its_port_become_one_name() -> None:
    for host in ("127.0.0.1:5123", "localhost:9", "[::1]:8000"):
        found = scrubbed_uri(f"http://{host}/trade-api/v2/x?limit=1", player.SANDBOX)
        assert found == f"{player.SANDBOX}/trade-api/v2/x?limit=1"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"KALSHI_ENVIRONMENT": "production"}, "production never"),
        ({"KALSHI_ENVIRONMENT": "production-old-host"}, "production never"),
        (
            {"KALSHI_ENVIRONMENT": "https://api.elections.kalshi.com/trade-api/v2"},
            "production never",
        ),
        ({"KALSHI_BEARER_TOKEN": "x" * 20}, "say KALSHI_ENVIRONMENT=demo"),
        ({"KALSHI_ENVIRONMENT": "http://127.0.0.1:1"}, "production never"),
    ],
)
def test_recording_refuses_all_but_the_sandbox_and_the_demo_exchange_by_name(
    variables: dict[str, str], words: str
) -> None:
    sys.path.append(str(ROOT / "scripts"))
    import record

    assert words in str(record.refusal(variables))


def test_a_recording_that_is_refused_changes_no_cassette() -> None:
    variables = {"KALSHI_ENVIRONMENT": "production"}
    before = {file: file.stat().st_mtime_ns for file in player.CASSETTES.rglob("*.yaml")}
    environ = {key: value for key, value in os.environ.items() if not key.startswith("KALSHI_")}
    command = [sys.executable, str(ROOT / "scripts" / "record.py")]
    done = subprocess.run(
        command, env=environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "production never" in done.stderr
    assert {file: file.stat().st_mtime_ns for file in player.CASSETTES.rglob("*.yaml")} == before


def test_a_signed_account_is_recorded_with_a_running_clock_and_leaves_no_trace_of_it(
    tmp_path: Path,
) -> None:
    """Do what `make record` does against the demo exchange, against a sandbox that checks."""
    sys.path.append(str(ROOT / "scripts"))
    import record

    from kalshi_ext.sandbox import Sandbox

    with Sandbox(proxy=False) as box:
        account = {"key_id": box.key_id, "private_key": box.private_key, "environment": box.url}
        done = record.record_reads(tmp_path, **account)
        signed = [entry.status for entry in box.truth.requests()]
        secrets = [box.key_id, box.token, box.url.partition("//")[2].partition("/")[0]]
        with Kalshi(**account) as client:
            secrets += [order.raw["user_id"] for order in client.orders.list(limit=1)]
    files = sorted(tmp_path.glob("*.yaml"))
    assert done == len(files) >= 20
    assert set(signed) == {200}
    assert len(secrets) == 4
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert [secret for secret in secrets if secret in text] == [], file
        assert "kalshi-access" not in text.lower(), file
        assert "method: GET" in text
        assert "method: POST" not in text
        assert "method: DELETE" not in text


def test_async_clients_are_recorded_by_the_same_rules(
    planted: PlantedSecrets, tmp_path: Path, leaking_server: str
) -> None:
    async def read_balance() -> None:
        token = planted.secret_for("bearer token of the client")
        url = f"http://{leaking_server}/trade-api/v2"
        async with player.make_client(AsyncKalshi, bearer_token=token, environment=url) as client:
            with contextlib.suppress(KalshiError):
                await client.portfolio.balance()

    file = tmp_path / "cassette.yaml"
    with player.make_recorder().use_cassette(str(file), record_mode="all"):
        asyncio.run(read_balance())
    assert planted.leaks(file.read_text(encoding="utf-8")) == []
