"""python -m src.cache: show the tokenised data that runs share, or clear it."""

from sweepformer.commands.cache import main

if __name__ == "__main__":
    main()
