"""What the simulated bot asks of its group in a row, and what stands of it in the end.

A limit, a reset and a trigger name a state, and are repeated at once: a late copy of one may undo
the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from attrs import define
from simulation_process import Process

from kalshi_ext import writes

STATES = ("set_limit", "reset", "trigger")


@define
class StateCall:
    """One call that names a state of a group; `wanted` is the limit, or whether it is triggered."""

    word: str
    wanted: Any
    verdict: str = "unknown"

    @property
    def aspect(self) -> str:
        """What of the group it sets."""
        return "limit" if self.word == "set_limit" else "triggered"


def state_flow(process: Process, group: str, asked: StateCall) -> Any:
    """Return the flow of one such call."""
    groups, scope = process.world.contract.order_groups, ("group", group)
    if asked.word == "set_limit":
        call = groups.set_limit(group, asked.wanted, None, None)
    else:
        call = getattr(groups, asked.word)(group, None, None)
    stops = scope if asked.word == "trigger" else None
    return writes.send_idempotent(call, process.context, stops=stops, state_of=scope)


def contradictions(group: dict[str, Any], states: Sequence[StateCall]) -> list[str]:
    """Judge a group: as the call wanted it that was told done last, or one in doubt after that."""
    stands = {"limit": Decimal(group["limit"]), "triggered": group["triggered"]}
    found: list[str] = []
    for aspect, state in stands.items():
        calls = [asked for asked in states if asked.aspect == aspect]
        done = [number for number, asked in enumerate(calls) if asked.verdict == "accepted"]
        if not done:
            continue
        last, *later = calls[done[-1] :]
        allowed = [asked.wanted for asked in (last, *later) if asked.verdict != "not done"]
        if state not in allowed:
            words = f"the group's {last.word} was said done, and its {aspect} is {state}"
            found.append(f"wrong verdict: {words} in the end")
    return found
