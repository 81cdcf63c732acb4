"""How good a finished run is on labelled rows, with its uncertainty, and where it errs."""
