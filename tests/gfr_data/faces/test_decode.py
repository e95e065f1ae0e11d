"""Every form of photograph becomes upright 8-bit RGB; whatever else a file holds is `Unreadable`, and nothing else."""

import csv
import io
import os
import socket
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gfr_data.faces import decode
from gfr_data.faces.decode import MAX_PIXELS, Unreadable, decode_image, read_image, read_photograph
from manifests import hash_bytes

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


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width, height, depth, colour, data):
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _bomb(width, height):
    """A PNG of a few bytes that declares any size."""
    return _png(width, height, 8, 2, zlib.compress(b""))


@pytest.mark.parametrize("side", [15_000, 60_000, 2**31 - 1])
def test_a_bomb_is_refused_by_its_header(side):
    with pytest.raises(Unreadable, match=r"pixels|px"):
        decode_image(_bomb(side, side))


def _white_png(width, height, depth, colour, channels):
    """A whole, white PNG of little size."""
    pack = zlib.compressobj(1)
    row = b"\0" + b"\xff" * (width * channels * depth // 8)
    data = b"".join([*(pack.compress(row) for _ in range(height)), pack.flush()])
    return _png(width, height, depth, colour, data)


MEASURE = """
import re, sys
from pathlib import Path
from gfr_data.faces.decode import read_image
from PIL import Image
Image.init()
peak = lambda: int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
before = peak()
image = read_image(sys.argv[1])
assert image.min() == 255
print(peak() - before, image.size)
"""


@pytest.mark.parametrize(
    ("depth", "colour", "channels"),
    [pytest.param(16, 0, 1, id="16-bit grey"), pytest.param(8, 6, 4, id="RGBA")],
)
def test_a_small_file_at_the_limit_of_pixels_would_take_less_than_a_gigabyte(tmp_path, depth, colour, channels):
    """At a fifth of it, for memory and time grow with the pixels: at the limit this test would take half a minute."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the most memory that a process had is read from /proc")
    height = MAX_PIXELS // 5 // 10_000
    (tmp_path / "large.png").write_bytes(_white_png(10_000, height, depth, colour, channels))
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "large.png")]
    taken, values = map(int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert values == 3 * 10_000 * height
    assert taken < 1e9 / 5


@pytest.mark.parametrize(
    ("form", "options", "least", "most"),
    [
        ("jpeg", {}, 4, 8),
        ("jpeg", {"progressive": True}, 9, 11),
        ("webp", {}, 15, 17),
        ("jpeg2000", {}, 23, 25),
        ("tiff", {"compression": "tiff_lzw"}, 7, 17),
    ],
)
def test_formats_that_take_more_to_decode_are_refused_by_their_header(monkeypatch, form, options, least, most):
    picture = Image.fromarray(_picture()).resize((1000, 1000))
    content = _bytes(picture, form, **options)
    monkeypatch.setattr(decode, "MAX_MEMORY", most * picture.size[0] * picture.size[1] + 2 * len(content))
    assert decode_image(content).shape == (1000, 1000, 3)
    monkeypatch.setattr(decode, "MAX_MEMORY", least * picture.size[0] * picture.size[1])
    with pytest.raises(Unreadable, match=r"1000 x 1000 px would take 0\.0 GB"):
        decode_image(content)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "I;16", "F", "CMYK", "1"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_read_in_strips_is_the_same(monkeypatch, mode, orientation):
    picture = (
        Image.fromarray(_picture().mean(axis=2).astype(np.uint16) * 200)
        if mode == "I;16"
        else (Image.fromarray(_picture()).convert("L" if mode == "LA" else "RGB").convert(mode))
    )
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = _bytes(picture, "tiff" if mode in ("F", "CMYK") else "png", exif=exif)
    whole = decode_image(content)
    monkeypatch.setattr(decode, "_STRIP", 7 * SIZE[0])
    assert np.array_equal(decode_image(content), whole)


def test_the_limit_can_be_set():
    with pytest.raises(Unreadable, match="40 x 30 px"):
        decode_image(_bytes(Image.fromarray(_picture()), "png"), max_pixels=1000)


def test_what_is_no_regular_file_is_unreadable_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo.jpg")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket.jpg"))
    (tmp_path / "endless.jpg").symlink_to("/dev/zero")
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    said = {
        "fifo.jpg": "no regular file but a fifo",
        "socket.jpg": "no regular file but a socket",
        "endless.jpg": "no regular file but a device",
        "dangling.jpg": "No such file",
        "loop.jpg": "symbolic links",
    }
    for name, why in said.items():
        with pytest.raises(Unreadable, match=why):
            read_image(tmp_path / name)
    listening.close()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs a file that is longer than it says")
def test_reading_is_bounded_by_what_was_read(monkeypatch):
    monkeypatch.setattr(decode, "MOST_INPUT", 3)
    with pytest.raises(Unreadable, match="larger than"):
        read_image("/proc/self/environ")  # its size is said to be 0


def test_the_hash_is_of_the_bytes_that_were_decoded(tmp_path):
    content = _bytes(Image.fromarray(_picture()), "png")
    (tmp_path / "a.png").write_bytes(content)
    found = read_photograph(lambda most: (tmp_path / "a.png").read_bytes())
    assert np.array_equal(found.image, _picture())
    assert found.digest == hash_bytes(content)


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


def test_avif_is_read_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth = np.repeat(np.linspace(0, 250, 60)[None, :, None], 40, axis=0).repeat(3, axis=2).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.avif", exif=exif, quality=90)
    image = read_image(tmp_path / "a.avif")
    assert image.shape == (60, 40, 3)
    assert np.abs(image[:, 20, 0].astype(int) - smooth[20, :, 0]).mean() < 5


def test_heic_is_read_where_its_reader_is_and_else_the_reader_is_named(tmp_path, monkeypatch):
    pytest.importorskip("pi_heif", reason="needs pi-heif: the extra heic")
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif, which writes HEIC: the extra dev")
    smooth = np.repeat(np.linspace(0, 250, 60)[None, :, None], 40, axis=0).repeat(3, axis=2).astype(np.uint8)
    pillow_heif.from_pillow(Image.fromarray(smooth)).save(tmp_path / "a.heic", quality=90)
    content = (tmp_path / "a.heic").read_bytes()
    image = decode_image(content)
    assert image.shape == (40, 60, 3)
    assert np.abs(image.astype(int) - smooth).mean() < 5
    for end in (20, 200, len(content) // 2):
        with pytest.raises(Unreadable):
            decode_image(content[:end])
    monkeypatch.setattr("gfr_data.faces.decode.find_spec", lambda name: None)
    monkeypatch.delitem(Image.OPEN, "HEIF")
    with pytest.raises(Unreadable, match="pip install pi-heif"):
        decode_image(content)


def _large(orientation=1, form="jpeg", mode="RGB"):
    """A file of the smooth picture at 320 x 240 px, as it lies with that orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(_picture()).resize((320, 240), Image.Resampling.BICUBIC)
    picture = picture if orientation == 1 else picture.transpose(Image.Transpose.ROTATE_90)
    options = {"quality": 95} if form == "jpeg" else {}
    return _bytes(picture.convert(mode), form, exif=exif, **options)


@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize(
    ("form", "mode"), [("jpeg", "RGB"), ("jpeg", "L"), ("jpeg", "CMYK"), ("png", "RGB"), ("webp", "RGB")]
)
def test_a_smaller_photograph_is_its_mean_over_squares(form, mode, reduction):
    content = _large(form=form, mode=mode)
    whole = decode_image(content).astype(float)
    means = whole.reshape(240 // reduction, reduction, 320 // reduction, reduction, 3).mean((1, 3))
    found = read_photograph(lambda most: content, lambda width, height: reduction)
    assert found.image.shape == means.shape
    assert np.abs(found.image - means).max() < (4 if form == "jpeg" else 1)
    assert (found.width, found.height, found.reduction) == (320, 240, reduction)
    assert found.digest == hash_bytes(content)


@pytest.mark.parametrize("form", ["jpeg", "png"])
def test_a_smaller_photograph_lies_upright_and_has_more_pixels_when_asked(form):
    content = _large(orientation=6, form=form)  # turned, as a telephone held upright has it
    small = read_photograph(lambda most: content, lambda width, height: 4)
    assert (small.width, small.height) == (320, 240)
    assert small.image.shape == (60, 80, 3)
    upright = np.asarray(Image.fromarray(_picture()).resize((80, 60), Image.Resampling.BICUBIC))
    assert np.abs(small.image.astype(int) - upright).mean() < 4
    whole, larger, kept = small.at(1), small.at(2), small.at(8)
    assert (larger.image.shape, larger.reduction, larger.width) == ((120, 160, 3), 2, 320)
    assert np.array_equal(whole.image, decode_image(content))
    assert (whole.reduction, whole.width, whole.digest) == (1, 320, larger.digest)
    assert kept.image is small.image
    assert small.nbytes > kept.nbytes == 60 * 80 * 3, "nothing finer is held any more"
    assert larger.nbytes == 120 * 160 * 3


@pytest.mark.parametrize("reduction", [2, 4])
@pytest.mark.parametrize(("width", "height"), [(320, 240), (321, 240), (320, 241), (5, 3)])
def test_the_last_row_and_column_fill_up_the_last_squares(width, height, reduction, monkeypatch):
    monkeypatch.setattr(decode, "_STRIP", 1500)  # many strips
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = read_photograph(lambda most: _bytes(Image.fromarray(image), "png"), lambda width, height: reduction)
    full = np.pad(image, ((0, -height % reduction), (0, -width % reduction), (0, 0)), mode="edge").astype(float)
    means = full.reshape(len(full) // reduction, reduction, -1, reduction, 3).mean((1, 3))
    assert found.image.shape == means.shape
    assert np.abs(found.image - means).max() <= 0.5
