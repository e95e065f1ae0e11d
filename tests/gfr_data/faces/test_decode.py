"""Every form of photograph becomes upright 8-bit RGB; whatever else a file holds is `Unreadable`, and nothing else."""

import csv
import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from gfr_data.faces.decode import Unreadable, decode_image, read_image

SIZE = (40, 30)
FORMATS = ("jpeg", "png", "webp", "tiff", "bmp", "gif", "ppm", "jpeg2000")


def _picture():
    """A smooth colour picture, brightest in the upper left, red to the right, blue downwards."""
    x, y = np.meshgrid(np.linspace(0, 1, SIZE[0]), np.linspace(0, 1, SIZE[1]))
    return np.stack([255 * x, 255 * (1 - (x + y) / 2), 255 * y], axis=-1).round().astype(np.uint8)


def _bytes(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_read(form):
    found = decode_image(_bytes(Image.fromarray(_picture()), form))
    assert found.shape == (30, 40, 3)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - _picture()).mean() < (12 if form in ("jpeg", "webp", "gif") else 2)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_upright(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what the camera did to the upright picture
    picture = Image.fromarray(_picture())
    stored = picture if orientation == 1 else picture.transpose(Image.Transpose(undo[orientation]))
    assert np.array_equal(decode_image(_bytes(stored, "png", exif=exif)), _picture())


def test_grey_has_three_equal_channels():
    found = decode_image(_bytes(Image.fromarray(_picture()).convert("L"), "png"))
    assert np.array_equal(found[..., 0], found[..., 2])


def test_transparency_lies_on_white():
    clear = np.dstack([_picture(), np.zeros(SIZE[::-1], np.uint8)])
    clear[:, :20, 3] = 255
    found = decode_image(_bytes(Image.fromarray(clear), "png"))
    assert np.array_equal(found[:, :20], _picture()[:, :20])
    assert (found[:, 20:] == 255).all()


def test_palette_and_its_transparency_are_resolved():
    palette = Image.fromarray(_picture()).quantize(64)
    assert np.abs(decode_image(_bytes(palette, "png")).astype(int) - _picture()).mean() < 20
    assert decode_image(_bytes(palette, "png", transparency=palette.getpixel((0, 0))))[0, 0].tolist() == [255] * 3


def test_cmyk_becomes_rgb():
    found = decode_image(_bytes(Image.fromarray(_picture()).convert("CMYK"), "jpeg", quality=95))
    assert np.abs(found.astype(int) - _picture()).mean() < 12


@pytest.mark.parametrize(("dtype", "full"), [(np.uint16, 65535), (np.int32, 65535), (np.float32, 1.0)])
def test_deep_grey_keeps_its_range(dtype, full):
    share = np.linspace(0, 1, 40)[None].repeat(30, axis=0)
    found = decode_image(_bytes(Image.fromarray((share * full).astype(dtype)), "tiff"))
    assert np.abs(found[..., 0] - 255 * share).max() <= 1.01


def test_the_extension_does_not_matter(tmp_path):
    (tmp_path / "photo.txt").write_bytes(_bytes(Image.fromarray(_picture()), "png"))
    assert np.array_equal(read_image(tmp_path / "photo.txt"), _picture())


def test_of_an_animation_the_first_picture_counts():
    frames = [Image.fromarray(_picture()), Image.new("RGB", SIZE, "red")]
    content = _bytes(frames[0], "webp", save_all=True, append_images=frames[1:], lossless=True)
    assert np.abs(decode_image(content).astype(int) - _picture()).max() <= 1


def _bomb(width, height):
    """A PNG of a few bytes that declares any size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [15_000, 60_000, 2**31 - 1])
def test_a_bomb_is_refused_by_its_header(side):
    with pytest.raises(Unreadable, match=r"pixels|px"):
        decode_image(_bomb(side, side))


def test_the_limit_can_be_set():
    with pytest.raises(Unreadable, match="40 x 30 px"):
        decode_image(_bytes(Image.fromarray(_picture()), "png"), max_pixels=1000)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\xff\xd8\xff", b"GIF89a", b"RIFF\x00\x00\x00\x00WEBP"])
def test_what_is_no_photograph_is_unreadable(tmp_path, content):
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(Unreadable):
        read_image(tmp_path / "photo.jpg")


def test_folders_and_missing_files_are_unreadable(tmp_path):
    for path in (tmp_path, tmp_path / "none.jpg"):
        with pytest.raises(Unreadable):
            read_image(path)


def test_a_truncated_photograph_is_unreadable():
    content = _bytes(Image.fromarray(_picture()).resize((400, 300)), "jpeg")
    with pytest.raises(Unreadable, match="truncated"):
        decode_image(content[: len(content) // 2])


def _mutated(generator, contents):
    """A file with flipped bits, cut, or spliced with another."""
    first, second = (contents[i] for i in generator.integers(0, len(contents), 2))
    kind = generator.integers(3)
    if kind == 0:
        data = np.frombuffer(first, np.uint8).copy()
        places = generator.integers(0, len(data), generator.integers(1, 12))
        data[places] ^= (1 << generator.integers(0, 8, len(places))).astype(np.uint8)
        return data.tobytes()
    if kind == 1:
        return first[: generator.integers(0, len(first))]
    return first[: generator.integers(0, len(first))] + second[generator.integers(0, len(second)) :]


def _decode_mutations(count, seed):
    picture = Image.fromarray(_picture())
    contents = [_bytes(picture, form) for form in FORMATS]
    generator = np.random.default_rng(seed)
    readable = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing may be printed either
        for _ in range(count):
            try:
                image = decode_image(_mutated(generator, contents), max_pixels=4_000_000)
            except Unreadable:
                continue
            assert image.dtype == np.uint8
            assert image.shape[2] == 3
            readable += 1
    return readable


def test_mutated_files_raise_nothing_but_unreadable():
    assert 10 < _decode_mutations(600, seed=0) < 590


@pytest.mark.slow
def test_ten_thousand_mutated_files_raise_nothing_but_unreadable_in_bounded_memory():
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert _decode_mutations(10_000, seed=1) > 100
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


def test_labelled_files_are_read_or_not_as_they_are_labelled(real_faces):
    with (real_faces / "defects" / "labels.csv").open() as file:
        labels = {row["file"]: row["expected"] for row in csv.DictReader(file)}
    for name, expected in labels.items():
        if expected == "unreadable":
            with pytest.raises(Unreadable):
                read_image(real_faces / "defects" / name)
        else:
            assert read_image(real_faces / "defects" / name).shape[2] == 3
