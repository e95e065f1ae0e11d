"""68 landmarks by the 2D-FAN-4 network (Bulat & Tzimiropoulos 2017) of the face-alignment package, on our own boxes.

The package goes photograph by photograph and finds the faces anew. Here the boxes are given, a GPU gets batches of
faces, and a face and its mirror image go through the network together. The points are the package's for the same boxes;
but it cuts them to whole px of the photograph, and these are not cut.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from gfr_data.faces.landmarks import POINTS, LandmarkRequest, Landmarks
from gfr_data.faces.precision import in_float32
from manifests import DataError
from manifests.crops import MIRROR
from manifests.programs import is_program, require_trust
from manifests.weights import advice, require

NAME, OPTION = "fan", "--fan-weights"  # of its weights
# SHA-256 of 2DFAN4-cd938726ad.zip, the package's file before version 1.5, which is a TorchScript program.
OLD_SHA256 = "cd938726adb1f15f361263cce2db9cb820c42585fa8796ec72ce19107f369a46"

SIDE, MAP = 256, 64  # px of the network's input and of its heatmaps
REFERENCE = 195.0  # mean of width and height of a box, times two, at which the input shows 200 px of the photograph
RAISED = 0.12  # of the box's height: how far above its centre the input is centred
LARGEST = 4096  # px of a face's surroundings from which on pixels are left out, which bounds the memory
BATCH = {
    "cpu": 1,
    "cuda": 16,
}  # faces at once; on a CPU more are slower, and a batch may round the last digit otherwise


class Fan:
    """A provider that runs the network. Scores are the heights of the heatmaps' peaks, summed over face and mirror.

    weights: a file of the package, or the same as safetensors; None: what was downloaded, here or by the package.
    trust_program: run one that is a TorchScript program, and not the package's own.
    Raises DataError when there are none, they are another network's, or a program without trust.
    """

    def __init__(self, weights: Path | None = None, device: str = "cpu", trust_program: bool = False) -> None:
        self.device = torch.device(device)
        path = require(OPTION, weights, NAME)
        require_harmless(path, trust_program)
        self.network = _load(path).to(self.device)

    def __call__(self, requests: Sequence[LandmarkRequest]) -> list[Landmarks | None]:
        """The points of each face; the network gives some for any picture."""
        found: list[Landmarks | None] = []
        size = BATCH.get(self.device.type, 1)
        for part in (requests[start : start + size] for start in range(0, len(requests), size)):
            windows = [_window(request.box) for request in part]
            faces = [_cut(request.image, *window) for request, window in zip(part, windows, strict=True)]
            heatmaps = self._heatmaps(np.stack(faces))
            for request, window, maps in zip(part, windows, heatmaps, strict=True):
                points, scores = _peaks(maps)
                found.append(Landmarks(request.geometry.to_crop(_to_source(points, *window)), scores))
        return found

    @torch.inference_mode()
    def _heatmaps(self, faces: np.ndarray) -> np.ndarray:
        """(N, 256, 256, 3) uint8 -> (N, 68, 64, 64) float32: the network's, with those of the mirrored faces added."""
        images = torch.from_numpy(faces).to(self.device).permute(0, 3, 1, 2).float() / 255
        both = torch.cat([images, images.flip(3)]).contiguous(memory_format=torch.channels_last)
        with in_float32():
            maps: Tensor | Sequence[Tensor] = self.network(both)
        plain, mirrored = (maps if isinstance(maps, Tensor) else maps[-1]).float().chunk(2)
        return (plain + mirrored[:, MIRROR].flip(3)).cpu().numpy()


def _window(box: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (x, y) and side, px of the photograph, of what the network is shown of a face."""
    x1, y1, x2, y2 = (float(value) for value in box)
    centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2 - (y2 - y1) * RAISED])
    return centre, 200.0 * (x2 - x1 + y2 - y1) / REFERENCE


def _cut(image: np.ndarray, centre: np.ndarray, side: float) -> np.ndarray:
    """The window of `image` resized to (256, 256, 3) uint8, black outside the photograph."""
    first, last = _corners(centre, side)
    step = max(1, int(max(last - first)) // LARGEST)
    columns, rows = (np.arange(first[axis], max(last[axis], first[axis] + 1), step) for axis in (0, 1))
    height, width = image.shape[:2]
    in_rows, in_columns = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    part = np.zeros((len(rows), len(columns), 3), np.uint8)
    part[np.ix_(in_rows, in_columns)] = image[np.ix_(rows[in_rows], columns[in_columns])]
    return cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def _corners(centre: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray]:
    """First pixel of the window and the one after its last, as whole px.

    In single precision and by the inverse of the way into the window, as the package does it: another order of
    operations can end at the neighbouring pixel. The same holds for `_to_source`.
    """
    back = torch.inverse(torch.from_numpy(_into(centre, side, SIDE)).float())
    first, last = ((back @ torch.tensor([at, at, 1.0]))[:2].int().numpy() for at in (1.0, float(SIDE)))
    return first, last


def _into(centre: np.ndarray, side: float, size: int) -> np.ndarray:
    """The matrix that takes (x, y, 1) in the photograph to px of the window resized to `size`."""
    shift = size * (0.5 - centre / side)
    return np.array([[size / side, 0, shift[0]], [0, size / side, shift[1]], [0, 0, 1]])


def _peaks(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Peaks (68, 2) of heatmaps (68, 64, 64), in their px from the left and upper edge, and their heights (68,).

    A peak is moved a quarter of a px towards the higher of its two neighbours along each axis.
    """
    flat = maps.reshape(POINTS, -1)
    at = flat.argmax(axis=1)
    y, x = np.divmod(at, MAP)
    inner = (x > 0) & (x < MAP - 1) & (y > 0) & (y < MAP - 1)
    column, row = x.clip(1, MAP - 2), y.clip(1, MAP - 2)
    point = np.arange(POINTS)
    slope_x = maps[point, row, column + 1] - maps[point, row, column - 1]
    slope_y = maps[point, row + 1, column] - maps[point, row - 1, column]
    moved = 0.25 * np.stack([np.sign(slope_x), np.sign(slope_y)], axis=1) * inner[:, None]
    return np.stack([x, y], axis=1) + 0.5 + moved, flat[point, at].astype(np.float32)


def _to_source(points: np.ndarray, centre: np.ndarray, side: float) -> np.ndarray:
    """Points (68, 2) of the heatmaps in px of the photograph, whose first pixel has its centre, not its edge, at 0."""
    back = np.linalg.pinv(_into(centre, side, MAP))
    return (np.concatenate([points, np.ones((POINTS, 1))], axis=1) @ back.T)[:, :2] - 0.5


def require_harmless(path: Path, trust_program: bool) -> None:
    """Raise DataError when a file of weights is a program that is neither the package's own nor trusted."""
    if is_program(path):
        require_trust(path, trust_program, known={OLD_SHA256})


def _load(path: Path) -> nn.Module:
    """The network with the weights of `path`, ready to run; nothing but tensors is unpickled."""
    try:
        if is_program(path):
            program: nn.Module = torch.jit.load(path, map_location="cpu")
            return program.eval()
        network = _architecture()
        network.load_state_dict(_tensors(path))
        # A tenth faster. torch's stubs do not know the argument.
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network.eval().requires_grad_(False)
    except DataError:
        raise
    except Exception as error:  # each kind of broken file has an exception of its own
        reason = str(error).strip().split("\n")[0][:120]
        raise DataError(f"{path} is not the 2DFAN-4 network ({reason}); {advice(NAME)}") from error


def _architecture() -> nn.Module:
    try:
        from face_alignment.models import FAN
    except ImportError as error:
        raise DataError(
            "--landmarks fan needs the package face-alignment: pip install 'gfrnet-toolkit[fan]'"
        ) from error
    network: nn.Module = FAN(4)
    return network


def _tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return tensors
