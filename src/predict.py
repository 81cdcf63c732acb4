"""python -m src.predict: answer for the rows of a file with a finished run."""

from sweepformer.commands.predict import main

if __name__ == "__main__":
    main()
