"""What goes wrong through no fault of the program."""


class UserError(Exception):
    """A mistake in a command, a config or a data file.

    The message is all that the user sees, so it says what was given, where (key, file, row), what is
    allowed and what to do. Anything that is not a UserError is a bug of ours, and keeps its traceback.
    """


class SweepTerminated(SystemExit):
    """SIGTERM has told a sweep to end, and with it the run that is trained in its own process."""


class Diverged(UserError):
    """The loss is infinite or not a number: the settings are such that nothing is learned."""
