"""Mutations and rewrites of the contracts, each with the verdict that is expected of the differ.

The expected verdict is reasoned from the wire, in *_mutations.py. Only `oracle` and
`small_contract`, which run the differ, import it.
"""
