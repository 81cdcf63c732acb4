"""python -m src.export: hand a finished run to another runtime."""

from sweepformer.commands.export import main

if __name__ == "__main__":
    main()
