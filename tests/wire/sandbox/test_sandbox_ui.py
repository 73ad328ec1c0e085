"""The page over HTTP: who may read it, what its stream shows, and what it never shows."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sandbox_client import BTC, OTHER_TICKER, TICKER, signed_client
from sandbox_ui import admin_token, bearer_header, open_stream, page_url

from kalshi_ext.sandbox import Sandbox
from kalshi_ext.sandbox.ui.app import PAGE


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(ui=True) as sandbox:
        yield sandbox


@pytest.fixture
def box(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield client


_FILES = sorted(path.name for path in PAGE.iterdir())


def test_the_page_and_all_it_mentions_are_served_and_need_no_token(
    box: Sandbox, http: httpx.Client
) -> None:
    page = http.get(page_url(box))
    mentioned = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    scripts = [name for path in PAGE.glob("*.js") for name in _imports(path.read_text())]
    assert {"page.css", "main.js"} <= set(mentioned)
    assert set(mentioned) | set(scripts) <= set(_FILES)
    assert {http.get(f"{page_url(box)}/{name}").status_code for name in _FILES} == {200}


def _imports(script: str) -> list[str]:
    return re.findall(r'from "\./([^"]+)"', script)


@pytest.mark.parametrize("name", _FILES)
def test_a_file_of_the_page_names_no_other_host_and_makes_no_markup(name: str) -> None:
    text = (PAGE / name).read_text().replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+|url\(|@import", text) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text) == []
    assert re.findall(r"<[^>]+\son\w+=|<script>|<style|\sstyle=", text) == []


def test_the_headers_keep_other_scripts_frames_and_referrers_out(
    box: Sandbox, http: httpx.Client
) -> None:
    for path in ("/", "/main.js", "/stream", "/no-such-file"):
        headers = http.get(page_url(box) + path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_without_the_token_nothing_is_told(box: Sandbox, http: httpx.Client) -> None:
    stream = f"{page_url(box)}/stream"
    assert http.get(stream).status_code == 401
    assert http.get(stream, params={"token": admin_token(box)}).status_code == 401
    assert http.get(stream, headers={"Cookie": f"token={admin_token(box)}"}).status_code == 401
    for wrong in ("Bearer wrong", f"Bearer {admin_token(box)}x", "Bearer é".encode()):
        assert http.get(stream, headers={b"Authorization": wrong}).status_code == 401


def test_every_write_needs_the_token(box: Sandbox, http: httpx.Client) -> None:
    fault = {"kind": "throttle", "times": None}
    assert http.post(f"{page_url(box)}/run/faults.add", json=fault).status_code == 401
    assert box.faults.list() == []
    added = http.post(f"{page_url(box)}/run/faults.add", json=fault, headers=bearer_header(box))
    assert (added.status_code, len(box.faults.list())) == (200, 1)


@pytest.mark.parametrize("path", ["/", "/stream", "/run/reset"])
@pytest.mark.parametrize(
    "foreign",
    [
        {"Host": "rebound.example"},
        {"Host": "127.0.0.1.example:80"},
        {"Host": ""},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_a_page_of_another_site_gets_nothing_even_with_the_token(
    box: Sandbox, http: httpx.Client, path: str, foreign: dict[str, str]
) -> None:
    method = "POST" if path.startswith("/run") else "GET"
    headers = {**bearer_header(box), **foreign}
    answer = http.request(method, page_url(box) + path, headers=headers)
    assert answer.status_code == 403
    assert len(box.truth.orders()) > 0


def test_the_page_itself_may_ask_under_either_name(box: Sandbox, http: httpx.Client) -> None:
    port = page_url(box).rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        headers = {**bearer_header(box), "Host": host, "Origin": f"http://{host}"}
        answer = http.post(f"{page_url(box)}/run/clock.now", headers=headers)
        assert answer.status_code == 200


def test_no_other_origin_is_ever_allowed(box: Sandbox, http: httpx.Client) -> None:
    request_headers = {"Access-Control-Request-Method": "POST", "Origin": page_url(box)}
    for path in ("/", "/stream", "/run/reset"):
        for method in ("OPTIONS", "GET", "POST"):
            headers = http.request(method, page_url(box) + path, headers=request_headers).headers
            assert [name for name in headers if name.startswith("access-control")] == []


@pytest.mark.parametrize("path", ["/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "//app.py"])
def test_only_the_pages_files_are_served(box: Sandbox, http: httpx.Client, path: str) -> None:
    raw = httpx.URL(page_url(box)).copy_with(raw_path=path.encode())
    assert http.get(raw).status_code == 404


def test_the_stream_begins_with_what_there_is(box: Sandbox) -> None:
    with open_stream(box) as stream:
        name, setting = stream.next()
        assert (name, setting["contract"], setting["url"]) == ("setting", "current", box.url)
        assert {"html", "silence", "refuse"} <= set(setting["kinds"])
        assert "CreateOrderV2" in setting["operations"]
        name, now = stream.next()
    assert name == "now"
    assert (now["account"], now["book"]["ticker"]) == ("trader", TICKER)
    assert now["book"]["bids"][0] == ["0.5400", "325.00"]
    assert {row["ticker"] for row in now["markets"]} == {
        row["ticker"] for row in box.markets.list()
    }
    assert "seed-resting" in {row["client_order_id"] for row in now["open"]}
    assert "seed-taken" in {row["client_order_id"] for row in now["fills"]}


def test_a_fill_is_told_as_it_happens(box: Sandbox) -> None:
    with open_stream(box) as stream, signed_client(box) as caller:
        stream.until(lambda now: now["fill_count"])
        order_id = caller.place("watched", price="0.56", count="2.00").json["order_id"]
        now = stream.until(lambda now: now["fills"][0]["order_id"] == order_id)
        assert now["requests"][0]["operation"] == "CreateOrderV2"
        box.markets.quote(TICKER, "bid", "0.55", "9.00")
        stream.until(lambda now: ["0.5500", "9.00"] in now["book"]["bids"])


def test_a_page_chooses_its_account_its_market_and_a_filter(box: Sandbox) -> None:
    box.account("somebody", funds="12")
    with open_stream(box, account="somebody", ticker=BTC, find="rain-26dec") as stream:
        now = stream.until(lambda now: True)
    assert (now["account"], now["fills"], now["purses"][0]["cash"]) == ("somebody", [], "12.0000")
    assert now["book"]["ticker"] == BTC
    assert [row["ticker"] for row in now["markets"]] == [TICKER, OTHER_TICKER]


def test_a_page_that_looks_where_nothing_is_sees_nothing(box: Sandbox) -> None:
    with open_stream(box, account="nobody", ticker="NO-SUCH", find="no such") as stream:
        now = stream.until(lambda now: True)
    assert (now["book"], now["markets"], now["listed"]) == (None, [], 0)
    assert now["account"] in now["accounts"]


def test_faults_and_pauses_show(box: Sandbox) -> None:
    box.faults.add("html", operation="GetBalance")
    with open_stream(box) as stream, signed_client(box) as caller:
        stream.until(lambda now: [rule["fired"] for rule in now["rules"]] == [0])
        caller.call("GET", "/portfolio/balance")
        now = stream.until(lambda now: [rule["fired"] for rule in now["rules"]] == [1])
        assert now["requests"][0]["fault"] == 1
        box.markets.pause("trading")
        stream.until(lambda now: not now["status"]["trading_active"])
        box.reset()
        stream.until(lambda now: now["status"]["trading_active"] and not now["rules"])


def test_no_key_and_no_token_is_ever_told(box: Sandbox) -> None:
    keys = [box.account(name) for name in ("trader", "maker")]
    with open_stream(box) as stream, signed_client(box) as caller:
        caller.call("GET", "/portfolio/balance", headers={"Authorization": f"Bearer {box.token}"})
        streamed = repr([stream.next(), stream.until(lambda now: now["requests"])])
    for secret in (admin_token(box), *(key.token for key in keys), "PRIVATE KEY", "SIGNATURE"):
        assert secret not in streamed


def test_looking_changes_nothing() -> None:
    clock = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with Sandbox(ui=True, clock=clock) as box:
        before, then = box.truth.digest(), box.clock.now()
        with open_stream(box) as stream:
            for _ in range(3):
                stream.until(lambda now: now["fixed"])
        assert (box.truth.digest(), box.clock.now()) == (before, then)
        assert box.truth.requests() == []


def test_there_is_no_window_unless_it_is_asked_for(exchange: Sandbox, http: httpx.Client) -> None:
    assert exchange.ui_url is None
    assert http.get(f"{exchange.link.url}/").status_code in (401, 404)


def test_the_token_shows_in_no_repr(box: Sandbox) -> None:
    assert admin_token(box) not in repr((box, box.link, box.options))


_RUN = "from kalshi_ext.sandbox.serve_command import sandbox; sandbox()"


def test_the_command_prints_the_windows_address_and_leaves_while_a_page_listens(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-u", "-c", _RUN, "--ui", "--credentials", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        output = [process.stdout.readline() for _ in range(5)]
        url, _, key = output[4].partition(": ")[2].strip().partition("/#")
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        with httpx.stream(
            "GET", f"{url}/stream", headers={"Authorization": f"Bearer {key}"}, trust_env=False
        ) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "event: setting"
            process.send_signal(signal.SIGINT)
            assert all(line.startswith(("event:", "data:")) for line in lines if line)
        assert process.wait(timeout=60) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")
