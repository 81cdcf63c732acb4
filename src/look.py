"""python -m src.look: what your own files hold, and the command that trains on them."""

from sweepformer.commands.look import main

if __name__ == "__main__":
    main()
