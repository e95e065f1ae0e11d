"""Measures that need weights of others: what they are called, how they are taken, how to have them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from manifests import DataError


@dataclass(frozen=True)
class Learned:
    """A measure that `gfr-eval score` takes when asked."""

    column: str  # of the scores, and by which it is known to be there
    name: str  # begins its part of a protocol: 'NAME by WEIGHTS'
    how: str  # it is taken
    option: str  # of gfr-eval score, with weights that can be had


LEARNED = (
    Learned(
        "identity_similarity",
        "identity similarity",
        "the cosine of the embeddings of restored and true face, aligned by the true landmarks; more is better",
        "--identity-weights sface",
    ),
    Learned(
        "lpips",
        "perceptual distance",
        "of restored and true image, all of it; less is better",
        "--lpips-weights vgg16-hed (or lpips)",
    ),
    Learned("dists", "DISTS", "of restored and true image, all of it; less is better", "--dists-weights dists"),
    Learned(
        "niqe",
        "NIQE",
        "of the restored image alone, on rounded luma (BT.601, 16 to 235), its four whole blocks of 96 px; less is "
        "better, and a sharp image of somebody else is as good",
        "--niqe-weights niqe",
    ),
    Learned(
        "features",
        "distance of sets",
        "KID, the unbiased MMD^2 with the kernel (x.y/d + 1)^3, mean ± deviation over 100 subsets of half the images, "
        "1,000 at most; Fréchet distance of the Gaussians of all; less is better. Only on inception-fid are these what "
        "others print, and only with as many images: both depend on their number",
        "--set-weights dlib-recognition (or inception-fid)",
    ),
)


def weights_of(protocols: Sequence[str]) -> dict[str, str]:
    """The weights that a measure was taken with, by its name.

    Raises DataError where it was taken with different ones: such numbers are not comparable.
    """
    found: dict[str, str] = {}
    for learned in LEARNED:
        start = f"{learned.name} by "
        parts = {part for protocol in protocols for part in protocol.split("; ") if part.startswith(start)}
        names = sorted(part.removeprefix(start) for part in parts)
        if len(names) > 1:
            raise DataError(f"{learned.name} was taken by {' and by '.join(names)}; score all with the same weights")
        found |= dict.fromkeys([learned.name], names[0]) if names else {}
    return found


def footnotes(rows: pd.DataFrame) -> Iterator[str]:
    """How each measure of scores was taken, and which were not, with what would take them."""
    weights = weights_of(rows["protocol"].unique().tolist())
    for learned in LEARNED:
        if learned.name in weights:
            yield f"{learned.name[:1].upper()}{learned.name[1:]} by {weights[learned.name]}: {learned.how}."
    if absent := [f"{one.name} ({one.option})" for one in LEARNED if one.name not in weights]:
        yield (
            f"Not measured here: {', '.join(absent)}. These are options of gfr-eval score; gfr-data weights get NAME "
            "gets what each needs."
        )
