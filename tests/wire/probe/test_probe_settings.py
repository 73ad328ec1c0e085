"""The probe finds out how the exchange is set, whichever way that is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from kalshi_ext.probe.bench import Bench
from kalshi_ext.probe.report import CARDS, Facts, run_cards
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.transport.signing import signer

RAIN = "KXRAIN-26DEC31-NYC"


def probe(box: Sandbox, *names: str, patience: float = 1.0, risk: str = "1") -> Facts:
    credentials = signer(key_id=box.key_id, private_key=box.private_key)
    bench = Bench(box.url, credentials, RAIN, patience, Decimal(risk))
    cards = [card for card in CARDS if not names or card.name in names]
    assert len(cards) == (len(names) or len(CARDS))
    lines: list[str] = []
    with closing(bench):
        return run_cards(bench, cards, Facts(box.url), tell=lines.append, keep=lambda facts: None)


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    with Sandbox() as box:
        yield box


@pytest.fixture
def box(process: Sandbox) -> Sandbox:
    """An exchange as new."""
    process.reset()
    return process


def learned(box: Sandbox, card: str, patience: float = 1.0, **settings: Any) -> dict[str, Any]:
    box.configure(**settings)
    facts = probe(box, card, patience=patience)
    assert card in facts.learned, facts.skipped
    return facts.learned[card]


@pytest.mark.parametrize(("tolerance", "past", "ahead"), [(7.0, 10, 10), (35.0, 40, 45)])
def test_how_old_a_timestamp_may_be(tolerance: float, past: int, ahead: int) -> None:
    with Sandbox(clock_tolerance=tolerance) as box:
        facts = probe(box, "signature-past", "signature-ahead")
    assert facts.learned["signature-past"]["refused"] == past
    assert facts.learned["signature-ahead"]["refused"] == ahead
    assert facts.policy().signature_life == max(60, 2 * past)


def test_an_exchange_that_refuses_no_timestamp_is_told_as_one() -> None:
    with Sandbox(clock_tolerance=None) as box:
        facts = probe(box, "signature-past")
    assert facts.learned["signature-past"]["refused"] is None
    assert "signature-past" in facts.disagreements()
    assert facts.policy().signature_life == 240


@pytest.mark.parametrize(
    ("settings", "free"),
    [
        ({"dedupe": "forever"}, None),
        ({"dedupe": "while_open"}, 0.0),
        ({"dedupe": "seconds", "dedupe_seconds": 2}, 2.0),
    ],
)
def test_how_long_an_id_stays_taken_after_a_cancel(
    settings: Any, free: float | None, box: Sandbox
) -> None:
    values = learned(box, "id-after-cancel", patience=4.0 if free else 1.0, **settings)
    found = values["free_after_seconds"]
    assert (found is None) is (free is None)
    if free is not None:
        assert free - 0.5 <= found <= free + 2  # it asks at growing distances


def test_how_long_an_id_stays_taken_after_a_fill(box: Sandbox) -> None:
    box.configure(dedupe="while_open")
    facts = probe(box, "after-fill")
    assert facts.learned["after-fill"]["free_after_seconds"] is not None


@pytest.mark.parametrize("lag", [0.0, 0.6])
def test_how_far_lists_lag(lag: float, box: Sandbox) -> None:
    values = learned(box, "lag-of-list", patience=3.0, read_lag_seconds=lag)
    assert (values["new"] >= 0.5) is (lag > 0)
    assert (values["cancelled"] >= 0.5) is (lag > 0)


def test_a_lag_longer_than_the_patience_is_never_seen_and_said_so(box: Sandbox) -> None:
    box.configure(read_lag_seconds=30)
    facts = probe(box, "lag-of-list", patience=0.3)
    assert facts.learned["lag-of-list"]["new"] is None
    assert "lag-of-list" in facts.disagreements()


@pytest.mark.parametrize(
    ("card", "name", "setting", "values"),
    [
        ("empty-list", "shape", "empty_lists", ["array", "omit", "null"]),
        ("last-page", "full_page_cursor", "full_page_cursor", ["when_more", "always"]),
        ("unknown-market", "status", "unknown_ticker", [400, 404]),
        ("cancel-answer", "has_client_order_id", "cancel_names_client_order_id", [True, False]),
        ("unknown-order", "shape", "error_shape", ["nested", "flat"]),
    ],
)
def test_a_switch_of_the_exchange_is_found_out(
    card: str, name: str, setting: str, values: list[Any], box: Sandbox
) -> None:
    for value in values:
        box.reset()
        box.configure(**{setting: value})
        facts = probe(box, card)
        assert facts.learned[card][name] == value


@pytest.mark.parametrize("card", ["lag-of-list", "lag-of-order"])
def test_what_was_never_seen_is_not_seen_to_go(card: str, box: Sandbox) -> None:
    values = learned(box, card, patience=0.2, read_lag_seconds=30)
    assert values == {"new": None, "cancelled": None}


def test_a_batch_that_is_refused_whole_has_no_order_of_its_answers(box: Sandbox) -> None:
    values = learned(box, "batch-answer", batch_max=2)
    assert (values["status"], values["entries"], values["order"]) == (400, 0, "none")
    assert values["refused_codes"] != []


@pytest.mark.parametrize("status", [429, 503])
def test_a_passing_failure_is_no_fact_about_the_exchange(
    status: int, monkeypatch: pytest.MonkeyPatch, box: Sandbox
) -> None:
    monkeypatch.setattr("kalshi_ext.probe.bench.LIMIT_WAITS", (0.0,))
    # The order gets through.
    box.faults.add("status", status=status, body="{}", skip=1, times=None)
    facts = probe(box, "id-after-cancel", "order-off-shard")
    assert facts.learned == {}
    assert all(f": {status} " in why for why in facts.skipped.values())


def test_an_order_that_could_not_be_cancelled_is_tried_again_and_told(box: Sandbox) -> None:
    rule = box.faults.add("status", status=503, body="{}", operation="CancelOrderV2", times=None)
    lines: list[str] = []
    credentials = signer(key_id=box.key_id, private_key=box.private_key)
    with closing(Bench(box.url, credentials, RAIN, 0.1, Decimal(1))) as bench:
        cards = [card for card in CARDS if card.name == "duplicate"]
        run_cards(bench, cards, Facts(box.url), tell=lines.append, keep=lambda facts: None)
        assert lines[-1].startswith("still resting, and could not be cancelled: ")
        box.faults.remove(rule)
        bench.clean_up()
        assert bench.resting == {}


@pytest.mark.parametrize(("answers", "told"), [("request", "as asked"), ("reversed", "reversed")])
def test_the_order_of_a_batchs_answer_is_found_out(answers: str, told: str, box: Sandbox) -> None:
    values = learned(box, "batch-answer", batch_answers=answers)
    assert (values["entries"], values["order"]) == (4, told)


@pytest.mark.parametrize("limited", [True, False])
def test_a_rate_limit_is_met_or_not(limited: bool, box: Sandbox) -> None:
    values = learned(box, "rate-limit", rate_limits=limited)
    assert values["met"] is limited
    assert "headers" not in values or values["headers"] == []


def test_every_card_is_asked_or_says_why_not_and_nothing_is_left(box: Sandbox) -> None:
    before = len(box.truth.fills())
    facts = probe(box, patience=0.2)
    resting = [
        order
        for order in box.truth.orders(account="trader")
        if order["status"] == "resting" and str(order["client_order_id"]).startswith("probe-")
    ]
    bought = len(box.truth.fills()) - before
    assert facts.learned.keys() | facts.skipped.keys() == {card.name for card in CARDS}
    assert len(facts.learned) >= 30
    assert resting == []
    assert bought == 2  # one contract, told to both sides


def test_a_budget_of_nothing_places_no_order(box: Sandbox) -> None:
    before = len(box.truth.orders())
    facts = probe(box, risk="0", patience=0.1)
    assert len(box.truth.orders()) == before
    assert all("at risk" in facts.skipped[name] for name in ("duplicate", "after-fill"))
    assert "signature-past" in facts.learned
