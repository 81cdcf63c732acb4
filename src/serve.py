"""python -m src.serve: answer over HTTP with a finished run."""

from sweepformer.commands.serve import main

if __name__ == "__main__":
    main()
