"""A run's folder: its configuration, its metrics table, its TensorBoard events, its pictures."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gfr_model import checkpoint
from gfr_model.config import TrainConfig, differences
from manifests import DataError, atomic_path, project_version, write_text
from manifests.folders import Kind, claimed
from manifests.settings import from_toml, to_toml

CONFIG_FILE = "config.toml"
METRICS_FILE = "metrics.parquet"
SUMMARY_FILE = "summary.html"
SAMPLES = "samples"
EVENTS = "events"
HEAD = "# gfr "
FOLDER = Kind(
    "gfr-train",
    CONFIG_FILE,
    HEAD,
    (
        *(METRICS_FILE, SUMMARY_FILE, checkpoint.MODEL_FILE),
        *(f"{SAMPLES}/step-*.png", f"{EVENTS}/events.out.tfevents.*", f"{checkpoint.FOLDER}/step-*.safetensors"),
    ),
)

METRICS = pa.schema(
    [
        pa.field("step", pa.int64(), metadata={"description": "training steps done"}),
        pa.field("epoch", pa.float64(), metadata={"description": "samples seen over training pairs"}),
        pa.field("split", pa.string(), metadata={"description": "'train' (mean since the last row) or 'val'"}),
        pa.field("name", pa.string(), metadata={"description": "what was measured"}),
        pa.field("value", pa.float64(), metadata={"description": "its value; psnr in dB, landmark_error in px"}),
    ]
)


@contextmanager
def open_run(run: Path, config: TrainConfig, manifest_hash: str, overwrite: bool) -> Iterator[str]:
    """Hold the run's folder and note the configuration there, or check that it holds an earlier part of this very run.

    Yields a line for a person where the note was changed by hand or damaged: what counts is the checkpoints' own.
    Raises ConfigError when it holds a run with other settings, DataError when it is somebody else's or being written.
    """
    mark = f"{HEAD}{project_version()}; pairs.parquet {manifest_hash}\n{to_toml(config)}"
    with claimed(run, FOLDER, mark, overwrite, lambda before, _: _changes(run, before, config)) as was:
        if was != mark:  # those that may change
            write_text(run / CONFIG_FILE, mark)
        yield _changed_by_hand(run, was)


def _changes(run: Path, before: str, config: TrainConfig) -> list[str]:
    """What differs from the settings of the run: those of its checkpoints, before there is one those of its note."""
    kept = checkpoint.newest_header(run)
    if kept is not None:
        return differences(kept.config, config)
    try:
        return differences(from_toml(TrainConfig, before, str(run / CONFIG_FILE)), config)
    except DataError as error:
        return [f"{CONFIG_FILE} is damaged: {error}"]


def _changed_by_hand(run: Path, note: str) -> str:
    kept = checkpoint.newest_header(run) if note else None
    if kept is None:
        return ""
    try:
        found = differences(kept.config, from_toml(TrainConfig, note, str(run / CONFIG_FILE)))
    except DataError:
        found = ["it was damaged"]
    if not found:
        return ""
    return f"{run / CONFIG_FILE} did not say what the run was trained with ({'; '.join(found)}); it was written anew"


class RunLog:
    """Writes what happens to the metrics table and to TensorBoard (where it is installed)."""

    def __init__(self, run: Path, step: int, active: bool = True) -> None:
        """Continue the log of a run at `step`: rows of later steps, from a part that is done again, are dropped.

        Where it is not `active`, in all processes of a run but the first, it writes nothing.
        """
        self.active = active
        self.path = run / METRICS_FILE
        self.run = run
        self.table = _earlier(self.path, step)
        self.pending: list[dict[str, Any]] = []
        self.events = _event_writer(run / EVENTS, step) if active else None

    def record(self, step: int, epoch: float, split: str, values: Mapping[str, float]) -> None:
        """Note `values` after `step` steps."""
        if not self.active:
            return
        for name, value in values.items():
            self.pending.append({"step": step, "epoch": epoch, "split": split, "name": name, "value": value})
            if self.events is not None:
                with _written(self.run / EVENTS):
                    self.events.add_scalar(f"{split}/{name}", value, step)

    def picture(self, step: int, image: np.ndarray) -> None:
        """Keep a picture, (H, W, 3) uint8 RGB, as `samples/step-N.png`."""
        if not self.active:
            return
        from PIL import Image

        with atomic_path(self.run / SAMPLES / f"step-{step:08d}.png") as part:
            Image.fromarray(image).save(part)
        if self.events is not None:
            with _written(self.run / EVENTS):
                self.events.add_image("samples", image, step, dataformats="HWC")

    def flush(self) -> None:
        """Bring the table on disk up to date."""
        if not self.active:
            return
        self.table = pa.concat_tables([self.table, pa.Table.from_pylist(self.pending, METRICS)])
        self.pending = []
        with atomic_path(self.path) as part:
            pq.write_table(self.table, part, write_page_checksum=True)
        if self.events is not None:
            with _written(self.run / EVENTS):
                self.events.flush()

    def close(self) -> None:
        """Close the event file."""
        if self.events is not None:
            with _written(self.run / EVENTS):
                self.events.close()


def read_metrics(run: Path) -> pa.Table:
    """Read a run's metrics table (schema METRICS), empty where there is none."""
    return _earlier(run / METRICS_FILE, None)


def _earlier(path: Path, step: int | None) -> pa.Table:
    if not path.is_file():
        return METRICS.empty_table()
    try:
        table = pq.read_table(path, page_checksum_verification=True).cast(METRICS)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise DataError(f"{path} is no metrics table ({error}); remove it to go on without it") from error
    if step is None:
        return table
    return table.filter(pc.less_equal(table.column("step"), step))


def _event_writer(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    threading.excepthook = _say_once
    with _written(folder):
        return SummaryWriter(folder, purge_step=step + 1)


def _say_once(failure: threading.ExceptHookArgs) -> None:
    """Print how a thread failed, but not that of TensorBoard: its next call raises the same error."""
    if not (isinstance(failure.exc_value, OSError) and type(failure.thread).__module__.startswith("tensorboard")):
        threading.__excepthook__(failure)


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """Turn what TensorBoard's writer raises on a full disk, where it may be the first to notice, into a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot write to {folder}: {error.strerror or error}; free space or choose another folder, then run again"
        ) from error
