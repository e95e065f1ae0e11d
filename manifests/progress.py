"""How long work reports where it is: `progress(stage, done, total)`, called as often as is convenient."""

from typing import Protocol


class Progress(Protocol):
    """Told how far a stage is."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """`done` of `total` in a stage; `note` is what else a person may want to see there, as a loss."""


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """Report nothing."""
