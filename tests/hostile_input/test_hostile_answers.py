"""Whatever an exchange or a proxy answers: an error of this library, and never a wrong verdict."""

from __future__ import annotations

import json

import good_orders
import hostile_answers
import pytest
from case_samples import examples
from hostile_answers import STATUSES, Answer, Trial
from hypothesis import given, settings
from hypothesis import strategies as st

from kalshi_ext import Kalshi, KalshiError, OutcomeUnknown, Unintelligible, redact
from kalshi_ext.protocol import deviations

# Of a word and a body, each under three statuses; `make fuzz` tries thousands.
CASES = examples(150)


@pytest.mark.parametrize("seed", range(2))
def test_a_hostile_answer_is_an_error_of_this_library_and_no_wrong_verdict(seed: int) -> None:
    judgement = hostile_answers.judge_all(hostile_answers.sample(seed, CASES, 3))
    assert judgement.tried == CASES * 3
    assert judgement.examples == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(
        [0.5, 1e308, "1e999", "\\ud800", "\0", "resting", "o1", "0.00"]
    ),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["order", "orders", "order_id", "client_order_id", "error", "code", "message", "cursor",
             "fill_count", "remaining_count", "details", "fills", "as_of_time", "balance"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
EXAMPLES = {example.word: example for example in hostile_answers.examples_of("current")}


@settings(max_examples=examples(100))
@given(JSON, st.sampled_from(STATUSES), st.sampled_from(sorted(EXAMPLES)), st.booleans())
def test_json_of_any_shape_is_no_wrong_verdict(
    document: object, status: int, word: str, is_async: bool
) -> None:
    trial = Trial("current")
    answer = Answer(status, json.dumps(document).encode())
    kind = "async" if is_async else "sync"
    verdict = trial.run(kind, EXAMPLES[word], answer)
    trial.close()
    assert verdict[0] == "right", verdict


ACK = {"fill_count": "0.00", "remaining_count": "1.00", "ts_ms": 1}


@pytest.mark.parametrize("order_id", ["a\0b", "\ud800", "x" * 10_000, "", None, 5, ["o"]], ids=repr)
def test_an_order_that_stands_under_an_odd_id_is_unknown_and_never_misuse(order_id: object) -> None:
    transport = hostile_answers.Answering()
    transport.answer = Answer(201, json.dumps(ACK | {"order_id": order_id}).encode())
    options = {"bearer_token": "a-token-of-a-test", "policy": hostile_answers.QUICK}
    with (
        Kalshi(transport=transport, **options) as client,
        pytest.raises(OutcomeUnknown),
    ):
        client.orders.place("T", side="bid", count=1, price="0.5")


@pytest.mark.parametrize("cursor", ["\ud800", "c" * 10_000, "a\0", "c" * 1_000_000], ids=len)
def test_a_cursor_that_cannot_be_sent_back_is_an_answer_that_cannot_be_read(cursor: str) -> None:
    transport = hostile_answers.Answering()
    transport.answer = Answer(200, json.dumps({"orders": [], "cursor": cursor}).encode())
    with (
        Kalshi(bearer_token="a-token-of-a-test", transport=transport) as client,
        pytest.raises(Unintelligible, match="cursor"),
    ):
        client.orders.list().all()


@pytest.mark.parametrize("row", ["{}", "null", "1", '{"order_id":5}'])
def test_what_is_said_of_bad_rows_is_written_once_and_not_for_each(
    monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    texts: list[str] = []
    real = redact.redact_text
    for module in (redact, deviations):
        monkeypatch.setattr(module, "redact_text", lambda text: real(texts.append(text) or text))
    transport = hostile_answers.Answering()
    rows = ",".join([row] * 2_000)
    transport.answer = Answer(200, f'{{"orders":[{rows}],"cursor":""}}'.encode())
    with (
        Kalshi(bearer_token="a-token-of-a-test", transport=transport) as client,
        pytest.raises(KalshiError),
    ):
        client.orders.list().all()
    assert len(texts) < 500


@pytest.mark.parametrize("status", [400, 404, 409, 429, 500])
def test_a_number_beyond_all_numbers_costs_no_more_than_its_field(status: int) -> None:
    transport = hostile_answers.Answering()
    body = b'{"error":{"code":"c","message":"m","details":1e9999999999999999999}}'
    transport.answer = Answer(status, body)
    with (
        Kalshi(
            bearer_token="a-token-of-a-test", transport=transport, policy=hostile_answers.QUICK
        ) as client,
        pytest.raises(hostile_answers.KalshiError) as caught,
    ):
        client.orders.get("o1")
    assert caught.value.code == "c"


def test_an_order_as_people_write_it_is_sent_as_it_was_meant() -> None:
    transport = good_orders.Accepting()
    with Kalshi(bearer_token="a-token-of-a-test", transport=transport, pace=None) as client:
        wrong = [
            problem
            for order in good_orders.good_orders(1, 300)
            if (problem := good_orders.place(client, transport, order)) is not None
        ]
    assert wrong == []
