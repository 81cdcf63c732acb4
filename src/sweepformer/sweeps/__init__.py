"""Sweeps: which runs there are, where each lives, what happens when one fails, which was best."""
