"""`kalshi-ext probe`: never production, nothing secret in the file, and it goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kalshi_ext.cli import main
from kalshi_ext.probe.report import CARDS, as_markdown, clean, from_json
from kalshi_ext.sandbox import Sandbox

RAIN = "KXRAIN-26DEC31-NYC"
ID = "5d1a9c52-7f8e-5a0b-9d53-0c6a3e1b7f24"
CHEAP = ["--card", "clock", "--card", "unknown-order", "--card", "duplicate"]


def run(box: Sandbox | None, tmp_path: Path, *words: str) -> Result:
    environ: dict[str, Any] = {"KALSHI_KEY_ID": None, "KALSHI_BEARER_TOKEN": None}
    if box is not None:
        key = tmp_path / "key.pem"
        key.write_text(box.private_key)
        environ |= {"KALSHI_KEY_ID": box.key_id, "KALSHI_PRIVATE_KEY_PATH": str(key)}
        words = ("--environment", box.url, "--ticker", RAIN, *words)
    output = ("--output", str(tmp_path / "facts.json"))
    return CliRunner().invoke(main, ["probe", *output, *words], env=environ)


@pytest.mark.parametrize(
    "where",
    [
        "production",
        "production-old-host",
        "https://external-api.kalshi.com/trade-api/v2",
        "https://EXTERNAL-API.KALSHI.COM/trade-api/v2",
        "https://example.com/trade-api/v2",
        "https://kalshi.co/trade-api/v2",
        "https://external-api.demo.kalshi.co.example.com/trade-api/v2",
    ],
)
def test_production_and_every_unknown_host_is_refused(where: str, tmp_path: Path) -> None:
    result = run(None, tmp_path, "--environment", where)
    assert result.exit_code == 1
    assert "the demo exchange or a sandbox only" in result.output
    assert not (tmp_path / "facts.json").exists()


def test_a_dry_run_lists_the_cards_with_their_risk_and_asks_nothing(tmp_path: Path) -> None:
    result = run(None, tmp_path, "--dry-run")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) == len(CARDS) >= 30
    assert "after-fill" in result.output
    assert not (tmp_path / "facts.json").exists()


def test_all_cards_together_risk_less_than_a_dollar() -> None:
    assert sum(card.risk for card in CARDS) < 1


def test_facts_are_kept_as_json_and_markdown_without_a_secret(tmp_path: Path) -> None:
    with Sandbox() as box:
        result = run(box, tmp_path, *CHEAP)
        secrets = [box.key_id, box.token, box.private_key.splitlines()[1]]
        ids = [order["order_id"] for order in box.truth.orders()]
    assert result.exit_code == 0, result.output
    text = (tmp_path / "facts.json").read_text() + (tmp_path / "facts.md").read_text()
    assert (
        json.loads((tmp_path / "facts.json").read_text())["learned"]["duplicate"]["status"] == 409
    )
    assert not [each for each in (*secrets, *ids) if each in text + result.output]
    assert "Policy(signature_life=60" in result.output


def test_a_run_goes_on_with_what_an_earlier_one_learned(tmp_path: Path) -> None:
    with Sandbox() as box:
        run(box, tmp_path, "--card", "clock")
        first = len(box.truth.requests())
        result = run(box, tmp_path, *CHEAP)
        assert "clock: known already" in result.output
        assert len(box.truth.requests()) > first
    assert set(json.loads((tmp_path / "facts.json").read_text())["learned"]) == {
        *("clock", "unknown-order", "duplicate"),
    }


def test_facts_of_another_exchange_are_not_gone_on_with(tmp_path: Path) -> None:
    with Sandbox() as box:
        run(box, tmp_path, "--card", "clock")
    with Sandbox() as other:
        result = run(other, tmp_path, "--card", "clock")
    assert result.exit_code == 1
    assert "facts file: it is of" in result.output


def test_what_is_not_as_assumed_is_said_and_exits_1(tmp_path: Path) -> None:
    with Sandbox(clock_tolerance=None) as box:
        result = run(box, tmp_path, "--card", "signature-past")
    assert result.exit_code == 1
    assert "a delayed copy of an order may be accepted" in result.output


def test_without_credentials_it_says_what_to_set(tmp_path: Path) -> None:
    result = run(None, tmp_path, "--environment", "demo")
    assert result.exit_code == 1
    assert "KALSHI_KEY_ID" in result.output


def test_an_unknown_card_is_named(tmp_path: Path) -> None:
    result = run(None, tmp_path, "--card", "nonsense", "--dry-run")
    assert result.exit_code == 1
    assert "not 'nonsense'" in result.output


def test_a_facts_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_text("{")
    with Sandbox() as box:
        result = run(box, tmp_path, "--card", "clock")
    assert result.exit_code == 1
    assert "facts file: cannot be read" in result.output


def test_hostile_answers_are_cleaned() -> None:
    cleaned = clean({"code": "user_not_found:_" + ID + "\x1b[2J" + "x" * 999})
    assert ID not in cleaned["code"]
    assert cleaned["code"].isprintable()
    assert len(cleaned["code"]) < 250


def test_a_facts_file_reads_back_as_it_was(tmp_path: Path) -> None:
    with Sandbox() as box:
        run(box, tmp_path, "--card", "clock")
        text = (tmp_path / "facts.json").read_text()
        facts = from_json(text, json.loads(text)["environment"])
    assert as_markdown(facts) == (tmp_path / "facts.md").read_text()
