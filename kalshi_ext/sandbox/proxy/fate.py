"""Let a fault befall a connection as a whole, whatever its bytes mean."""

from __future__ import annotations

from attrs import define

from kalshi_ext.sandbox.proxy.passage import Passage


@define
class Fate:
    """Count the bytes both ways and say how many more may pass."""

    passage: Passage

    def refuses(self) -> bool:
        """Tell whether the connection is broken as soon as it is there."""
        return self.passage.kind() == "refuse"

    def upward(self, data: bytes) -> tuple[bytes, bool]:
        """Give what may go to the exchange, and whether the connection breaks after it."""
        self.passage.received += len(data)
        if self.passage.kind() != "cut_up":
            return data, False
        return self._cut(data, self.passage.received)

    def downward(self, data: bytes) -> tuple[bytes, bool]:
        """Give what may go back to the client, and whether that was the last of it."""
        self.passage.answered += len(data)
        if self.passage.kind() not in ("cut_down", "stall"):
            return data, False
        return self._cut(data, self.passage.answered)

    def last_words(self) -> str | None:
        """Tell how the connection ends after its last bytes: with a reset, or not at all."""
        return None if self.passage.kind() == "stall" else "reset"

    def _cut(self, data: bytes, total: int) -> tuple[bytes, bool]:
        left = int(self.passage.option("at")) - (total - len(data))
        return data[: max(0, left)], len(data) >= left
