"""Recordings pin behaviour: replayed in both colours, nothing else is sent, all of it is played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tape
from conforming import Contract, interactions
from scenes import Take

from kalshi_ext import NotSent
from kalshi_ext.contracts import contract
from kalshi_ext.drift.documents import document

TAKES = {f"{take.contract}/{take.name}": take for take in tape.takes()}
REPLAY_URL = f"{tape.SANDBOX}/trade-api/v2"


def replay(take: Take, colour: str, cassette: Path | None = None) -> Any:
    """Play a scene from its cassette alone."""
    from kalshi_ext.config import environment

    place = environment(REPLAY_URL, allow_insecure=True)
    file = str(cassette or tape.path(take))
    with tape.recorder().use_cassette(file, record_mode="none") as played:
        result = tape.play(take, colour, bearer_token="replayed", environment=place)
    assert played.all_played, f"{file}: some of what was recorded was not asked for"
    return result


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("name", TAKES)
def test_a_scene_replays_from_its_cassette_in_either_colour(name: str, colour: str) -> None:
    take = TAKES[name]
    result = replay(take, colour)
    assert isinstance(result, take.fails) if take.fails else not isinstance(result, Exception)


@pytest.mark.parametrize("name", [name for name, take in TAKES.items() if not take.fails])
def test_both_colours_read_the_same_answer(name: str) -> None:
    first, second = replay(TAKES[name], "sync"), replay(TAKES[name], "async")
    assert _comparable(first) == _comparable(second)


def _comparable(value: Any) -> Any:
    if isinstance(value, list):
        return [_comparable(each) for each in value]
    return str(value) if isinstance(value, Exception) else value


def test_every_operation_of_both_contracts_has_a_cassette_and_no_cassette_is_left_over() -> None:
    wanted = {tape.path(take) for take in TAKES.values()}
    there = set((tape.CASSETTES / "sandbox").rglob("*.yaml"))
    assert there == wanted
    for name in ("current", "classic"):
        operations = set(contract(name).operations)
        assert operations <= {take.name for take in TAKES.values() if take.contract == name}


def test_another_count_is_another_request(tmp_path: Path) -> None:
    take = TAKES["current/CreateOrderV2"]
    changed = tmp_path / "changed.yaml"
    text = tape.path(take).read_text()
    assert text.count('"count":"10.00"') == 1
    changed.write_text(text.replace('"count":"10.00"', '"count":"1000.00"'))
    with pytest.raises(NotSent, match=r"(?i)cassette|overwrite"):
        replay(take, "sync", changed)


CONTRACTS = {name: Contract(document(name)) for name in ("current", "classic")}


@pytest.mark.parametrize("name", TAKES)
def test_what_was_recorded_is_what_the_contract_says(name: str) -> None:
    take = TAKES[name]
    assert CONTRACTS[take.contract].problems(tape.path(take)) == []


def test_no_cassette_holds_a_credential() -> None:
    for file in tape.CASSETTES.rglob("*.yaml"):
        text = file.read_text().lower()
        assert "kalshi-access" not in text, file
        assert "authorization" not in text, file
        assert "private key" not in text, file
        assert '"user_id":"[redacted]"' in text or "user_id" not in text, file


def changed_cassette(tmp_path: Path, name: str, old: str, new: str) -> Path:
    text = tape.path(TAKES[name]).read_text()
    assert text.count(old) == 1
    file = tmp_path / "changed.yaml"
    file.write_text(text.replace(old, new))
    return file


@pytest.mark.parametrize("colour", ["sync", "async"])
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
    tmp_path: Path, colour: str, old: str, new: str
) -> None:
    name = "current/CreateOrderV2"
    with pytest.raises(NotSent, match=r"(?i)cassette|overwrite"):
        replay(TAKES[name], colour, changed_cassette(tmp_path, name, old, new))


def test_what_is_recorded_and_not_asked_for_fails_the_replay(tmp_path: Path) -> None:
    text = tape.path(TAKES["current/GetBalance"]).read_text()
    more = text.partition("interactions:\n")[2].removesuffix("version: 1\n")
    file = tmp_path / "longer.yaml"
    file.write_text(text.replace("version: 1", more.replace("/balance", "/other") + "version: 1"))
    assert len(interactions(file)) == 2
    with pytest.raises(AssertionError, match="not asked for"):
        replay(TAKES["current/GetBalance"], "sync", file)


@pytest.mark.parametrize("name", TAKES)
def test_no_recorded_answer_surprises_the_client_that_replays_it(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", "kalshi_ext.drift"):
        replay(TAKES[name], "sync")
    said = [record.getMessage() for record in caplog.records if record.name == "kalshi_ext.drift"]
    assert said == []


def _gone(document: Any) -> None:
    del document["paths"]["/portfolio/balance"]


def _required(document: Any) -> None:
    schema = document["components"]["schemas"]["GetBalanceResponse"]
    schema["required"] = [*schema["required"], "credit_dollars"]
    schema["properties"]["credit_dollars"] = {"type": "string"}


def _retyped(document: Any) -> None:
    schema = document["components"]["schemas"]["GetBalanceResponse"]
    schema["properties"]["portfolio_value"] = {"type": "string"}


def _forgotten(document: Any) -> None:
    del document["components"]["schemas"]["GetBalanceResponse"]["properties"]["updated_ts"]


def _asked(document: Any) -> None:
    one = {"name": "as_of", "in": "query", "required": True, "schema": {"type": "integer"}}
    document["paths"]["/portfolio/balance"]["get"]["parameters"].append(one)


def _moved(document: Any) -> None:
    item = document["paths"]["/portfolio/balance"]
    item["post"] = item.pop("get")


def _other_status(document: Any) -> None:
    responses = document["paths"]["/portfolio/balance"]["get"]["responses"]
    responses["202"] = responses.pop("200")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_gone, "GET /portfolio/balance is no operation of the contract"),
        (_required, "GetBalance 200: $: 'credit_dollars' is a required property"),
        (_retyped, "GetBalance 200: $.portfolio_value: 945 is not of type 'string'"),
        (_forgotten, "('updated_ts' was unexpected)"),
        (_asked, "GetBalance: query parameter as_of is required and not sent"),
        (_moved, "GET /portfolio/balance is no operation of the contract"),
        (_other_status, "GetBalance: 200 is not in the contract"),
    ],
)
def test_a_contract_change_that_breaks_a_recording_is_a_named_failure(
    change: Callable[[Any], None], words: str
) -> None:
    changed = document("current")
    change(changed)
    problems = Contract(changed).problems(tape.path(TAKES["current/GetBalance"]))
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
    problems = Contract(changed).problems(tape.path(TAKES["current/CreateOrderV2"]))
    assert any(words in problem and "CreateOrderV2" in problem for problem in problems), problems
