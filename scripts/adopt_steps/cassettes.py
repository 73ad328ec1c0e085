"""Which recordings no longer say what the contract says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any


def outdated(recorded: Path, documents: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Name the cassettes of each contract that a document of it refuses, with the reasons."""
    from conforming import Contract

    found: dict[str, list[str]] = {}
    for name, document in documents.items():
        contract = Contract(document)
        for file in sorted(recorded.glob(f"*/{name}/*.yaml")):
            problems = [re.sub(r"\[\d+\]", "[]", each) for each in contract.problems(file)]
            if problems:
                found[f"{name}/{file.stem}"] = list(dict.fromkeys(problems))
    return found
