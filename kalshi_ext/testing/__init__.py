"""Test your own trading code against the sandbox exchange."""
