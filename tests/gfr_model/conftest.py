"""What the tests of networks, training and evaluation share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from manifests import PAIRS, PAIRS_FILE, provenance, read_table, write_table


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@dataclass(frozen=True)
class Evaluation:
    """Two degraded sets of the same pairs, and runs of small untrained networks."""

    pairs: Path
    at4: Path  # 4 pairs of test-vggface2, 3 of test-webface, of two persons each
    at8: Path
    run: Path  # of the full network
    without_guide: Path  # a run of variant -WG


@pytest.fixture(scope="session")
def evaluation(make_pairs: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """What the tests of the evaluation read; copy it to change it."""
    from gfr_data.degradation.dataset import degrade_dataset
    from manifests.degradation.space import parse_space

    pairs = make_pairs(train=4, val=3, size=256, persons=2)
    table = read_table(pairs / PAIRS_FILE, PAIRS)
    splits = ["test-vggface2" if split == "train" else "test-webface" for split in table["split"].to_pylist()]
    columns = {"split": pa.array(splits), "guide_yaw": pa.array([float(5 * n) for n in range(7)], pa.float32())}
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, PAIRS.field(name), values)
    write_table(pairs / PAIRS_FILE, table, PAIRS, provenance("test", {}))
    root = tmp_path_factory.mktemp("evaluation")
    for scale in ("4", "8"):
        degrade_dataset(pairs, root / f"at{scale}", None, parse_space(scale=scale))
    for name, variant in (("run", "full"), ("without-guide", "-WG")):
        untrained_run(root / name, variant)
    return Evaluation(pairs, root / "at4", root / "at8", root / "run", root / "without-guide")


def untrained_run(folder: Path, variant: str, seed: int = 1) -> None:
    """Write a run folder's model file."""
    from gfr_model.checkpoint import MODEL_FILE, write
    from gfr_model.config import TrainConfig
    from gfr_model.networks.build import build_network

    config = TrainConfig(width=2, variant=variant, output_skip=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_network(config)
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    write(folder / MODEL_FILE, tensors, config, {})
