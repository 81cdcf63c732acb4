"""The parts of benchmarks.reliability: each disturbs runs in its own way, and counts what was lost."""
