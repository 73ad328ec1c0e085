"""Documents the contract tests build on: small ones, shuffled ones, and one like the exchange's."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

from contract.grammar import rewrite

from kalshi_ext.drift.documents import document

ROOT = Path(__file__).resolve().parents[2]


def small(**schemas: Any) -> dict[str, Any]:
    """One portfolio operation that answers with the schema `Answer`, which needs the others."""
    schemas.setdefault("Answer", {"type": "object"})
    answer = {"$ref": "#/components/schemas/Answer"}
    operation = {
        "operationId": "GetThing",
        "tags": ["portfolio"],
        "responses": {
            "200": {"description": "fine", "content": {"application/json": {"schema": answer}}}
        },
    }
    return {
        "openapi": "3.0.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/portfolio/thing": {"get": operation}},
        "components": {"schemas": schemas},
    }


def shuffled(node: Any, seed: int) -> Any:
    """The same document with the keys of every mapping in another order."""
    generator = random.Random(seed)

    def shuffle_keys(item: Any) -> Any:
        if isinstance(item, dict):
            keys = list(item)
            generator.shuffle(keys)
            return {key: shuffle_keys(item[key]) for key in keys}
        return [shuffle_keys(each) for each in item] if isinstance(item, list) else item

    return shuffle_keys(node)


def with_prose(node: dict[str, Any]) -> dict[str, Any]:
    """The same document with prose, examples and vendor extensions wherever they may stand."""

    def add_prose(kind: str, mapping: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in mapping or kind in ("document", "components", "path"):
            return {**mapping, **({} if "$ref" in mapping else {"x-internal": {"a": 1}})}
        words = {"description": "Long.\n\nWords: and more #words.", "x-go-name": "Thing"}
        if kind == "schema":
            words |= {"title": "A Title", "example": "2026-01-01", "externalDocs": {"url": "u"}}
        return {**mapping, **words}

    result: dict[str, Any] = rewrite(node, "document", add_prose)
    return result


def full_upstream() -> dict[str, Any]:
    """A document as large as the exchange's: our paths with prose, and 80 that are not ours."""
    upstream = with_prose(document("upstream"))
    for number in range(80):
        path = f"/markets/kind_{number}/{{ticker}}"
        operation = copy.deepcopy(upstream["paths"]["/portfolio/orders"]["get"])
        operation["operationId"] = f"GetMarketKind{number}"
        upstream["paths"][path] = {"get": operation}
        kind = copy.deepcopy(upstream["components"]["schemas"]["Order"])
        upstream["components"]["schemas"][f"MarketKind{number}"] = kind
    upstream["paths"]["/historical/markets/{ticker}"] = {"get": {"operationId": "GetOldMarket"}}
    return upstream
