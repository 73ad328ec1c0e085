"""Apply an OpenAPI Overlay 1.0 document: our corrections and descriptions of the contract.

An action selects nodes with a JSONPath `target` and either merges `update` into each or removes
them; the actions follow one another. Stricter than the standard in one point, on purpose: an
action that matches nothing or changes nothing is an error, because it describes a contract that
is gone. An action with `x-standing: true` is a rule for whatever there may be ("no default is
sent"), and may find nothing.
"""

from __future__ import annotations

import copy
from typing import Any

from contract.normalise import ordered, wrap_references
from contract.references import prune
from kalshi_ext.drift.limits import SpecError, is_list, is_mapping

_KEYS = frozenset({"target", "description", "update", "remove"})


class OverlayError(SpecError):
    """An overlay action is malformed, matches nothing or changes nothing."""


def portfolio(upstream: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Make the maintained contract: a normalised upstream document with our overlay applied."""
    # An overlay's update may put keywords beside a $ref, and a removal leave components unused.
    return ordered(prune(wrap_references(apply_overlay(upstream, overlay))))


def apply_overlay(document: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Return a changed copy of the document. OverlayError names the action by number and target."""
    result = copy.deepcopy(document)
    for number, action in enumerate(_actions(overlay), 1):
        _apply_action(result, action, f"action {number} ({action.get('target')!r})")
    return result


def targets(document: dict[str, Any], action: dict[str, Any]) -> list[str]:
    """List the nodes that an action selects, by their normalized paths."""
    return [str(match.path) for match in _select(document, str(action.get("target")), "action")]


def selected(document: dict[str, Any], action: dict[str, Any]) -> list[Any]:
    """List the values that an action selects."""
    return [match.obj for match in _select(document, str(action.get("target")), "action")]


def _actions(overlay: dict[str, Any]) -> list[dict[str, Any]]:
    if not str(overlay.get("overlay", "")).startswith("1."):
        raise OverlayError(f"not an Overlay 1.x document: overlay is {overlay.get('overlay')!r}")
    actions = overlay.get("actions")
    if not is_list(actions) or not all(is_mapping(each) for each in actions):
        raise OverlayError("actions must be a list of mappings")
    return actions


def _apply_action(document: dict[str, Any], action: dict[str, Any], name: str) -> None:
    unknown = {key for key in action if not key.startswith("x-")} - _KEYS
    if unknown or not isinstance(action.get("target"), str):
        raise OverlayError(f"{name}: needs a target and may have {sorted(_KEYS)}, not {unknown}")
    remove = action.get("remove", False) is True
    if remove == ("update" in action):
        raise OverlayError(f"{name}: must have either update or remove: true")
    matches = _select(document, action["target"], name)
    if not matches and not is_standing(action):
        raise OverlayError(f"{name}: matches nothing")
    if remove:
        _remove(matches, name)
    else:
        changed = [_update_match(match, action["update"], name) for match in matches]
        if not any(changed) and not is_standing(action):
            raise OverlayError(f"{name}: changes nothing")


def is_standing(action: dict[str, Any]) -> bool:
    """Tell a rule for whatever there may be from a correction of something that must be there."""
    return action.get("x-standing") is True


def _select(document: dict[str, Any], target: str, name: str) -> list[Any]:
    import jsonpath  # in the generator's own environment and the extra `dev`

    try:
        return list(jsonpath.JSONPathEnvironment(strict=True).finditer(target, document))
    except jsonpath.JSONPathError as error:
        raise OverlayError(f"{name}: not a JSONPath: {error}") from error


def _remove(matches: list[Any], name: str) -> None:
    # From the end, so that the indexes of a list stay right while its members go.
    for match in reversed(matches):
        if match.parent is None:
            raise OverlayError(f"{name}: the whole document cannot be removed")
        del match.parent.obj[match.parts[-1]]


def _update_match(match: Any, update: Any, name: str) -> bool:
    before = copy.deepcopy(match.obj)
    if is_list(match.obj):
        match.obj.append(copy.deepcopy(update))
    elif is_mapping(match.obj) and is_mapping(update):
        _merge(match.obj, update)
    else:
        raise OverlayError(f"{name}: {match.path} cannot take this update")
    return bool(match.obj != before)


def _merge(into: dict[str, Any], update: dict[str, Any]) -> None:
    for key, value in update.items():
        old = into.get(key)
        if is_mapping(old) and is_mapping(value):
            _merge(old, value)
        elif is_list(old) and is_list(value):
            old.extend(copy.deepcopy(value))
        else:
            into[key] = copy.deepcopy(value)
