"""Derive kalshi_ext/contract/page_sizes.py: how many rows a page of each list may have."""

from __future__ import annotations

import json
from typing import Any

from contract_operations import METHODS, resolved_part

HEADER = '''\
"""The largest page of each list that states one: the maximum of its parameter `limit`.

Derived by `make generate` from openapi/portfolio.yaml and openapi/classic.yaml; do not edit.
"""

from __future__ import annotations

from typing import Final

# By operation; rows.
PAGE_SIZES: Final[dict[str, int]] = {
'''


def page_sizes_module(documents: dict[str, dict[str, Any]]) -> str:
    """Write the module; `documents` by contract."""
    sizes = {
        operation: size
        for document in documents.values()
        for operation, size in page_sizes(document).items()
    }
    rows = "".join(
        f"    {json.dumps(operation)}: {size},\n" for operation, size in sorted(sizes.items())
    )
    return f"{HEADER}{rows}}}\n"


def page_sizes(document: dict[str, Any]) -> dict[str, int]:
    """Read the largest page of each operation of a document."""
    sizes: dict[str, int] = {}
    for item in document["paths"].values():
        for method in METHODS:
            operation = item.get(method, {})
            # The operation's own parameter goes over that of its path.
            for part in (*item.get("parameters", ()), *operation.get("parameters", ())):
                parameter = resolved_part(document, part)
                maximum = _maximum(document, parameter.get("schema", {}))
                if operation and parameter["name"] == "limit" and maximum is not None:
                    sizes[operation["operationId"]] = maximum
    return sizes


def _maximum(document: dict[str, Any], schema: dict[str, Any]) -> int | None:
    schema = resolved_part(document, schema)
    found = [_maximum(document, part) for part in schema.get("allOf", ())]
    if "maximum" in schema:
        found.append(int(schema["maximum"]) - (schema.get("exclusiveMaximum") is True))
    return min((each for each in found if each is not None), default=None)
