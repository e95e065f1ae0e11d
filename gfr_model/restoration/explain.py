"""One picture of how a guide helps: what the network saw, found and made, and what another guide would have changed."""

import io
from collections.abc import Callable
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
from gfr_model.restoration.restore import no_guide, pick, restored_image, run_network, to_image
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
    change: dict[str, float]  # mean difference from the own guide's output, in grey levels, by the guide in its place

    def text(self) -> str:
        """For a person."""
        lines = [f"guide {self.guide}: {self.why}"]
        lines += [f"restore leaves it aside: it {self.doubt}"] if self.doubt else []
        lines += [f"{name}: the output changes by {value:.2f} grey levels" for name, value in self.change.items()]
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
    seen, choice = _see(config, model, vision)
    assert choice.guide is not None
    made = run_network(model, seen, choice.guide.image)
    output = restored_image(seen, made)
    others = {"a grey guide": no_guide(seen)}
    if config.other_guide is not None:
        others["another person's guide"] = _first_guide(config.other_guide, model, vision)
    outputs = {name: restored_image(seen, run_network(model, seen, image)) for name, image in others.items()}
    aligned = [*_aligned(choice.guide.image, made), Cell("output", output)]
    write_lone(config.out, draw([_found(seen, choice.guide.image, made), aligned, _compared(output, outputs)]))
    found = {"photograph": made.target_landmarks, "guide": made.guide_landmarks}
    return Explained(
        str(config.out),
        str(choice.guide.path),
        choice.why,
        doubt(made),
        {name: round(spread_of(points), 4) for name, points in found.items() if points is not None},
        {name: round(float(np.abs(_difference(image, output)).mean()), 3) for name, image in outputs.items()},
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


def _see(config: ExplainConfig, model: TrainedModel, vision: Vision) -> tuple[np.ndarray, Choice]:
    """The crop of the photograph's face, and its guide."""
    image = vision.read(config.photo)
    found = look(image, vision)
    if not found:
        raise DataError(f"{config.photo}: no face was found; crop it closely around the face, then retry")
    face = pick(found, config.face)[0]
    size = model.config.image_size
    guides = read_guides(config.guide, vision, size)
    return vision.cut(image, face.square, size), choose(guides, face, hash_file(config.photo))


def _first_guide(path: Path, model: TrainedModel, vision: Vision) -> np.ndarray:
    guides = read_guides(path, vision, model.config.image_size)
    if not guides.usable:
        raise DataError(guides.problems[0])
    return guides.usable[0].image


def _found(seen: np.ndarray, guide: np.ndarray, made: Restoration) -> list[Cell]:
    """Photograph and guide, with their landmarks where the network finds them."""
    cells = [Cell("input", seen), Cell("guide", guide)]
    for name, image, found in (("input", seen, made.target_landmarks), ("guide", guide, made.guide_landmarks)):
        if found is not None:
            unsure = spread_of(found) * image.shape[0] / 2
            title = f"points of the {name}; circles say\nhow unsure: on average {unsure:.1f} px"
            cells.append(Cell(title, image, _circles(found, image.shape[0])))
    return cells


def _aligned(guide: np.ndarray, made: Restoration) -> list[Cell]:
    """The flow and the warped guide, where the network warps."""
    if made.flow is None or made.warped is None:
        return []
    flow = Cell("flow: where the output's grid looks in the guide", guide, _grid(made.flow[0].cpu().numpy()))
    return [flow, Cell("warped guide", to_image(made.warped))]


def _compared(output: np.ndarray, others: dict[str, np.ndarray]) -> list[Cell]:
    """The outputs with other guides, and what these changed: all with one factor, so that they compare."""
    differences = {name: _difference(image, output) for name, image in others.items()}
    largest = max(float(np.percentile(np.abs(change), LARGEST)) for change in differences.values())
    factor = int(np.clip(BRIGHT / max(largest, 1.0), 1, MOST_AMPLIFIED))
    cells = []
    for name, image in others.items():
        shown = (128 + factor * differences[name]).clip(0, 255).astype(np.uint8)
        cells.append(Cell(f"output with {name}", image))
        cells.append(Cell(f"minus the output, {factor} times, grey is 0", shown))
    return cells


def _difference(image: np.ndarray, output: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) - output


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
