"""Make the calls of the walk, print each, and keep what the exchange itself saw of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from typing import Any

from attrs import define, field, frozen

from kalshi_ext import Kalshi
from kalshi_ext.protocol.messages import Operation
from kalshi_ext.sandbox import Sandbox
from tour.showing import answer, call_text

CALL_WIDTH = 76
ONE_LINE = 180  # columns; on a narrower terminal the answer gets a line of its own


class ChapterOver(Exception):
    """A call of this chapter failed, so what builds on it is left out."""


@frozen
class Ran:
    """An operation the exchange executed: its id, the facade word, the status answered."""

    operation: str
    word: str
    status: int


@define
class Guide:
    """Walk one contract. `ran` holds one entry for each operation that was answered well."""

    client: Kalshi
    box: Sandbox
    out: Callable[[str], None] = print
    ran: dict[str, Ran] = field(factory=dict)
    failures: list[str] = field(factory=list)
    _seq: int = 0

    @property
    def contract(self) -> str:
        """Return the name of the contract that is walked."""
        return self.client.session.contract.name

    @property
    def operations(self) -> dict[str, Operation]:
        """Return the operations of the contract that is walked, by facade word."""
        return {entry.facade: entry for entry in self.client.session.contract.operations.values()}

    def walk(self, chapters: Iterable[Callable[[Guide], None]]) -> None:
        """Tell the chapters one after another; a failed call ends its chapter only."""
        for chapter in chapters:
            self.out(f"\n  {(chapter.__doc__ or '').splitlines()[0].rstrip('.')}")
            try:
                chapter(self)
            except ChapterOver:
                continue
            except Exception as error:  # noqa: BLE001 - the demo says it and goes on
                self._failed(chapter.__name__, f"{type(error).__name__}: {error}")

    def call(self, word: str, *args: Any, **said: Any) -> Any:
        """Call the facade by its word, as in `orders.place`, print it and return the answer."""
        resource, _, name = word.partition(".")
        text = call_text(word, args, said)
        try:
            result = getattr(getattr(self.client, resource), name)(*args, **said)
            result = result.all() if hasattr(result, "all") else result
        except Exception as error:
            self._failed(text, f"{type(error).__name__}: {error}")
            raise ChapterOver from error
        operation = self.operations.get(word)
        self._line(operation.id if operation else "", text, answer(result))
        self._witness(operation)
        return result

    def note(self, text: str) -> None:
        """Print a remark between two calls."""
        self.out(f"    {'':{self._width if _wide() else 0}}  {text}")

    def expect(self, holds: bool, what: str) -> None:
        """Fail the walk where the exchange's answers contradict each other."""
        if not holds:
            self._failed("expected", what)

    def count(self) -> str:
        """Say how many of the contract's operations ran."""
        return f"{len(self.ran)} of {len(self.client.session.contract.operations)} {self.contract}"

    def missed(self) -> list[str]:
        """Return the operations of the contract that the exchange never answered well."""
        return [name for name in self.client.session.contract.operations if name not in self.ran]

    def _witness(self, operation: Operation | None) -> None:
        """Count an operation only where the exchange's own record shows it, answered with 2xx."""
        seen = self.box.truth.requests(since=self._seq)
        self._seq = max((request.seq for request in seen), default=self._seq)
        if operation is None:
            return
        for request in seen:
            if request.operation == operation.id and request.status in operation.success:
                self.ran[operation.id] = Ran(operation.id, operation.facade, request.status)

    @property
    def _width(self) -> int:
        return max(len(name) for name in self.client.session.contract.operations)

    def _line(self, operation: str, text: str, said: str) -> None:
        if _wide():
            self.out(f"    {operation:{self._width}}  {text:{CALL_WIDTH}}  {said}")
        else:
            self.out(f"    {text}\n      {operation}: {said}")

    def _failed(self, text: str, said: str) -> None:
        self.failures.append(f"{text}: {said}")
        self._line("FAILED", text, said)


def _wide() -> bool:
    return shutil.get_terminal_size((ONE_LINE, 24)).columns >= ONE_LINE
