"""Restore the faces of one photograph: find, crop as in training, choose a guide, restore, blend back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from gfr_model.device import at_precision, multiplies_bfloat16, repeatable
from gfr_model.inference import TrainedModel
from gfr_model.networks.gfrnet import Restoration
from gfr_model.networks.sface import SFace
from gfr_model.pictures import grid, to_levels
from gfr_model.restoration.blend import blend
from gfr_model.restoration.colour import change_brightness_alone, tint_of
from gfr_model.restoration.doubt import doubts, five_points, unbent
from gfr_model.restoration.faces import FoundFace, Quality, Vision, look
from gfr_model.restoration.guides import Choice, Guide, Guides, choose
from gfr_model.restoration.identity import least_alike
from gfr_model.restoration.need import explain_room, explain_strength, need_of, weakened
from manifests import ConfigError, DataError

MOST_PIXELS = 250_000_000  # of a result that is enlarged


MOST_GUIDES = 4  # that serve at once, unless another number is asked for


@dataclass(frozen=True)
class Options:
    """What to restore, and how. Raises ConfigError for a number that is none."""

    face: str = "largest"  # or 'all', or a number: faces count from the left, from 1 on
    enlarge: int = 1  # size of the result over the photograph's: a small face needs pixels for what it regains
    strength: float | None = None  # share of the network's change that is applied, 0 to 1; None: what the face needs
    most_guides: int = MOST_GUIDES  # that serve at once, the best fitting first, where the network takes several

    def __post_init__(self) -> None:
        """Check what no command's option has checked."""
        if self.most_guides < 1:
            raise ConfigError(f"most_guides is {self.most_guides}, must be at least 1; for none, give no guide")


@dataclass(frozen=True)
class RestoredFace:
    """One face, as the network saw and made it; each image (S, S, 3) uint8 RGB."""

    seen: np.ndarray
    restored: np.ndarray
    warped: np.ndarray | None
    choice: Choice | None  # None for a network without guide
    need: float = 1.0  # share of the change that does this face good, as estimated
    strength: float = 1.0  # share of it that is applied
    notes: tuple[str, ...] = ()  # sentences about what was done to it

    @property
    def change(self) -> float:
        """How much was changed, in grey levels, mean over the crop."""
        return float(np.abs(self.restored.astype(np.float32) - self.seen).mean())

    @property
    def guide(self) -> Guide | None:
        """The one that served."""
        return None if self.choice is None else self.choice.guide


@dataclass(frozen=True)
class RestoredPhotograph:
    image: np.ndarray  # (H, W, 3) uint8 RGB, upright
    faces: tuple[RestoredFace, ...]
    notes: tuple[str, ...]  # lines for a person


def restore_photograph(
    image: np.ndarray,
    photo_hash: str,
    guides: Guides | None,
    model: TrainedModel,
    vision: Vision,
    options: Options,
    persons: SFace | None = None,
) -> RestoredPhotograph:
    """Restore `image` (H, W, 3) uint8 RGB. guides: None where there are none; persons: tells whether theirs is its.

    Raises DataError when there is no face, no such face, or no usable guide for a network that needs one.
    """
    found = look(image, vision)
    if not found:
        raise DataError("no face was found; crop the photograph closely around the face, then retry")
    picked = pick(found, options.face)
    notes = _notes(found, picked, guides)
    size = model.config.image_size
    result = enlarged(image, options.enlarge)
    faces: list[RestoredFace] = []
    for face in picked:
        square = face.square.enlarged(options.enlarge)
        # The first is cropped from the photograph itself, not from its enlarged copy, which would filter it twice. The
        # others are shown what changed before, or it would be changed again where squares overlap.
        seen = vision.cut(result, square, size) if faces else vision.cut(image, face.square, size)
        made = restore_crop(model, seen, face, guides, photo_hash, options.most_guides)
        quality = vision.measure(image, face.square)
        if persons is not None:
            made = replace(made, notes=(*made.notes, *_other_persons(made, face, quality, persons)))
        room = explain_room(face.square.width, size, options.enlarge)
        faces.append(_with_strength(made, need_of(quality), options.strength, room))
        result = blend(result, seen, faces[-1].restored, square)
    return RestoredPhotograph(result, tuple(faces), notes)


def pick(found: Sequence[FoundFace], which: str) -> list[FoundFace]:
    """The faces that `which` names: 'largest', 'all', or a number from 1 on. Raises DataError for a number too high."""
    if which == "all":
        return list(found)
    if which == "largest":
        return [max(found, key=lambda face: face.square.width)]
    number = int(which)
    if number > len(found):
        raise DataError(f"--face {number}, but there are only {len(found)} faces, counted from the left")
    return [found[number - 1]]


def restore_crop(
    model: TrainedModel, seen: np.ndarray, face: FoundFace, guides: Guides | None, photo_hash: str, most_guides: int = 1
) -> RestoredFace:
    """Restore one crop (S, S, 3) uint8 with the guides that fit best of those that the network can use.

    Without any it is restored without, and the choice says why. Raises DataError where the network can't do that.
    """
    if guides is None:
        choice = Choice((), "none was given") if model.network.guided else None
        return _restored_face(seen, run_network(model, seen, no_guide(seen)), choice)
    if face.keypoints is None:
        found = run_network(model, seen, no_guide(seen)).target_landmarks
        face = face if found is None else replace(face, keypoints=five_points(found))
    most = most_guides if model.takes_several else 1
    aside: list[str] = []
    while True:
        try:
            choice = choose(guides, face, photo_hash, most)
        except DataError as error:
            if model.needs_guide:
                raise
            return _restored_face(seen, run_network(model, seen, no_guide(seen)), Choice((), str(error)))
        made = run_network(model, seen, *(guide.image for guide in choice.guides))
        doubtful = [(guide, why) for guide, why in zip(choice.guides, doubts(made), strict=False) if why]
        if not doubtful:
            return _restored_face(seen, made, replace(choice, why="; ".join([choice.why, *aside])))
        for guide, why in doubtful:
            aside.append(f"{guide.path} {why}, and is left aside")
            guides = guides.without(guide, f"{guide.path} {why}")


def run_network(model: TrainedModel, seen: np.ndarray, *guides: np.ndarray) -> Restoration:
    """What the network makes of one crop and its guides, the best first, (S, S, 3) uint8 each.

    Raises DataError when it gives values that are not finite.
    """
    device = next(model.network.parameters()).device
    shown = [_to_batch(guide, device) for guide in guides]
    with torch.inference_mode(), repeatable(), at_precision(_precision(model, device), device):
        made: Restoration = model.network(
            _to_batch(seen, device), shown[0] if len(shown) == 1 else torch.stack(shown, dim=1)
        )
    if not torch.isfinite(made.restored).all():
        raise DataError(f"{model.name} gave values that are not finite; use another checkpoint of its run")
    return made


def _precision(model: TrainedModel, device: torch.device) -> str:
    """bfloat16 for a network that was trained in it and adds to what it sees, where the processor multiplies it.

    Results differ from float32's by 2 grey levels at most, and in 5% of the values, and take 72% of the time; those of
    a U-Net, which adds to nothing, would be rounded to bfloat16's 8 bits.
    """
    fits = model.config.precision == "bfloat16" and model.config.recnet == "attentive"
    return "bfloat16" if fits and multiplies_bfloat16(device) else "float32"


def no_guide(seen: np.ndarray) -> np.ndarray:
    """The image of one colour that stands for no guide."""
    return np.full_like(seen, 128)


def restored_image(seen: np.ndarray, made: Restoration) -> np.ndarray:
    """The restored crop (S, S, 3) uint8; of a crop without colour only the brightness changes."""
    restored, tint = to_image(made.restored), tint_of(seen)
    return restored if tint is None else change_brightness_alone(seen, restored, tint)


def comparison(faces: Sequence[RestoredFace]) -> np.ndarray:
    """Input, guide, warped guide and output side by side, a row for each face, with titles; (H, W, 3) uint8."""
    columns = {"input": [face.seen for face in faces]}
    guides = [no_guide(face.seen) if face.guide is None else face.guide.image for face in faces]
    if any(face.guide is not None for face in faces):
        columns["guide"] = guides
    if any(face.warped is not None for face in faces):
        shown = zip(faces, guides, strict=True)
        columns["warped guide"] = [guide if face.warped is None else face.warped for face, guide in shown]
    columns["output"] = [face.restored for face in faces]
    return grid({title: np.stack(images) for title, images in columns.items()})


def _restored_face(seen: np.ndarray, made: Restoration, choice: Choice | None) -> RestoredFace:
    served = choice is not None and choice.guide is not None
    warped = to_image(made.warped) if served and made.warped is not None else None
    notes = tuple(filter(None, [unbent(made) if served else ""]))
    return RestoredFace(seen, restored_image(seen, made), warped, choice, notes=notes)


def _with_strength(face: RestoredFace, need: float, asked: float | None, room: str) -> RestoredFace:
    strength = need if asked is None else asked
    restored = weakened(face.seen, face.restored, strength)
    lines = [room if strength > 0 else "", explain_strength(strength, asked is not None)]
    notes = (*face.notes, *filter(None, lines))
    return replace(face, restored=restored, need=need, strength=strength, notes=notes)


def _other_persons(made: RestoredFace, face: FoundFace, quality: Quality, persons: SFace) -> list[str]:
    """A warning for each guide that seems to show another person than the photograph; none where nobody can tell."""
    least = least_alike(quality)
    if least is None or face.keypoints is None or made.choice is None:
        return []
    one = persons.embed(made.seen, face.square.to_crop(face.keypoints, made.seen.shape[0]))
    warnings = []
    for guide in made.choice.guides:
        other = None if guide.keypoints is None else persons.embed(guide.image, guide.keypoints)
        if one is not None and other is not None and (alike := float(one @ other)) < least:
            warnings.append(
                f"warning: {guide.path.name} seems to show another person (similarity {alike:.2f}, at least {least})"
            )
    return warnings


def _notes(found: Sequence[FoundFace], picked: Sequence[FoundFace], guides: Guides | None) -> tuple[str, ...]:
    notes = []
    if found[0].keypoints is None:
        notes.append("no face was found; the picture is small and square, so it is taken for a crop of a face")
    if len(picked) < len(found):
        rank = 1 + next(number for number, face in enumerate(found) if face is picked[0])
        notes.append(f"{len(found)} faces; number {rank} from the left is restored (--face all or a number for others)")
    if len(picked) > 1 and guides is not None:
        notes.append(f"{len(picked)} faces are restored with guides of one person; use --face for that person's alone")
    return tuple(notes)


def enlarged(image: np.ndarray, factor: int) -> np.ndarray:
    """A photograph (H, W, 3) uint8, `factor` times as high and wide. Raises DataError where that is too large."""
    from PIL import Image

    if factor == 1:
        return image
    height, width = image.shape[:2]
    size = (width * factor, height * factor)
    if size[0] * size[1] > MOST_PIXELS:
        raise DataError(
            f"--enlarge {factor} would make {size[0]} x {size[1]} px; at most {MOST_PIXELS / 1e6:.0f} megapixels"
        )
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def _to_batch(image: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1)[None].float() / 255


def to_image(batch: torch.Tensor) -> np.ndarray:
    """The first image of a batch (B, 3, S, S) in [0, 1] as (S, S, 3) uint8."""
    return to_levels(batch)[0].permute(1, 2, 0).cpu().numpy()
