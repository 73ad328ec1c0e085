"""The overlay: applied to the letter, and refused when it has no effect."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from contract.overlay import OverlayError, apply_overlay, portfolio
from documents_for_spec import ROOT

from kalshi_ext.drift.documents import document
from kalshi_ext.drift.load import load

DOCUMENT: dict[str, Any] = {
    "paths": {
        "/a": {"get": {"tags": ["x"], "security": [{"k": []}]}},
        "/b": {"get": {"tags": ["y"]}, "post": {"tags": ["y"]}},
    },
    "schemas": {"One": {"type": "object", "required": ["p"]}, "Two": {"type": "string"}},
}
OVERLAY = ROOT / "openapi" / "overlay.yaml"
WORDS = ("summary", "description", "tags", "title", "version", "info")


def overlay(*actions: dict[str, Any]) -> dict[str, Any]:
    return {"overlay": "1.0.0", "info": {"title": "t", "version": "1"}, "actions": list(actions)}


def after(*actions: dict[str, Any]) -> dict[str, Any]:
    return apply_overlay(DOCUMENT, overlay(*actions))


def test_an_update_merges_mappings_at_every_match() -> None:
    changed = after({"target": "$.paths[*][*]", "update": {"x": {"y": 1}, "tags": ["z"]}})
    assert changed["paths"]["/a"]["get"]["x"] == changed["paths"]["/b"]["post"]["x"] == {"y": 1}
    assert changed["paths"]["/a"]["get"]["tags"] == ["x", "z"]


def test_an_update_of_a_list_appends_to_it() -> None:
    changed = after({"target": "$.schemas.One.required", "update": "q"})
    assert changed["schemas"]["One"]["required"] == ["p", "q"]


def test_a_removal_takes_out_every_match_also_of_a_list() -> None:
    changed = after(
        {"target": "$.paths[*][?@.security]", "remove": True},
        {"target": "$.paths['/b'][*].tags[?@ == 'y']", "remove": True},
    )
    assert changed["paths"] == {"/a": {}, "/b": {"get": {"tags": []}, "post": {"tags": []}}}


def test_actions_follow_one_another() -> None:
    changed = after(
        {"target": "$.schemas", "update": {"Three": {"type": "string"}}},
        {"target": "$.schemas.Three", "update": {"type": "integer"}},
        {"target": "$.schemas.Two", "remove": True},
    )
    assert list(changed["schemas"]) == ["One", "Three"]
    assert changed["schemas"]["Three"]["type"] == "integer"


def test_what_an_update_gives_to_two_places_is_not_shared() -> None:
    changed = after({"target": "$.schemas[*]", "update": {"x": {"y": []}}})
    changed["schemas"]["One"]["x"]["y"].append(1)
    assert changed["schemas"]["Two"]["x"]["y"] == []


def test_the_document_given_is_left_alone() -> None:
    before = copy.deepcopy(DOCUMENT)
    after({"target": "$.schemas.One", "update": {"type": "array"}})
    assert before == DOCUMENT


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ({"target": "$.schemas.Gone", "update": {"a": 1}}, "action 1 .*Gone.* matches nothing"),
        ({"target": "$.schemas.Gone", "remove": True}, "matches nothing"),
        ({"target": "$.schemas.One", "update": {"type": "object"}}, "changes nothing"),
        ({"target": "$.schemas.One", "update": {}}, "changes nothing"),
        ({"target": "$.schemas.One"}, "either update or remove"),
        ({"target": "$.schemas.One", "remove": False}, "either update or remove"),
        ({"target": "$.schemas.One", "update": {"a": 1}, "remove": True}, "either update"),
        ({"target": "$.schemas.One.type", "update": {"a": 1}}, "cannot take this update"),
        ({"target": "$.schemas.One", "update": "text"}, "cannot take this update"),
        ({"target": "$.schemas[", "update": {"a": 1}}, "not a JSONPath"),
        ({"target": "$", "remove": True}, "whole document"),
        ({"target": 5, "update": {"a": 1}}, "needs a target"),
        ({"update": {"a": 1}}, "needs a target"),
        ({"target": "$", "update": {"a": 1}, "replace": True}, "not \\{'replace'\\}"),
    ],
)
def test_an_action_that_is_wrong_or_has_no_effect_is_an_error(
    action: dict[str, Any], words: str
) -> None:
    with pytest.raises(OverlayError, match=words):
        after(action)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"actions": []}, "not an Overlay 1"),
        ({"overlay": "2.0.0", "actions": []}, "not an Overlay 1"),
        ({"overlay": "1.0.0"}, "actions must be a list"),
        ({"overlay": "1.0.0", "actions": [1]}, "actions must be a list"),
    ],
)
def test_what_is_no_overlay_is_refused(broken: dict[str, Any], words: str) -> None:
    with pytest.raises(OverlayError, match=words):
        apply_overlay(DOCUMENT, broken)


OURS = load(ROOT / "openapi" / "overlay.yaml")


def test_upstream_and_overlay_give_the_maintained_contract() -> None:
    assert portfolio(document("upstream"), OURS) == document("current")


def test_every_correction_of_ours_says_why() -> None:
    silent = [
        action["target"]
        for action in OURS["actions"]
        if set(action.get("update", {"removed": 1})) - set(WORDS)
        and not str(action.get("x-reason", "")).strip()
    ]
    assert silent == []


def test_an_overlay_of_yesterday_stops_at_what_the_exchange_took_away() -> None:
    today = document("upstream")
    del today["components"]["schemas"]["Order"]["properties"]["user_id"]
    with pytest.raises(OverlayError, match=r"Order\.properties\.user_id.* matches nothing"):
        portfolio(today, OURS)


@pytest.mark.parametrize(
    "action",
    [
        {"target": "$.schemas.Gone", "update": {"a": 1}},
        {"target": "$.schemas.Gone", "remove": True},
        {"target": "$.schemas.One", "update": {"type": "object"}},
    ],
)
def test_a_standing_rule_may_find_nothing(action: dict[str, Any]) -> None:
    assert after({**action, "x-standing": True}) == DOCUMENT
    for other in (False, "true", 1, None):  # only the word true makes a rule stand
        with pytest.raises(OverlayError):
            after({**action, "x-standing": other})


def test_a_standing_rule_that_finds_something_is_applied() -> None:
    changed = after({"target": "$.schemas.One", "x-standing": True, "update": {"x": 1}})
    assert changed["schemas"]["One"]["x"] == 1


def test_the_rules_that_stand_are_those_for_whatever_there_may_be() -> None:
    standing = [a["target"] for a in load(OVERLAY)["actions"] if a.get("x-standing")]
    assert len(standing) > 10
    assert all("[*]" in target for target in standing)
    assert "$.components.schemas[*].properties[*].default" in standing
