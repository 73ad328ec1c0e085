"""The words of the judge: kinds of dishonesty, and what a verdict or a state says."""

from __future__ import annotations

from attrs import frozen

OPEN_STATES = {"intent", "sent", "unknown"}
DONE_STATES = {"acknowledged", "resolved"}
# What says that nothing of it stands, and nothing ever will.
DENIALS = {"refused", "not_sent", "held_back", "misuse", "failed", "conflict"}
KINDS = (
    "double", "lost", "wrong", "foreign", "unopened", "unsettled", "no verdict", "late",
    "after kill", "endless", "untold",
)  # fmt: skip


@frozen
class Dishonesty:
    """One finding; `kind` is one of KINDS."""

    kind: str
    words: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.words}"
