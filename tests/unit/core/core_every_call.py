"""One example call of every facade method, with every argument, for both contracts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from calls import BOTH, TRANSFER_KEY, examples_of

from kalshi_ext.contracts import contract

Work = Callable[[Any], Any]
KEY: Final = TRANSFER_KEY
TABLES: Final[dict[str, dict[str, Work]]] = {
    name: {example.word: example.call_in_full for example in examples_of(name)} for name in BOTH
}
CURRENT: Final = TABLES["current"]
CLASSIC: Final = TABLES["classic"]
EVERY: Final = [(name, facade) for name, table in TABLES.items() for facade in table]
PUBLIC: Final = {row.facade for row in contract("current").operations.values() if row.public}
