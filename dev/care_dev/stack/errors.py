"""The one error that the stack raises: its text is the line a person reads, and says what to do."""


class StackError(Exception):
    """The stack, or a part of it, cannot run; `str(error)` is meant for the console as it is."""
