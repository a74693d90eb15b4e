"""The one exception that a user sees as a message instead of a traceback."""


class UserError(Exception):
    """Something the user can put right: names the thing, its value and what is allowed. The CLI exits with 2."""
