"""The exception that the command line shows as a message instead of a traceback."""


class UserError(Exception):
    """An error that the user can fix. Its message names the thing, its value and what is allowed."""

    exit_code = 2
