"""python -m src.explain: what each word of a text adds to the answer of a finished run."""

from sweepformer.commands.explain import main

if __name__ == "__main__":
    main()
