"""dlib's network that embeds faces (King 2017, `dlib_face_recognition_resnet_model_v1`), for an identity loss.

dlib's own file is a C++ archive; face-api.js publishes the same weights for browsers as bytes beside a list of their
names and shapes, and that is what is read here. Nothing in it is a program.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gfr_model.networks.chips import arcface_template, chips, five_points
from manifests import DataError

MANIFEST = "face_recognition_model-weights_manifest.json"  # beside the weights
ADVICE = "face_recognition_model.bin and its manifest stand in the folder model/ of npm's package @vladmandic/face-api"
SIZE = 150  # px of a face
MEAN = (122.782, 117.001, 104.298)  # grey levels of RGB that dlib takes off
# Blocks in their order: name, channels before and after; those called down halve the sides.
BLOCKS = (
    *((f"conv32_{i}", 32, 32) for i in (1, 2, 3)),
    ("conv64_down", 32, 64),
    *((f"conv64_{i}", 64, 64) for i in (1, 2, 3)),
    ("conv128_down", 64, 128),
    *((f"conv128_{i}", 128, 128) for i in (1, 2)),
    ("conv256_down", 128, 256),
    *((f"conv256_{i}", 256, 256) for i in (1, 2)),
    ("conv256_down_out", 256, 256),
)
# dlib's frame shows less around a face than ArcFace's, and sits lower: found as the frame that tells persons best.
CLOSER, LOWER = 1.2, 30 / (SIZE - 1)  # 15 px


class Block(nn.Module):
    """Two convolutions beside the identity, which is pooled and filled with zeros where they make it smaller."""

    def __init__(self, inputs: int, outputs: int, down: bool) -> None:
        super().__init__()
        self.down = down
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 2 if down else 1, padding=0 if down else 1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        made = self.conv2(self.conv1(x).relu())
        kept = F.avg_pool2d(x, 2) if self.down else x
        made, kept = _as_large(made, kept), _as_large(kept, made)
        return (made + kept).relu()


class DlibFace(nn.Module):
    """Images of faces and their landmarks to embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.Conv2d(3, 32, 7, 2)
        self.blocks = nn.ModuleDict({name: Block(c, d, "down" in name) for name, c, d in BLOCKS})
        self.last = nn.Linear(256, 128, bias=False)
        self.mean: Tensor
        self.template: Tensor
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        template = arcface_template() * CLOSER - torch.tensor([0.0, LOWER])
        self.register_buffer("template", template, persistent=False)

    def forward(self, images: Tensor, points: Tensor) -> Tensor:
        """Embeddings (B, 128) of faces (B, 3, S, S) in [0, 1] with landmarks (B, 68, 2), [-1, 1] is the image.

        Two of one person are nearer than 0.6 to each other.
        """
        faces = chips(images, five_points(points), self.template, SIZE)
        x = F.max_pool2d(self.entry((faces * 255 - self.mean) / 256).relu(), 3, 2)
        for block in self.blocks.values():
            x = block(x)
        embedding: Tensor = self.last(x.mean((2, 3)))
        return embedding


def load_dlib_face(path: Path) -> DlibFace:
    """Load face-api.js's `face_recognition_model.bin`, its manifest beside it. Raises DataError, saying what to get."""
    tensors = read_face_api(path)
    network = DlibFace()
    try:
        state = {"last.weight": tensors["fc"].T}
        layers = {"entry": "conv32_down"}
        layers |= {f"blocks.{name}.conv{i}": f"{name}/conv{i}" for name, *_ in BLOCKS for i in (1, 2)}
        for ours, theirs in layers.items():
            scale = tensors[f"{theirs}/scale/weights"]
            kernel = tensors[f"{theirs}/conv/filters"] * scale  # (height, width, inputs, outputs)
            state[f"{ours}.weight"] = kernel.permute(3, 2, 0, 1)
            state[f"{ours}.bias"] = tensors[f"{theirs}/conv/bias"] * scale + tensors[f"{theirs}/scale/biases"]
        network.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise DataError(f"{path} is not dlib's network of faces ({_line(error)}); {ADVICE}") from error
    return network.eval()


def read_face_api(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of face-api.js, by name: bytes, with each tensor's scale and least value."""
    manifest = path.with_name(MANIFEST)
    for file in (path, manifest):
        if not file.is_file():
            raise DataError(f"there is no file {file}; {ADVICE}")
    data, place, tensors = np.fromfile(path, np.uint8), 0, {}
    try:
        for entry in [entry for group in json.loads(manifest.read_text("utf-8")) for entry in group["weights"]]:
            tensors[entry["name"]], place = _read(data, place, entry)
        if place != len(data):
            raise ValueError(f"{len(data) - place} bytes too many")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} and {MANIFEST} do not fit each other ({_line(error)}); get both again") from error
    return tensors


def _read(data: np.ndarray, place: int, entry: dict[str, Any]) -> tuple[Tensor, int]:
    """One tensor that begins at byte `place`, and where the next one begins."""
    shape = [int(side) for side in entry["shape"]]
    rule = entry.get("quantization")  # without one: float32 as they are
    kind = "float32" if rule is None else rule["dtype"]
    end = place + int(np.prod(shape)) * {"float32": 4, "uint8": 1}[kind]
    if end > len(data):
        raise ValueError(f"{entry['name']} is cut short")
    values = data[place:end].view("<f4") if rule is None else data[place:end].astype(np.float32)
    if rule is not None:
        values = values * np.float32(rule["scale"]) + np.float32(rule["min"])
    return torch.from_numpy(values.astype(np.float32).reshape(shape)), end


def _as_large(x: Tensor, other: Tensor) -> Tensor:
    """x (B, C, H, W) with zeros at the right, below and in further channels, as large as `other` where that is more."""
    missing = [max(0, have - own) for own, have in zip(x.shape[1:], other.shape[1:], strict=True)]
    return F.pad(x, (0, missing[2], 0, missing[1], 0, missing[0]))


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
