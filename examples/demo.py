"""Trade on two embedded sandbox exchanges: every operation of both contracts, one line each.

Everything happens on this machine (loopback); no byte goes to the real exchange. Exits with 1
when an operation failed or was left out.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tour import classic, current
from tour.guide import Guide

from kalshi_ext import Kalshi
from kalshi_ext.sandbox import Sandbox


def start(stack: ExitStack) -> tuple[Sandbox, Sandbox]:
    """Start one sandbox for each contract, side by side."""
    boxes = Sandbox(contract="current"), Sandbox(contract="classic")
    with ThreadPoolExecutor(len(boxes)) as pool:
        list(pool.map(stack.enter_context, boxes))
    return boxes


def walk_current(box: Sandbox) -> Guide:
    """Walk the current contract, signing with the sandbox's private key."""
    print(f"\nCURRENT contract, sandbox at {box.url}, requests signed with an RSA key")
    with Kalshi(key_id=box.key_id, private_key=box.private_key, environment=box.url) as client:
        guide = Guide(client, box)
        guide.walk(current.CHAPTERS)
    return guide


def walk_classic(box: Sandbox) -> Guide:
    """Walk the classic contract, with a bearer token as its document says."""
    print(f"\nCLASSIC contract (2.x), sandbox at {box.url}, with a bearer token")
    with Kalshi(contract="classic", bearer_token=box.token, environment=box.url) as client:
        guide = Guide(client, box)
        guide.walk(classic.CHAPTERS)
    return guide


def conclude(guides: list[Guide], seconds: float) -> int:
    """Print the counts and return the exit status."""
    counts = [
        f"{len(guide.ran)} of {len(guide.client.session.contract.operations)} "
        f"{guide.client.session.contract.name}"
        for guide in guides
    ]
    print(f"\noperations run: {', '.join(counts)}; {seconds:.1f} s")
    wrong = [f"failed: {text}" for guide in guides for text in guide.failures]
    wrong += [f"never answered: {name}" for guide in guides for name in guide.missed()]
    for line in wrong:
        print(line)
    for guide in guides:
        for where, count in guide.client.drift().items():
            print(f"beyond the contract: {' '.join(where)}, {count} times")
    return 1 if wrong else 0


def main() -> int:
    """Run the demo."""
    started_at = time.monotonic()
    print("kalshi-ext demo: sandbox exchanges on loopback, NOT the exchange; no real money moves.")
    with ExitStack() as stack:
        boxes = start(stack)
        guides = [walk_current(boxes[0]), walk_classic(boxes[1])]
        return conclude(guides, time.monotonic() - started_at)


if __name__ == "__main__":
    sys.exit(main())
