"""python -m sweepformer: the same as the installed command `sweepformer`."""

from sweepformer.commands.verbs import main

if __name__ == "__main__":
    main()
