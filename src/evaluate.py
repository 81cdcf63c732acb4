"""python -m src.evaluate: how good a finished run is on labelled rows."""

from sweepformer.commands.evaluate import main

if __name__ == "__main__":
    main()
