"""Finished runs beside each other: which is better, how sure that is, and what it depends on. Loads no torch."""
