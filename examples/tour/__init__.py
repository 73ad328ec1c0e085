"""A walk through every operation of both contracts on the sandbox exchange."""
