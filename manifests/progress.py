"""How long work reports where it is: `progress(stage, done, total)`, called as often as is convenient."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
