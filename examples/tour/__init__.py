"""A tour of every operation of both contracts on the sandbox."""
