"""Eq. 4 on 256x256 images: ours beside what is used elsewhere, interleaved in one run, at equal work.

    pip install kornia albumentations      # optional: what is missing is left out and said so
    python tests/benchmarks/bench_degradation.py [--images 48] [--rounds 5] [--device cuda] [--batch 256]

Every row gets the same images and the same draws of the paper's whole space, and gives 256x256 images back; two rows
of ours draw from `--space wide`. CPU rows use one thread, and count its CPU time. The peers are not the same
degradation. What BasicSR and GFPGAN do blurs with a 41x41 kernel; the plain OpenCV row blurs along rows and columns, as
one would who looks for speed. Neither they nor albumentations antialias when they shrink. kornia's JPEG is a
differentiable stand-in, and it resizes a whole batch to one size.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch

from gfr_data.degradation.reference import degrade_image
from gfr_model.degradation.batch import degrade_batch
from manifests.degradation.draws import Degradation, Draws, pair_keys
from manifests.degradation.resampling import low_size
from manifests.degradation.spaces import AnyDraws, draw_from, find_space

SIZE = 256
REFERENCE = "ours, reference"
BEYOND = ", space wide"  # ends the rows of what is drawn beyond eq. 4
CPU_BATCH = 8  # images at a time in the batched rows on the CPU
BATCHES = 4  # of images that lie on a GPU

Run = Callable[[AnyDraws], object]  # degrades as many images as there are draws


def pictures(count: int) -> np.ndarray:
    """Rendered faces, (count, 256, 256, 3) uint8: what images cost depends on what is in them."""
    from gfr_data.faces.crop import crop, square_around
    from gfr_data.sample.camera.photograph import render_person

    faces = []
    for number in range(min(count, 8)):
        photograph = render_person(3, number, 0)
        low, high = photograph.landmarks.min(axis=0), photograph.landmarks.max(axis=0)
        faces.append(crop(photograph.image, square_around(np.array([*low, *high]))))
    return np.stack([faces[number % len(faces)] for number in range(count)])


def one_by_one(step: Callable[[np.ndarray, Any], np.ndarray], images: np.ndarray, draws: AnyDraws) -> None:
    for number, image in enumerate(images[: len(draws)]):
        step(image, draws.at(number))


def opencv_step(image: np.ndarray, draw: Degradation, square: bool = False) -> np.ndarray:
    """OpenCV's functions one after the other; `square`: blurred by a two-dimensional kernel, as BasicSR does."""
    picture = image.astype(np.float32) / 255
    if draw.blur_sigma and square:
        line = cv2.getGaussianKernel(41, draw.blur_sigma, cv2.CV_32F)
        picture = cv2.filter2D(picture, -1, line @ line.T)
    elif draw.blur_sigma:
        picture = cv2.GaussianBlur(picture, (21, 21), draw.blur_sigma, borderType=cv2.BORDER_REFLECT_101)
    side = low_size(draw.scale)
    picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
    if draw.noise_sigma:
        grain = np.random.default_rng(draw.noise_key).normal(0, draw.noise_sigma / 255, picture.shape)
        picture = picture + grain.astype(np.float32)
    picture = picture.clip(0, 1)
    if draw.jpeg_quality:
        levels = (picture * 255).round().astype(np.uint8)
        _, content = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, draw.jpeg_quality])
        picture = cv2.imdecode(content, cv2.IMREAD_COLOR).astype(np.float32) / 255
    return cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def albumentations_step(image: np.ndarray, draw: Degradation) -> np.ndarray:
    """albumentations' transforms, each with the one value that was drawn."""
    picture = image
    for kind in ("blur_sigma", "scale", "noise_sigma", "jpeg_quality"):
        value = getattr(draw, kind)
        if value:
            picture = _transform(kind, value)(image=picture)["image"]
    return _transform("scale", 1.0)(image=picture)["image"]


@lru_cache(maxsize=1024)
def _transform(kind: str, value: float) -> Callable[..., dict[str, np.ndarray]]:
    import albumentations

    if kind == "blur_sigma":
        return albumentations.GaussianBlur(blur_limit=(21, 21), sigma_limit=(value, value), p=1)
    if kind == "scale":
        return albumentations.Resize(low_size(value), low_size(value), interpolation=cv2.INTER_CUBIC, p=1)
    if kind == "noise_sigma":
        return albumentations.GaussNoise(std_range=(value / 255, value / 255), p=1)
    return albumentations.ImageCompression(quality_range=(int(value), int(value)), p=1)


def batched(images: torch.Tensor, batch: int, draws: AnyDraws) -> None:
    """Ours in tensors, a batch at a time; the images are on the device beforehand, as in training."""
    for start in range(0, len(draws), batch):
        degrade_batch(images[start : start + batch], draws[start : start + batch])
    _wait(images)


def kornia_batch(images: torch.Tensor, batch: int, draws: Draws) -> None:
    """kornia: blurs and JPEG with a parameter per sample; one size for the whole batch is all that its resize can."""
    for start in range(0, len(draws), batch):
        _kornia(images[start : start + batch], draws[start : start + batch])
    _wait(images)


def _kornia(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    import kornia

    device = images.device
    sigma = torch.from_numpy(draws.blur_sigma).float().clamp(min=1e-3).to(device)[:, None].expand(-1, 2)
    picture = kornia.filters.gaussian_blur2d(images.float() / 255, (21, 21), sigma)
    side = max(int(np.mean([low_size(scale) for scale in draws.scale])) // 16 * 16, 16)
    picture = kornia.geometry.resize(picture, (side, side), interpolation="bicubic", antialias=True)
    noise = torch.from_numpy(draws.noise_sigma).float().to(device)[:, None, None, None] / 255
    picture = (picture + noise * torch.randn_like(picture)).clamp(0, 1)
    quality = torch.from_numpy(draws.jpeg_quality).float().to(device).clamp(min=1)
    picture = kornia.enhance.jpeg_codec_differentiable(picture, quality)
    return kornia.geometry.resize(picture, (SIZE, SIZE), interpolation="bicubic").clamp(0, 1)


def _wait(images: torch.Tensor) -> None:
    if images.is_cuda:
        torch.cuda.synchronize()


def rows(images: np.ndarray, device: str, batch: int) -> Iterator[tuple[str, Run]]:
    """What is compared; rows on CUDA have so many images that several batches fill."""
    tensors = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    yield REFERENCE, partial(one_by_one, lambda image, draw: degrade_image(image, draw).image, images)
    yield f"ours, batched on the CPU, {CPU_BATCH} at a time", partial(batched, tensors, CPU_BATCH)
    yield f"{REFERENCE}{BEYOND}", partial(one_by_one, lambda image, draw: degrade_image(image, draw).image, images)
    yield f"ours, batched on the CPU{BEYOND}", partial(batched, tensors, CPU_BATCH)
    yield "OpenCV, blurred as BasicSR does", partial(one_by_one, partial(opencv_step, square=True), images)
    yield "OpenCV, blurred along rows and columns", partial(one_by_one, opencv_step, images)
    try:
        import albumentations

        yield f"albumentations {albumentations.__version__}", partial(one_by_one, albumentations_step, images)
    except ImportError as error:
        print(f"not compared: albumentations ({error})")
    if kornia := kornia_version():
        yield f"kornia {kornia} on the CPU", partial(kornia_batch, tensors, CPU_BATCH)
    if device == "cuda":
        yield from rows_on(device, tensors, batch)


def rows_on(device: str, images: torch.Tensor, batch: int) -> Iterator[tuple[str, Run]]:
    """Ours and kornia's on a device, BATCHES batches of images (N, 3, 256, 256) uint8, which lie there beforehand."""
    many = images.repeat(-(-BATCHES * batch // len(images)), 1, 1, 1)[: BATCHES * batch].to(device)
    yield f"ours, batched on {device}, {batch} at a time", partial(batched, many, batch)
    if kornia := kornia_version():
        yield f"kornia {kornia} on {device}", partial(kornia_batch, many, batch)


def kornia_version() -> str:
    """kornia's version; '' where it is missing, which is said."""
    try:
        import kornia
    except ImportError as error:
        print(f"not compared: kornia ({error})")
        return ""
    return str(kornia.__version__)


def rates(peers: dict[str, Run], counts: dict[str, int], rounds: int) -> dict[str, float]:
    """Images per second of each, median of rounds in which they take turns; each degrades `counts` images a round."""
    found: dict[str, list[float]] = {name: [] for name in peers}
    for turn in range(rounds + 1):  # the first one warms up
        for name, run in peers.items():
            space = find_space("wide" if name.endswith(BEYOND) else "paper")
            draws = draw_from(space, pair_keys(0, [str(number) for number in range(counts[name])]), turn)
            clock = time.perf_counter if " on cuda" in name else time.process_time  # others may use the core, too
            start = clock()
            run(draws)
            if turn:
                found[name].append(counts[name] / (clock() - start))
    return {name: median(values) for name, values in found.items()}


def main() -> None:
    """Print images per second (median of rounds) and how many times the reference's that is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=256)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    peers = dict(rows(pictures(options.images), options.device, options.batch))
    many = BATCHES * options.batch
    speed = rates(peers, {name: many if " on cuda" in name else options.images for name in peers}, options.rounds)
    where = torch.cuda.get_device_name() if options.device == "cuda" else platform.processor() or platform.machine()
    print(f"{options.images} images, {options.rounds} rounds, one thread; {where}")
    print(f"{'':48} {'images/s':>10} {'reference over it':>18}")
    for name, rate in speed.items():
        print(f"{name:48} {rate:10.0f} {speed[REFERENCE] / rate:17.2f}x")


if __name__ == "__main__":
    main()
