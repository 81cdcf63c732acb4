"""A finished run handed to other runtimes: a folder that needs no sweepformer."""
