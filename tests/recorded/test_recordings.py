"""Recordings pin behaviour: replayed in both colours, nothing else is sent, all of it is played."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tape
from conforming import Contract
from scenes import Take

from kalshi_ext import NotSent
from kalshi_ext.contracts import contract
from kalshi_ext.spec.documents import document

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
