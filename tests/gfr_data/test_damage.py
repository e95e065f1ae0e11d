"""A build knows what is its own and whole, and makes again what is not."""

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from gfr_data.build import WORK, build_pairs, plan
from gfr_data.config import BuildConfig
from gfr_data.examination.row import SHARD as SHARD_SCHEMA
from gfr_data.examination.shard import ShardTask, examine_shard
from gfr_data.examination.work import Work
from gfr_data.sources.options import parse_source
from manifests import PAIRS, DataError, read_table, validate_dataset, write_table

SHARD, INDEX = f"{WORK}/shards/00/00000.parquet", f"{WORK}/index.parquet"
DAMAGES: dict[str, Callable[[Path], object]] = {
    "gone": lambda path: path.unlink(),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-3]),
    "empty": lambda path: path.write_bytes(b""),
}


@pytest.fixture(scope="module")
def finished(people: Path, tmp_path_factory: pytest.TempPathFactory) -> BuildConfig:
    """A finished build of several shards; copy its folder to change it."""
    config = BuildConfig(
        sources=(parse_source(f"casia-webface={people / 'casia-webface'}"),),
        out=tmp_path_factory.mktemp("finished") / "pairs",
        landmarks=f"file:{people / 'landmarks68.csv'}",
        shard_photographs=3,
    )
    build_pairs(config)
    return config


@pytest.fixture
def config(finished: BuildConfig, tmp_path: Path) -> BuildConfig:
    """A copy of it."""
    shutil.copytree(finished.out, tmp_path / "pairs")
    return replace(finished, out=tmp_path / "pairs")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a build, by its path in the folder, but the notes of when crops were made."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".times")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def a_crop(out: Path) -> str:
    return min(path.relative_to(out).as_posix() for path in out.rglob("*.png"))


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_gone_cut_or_empty_is_no_finished_build(config: BuildConfig, damage: str) -> None:
    assert plan(config).finished
    names = ("faces.parquet", "pairs.parquet", "summary.json", "report.html", SHARD, INDEX, a_crop(config.out))
    for path in (config.out / name for name in names):
        whole = path.read_bytes()
        DAMAGES[damage](path)
        assert not plan(config).finished, path
        path.write_bytes(whole)
    assert plan(config).finished


@pytest.mark.parametrize(
    ("damage", "names"),
    [("gone", ("faces.parquet", SHARD, "report.html", "crop")), ("cut", ("pairs.parquet", INDEX, "crop"))],
    ids=str,
)
def test_the_same_command_makes_again_what_is_damaged_and_leaves_the_rest(
    finished: BuildConfig, config: BuildConfig, damage: str, names: tuple[str, ...]
) -> None:
    broken = {"build.json", "summary.json", *(a_crop(config.out) if name == "crop" else name for name in names)}
    for name in broken:
        DAMAGES[damage](config.out / name)
    costly = [*config.out.rglob("*.png"), *config.out.rglob("shards/*/*.[pc]*")]
    before = {path: path.stat().st_mtime_ns for path in costly if path.relative_to(config.out).as_posix() not in broken}
    assert before
    assert build_pairs(config).changed
    assert contents(config.out) == contents(finished.out)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not build_pairs(config).changed


def put_another(config: BuildConfig) -> None:
    """In the place of a shard one that was made with other settings, of which no face is good enough."""
    table = read_table(config.out / SHARD, SHARD_SCHEMA)
    place = table.schema.get_field_index("status")
    table = table.set_column(place, table.schema.field(place), pa.array(["rejected"] * table.num_rows))
    write_table(config.out / SHARD, table, SHARD_SCHEMA, replace(config, seed=1).made_by())


@pytest.mark.parametrize("name", ["summary.json", f"{WORK}/shards/00/00000.crops"])
def test_no_bit_of_a_note_changes_unnoticed(finished: BuildConfig, config: BuildConfig, name: str) -> None:
    """A count that is another number, a hash with another digit."""
    content = (finished.out / name).read_bytes()
    places = random.Random(0).sample(range(len(content)), 10)
    for damaged in (*(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in places), None):
        (config.out / name).unlink()
        if damaged is not None:
            (config.out / name).write_bytes(damaged)
        assert not plan(config).finished
    build_pairs(config)
    assert contents(config.out) == contents(finished.out)


def test_a_shard_of_other_settings_or_weights_is_examined_anew(finished: BuildConfig, config: BuildConfig) -> None:
    put_another(config)
    assert not plan(config).finished
    (config.out / "summary.json").unlink()
    build_pairs(config)
    assert contents(config.out) == contents(finished.out)
    work = Work(config.out / WORK, config.made_by())
    assert work.missing() == []
    assert Work(work.folder, config.made_by("hash of weights")).missing() == list(range(work.count()))


def test_a_shard_that_another_build_puts_there_meanwhile_is_refused(finished: BuildConfig, config: BuildConfig) -> None:
    """A worker of a cluster may outlive its build, and then write where the next one works."""

    def late(stage: str, done: int, total: int) -> None:
        if stage == "examine" and done == total:
            put_another(config)

    (config.out / "summary.json").unlink()
    with pytest.raises(DataError, match=r"00000\.parquet is not this build's any more; run the same command again"):
        build_pairs(config, late)
    build_pairs(config)
    assert contents(config.out) == contents(finished.out)


def test_a_worker_with_other_weights_is_refused(config: BuildConfig) -> None:
    work = Work(config.out / WORK, config.made_by("hash of weights"))
    with pytest.raises(DataError, match=r"weights of --landmarks .* are others here"):
        examine_shard(ShardTask(work, 0, config.examination("hash of weights")))


def test_a_lost_index_of_photographs_that_changed_since_takes_no_shard_for_another(
    finished: BuildConfig, tmp_path: Path
) -> None:
    """Of a first identity that is gone all shards have other photographs, though as many as before."""
    (source,) = finished.sources
    root, out = tmp_path / "casia", tmp_path / "pairs"
    shutil.copytree(source.root, root)
    landmarks = tmp_path / "points.csv"
    points = Path(finished.landmarks.removeprefix("file:"))
    landmarks.write_text(points.read_text().replace("casia-webface/", "casia/"))
    config = replace(
        finished,
        sources=(replace(source, root=str(root)),),
        out=out,
        landmarks=f"file:{landmarks}",
        shard_photographs=1,
    )
    build_pairs(config)
    work = Work(out / WORK, config.made_by())
    work.skip(0, [1])
    shutil.rmtree(min(path for path in root.iterdir() if path.is_dir()))
    work.index.unlink()
    build_pairs(config)
    fresh = replace(config, out=tmp_path / "fresh" / "pairs")
    build_pairs(fresh)
    assert contents(out) == contents(fresh.out)
    assert validate_dataset(out) == []


def test_a_shard_that_is_damaged_inside_is_removed_and_made_again(finished: BuildConfig, config: BuildConfig) -> None:
    shard = config.out / SHARD
    content = shard.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    shard.write_bytes(content[:4] + bytes(255 - byte for byte in content[4:footer]) + content[footer:])
    (config.out / "summary.json").unlink()
    with pytest.raises(DataError, match="was damaged and is removed; the same command makes it again"):
        build_pairs(config)
    build_pairs(config)
    assert contents(config.out) == contents(finished.out)


@pytest.mark.parametrize("known", [True, False], ids=["of a finished build", "of an unfinished one"])
def test_a_crop_with_another_bit_does_not_get_into_the_manifest(
    finished: BuildConfig, config: BuildConfig, known: bool
) -> None:
    crop = config.out / a_crop(config.out)
    content = bytearray(crop.read_bytes())
    content[len(content) // 2] ^= 1
    crop.write_bytes(content)
    for name in ("summary.json",) if known else ("summary.json", "faces.parquet", "pairs.parquet"):
        (config.out / name).unlink()
    build_pairs(config)
    assert contents(config.out) == contents(finished.out)


def test_a_crop_of_a_photograph_that_was_replaced_is_made_again(finished: BuildConfig, tmp_path: Path) -> None:
    """Its shard was lost and is examined anew: the photograph has its old name and shows something else."""
    (source,) = finished.sources
    root, out = tmp_path / "casia-webface", tmp_path / "pairs"
    shutil.copytree(source.root, root)
    points = tmp_path / "landmarks68.csv"
    shutil.copy(finished.landmarks.removeprefix("file:"), points)
    config = replace(finished, sources=(replace(source, root=str(root)),), out=out, landmarks=f"file:{points}")
    build_pairs(config)
    photograph = root / Path(read_table(out / "pairs.parquet", PAIRS)["target_source_path"][0].as_py())
    with Image.open(photograph) as image:
        image.point([255 - grey for grey in range(256)] * 3).save(tmp_path / "other.png")
    shutil.copy(tmp_path / "other.png", photograph)
    shutil.rmtree(out / WORK / "shards")
    build_pairs(config)
    fresh = replace(config, out=tmp_path / "fresh" / "pairs")
    build_pairs(fresh)
    wanted = contents(fresh.out)
    assert {name: content for name, content in contents(out).items() if name in wanted} == wanted


def test_of_two_builds_in_one_folder_the_second_is_told_who_has_it(finished: BuildConfig, config: BuildConfig) -> None:
    asked = []

    def meanwhile(stage: str, done: int, total: int) -> None:
        for second in (config, replace(config, seed=1, overwrite=True)):
            with pytest.raises(DataError, match=r"being written by gfr-data build-pairs \(process \d+ on .*, since 2"):
                build_pairs(second)
            asked.append(stage)

    build_pairs(replace(config, overwrite=True), meanwhile)
    assert {"index", "examine", "crop", "write"} <= set(asked)
    assert contents(config.out) == contents(finished.out)
