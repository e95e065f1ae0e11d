"""Losses of a batch by name, each with its weight, as the objective is put together of them."""

from torch import Tensor

Parts = dict[str, tuple[float, Tensor]]  # name -> (weight, loss)


def total(parts: Parts) -> Tensor:
    """The weighted sum of at least one part."""
    first, *others = (weight * loss for weight, loss in parts.values())
    return sum(others, start=first)


def values_of(parts: Parts) -> dict[str, Tensor]:
    """Each loss without its weight and its graph."""
    return {name: loss.detach() for name, (_, loss) in parts.items()}
