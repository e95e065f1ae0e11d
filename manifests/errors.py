"""The project's exceptions. Each carries one line for a person: what is wrong, where, what to do."""


class GfrError(Exception):
    """Base of every error that this project raises on purpose; a command ends with `exit_code`."""

    exit_code = 1


class ConfigError(GfrError):
    """A setting that cannot be used: unknown, out of range, or at odds with another."""

    exit_code = 2


class DataError(GfrError):
    """Data or an environment that cannot be used: a missing file, a broken table, a full disk."""

    exit_code = 1
