"""Make the calls of the tour, print each, and record which operations the sandbox executed.

The chapters tell stories. What none of them called is called at the end by its example, so that a
new operation needs no chapter.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from attrs import define, field, frozen
from calls import examples_of

from kalshi_ext import Kalshi
from kalshi_ext.protocol.messages import Operation
from kalshi_ext.sandbox import Sandbox
from tour.rendering import answer, call_text

CALL_WIDTH = 76
ONE_LINE = 180  # columns; on a narrower terminal the answer gets a line of its own


class ChapterOver(Exception):
    """A call of this chapter failed, so what builds on it is left out."""


@frozen
class ExecutedOperation:
    """An operation the sandbox executed: its id, the facade word, the status answered."""

    operation: str
    word: str
    status: int


@define
class Tour:
    """Walk one contract.

    `executed` holds one entry for each operation that was answered well, `results` the latest
    result of each word.
    """

    client: Kalshi
    box: Sandbox
    print_line: Callable[[str], None] = print
    executed: dict[str, ExecutedOperation] = field(factory=dict)
    failures: list[str] = field(factory=list)
    results: dict[str, Any] = field(factory=dict)
    _seq: int = 0

    @property
    def contract(self) -> str:
        """Return the name of the contract."""
        return self.client.session.contract.name

    @property
    def operations(self) -> dict[str, Operation]:
        """Return the operations of the contract by facade word."""
        return {entry.facade: entry for entry in self.client.session.contract.operations.values()}

    def run(self, chapters: Iterable[Callable[[Tour], None]]) -> None:
        """Run the chapters, then what they left out; a failed call ends its chapter only."""
        for chapter in (*chapters, remaining_calls):
            self.print_line(f"\n  {(chapter.__doc__ or '').splitlines()[0].rstrip('.')}")
            try:
                chapter(self)
            except ChapterOver:
                continue
            except Exception as error:  # noqa: BLE001 - the demo says it and goes on
                self._record_failure(chapter.__name__, f"{type(error).__name__}: {error}")

    def call(self, word: str, *args: Any, **arguments: Any) -> Any:
        """Call the facade by its word, as in `orders.place`, print it and return the answer."""
        resource, _, name = word.partition(".")
        text = call_text(word, args, arguments)
        try:
            result = getattr(getattr(self.client, resource), name)(*args, **arguments)
            result = result.all() if hasattr(result, "all") else result
        except Exception as error:
            self._record_failure(text, f"{type(error).__name__}: {error}")
            raise ChapterOver from error
        operation = self.operations.get(word)
        self._print_call(operation.id if operation else "", text, answer(result))
        self._record_executed(operation)
        self.results[word] = result
        return result

    def note(self, text: str) -> None:
        """Print a remark between two calls."""
        self.print_line(f"    {'':{self._width if _is_wide() else 0}}  {text}")

    def expect(self, condition: bool, expectation: str) -> None:
        """Fail the tour where the answers contradict each other."""
        if not condition:
            self._record_failure("expected", expectation)

    def count(self) -> str:
        """Say how many of the contract's operations ran."""
        return f"{len(self.executed)} of {len(self.operations)} {self.contract}"

    def not_executed(self) -> list[str]:
        """Return the operations of the contract that were never answered with 2xx."""
        return [
            name for name in self.client.session.contract.operations if name not in self.executed
        ]

    def _record_executed(self, operation: Operation | None) -> None:
        """Count an operation only where the sandbox's own record shows it, answered with 2xx."""
        requests = self.box.truth.requests(since=self._seq)
        self._seq = max((request.seq for request in requests), default=self._seq)
        if operation is None:
            return
        for request in requests:
            if request.operation == operation.id and request.status in operation.success:
                self.executed[operation.id] = ExecutedOperation(
                    operation.id, operation.facade, request.status
                )

    @property
    def _width(self) -> int:
        return max(len(name) for name in self.client.session.contract.operations)

    def _print_call(self, operation: str, text: str, answer_text: str) -> None:
        if _is_wide():
            self.print_line(f"    {operation:{self._width}}  {text:{CALL_WIDTH}}  {answer_text}")
        else:
            self.print_line(f"    {text}\n      {operation}: {answer_text}")

    def _record_failure(self, text: str, reason: str) -> None:
        self.failures.append(f"{text}: {reason}")
        self._print_call("FAILED", text, reason)


def remaining_calls(tour: Tour) -> None:
    """All other calls, one after another."""
    not_executed = set(tour.not_executed())
    remaining = {word for word, entry in tour.operations.items() if entry.id in not_executed}
    for example in examples_of(tour.contract):
        if example.word in remaining:
            arguments = example.run_arguments(tour.contract, tour.results)
            with suppress(ChapterOver):  # no call here builds on the one before it
                tour.call(example.word, *arguments.args, **arguments.named)


def _is_wide() -> bool:
    return shutil.get_terminal_size((ONE_LINE, 24)).columns >= ONE_LINE
