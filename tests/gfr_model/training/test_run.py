import json
import os
import re
import signal

import numpy as np
import pytest
from PIL import Image

from gfr_model.config import TrainConfig
from gfr_model.training.run import RunLog, open_run, read_metrics
from gfr_model.training.summary import write_summary
from manifests import DataError


def _rows(run):
    table = read_metrics(run)
    return list(zip(table["step"].to_pylist(), table["name"].to_pylist(), table["value"].to_pylist(), strict=True))


def test_rows_of_a_part_that_is_done_again_are_dropped(tmp_path):
    log = RunLog(tmp_path, 0)
    for step in (1, 2, 3):
        log.record(step, step / 2, "train", {"loss": float(step)})
    log.flush()
    log.close()
    again = RunLog(tmp_path, 2)
    again.record(3, 1.5, "train", {"loss": 30.0})
    again.flush()
    assert _rows(tmp_path) == [(1, "loss", 1.0), (2, "loss", 2.0), (3, "loss", 30.0)]


def test_a_log_that_is_not_active_writes_nothing(tmp_path):
    log = RunLog(tmp_path / "run", 0, active=False)
    log.record(1, 1.0, "train", {"loss": 1.0})
    log.picture(1, np.zeros((4, 4, 3), dtype=np.uint8))
    log.flush()
    log.close()
    assert list(tmp_path.iterdir()) == []


def test_scalars_and_pictures_reach_tensorboard(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = RunLog(tmp_path, 0)
    log.record(5, 1.0, "val", {"psnr": 30.0})
    log.picture(5, np.zeros((8, 8, 3), dtype=np.uint8))
    log.flush()
    log.close()
    events = accumulator.EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    assert events.Scalars("val/psnr")[0].value == 30.0
    assert events.Tags()["images"] == ["samples"]


def test_without_tensorboard_the_rest_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    log = RunLog(tmp_path, 0)
    log.record(1, 1.0, "val", {"psnr": 30.0})
    log.flush()
    log.close()
    assert _rows(tmp_path) == [(1, "psnr", 30.0)]
    assert not (tmp_path / "events").exists()


def test_overwrite_removes_only_what_a_run_wrote(tmp_path):
    run = tmp_path / "run"
    with open_run(run, TrainConfig(), "hash", overwrite=False):
        pass
    (run / "checkpoints").mkdir()
    (run / "checkpoints/step-00000001.safetensors").write_bytes(b"old")
    (run / "notes.txt").write_text("mine")
    with open_run(run, TrainConfig(seed=1), "hash", overwrite=True):
        pass
    assert sorted(path.name for path in run.iterdir()) == ["config.toml", "notes.txt"]
    assert "pairs.parquet hash" in (run / "config.toml").read_text()


def test_a_broken_metrics_table_is_named(tmp_path):
    (tmp_path / "metrics.parquet").write_bytes(b"torn")
    with pytest.raises(DataError, match=r"metrics\.parquet is no metrics table"):
        RunLog(tmp_path, 1)


def _code_with_files_of_at_most(size, work):
    """The exit code of `work` in a child in which no file may grow beyond `size`: a disk that is full."""
    resource = pytest.importorskip("resource")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("size", [0, 3000])
def test_a_full_disk_that_tensorboard_meets_first_is_said_as_any_other(tmp_path, size):
    pytest.importorskip("tensorboard")

    def work():
        try:
            log = RunLog(tmp_path, 0)
            for step in range(1000):
                log.record(step, 1.0, "train", {"loss": 1.0})
            log.close()
        except DataError as error:
            return 0 if "events" in str(error) and "free space" in str(error) else 2
        return 3

    errors = tmp_path / "stderr"
    with errors.open("w") as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            assert _code_with_files_of_at_most(size, work) == 0
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    assert "Traceback" not in errors.read_text(), "the thread that writes said it too"


def _finished(run, pictures=(2,)):
    log = RunLog(run, 0)
    for step in (1, 2):
        log.record(step, step, "train", {"loss": 100.0 / 50**step, "broken": float("nan"), "of_my_own": 1.0})
        log.record(step, step, "val", {"psnr": 20.0 + step, "psnr_degraded": 19.0})
    for step in pictures:
        log.picture(step, np.full((8, 12, 3), step, dtype=np.uint8))
    log.flush()
    log.close()


def test_summary_page_stands_alone(tmp_path):
    _finished(tmp_path)
    page = write_summary(tmp_path, TrainConfig(vgg_face="<odd>"), ["2 steps & more"], best_step=2).read_text()
    assert page.count("<svg") == 3  # psnr_degraded is drawn into psnr's chart, and a curve of NaN is none
    assert "2 steps &amp; more" in page
    assert "<odd>" not in page
    assert 'src="data:image/jpeg;base64,' in page
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", page)
    assert Image.open(tmp_path / "samples/step-00000002.png").size == (12, 8)


def test_summary_page_names_its_axes_in_words(tmp_path):
    _finished(tmp_path)
    page = write_summary(tmp_path, TrainConfig(), [], best_step=2).read_text()
    charts = re.findall(r"<figcaption>(.*?) <span>(.*?)</span> <code>(.*?)</code>", page)
    assert charts == [
        ("PSNR of the output", "", "psnr"),
        ("All losses, weighted", "logarithmic", "loss"),
        ("of_my_own", "", "of_my_own"),  # what the page does not know is shown too
    ]
    names = re.findall(r"<!-- (.*?) -->", page)  # matplotlib leaves each text in a comment
    assert {"steps", "dB", "model"} <= set(names)
    assert "<td>vgg_face</td>" in page


def test_summary_page_has_every_picture_at_its_time(tmp_path, monkeypatch):
    from gfr_model.training import summary

    _finished(tmp_path, pictures=range(1, 8))
    page = write_summary(tmp_path, TrainConfig(), []).read_text()
    data = json.loads(re.search(r'id="pictures-data">(.*?)</script>', page).group(1))
    assert [one["about"] for one in data][:3] == [
        "after step 1, PSNR 21.00 dB",
        "after step 2, PSNR 22.00 dB",
        "after step 3",
    ]
    assert len({one["uri"] for one in data}) == 7
    assert 'max="6" value="6"' in page
    monkeypatch.setattr(summary, "PICTURES", 3)
    page = write_summary(tmp_path, TrainConfig(), []).read_text()
    data = json.loads(re.search(r'id="pictures-data">(.*?)</script>', page).group(1))
    assert [one["about"] for one in data] == ["after step 1, PSNR 21.00 dB", "after step 4", "after step 7"]
    assert "3 of 7 pictures" in page


def test_a_damaged_picture_of_a_validation_is_left_out_and_named(tmp_path):
    _finished(tmp_path, pictures=(1, 2))
    damaged = tmp_path / "samples/step-00000001.png"
    content = bytearray(damaged.read_bytes())
    for damage in (content[:-20], content[:20], b"", bytes(len(content))):
        damaged.write_bytes(damage)
        page = write_summary(tmp_path, TrainConfig(), []).read_text()
        assert "Damaged and left out, in the folder samples: step-00000001.png." in page
        assert page.count("after step 2") >= 2
        assert "after step 1" not in page


def test_settings_that_may_change_are_noted_anew(tmp_path):
    for epochs in (1.0, 2.0):
        with open_run(tmp_path / "run", TrainConfig(epochs=epochs), "hash", overwrite=False):
            assert f"epochs = {epochs}" in (tmp_path / "run/config.toml").read_text()
