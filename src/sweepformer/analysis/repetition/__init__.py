"""Repeating a run from its directory (`--from-run`), and saying whether the result is the same."""
