"""Apply an OpenAPI Overlay 1.0 document: our corrections and words upon the exchange's contract.

Stricter than the standard in one point, on purpose: an action that matches nothing or leaves
the document as it was is an error, because it describes an exchange that is gone.
"""

from __future__ import annotations

import copy
from typing import Any

from kalshi_ext.spec.errors import OverlayError
from kalshi_ext.spec.tree import is_list, is_mapping


def apply(document: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Give a changed copy of the document; raises OverlayError naming the action."""
    result = copy.deepcopy(document)
    for number, action in enumerate(_actions(overlay), 1):
        _act(result, action, f"action {number} ({action.get('target')!r})")
    return result


def _actions(overlay: dict[str, Any]) -> list[dict[str, Any]]:
    if not str(overlay.get("overlay", "")).startswith("1."):
        raise OverlayError(f"not an Overlay 1.x document: overlay is {overlay.get('overlay')!r}")
    actions = overlay.get("actions")
    if not is_list(actions) or not all(is_mapping(each) for each in actions):
        raise OverlayError("actions must be a list of mappings")
    return actions


def _act(document: dict[str, Any], action: dict[str, Any], name: str) -> None:
    unknown = {key for key in action if not key.startswith("x-")} - _KEYS
    if unknown or not isinstance(action.get("target"), str):
        raise OverlayError(f"{name}: needs a target and may have {sorted(_KEYS)}, not {unknown}")
    remove = action.get("remove", False) is True
    if remove == ("update" in action):
        raise OverlayError(f"{name}: must have either update or remove: true")
    matches = _find(document, action["target"], name)
    if not matches:
        raise OverlayError(f"{name}: matches nothing")
    if remove:
        _remove(matches, name)
    else:
        _update(matches, action["update"], name)


_KEYS = frozenset({"target", "description", "update", "remove"})


def _find(document: dict[str, Any], target: str, name: str) -> list[Any]:
    import jsonpath  # the library of `make generate`; users of the drift check need it not

    try:
        return list(jsonpath.JSONPathEnvironment(strict=True).finditer(target, document))
    except jsonpath.JSONPathError as error:
        raise OverlayError(f"{name}: not a JSONPath: {error}") from error


def _remove(matches: list[Any], name: str) -> None:
    for match in reversed(matches):
        if match.parent is None:
            raise OverlayError(f"{name}: the whole document cannot be removed")
        del match.parent.obj[match.parts[-1]]


def _update(matches: list[Any], update: Any, name: str) -> None:
    changed = [_updated(match, update, name) for match in matches]
    if not any(changed):
        raise OverlayError(f"{name}: changes nothing")


def _updated(match: Any, update: Any, name: str) -> bool:
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
