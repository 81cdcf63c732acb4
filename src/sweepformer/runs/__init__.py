"""Runs on disk: their directories, what makes each what it is, finding and ranking them."""
