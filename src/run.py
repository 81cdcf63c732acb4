"""python -m src.run: train one run, or with -m a sweep."""

from sweepformer.commands.run import main

if __name__ == "__main__":
    main()
