"""Do photograph and guide show the same person? Asked of SFace, where its weights are there."""

from gfr_model.networks.sface import SFace
from gfr_model.restoration.faces import Quality

WEIGHTS = "sface"  # name in the table of weights
# Least similarity of a person's photograph and guide, from that many cycles per face on that it shows; a face that
# shows fewer looks like nobody. Of 68 people's photographs 2% are below it with their own guide; with another's 97% of
# those with 16 cycles and half of the others (as tests/benchmarks/measure_need.py measures).
ALIKE = ((16.0, 0.25), (10.0, 0.1))


def open_persons() -> SFace | None:
    """The embedder, where its weights are there."""
    from manifests.weights import find

    weights = find(WEIGHTS)
    return SFace(weights) if weights is not None else None


def least_alike(quality: Quality) -> float | None:
    """The similarity below which two photographs are of two persons; None where the face is too poor to tell."""
    return next((alike for detail, alike in ALIKE if quality.detail >= detail), None)
