"""dlib's network of faces: read from the form in which browsers get it, computed as its layers say."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gfr_model.networks.chips import ARCFACE, chips, five_points
from gfr_model.networks.dlib_face import BLOCKS, MANIFEST, SIZE, load_dlib_face, read_face_api
from manifests import DataError


def _write(folder: Path, seed: int = 0) -> dict[str, np.ndarray]:
    """A file of random weights in face-api.js's form, half of them as bytes; returns what it stands for."""
    rng = np.random.default_rng(seed)
    convs = {"conv32_down": (7, 3, 32)}
    for name, before, after in BLOCKS:
        convs |= {f"{name}/conv1": (3, before, after), f"{name}/conv2": (3, after, after)}
    shapes = {"fc": (256, 128)}
    for name, (side, before, after) in convs.items():
        shapes |= {f"{name}/conv/filters": (side, side, before, after), f"{name}/conv/bias": (after,)}
        shapes |= {f"{name}/scale/weights": (after,), f"{name}/scale/biases": (after,)}
    weights, entries, data = {}, [], b""
    for place, (name, shape) in enumerate(shapes.items()):
        entry = {"name": name, "shape": list(shape), "dtype": "float32"}
        reach = (6 / np.prod(shape[:-1])) ** 0.5 if len(shape) > 1 else 0.1
        levels, step = rng.integers(0, 256, shape, np.uint8), np.float32(2 * reach / 255)
        low = np.float32((0.7 if "scale/weights" in name else 0.0) - reach)
        weights[name] = levels.astype(np.float32) * step + low
        if place % 2:
            entry["quantization"] = {"dtype": "uint8", "scale": float(step), "min": float(low)}
        data += levels.tobytes() if place % 2 else weights[name].tobytes()
        entries.append(entry)
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST).write_text(json.dumps([{"weights": entries, "paths": ["face_recognition_model.bin"]}]))
    (folder / "face_recognition_model.bin").write_bytes(data)
    return weights


def _embedded(weights: dict[str, np.ndarray], faces: torch.Tensor) -> torch.Tensor:
    """dlib's layers one by one: convolution, then scale and bias, as its `affine` after `con`."""

    def layer(x: torch.Tensor, name: str, stride: int, padding: int) -> torch.Tensor:
        kernel, bias, scale, shift = (
            torch.from_numpy(weights[f"{name}/{part}"])
            for part in ("conv/filters", "conv/bias", "scale/weights", "scale/biases")
        )
        made = F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, stride, padding)
        return made * scale[:, None, None] + shift[:, None, None]

    mean = torch.tensor([122.782, 117.001, 104.298])[:, None, None]
    x = F.max_pool2d(layer((faces * 255 - mean) / 256, "conv32_down", 2, 0).relu(), 3, 2)
    for name, before, after in BLOCKS:
        down = "down" in name
        made = layer(layer(x, f"{name}/conv1", 2 if down else 1, 0 if down else 1).relu(), f"{name}/conv2", 1, 1)
        kept = F.avg_pool2d(x, 2) if down else x
        sides = [max(a, b) for a, b in zip(made.shape[2:], kept.shape[2:], strict=True)]
        total = torch.zeros(len(x), after, *sides)
        total[:, :, : made.shape[2], : made.shape[3]] += made
        total[:, :before, : kept.shape[2], : kept.shape[3]] += kept
        x = total.relu()
    return x.mean((2, 3)) @ torch.from_numpy(weights["fc"])


def test_embeddings_are_those_of_its_layers(tmp_path: Path) -> None:
    weights = _write(tmp_path)
    network = load_dlib_face(tmp_path / "face_recognition_model.bin")
    generator = torch.Generator().manual_seed(0)
    images, points = torch.rand(2, 3, 96, 96, generator=generator), torch.rand(2, 68, 2, generator=generator) - 0.5
    with torch.no_grad():
        found = network(images, points)
        wanted = _embedded(weights, chips(images, five_points(points), network.template, SIZE))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)
    assert found.std() > 0


def test_a_chip_has_the_five_points_where_the_template_says() -> None:
    """A face that stands in its image as ArcFace wants it is only resized."""
    template = torch.tensor(ARCFACE) * 2 / 111 - 1
    points = torch.zeros(1, 68, 2)
    points[:, 36:42], points[:, 42:48] = template[0], template[1]
    points[:, 30], points[:, 48], points[:, 54] = template[2], template[3], template[4]
    image = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(chips(image, five_points(points), template, 112), image, atol=1e-3, rtol=0)


@pytest.mark.parametrize("damage", ["cut", "long", "no manifest", "another network"])
def test_a_damaged_file_is_refused_with_what_to_get(tmp_path: Path, damage: str) -> None:
    _write(tmp_path)
    file, manifest = tmp_path / "face_recognition_model.bin", tmp_path / MANIFEST
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-5])
    elif damage == "long":
        file.write_bytes(file.read_bytes() + b"12345")
    elif damage == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text(manifest.read_text().replace("conv128_1", "conv128_9"))
    with pytest.raises(DataError, match=r"get both again|model/ of npm"):
        load_dlib_face(file)


def test_bytes_stand_for_scale_and_least_value(tmp_path: Path) -> None:
    weights = _write(tmp_path)
    found = read_face_api(tmp_path / "face_recognition_model.bin")
    assert found.keys() == weights.keys()
    for name, values in weights.items():
        np.testing.assert_allclose(found[name].numpy(), values, rtol=1e-6, atol=1e-7)
