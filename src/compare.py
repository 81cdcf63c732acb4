"""python -m src.compare: rank finished runs, say which differ, and what that depends on."""

from sweepformer.commands.compare import main

if __name__ == "__main__":
    main()
