"""Recordings pin behaviour: sync and async send what was recorded, all of it and nothing else."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cassette_player as player
import pytest
from cassette_conformance import Contract, read_interactions
from scenarios import Recording

from kalshi_ext import NotSent
from kalshi_ext.contracts import contract
from kalshi_ext.drift.documents import document

RECORDINGS = {f"{each.contract}/{each.name}": each for each in player.recordings()}
REPLAY_URL = f"{player.SANDBOX}/trade-api/v2"


def replay(recording: Recording, client_kind: str, cassette: Path | None = None) -> Any:
    """Play a scenario from its cassette alone."""
    from kalshi_ext.config import environment as environment_of

    environment = environment_of(REPLAY_URL, allow_insecure=True)
    file = str(cassette or player.cassette_path(recording))
    with player.make_recorder().use_cassette(file, record_mode="none") as played:
        result = player.play(
            recording, client_kind, bearer_token="replayed", environment=environment
        )
    assert played.all_played, f"{file}: some of what was recorded was not asked for"
    return result


@functools.cache
def replayed(name: str, client_kind: str) -> Any:
    return replay(RECORDINGS[name], client_kind)


@pytest.mark.parametrize("client_kind", ["sync", "async"])
@pytest.mark.parametrize("name", RECORDINGS)
def test_a_scenario_replays_from_its_cassette_with_the_sync_and_the_async_client(
    name: str, client_kind: str
) -> None:
    raises = RECORDINGS[name].raises
    result = replayed(name, client_kind)
    assert isinstance(result, raises) if raises else not isinstance(result, Exception)


@pytest.mark.parametrize("name", [name for name, each in RECORDINGS.items() if not each.raises])
def test_the_sync_and_the_async_client_read_the_same_answer(name: str) -> None:
    first, second = replayed(name, "sync"), replayed(name, "async")
    assert _comparable(first) == _comparable(second)


def _comparable(value: Any) -> Any:
    if isinstance(value, list):
        return [_comparable(each) for each in value]
    return str(value) if isinstance(value, Exception) else value


def test_every_operation_of_both_contracts_has_a_cassette_and_no_cassette_is_left_over() -> None:
    wanted = {player.cassette_path(recording) for recording in RECORDINGS.values()}
    cassettes = set((player.CASSETTES / "sandbox").rglob("*.yaml"))
    assert cassettes == wanted
    for name in ("current", "classic"):
        operations = set(contract(name).operations)
        assert operations <= {each.name for each in RECORDINGS.values() if each.contract == name}


def test_another_count_is_another_request(tmp_path: Path) -> None:
    recording = RECORDINGS["current/CreateOrderV2"]
    changed = tmp_path / "changed.yaml"
    text = player.cassette_path(recording).read_text()
    assert text.count('"count":"10.00"') == 1
    changed.write_text(text.replace('"count":"10.00"', '"count":"1000.00"'))
    with pytest.raises(NotSent, match=r"(?i)cassette|overwrite"):
        replay(recording, "sync", changed)


CONTRACTS = {name: Contract(document(name)) for name in ("current", "classic")}


@pytest.mark.parametrize("name", RECORDINGS)
def test_what_was_recorded_is_what_the_contract_says(name: str) -> None:
    recording = RECORDINGS[name]
    assert CONTRACTS[recording.contract].problems(player.cassette_path(recording)) == []


def test_no_cassette_holds_a_credential() -> None:
    for file in player.CASSETTES.rglob("*.yaml"):
        text = file.read_text().lower()
        assert "kalshi-access" not in text, file
        assert "authorization" not in text, file
        assert "private key" not in text, file
        assert '"user_id":"[redacted]"' in text or "user_id" not in text, file


def changed_cassette(tmp_path: Path, name: str, old: str, new: str) -> Path:
    text = player.cassette_path(RECORDINGS[name]).read_text()
    assert text.count(old) == 1
    file = tmp_path / "changed.yaml"
    file.write_text(text.replace(old, new))
    return file


@pytest.mark.parametrize("client_kind", ["sync", "async"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"count":"10.00"', '"count": "10.00"'),  # the same JSON, other bytes
        ('"count":"10.00"', '"count":"10.0"'),
        ("method: POST", "method: PUT"),
        ("/portfolio/events/orders\n", "/portfolio/events/orders/\n"),
        ("/portfolio/events/orders\n", "/portfolio/events/orders?subaccount=1\n"),
        ("uri: http://sandbox", "uri: https://sandbox"),
        ("uri: http://sandbox.", "uri: http://another."),
        ("- application/json\n      content-length", "- text/plain\n      content-length"),
    ],
)
def test_one_changed_byte_of_a_request_is_another_request(
    tmp_path: Path, client_kind: str, old: str, new: str
) -> None:
    name = "current/CreateOrderV2"
    with pytest.raises(NotSent, match=r"(?i)cassette|overwrite"):
        replay(RECORDINGS[name], client_kind, changed_cassette(tmp_path, name, old, new))


def test_what_is_recorded_and_not_asked_for_fails_the_replay(tmp_path: Path) -> None:
    text = player.cassette_path(RECORDINGS["current/GetBalance"]).read_text()
    interaction = text.partition("interactions:\n")[2].removesuffix("version: 1\n")
    second = interaction.replace("/balance", "/other")
    file = tmp_path / "longer.yaml"
    file.write_text(text.replace("version: 1", second + "version: 1"))
    assert len(read_interactions(file)) == 2
    with pytest.raises(AssertionError, match="not asked for"):
        replay(RECORDINGS["current/GetBalance"], "sync", file)


@pytest.mark.parametrize("name", RECORDINGS)
def test_no_recorded_answer_surprises_the_client_that_replays_it(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", "kalshi_ext.drift"):
        replay(RECORDINGS[name], "sync")
    messages = [
        record.getMessage() for record in caplog.records if record.name == "kalshi_ext.drift"
    ]
    assert messages == []


def without_balance(document: Any) -> None:
    del document["paths"]["/portfolio/balance"]


def with_new_required_field(document: Any) -> None:
    schema = document["components"]["schemas"]["GetBalanceResponse"]
    schema["required"] = [*schema["required"], "credit_dollars"]
    schema["properties"]["credit_dollars"] = {"type": "string"}


def with_field_retyped(document: Any) -> None:
    schema = document["components"]["schemas"]["GetBalanceResponse"]
    schema["properties"]["portfolio_value"] = {"type": "string"}


def without_field(document: Any) -> None:
    del document["components"]["schemas"]["GetBalanceResponse"]["properties"]["updated_ts"]


def with_new_required_parameter(document: Any) -> None:
    parameter = {"name": "as_of", "in": "query", "required": True, "schema": {"type": "integer"}}
    document["paths"]["/portfolio/balance"]["get"]["parameters"].append(parameter)


def with_other_method(document: Any) -> None:
    item = document["paths"]["/portfolio/balance"]
    item["post"] = item.pop("get")


def with_other_status(document: Any) -> None:
    responses = document["paths"]["/portfolio/balance"]["get"]["responses"]
    responses["202"] = responses.pop("200")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_balance, "GET /portfolio/balance is no operation of the contract"),
        (with_new_required_field, "GetBalance 200: $: 'credit_dollars' is a required property"),
        (with_field_retyped, "GetBalance 200: $.portfolio_value: 945 is not of type 'string'"),
        (without_field, "('updated_ts' was unexpected)"),
        (with_new_required_parameter, "GetBalance: query parameter as_of is required and not sent"),
        (with_other_method, "GET /portfolio/balance is no operation of the contract"),
        (with_other_status, "GetBalance: 200 is not in the contract"),
    ],
)
def test_a_contract_change_that_breaks_a_recording_is_a_named_failure(
    change: Callable[[Any], None], words: str
) -> None:
    changed = document("current")
    change(changed)
    problems = Contract(changed).problems(player.cassette_path(RECORDINGS["current/GetBalance"]))
    assert any(words in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("schema", "field", "words"),
    [
        ("CreateOrderV2Request", "time_in_force", "'time_in_force' was unexpected"),
        ("CreateOrderV2Response", "order_id", "'order_id' was unexpected"),
    ],
)
def test_a_field_that_is_sent_or_answered_and_no_longer_named_is_a_named_failure(
    schema: str, field: str, words: str
) -> None:
    changed = document("current")
    del changed["components"]["schemas"][schema]["properties"][field]
    changed["components"]["schemas"][schema]["required"].remove(field)
    problems = Contract(changed).problems(player.cassette_path(RECORDINGS["current/CreateOrderV2"]))
    assert any(words in problem and "CreateOrderV2" in problem for problem in problems), problems
