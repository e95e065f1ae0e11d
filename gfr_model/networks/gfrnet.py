"""GFRNet: the guide is aligned, then the face is restored with it (§3.1), or what the ablations leave of it (§4.5)."""

from dataclasses import replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from gfr_model.device import at_full_precision
from gfr_model.models import MODELS, Model
from gfr_model.networks.attentive import AttentiveRecNet, Shape
from gfr_model.networks.layers import Norm
from gfr_model.networks.points import Landmarks, PointsNet
from gfr_model.networks.recnet import RecNet
from gfr_model.networks.spline import similarity_flow, spline_flow
from gfr_model.networks.warp import inside, warp
from gfr_model.networks.warpnet import WarpNet
from gfr_model.networks.window import cut

Alignment = Literal["none", "similarity", "landmarks"]


class Restoration(NamedTuple):
    """What a network makes of a batch."""

    restored: Tensor  # (B, 3, S, S) in [0, 1], eq. 3; in training perhaps a window of it
    warped: Tensor | None = None  # (B, 3, S, S) in [0, 1], the warped guidance, eq. 2
    flow: Tensor | None = None  # (B, 2, S, S), eq. 1: positions in the guide, [-1, 1] is its frame
    target_landmarks: Landmarks | None = None  # found in the observation, where a PointsNet aligns
    guide_landmarks: Landmarks | None = None  # found in the guide
    # Of several guides `warped`, `flow` and `guide_landmarks` are the first's, these what was found in the others.
    further_landmarks: tuple[Landmarks, ...] = ()
    # In training what else a baseline's own paper compares with the truth: (B, 3, s, s) each, perhaps smaller.
    further: tuple[Tensor, ...] = ()


class Aligned(NamedTuple):
    """How a guide lies under an observation."""

    flow: Tensor | None  # (B, 2, S, S), None where nothing aligns
    landmarks: Landmarks | None  # found in the guide


class GfrNet(nn.Module):
    """Restores a degraded face with the help of another photograph of the same person."""

    def __init__(
        self,
        made_of: Model = MODELS["full"],
        width: int = 64,  # channels after the first convolution, before widening
        norm: Norm = "instance",
        output_skip: bool = False,  # see RecNet
        image_size: int = 256,  # px, a power of two
        *,
        alignment: Alignment = "none",  # what comes before WarpNet: nothing (the paper), or a PointsNet's landmarks
        attentive: Shape | None = None,  # of an AttentiveRecNet in RecNet's place; `width` counts, not its own
        validity: bool = True,  # it is told where a guide shows nothing
        warp_size: int = 0,  # px at which WarpNet works; 0: image_size
        points_width: int = 32,  # of PointsNet
        points_hidden: int = 0,  # of its correction; 0: none
        self_ensemble: bool = False,  # outside training the mirror image is restored too, and the mean of both returned
        positions: bool = False,  # see WarpNet
    ) -> None:
        super().__init__()
        width *= made_of.widening
        self.image_size, self.guided, self.alignment = image_size, made_of.guided, alignment
        self.self_ensemble = self_ensemble
        self.takes_several = attentive is not None and made_of.guided  # guides at once
        self.validity = validity
        aligned = made_of.guided and alignment != "none"
        self.points = PointsNet(points_width, points_hidden).requires_grad_(False).eval() if aligned else None
        self.warpnet = WarpNet(width, norm, image_size, warp_size, positions) if made_of.warps else None
        self.recnet: AttentiveRecNet | RecNet
        if attentive is not None:
            self.recnet = AttentiveRecNet(replace(attentive, width=width), made_of.guided)
        else:
            self.recnet = RecNet(width, norm, image_size, 6 if made_of.guided else 3, output_skip)

    def forward(self, degraded: Tensor, guide: Tensor, corner: Tensor | None = None, window: int = 0) -> Restoration:
        """Restore `degraded` (B, 3, S, S) in [0, 1] with `guide`, which has the same shape and range.

        Where `takes_several` a guide may be K of them, the best first: (B, K, 3, S, S). With `window` only that many px
        from `corner` (B, 2) on are restored: training so costs less. What aligns sees everything all the same.
        """
        guides = guide.unbind(1) if self.takes_several and guide.ndim == 5 else (guide,)
        for one in guides:
            check_images(degraded, one, self.image_size)
        if not self.guided:
            return Restoration(self.restore(_part(degraded, corner, window)))
        found = self.find(degraded)
        aligned = [self.align(degraded, one, found) for one in guides]
        warped, valid = zip(*map(_warped, guides, aligned), strict=True)
        shown = _as_one(valid) if self.validity else torch.ones_like(_as_one(valid))
        seen = (_part(images, corner, window) for images in (degraded, _as_one(warped), shown))
        restored, (flow, landmarks) = self.restore(*seen), aligned[0]
        further = tuple(at.landmarks for at in aligned[1:] if at.landmarks is not None)
        return Restoration(restored, None if flow is None else warped[0], flow, found, landmarks, further)

    def restore(self, *seen: Tensor) -> Tensor:
        """RecNet's image of what it sees; outside training perhaps the mean of that and of its mirror image's."""
        if self.training or not self.self_ensemble:
            return self.recnet(*seen)
        both = self.recnet(*(torch.cat((images, images.flip(-1))) for images in seen))
        plain, mirrored = both.chunk(2)
        return (plain + mirrored.flip(-1)) / 2

    def find(self, images: Tensor) -> Landmarks | None:
        """The landmarks of (B, 3, S, S) in [0, 1], None where nothing finds them."""
        return None if self.points is None else self.points.find(images)

    def align(self, degraded: Tensor, guide: Tensor, found: Landmarks | None) -> Aligned:
        """Align the guide with the observation, whose landmarks are `found`."""
        landmarks = self.find(guide)
        coarse = self.coarse(found, landmarks)
        return Aligned(coarse if self.warpnet is None else self.warpnet(degraded, guide, coarse), landmarks)

    def coarse(self, found: Landmarks | None, guides: Landmarks | None) -> Tensor | None:
        """The flow (B, 2, S, S) through the landmarks of observation and guide, None where these are not found."""
        if found is None or guides is None:
            return None
        # A spline is a small difference of large terms: in bfloat16 it would be px off.
        with at_full_precision(found.points.device):
            if self.alignment == "landmarks":
                return spline_flow(found.points, guides.points, self.image_size, spread=found.spread)
            return similarity_flow(found.points, guides.points, self.image_size)

    def train(self, mode: bool = True) -> "GfrNet":
        """As always; but PointsNet, which is trained before and apart, keeps its averages."""
        super().train(mode)
        if self.points is not None:
            self.points.eval()
        return self


def _warped(guide: Tensor, aligned: Aligned) -> tuple[Tensor, Tensor]:
    """The guide (B, 3, S, S) as the observation lies, and where it shows something, (B, 1, S, S)."""
    flow = aligned.flow
    inner = torch.ones_like(guide[:, :1]) if flow is None else inside(flow)
    return guide if flow is None else warp(guide, flow), inner * shows_something(guide)


def _as_one(images: tuple[Tensor, ...]) -> Tensor:
    """One (B, C, S, S) as it is, K of them as (B, K, C, S, S)."""
    return images[0] if len(images) == 1 else torch.stack(images, dim=1)


def _part(images: Tensor, corner: Tensor | None, window: int) -> Tensor:
    return cut(images, corner, window) if window and corner is not None else images


def shows_something(guide: Tensor) -> Tensor:
    """1 for a guide (B, 3, S, S), 0 for one of a single colour, which stands for none: (B, 1, 1, 1)."""
    values = guide.flatten(1)
    return (values.amax(1) > values.amin(1)).to(guide.dtype)[:, None, None, None]


def check_images(degraded: Tensor, guide: Tensor, size: int) -> None:
    """Raise ValueError unless both are (B, 3, size, size) with one B."""
    for name, image in (("degraded", degraded), ("guide", guide)):
        if tuple(image.shape[1:]) != (3, size, size) or image.shape[0] != degraded.shape[0]:
            wanted = f"({degraded.shape[0]}, 3, {size}, {size})"
            raise ValueError(f"{name} must have shape {wanted}, but is {tuple(image.shape)}")
