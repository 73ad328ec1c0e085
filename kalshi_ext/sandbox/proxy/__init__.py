"""A TCP proxy that breaks connections on purpose, at any byte."""
