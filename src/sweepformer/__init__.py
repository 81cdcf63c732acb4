"""Train, sweep and compare transformer encoders on labelled sequences."""
