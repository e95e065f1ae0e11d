"""One picture of how guides help: what the network saw, found and made, and what other guides would have changed."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gfr_model.device import open_device
from gfr_model.inference import TrainedModel, load_model
from gfr_model.networks.gfrnet import Restoration
from gfr_model.networks.points import Landmarks
from gfr_model.restoration.doubt import doubt, spread_of
from gfr_model.restoration.faces import Vision, look
from gfr_model.restoration.guides import Choice, choose, read_guides
from gfr_model.restoration.jobs import require_apart
from gfr_model.restoration.restore import (
    MOST_GUIDES,
    no_guide,
    pick,
    restore_crop,
    restored_image,
    run_network,
    to_image,
)
from manifests import ConfigError, DataError, hash_file
from manifests.files import write_lone

SIDE = 3.2  # inches of a cell
LINES = 17  # of the grid, along each side
BRIGHT = 110  # grey levels to which the largest differences are amplified
LARGEST = 99.5  # percentile of the differences that counts as the largest
MOST_AMPLIFIED = 20


@dataclass(frozen=True)
class ExplainConfig:
    photo: Path
    guide: Path  # a photograph, or a folder of one person's
    out: Path  # .png
    run: Path = Path("default")
    other_guide: Path | None = None  # of another person
    face: str = "largest"
    most_guides: int = MOST_GUIDES  # at once, where the network takes several
    device: str = "cpu"
    overwrite: bool = False


@dataclass(frozen=True)
class Explained:
    """What the picture shows, in numbers."""

    out: str
    guide: str
    why: str  # this guide of those given
    doubt: str  # why `restore` leaves the guide aside; empty where it does not
    spread: dict[str, float]  # mean spread of the inner points of photograph and guide, [-1, 1] is the image
    change: dict[str, float]  # mean difference from the output, in grey levels, by the guide in the guides' place
    brought: dict[str, float]  # of several guides, by file: the same without it

    def text(self) -> str:
        """For a person."""
        lines = [f"guide {self.guide}: {self.why}"]
        lines += [f"restore leaves it aside: it {self.doubt}"] if self.doubt else []
        lines += [f"{name}: the output changes by {value:.2f} grey levels" for name, value in self.change.items()]
        lines += [f"without {name}: by {value:.2f} grey levels" for name, value in self.brought.items()]
        return "\n".join(lines)


@dataclass(frozen=True)
class Cell:
    """A part of the picture."""

    title: str
    image: np.ndarray  # (S, S, 3) uint8
    draw: Callable[[Any], None] = lambda axes: None  # what lies over it, in px


def explain(config: ExplainConfig, open_vision: Callable[[], Vision]) -> Explained:
    """Write the picture of `config`. Raises ConfigError or DataError when there is nothing to show, or OUT exists."""
    if config.out.suffix.lower() != ".png":
        raise ConfigError(f"--out {config.out} must end in .png")
    if config.face == "all":
        raise ConfigError("one face is explained at a time: --face largest, or a number")
    require_apart([config.out], filter(None, [config.photo, config.guide, config.other_guide]))
    if config.out.exists() and not config.overwrite:
        raise DataError(f"{config.out} exists already; give another --out, or --overwrite")
    model, vision = load_model(config.run, open_device(config.device)), open_vision()
    if not model.network.guided:
        raise ConfigError(f"{model.name} uses no guide; there is nothing to explain")
    seen, choice, output = _see(config, model, vision)
    guides = {str(guide.path): guide.image for guide in choice.guides}
    alone = [run_network(model, seen, image) for image in guides.values()]  # each is aligned for itself
    others = {"a grey guide": no_guide(seen)}
    if config.other_guide is not None:
        others["another person's guide"] = _first_guide(config.other_guide, model, vision)
    replaced = {name: _output(model, seen, {name: image}) for name, image in others.items()}
    rests = {name: {other: guides[other] for other in guides if other != name} for name in guides}
    without = {name: _output(model, seen, rest) for name, rest in rests.items() if rest}
    changes = {name: output.astype(np.float32) - image for name, image in (replaced | without).items()}
    write_lone(config.out, draw(_rows(seen, guides, alone, output, replaced, changes)))
    found = {"photograph": alone[0].target_landmarks, "guide": alone[0].guide_landmarks}
    sizes = {name: round(float(np.abs(change).mean()), 3) for name, change in changes.items()}
    return Explained(
        str(config.out),
        next(iter(guides)),
        choice.why,
        doubt(alone[0]),
        {name: round(spread_of(points), 4) for name, points in found.items() if points is not None},
        {name: sizes[name] for name in replaced},
        {name: sizes[name] for name in without},
    )


def draw(rows: list[list[Cell]]) -> bytes:
    """Lay out rows of cells with their titles; returns a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = max(len(row) for row in rows)
    figure = Figure(figsize=(columns * SIDE, len(rows) * (SIDE + 0.3)), layout="constrained")
    FigureCanvasAgg(figure)
    places = figure.subplots(len(rows), columns, squeeze=False)
    for axes in places.flat:
        axes.set_axis_off()
    for cells, line in zip(rows, places, strict=True):
        for cell, axes in zip(cells, line, strict=False):
            size = cell.image.shape[0]
            axes.imshow(cell.image)
            axes.set_title(cell.title, fontsize=9)
            cell.draw(axes)
            axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def _see(config: ExplainConfig, model: TrainedModel, vision: Vision) -> tuple[np.ndarray, Choice, np.ndarray]:
    """The crop of the photograph's face, the guides that `restore` takes or else the best, and the output with them."""
    image = vision.read(config.photo)
    found = look(image, vision)
    if not found:
        raise DataError(f"{config.photo}: no face was found; crop it closely around the face, then retry")
    face = pick(found, config.face)[0]
    size = model.config.image_size
    guides, seen = read_guides(config.guide, vision, size), vision.cut(image, face.square, size)
    photo_hash = hash_file(config.photo)
    made = restore_crop(model, seen, face, guides, photo_hash, config.most_guides)
    if made.choice is not None and made.choice.guides:
        return seen, made.choice, made.restored
    best = choose(guides, face, photo_hash)
    return seen, best, _output(model, seen, {str(guide.path): guide.image for guide in best.guides})


def _first_guide(path: Path, model: TrainedModel, vision: Vision) -> np.ndarray:
    guides = read_guides(path, vision, model.config.image_size)
    if not guides.usable:
        raise DataError(guides.problems[0])
    return guides.usable[0].image


def _output(model: TrainedModel, seen: np.ndarray, guides: Mapping[str, np.ndarray]) -> np.ndarray:
    return restored_image(seen, run_network(model, seen, *guides.values()))


def _rows(
    seen: np.ndarray,
    guides: Mapping[str, np.ndarray],
    alone: Sequence[Restoration],
    output: np.ndarray,
    replaced: Mapping[str, np.ndarray],
    changes: Mapping[str, np.ndarray],
) -> list[list[Cell]]:
    """Input and output; a row for each guide, from `alone`, what each alone made; what others made in their place."""
    largest = max(float(np.percentile(np.abs(change), LARGEST)) for change in changes.values())
    factor = int(np.clip(BRIGHT / max(largest, 1.0), 1, MOST_AMPLIFIED))  # one for all, so that they compare

    def amplified(title: str, name: str) -> Cell:
        shown = (128 + factor * changes[name]).clip(0, 255).astype(np.uint8)
        return Cell(f"{title},\n{factor} times, grey is 0", shown)

    rows = [[Cell("input", seen), *_points("input", seen, alone[0].target_landmarks), Cell("output", output)]]
    for (name, image), made in zip(guides.items(), alone, strict=True):
        brings = [amplified("what it brings beside the others", name)] if name in changes else []
        rows.append(
            [
                Cell(f"guide {Path(name).name[-24:]}", image),
                *_points("guide", image, made.guide_landmarks),
                *_aligned(image, made),
                *brings,
            ]
        )
    last = [
        (Cell(f"output with {name}", image), amplified("the output minus that", name))
        for name, image in replaced.items()
    ]
    return [*rows, [cell for both in last for cell in both]]


def _points(name: str, image: np.ndarray, found: Landmarks | None) -> list[Cell]:
    """An image with its landmarks, where the network finds them."""
    if found is None:
        return []
    unsure = spread_of(found) * image.shape[0] / 2
    title = f"points of the {name}; circles say\nhow unsure: on average {unsure:.1f} px"
    return [Cell(title, image, _circles(found, image.shape[0]))]


def _aligned(guide: np.ndarray, made: Restoration) -> list[Cell]:
    """The flow and the warped guide, where the network warps."""
    if made.flow is None or made.warped is None:
        return []
    flow = Cell("flow: where the output's grid looks in the guide", guide, _grid(made.flow[0].cpu().numpy()))
    return [flow, Cell("warped guide", to_image(made.warped))]


def _circles(found: Landmarks, size: int) -> Callable[[Any], None]:
    points, spread = found.points[0].cpu().numpy(), found.spread[0].cpu().numpy()
    half = (size - 1) / 2

    def over(axes: Any) -> None:
        from matplotlib.patches import Circle

        for (x, y), width in zip((points + 1) * half, spread * half, strict=True):
            axes.add_patch(Circle((x, y), width, fill=False, color="deepskyblue", linewidth=0.7))
        axes.plot(*((points + 1) * half).T, ".", color="yellow", markersize=2)

    return over


def _grid(flow: np.ndarray) -> Callable[[Any], None]:
    """Lines of the output's grid where `flow` (2, S, S) looks for them in the guide."""
    size = flow.shape[-1]
    at = (flow + 1) * (size - 1) / 2
    lines = np.linspace(0, size - 1, LINES).round().astype(int)

    def over(axes: Any) -> None:
        for line in lines:
            axes.plot(at[0, line], at[1, line], color="yellow", linewidth=0.6)
            axes.plot(at[0, :, line], at[1, :, line], color="yellow", linewidth=0.6)

    return over
