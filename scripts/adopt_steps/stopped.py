"""Why a step could not be done, and what to edit."""

from __future__ import annotations


class Stopped(Exception):
    """A step could not be done; nothing was changed. `step` names it, `edit` says what to do."""

    def __init__(self, step: str, why: str, edit: str) -> None:
        super().__init__(f"stopped at {step}: {why}")
        self.step = step
        self.why = why
        self.edit = edit
