"""The one exception that means "the user can mend this"."""


class UserError(Exception):
    """A mistake in the input: one sentence that names the file or field, what was expected and what to do.

    The command line prints it without a traceback and exits with status 2.
    """
