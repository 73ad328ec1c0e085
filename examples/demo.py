"""Trade on two embedded sandbox exchanges: every operation of both contracts, one line each.

Everything happens on this machine (loopback); no byte goes to the real exchange. Exits with 1
when an operation failed or was left out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tour import classic, current
from tour.guide import Guide

from kalshi_ext import Kalshi
from kalshi_ext.sandbox import Sandbox

Say = Callable[[str], None]


def tours(say: Say) -> tuple[Guide, Guide]:
    """Start one sandbox for each contract, side by side, and walk through both."""
    boxes = Sandbox(contract="current"), Sandbox(contract="classic")
    with ExitStack() as stack:
        with ThreadPoolExecutor(len(boxes)) as pool:
            list(pool.map(stack.enter_context, boxes))
        return walk_current(boxes[0], say), walk_classic(boxes[1], say)


def walk_current(box: Sandbox, say: Say) -> Guide:
    """Walk the current contract, signing with the sandbox's private key."""
    say(f"\nCURRENT contract, sandbox at {box.url}, requests signed with an RSA key")
    with Kalshi(key_id=box.key_id, private_key=box.private_key, environment=box.url) as client:
        guide = Guide(client, box, say)
        guide.walk(current.CHAPTERS)
    return guide


def walk_classic(box: Sandbox, say: Say) -> Guide:
    """Walk the classic contract, with a bearer token as its document says."""
    say(f"\nCLASSIC contract (2.x), sandbox at {box.url}, with a bearer token")
    with Kalshi(contract="classic", bearer_token=box.token, environment=box.url) as client:
        guide = Guide(client, box, say)
        guide.walk(classic.CHAPTERS)
    return guide


def faults(guides: Sequence[Guide]) -> list[str]:
    """List what failed and what the exchange was never asked for."""
    wrong = [f"failed: {text}" for guide in guides for text in guide.failures]
    wrong += [f"never answered: {name}" for guide in guides for name in guide.missed()]
    for guide in guides:
        for where, count in guide.client.drift().items():
            wrong.append(f"beyond the contract: {' '.join(where)}, {count} times")
    return wrong


def main() -> int:
    """Run the demo."""
    began = time.monotonic()
    print("kalshi-ext demo: sandbox exchanges on loopback, NOT the exchange; no real money moves.")
    guides = tours(print)
    counts = ", ".join(guide.count() for guide in guides)
    print(f"\noperations run: {counts}; {time.monotonic() - began:.1f} s")
    wrong = faults(guides)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
