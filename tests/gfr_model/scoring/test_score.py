import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from gfr_data.degradation.reference import decode, upsample
from gfr_model.landmarks import face_masks
from gfr_model.scoring import job as score_job
from gfr_model.scoring.score import plan, score
from manifests import DEGRADED, DEGRADED_FILE, SCORES, SCORES_FILE, ConfigError, DataError, read_table
from manifests.files import safe_name
from manifests.tables.schemas import BICUBIC
from tests.gfr_model.scoring.rows import copied, image, rows_of


def test_each_method_has_one_row_for_each_observation_and_bicubic_is_always_there(config, evaluation):
    both = replace(config, folders=(evaluation.at4, evaluation.at8))
    summary = score(both)
    assert (summary.rows, summary.scored, summary.errors) == (28, 28, 0)
    rows = rows_of(config)
    keys = [(row["method"], row["pair_id"], row["copy"], row["scale"]) for row in rows]
    assert len(set(keys)) == len(keys) == 28
    assert list(dict.fromkeys(row["method"] for row in rows)) == [BICUBIC, "net"]
    assert summary.methods[BICUBIC]["psnr"] == pytest.approx(np.mean([r["psnr"] for r in rows_of(config, BICUBIC)]))


def test_bicubic_is_what_the_reference_upsamples_rounded(config, evaluation):
    skimage_metrics = pytest.importorskip("skimage.metrics")
    score(replace(config, runs=()))
    found = {row["pair_id"]: row["psnr"] for row in rows_of(config)}
    for row in read_table(evaluation.at4 / DEGRADED_FILE, DEGRADED).to_pylist():
        enlarged = np.rint(upsample(decode((evaluation.at4 / row["lq_path"]).read_bytes()))).astype(np.uint8)
        truth = image(evaluation.at4 / row["target_path"])
        wanted = skimage_metrics.peak_signal_noise_ratio(truth, enlarged)
        assert found[row["pair_id"]] == pytest.approx(wanted, abs=1e-6)


def test_a_row_carries_its_hash_protocol_pose_and_landmark_errors(config, evaluation):
    score(config)
    source = {r["pair_id"]: r for r in read_table(evaluation.at4 / DEGRADED_FILE, DEGRADED).to_pylist()}
    from gfr_model.inference import load_model

    for row in rows_of(config, "net"):
        pair = source[row["pair_id"]]
        target, guide = (np.array(pair[f"{role}_landmarks"]).reshape(68, 2) for role in ("target", "guide"))
        assert row["landmark_error_initial"] == pytest.approx(np.linalg.norm(target - guide, axis=1).mean(), abs=1e-3)
        assert row["landmark_error"] is not None
        assert row["pose_difference"] == pytest.approx(pair["guide_yaw"], abs=1e-3)
        assert row["checkpoint_hash"] == load_model(evaluation.run).checkpoint_hash
        assert "8 bits" in row["protocol"]
    for row in rows_of(config, BICUBIC):
        assert row["landmark_error"] is None
        assert row["checkpoint_hash"] == ""


def test_a_row_has_the_scores_of_its_target_s_face(config, evaluation):
    score(replace(config, panels=9))
    source = {r["pair_id"]: r for r in read_table(evaluation.at4 / DEGRADED_FILE, DEGRADED).to_pylist()}
    for row in rows_of(config, "net"):
        points = torch.tensor(source[row["pair_id"]]["target_landmarks"]).view(68, 2)
        inside = face_masks(points[None], 256)[0].numpy()
        truth, output = (image(config.out / row["panel"] / f"{name}.png").astype(float) for name in ("truth", "output"))
        assert row["psnr_face"] == pytest.approx(10 * np.log10(255**2 / ((truth - output)[inside] ** 2).mean()))
        assert -1 <= row["ssim_face"] <= 1


def test_parts_of_a_version_that_measured_less_are_scored_again(config):
    import pyarrow.parquet as pq

    score(config)
    before = (config.out / SCORES_FILE).read_bytes()
    (part,) = (config.out / "parts/net").iterdir()
    pq.write_table(pq.read_table(part).drop_columns(["psnr_face", "ssim_face"]), part)
    assert score(config).scored == 7
    assert (config.out / SCORES_FILE).read_bytes() == before


def test_the_same_command_does_nothing_and_another_folder_gets_the_same_bytes(config, tmp_path):
    assert score(config).changed
    path = config.out / SCORES_FILE
    before = path.read_bytes(), path.stat().st_mtime_ns
    again = score(config)
    assert (again.changed, again.scored) == (False, 0)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    other = replace(config, out=tmp_path / "other")
    score(other)
    assert (other.out / SCORES_FILE).read_bytes() == before[0]


@pytest.mark.parametrize("damage", ["gone", "cut", "bit"])
def test_a_lost_mark_is_what_the_table_says(config, damage):
    score(config)
    mark = config.out / "score.json"
    content = mark.read_bytes()
    mark.unlink()
    if damage != "gone":
        mark.write_bytes(content[:20] if damage == "cut" else b"[" + content[1:])
    assert score(config).scored == 0
    assert mark.read_bytes() == content


@pytest.mark.parametrize("stage", ["score", "pictures"])
def test_a_killed_run_continues_to_the_same_bytes(config, tmp_path, monkeypatch, stage):
    monkeypatch.setattr(score_job, "PART", 2)
    score(config)
    killed = replace(config, out=tmp_path / "killed")

    def dies(where, done, total):
        if where == stage and done >= total // 2:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        score(killed, dies)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not (killed.out / SCORES_FILE).exists()
    resumed = score(killed)
    assert resumed.scored < resumed.rows
    assert (killed.out / SCORES_FILE).read_bytes() == (config.out / SCORES_FILE).read_bytes()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_scores_alike_and_each_time_the_same(config, tmp_path):
    score(config)
    tables = []
    for name in ("one", "two"):
        there = replace(config, out=tmp_path / name, device="cuda")
        score(there)
        tables.append((there.out / SCORES_FILE).read_bytes())
    assert tables[0] == tables[1]
    for here, row in zip(rows_of(config), rows_of(there), strict=True):
        assert row["psnr"] == pytest.approx(here["psnr"], abs=0.01)
        assert row["ssim"] == pytest.approx(here["ssim"], abs=1e-3)


def test_a_part_damaged_in_any_column_is_scored_again_and_of_an_earlier_method_the_remedy_is_said(config):
    score(config)
    before = (config.out / SCORES_FILE).read_bytes()
    (part,) = (config.out / "parts/net").iterdir()
    column = pq.ParquetFile(part).metadata.row_group(0).column(SCORES.names.index("psnr"))
    start = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
    content = bytearray(part.read_bytes())
    content[start + column.total_compressed_size - 1] ^= 0x55
    part.write_bytes(content)
    with pytest.raises(DataError, match=r"score net again, with its own --run or --restored"):
        score(replace(config, runs=()))
    assert score(config).scored == 7
    assert (config.out / SCORES_FILE).read_bytes() == before


def test_a_damaged_part_is_scored_again(config):
    score(config)
    before = (config.out / SCORES_FILE).read_bytes()
    (part,) = (config.out / "parts/net").iterdir()
    part.write_bytes(part.read_bytes()[:100])
    assert score(config).scored == 7
    assert (config.out / SCORES_FILE).read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"no table", None])
def test_a_damaged_table_of_scores_is_written_again(config, content):
    score(config)
    path = config.out / SCORES_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert score(config).changed
    assert path.read_bytes() == whole


@pytest.mark.parametrize("column", ["lq_path", "target_path"])
@pytest.mark.parametrize("harm", ["missing", "changed", "empty"])
def test_a_file_that_cannot_be_read_is_a_row_with_an_error_and_is_tried_again(
    config, evaluation, tmp_path, column, harm
):
    folder = copied(evaluation, tmp_path)
    row = read_table(folder / DEGRADED_FILE, DEGRADED).to_pylist()[2]
    path = folder / row[column]
    content = path.read_bytes()
    path.unlink()
    if harm != "missing":
        path.write_bytes(b"" if harm == "empty" else content[:-1] + b"x")
    config = replace(config, folders=(folder,))
    summary = score(config)
    assert (summary.rows, summary.errors) == (14, 2)
    bad = [r for r in rows_of(config) if r["error"] is not None]
    assert {r["pair_id"] for r in bad} == {row["pair_id"]}
    assert all(r["psnr"] is None and r["ssim"] is None and path.name in r["error"] for r in bad)
    path.write_bytes(content)
    repaired = score(config)
    assert (repaired.errors, repaired.changed) == (0, True)


def test_an_unreadable_image_with_the_right_hash_is_a_row_with_an_error(config, evaluation, tmp_path):
    from manifests import hash_bytes, provenance, write_table

    folder = copied(evaluation, tmp_path)
    table = read_table(folder / DEGRADED_FILE, DEGRADED)
    path = folder / table["lq_path"][0].as_py()
    path.unlink()
    path.write_bytes(b"no image")
    hashes = [hash_bytes(b"no image"), *table["lq_hash"].to_pylist()[1:]]
    place = DEGRADED.get_field_index("lq_hash")
    table = table.set_column(place, DEGRADED.field("lq_hash"), [hashes])
    write_table(folder / DEGRADED_FILE, table, DEGRADED, provenance("test", {}))
    summary = score(replace(config, folders=(folder,)))
    assert summary.errors == 2
    assert "cannot be read as an image" in summary.first_error


def test_nothing_to_score_is_an_error(config, evaluation, tmp_path):
    folder = copied(evaluation, tmp_path)
    shutil.rmtree(folder / "lq")
    with pytest.raises(DataError, match="nothing could be scored"):
        score(replace(config, folders=(folder,)))


def test_other_inputs_are_refused_and_replaced_only_when_asked(config, evaluation):
    score(config)
    before = (config.out / SCORES_FILE).read_bytes()
    for other, what in (
        (replace(config, folders=(evaluation.at8,)), "degraded: "),
        (replace(config, limit=1), "limit: None, now 1"),
        (replace(config, splits=("test-webface",)), r"splits: \[\], now"),
        (replace(config, runs=(f"net={evaluation.without_guide}",)), "methods.net: "),
    ):
        with pytest.raises(ConfigError, match=what):
            score(other)
        assert (config.out / SCORES_FILE).read_bytes() == before
    assert score(replace(config, limit=1, overwrite=True)).rows == 4
    assert not score(replace(config, limit=1)).changed
    again = score(replace(config, limit=1, overwrite=True))
    assert (again.scored, again.changed) == (4, True)


def test_a_foreign_folder_is_left_alone(config):
    config.out.mkdir()
    (config.out / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="did not write"):
        score(config)
    assert [path.name for path in config.out.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"runs": ("net=nowhere",)}, DataError, "does not exist"),
        ({"restored": ("theirs=nowhere",)}, DataError, "is not a folder"),
        ({"restored": ("nowhere",)}, ConfigError, "must be NAME=FOLDER"),
        ({"splits": ("train",)}, ConfigError, "has no split train; it has test-vggface2, test-webface"),
        ({"device": "abacus"}, ConfigError, "'abacus' is not a device"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_anything_is_written(config, change, error, message):
    with pytest.raises(error, match=message):
        score(replace(config, **change))
    assert not config.out.exists()


def test_a_name_stands_for_one_method(config, evaluation):
    with pytest.raises(ConfigError, match="more than one method is called net"):
        score(replace(config, runs=(f"net={evaluation.run}", f"net={evaluation.without_guide}")))
    with pytest.raises(ConfigError, match="called bicubic"):
        score(replace(config, runs=(f"bicubic={evaluation.run}",)))


def test_a_plan_writes_nothing(config):
    found = plan(config)
    assert found["observations"] == 7
    assert list(found["methods"]) == [BICUBIC, "net"]
    assert found["missing"] == 2
    assert not config.out.exists()


def test_names_become_harmless_folders():
    assert safe_name("net(R)") == "net(R)"
    for name in ("../up", "a/b", ".hidden", "x" * 300, "ü:?"):
        plain = safe_name(name)
        assert "/" not in plain
        assert not plain.startswith(".")
        assert len(plain) < 120
    assert safe_name("a/b") != safe_name("a:b")


def test_scores_pass_the_tables_own_check(config):
    from manifests import validate_dataset

    score(config)
    assert validate_dataset(config.out) == []
    assert pc.all(pc.is_valid(read_table(config.out / SCORES_FILE, SCORES)["protocol"])).as_py()
