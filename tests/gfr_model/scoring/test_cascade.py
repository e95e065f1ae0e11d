"""8x in two steps: each network sees what the paper's road gives it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gfr_data.degradation.reference import decode, upsample
from gfr_model import checkpoint
from gfr_model.networks.baselines import vdsr
from gfr_model.networks.build import build_network
from gfr_model.presets import resolve
from gfr_model.scoring.cascade import cascade
from gfr_model.scoring.score import score
from manifests import DEGRADED, DEGRADED_FILE, ConfigError, DataError, read_table
from tests.gfr_model.scoring.rows import rows_of

CPU = torch.device("cpu")


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two runs of VDSR, cut to its ends, that add a constant to the image: 0.1 at 4x, -0.04 at 2x."""
    monkeypatch.setattr(vdsr, "DEPTH", 2)
    for name, added in (("x4", 0.1), ("x2", -0.04)):
        config = resolve("paper", changes={"model": "vdsr", "scale": name[1:]})
        network = build_network(config)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.zero_()
            network.network.layers[-1].bias.fill_(added)
        state = {f"network.{key}": value for key, value in network.state_dict().items()}
        checkpoint.write(tmp_path / name / checkpoint.MODEL_FILE, state, config, {})
    return tmp_path / "x4", tmp_path / "x2"


def _half(low):
    """Bicubic, 32 px to 128 and to 8 bits, by another library's matrix."""
    from PIL import Image

    return np.asarray(Image.fromarray(low).resize((128, 128), Image.Resampling.BICUBIC))


def test_the_second_network_gets_the_first_ones_result(config, evaluation, runs):
    config = replace(
        config, folders=(evaluation.at8,), runs=(), cascades=(f"two steps={runs[0]},{runs[1]}",), panels=0, limit=1
    )
    assert score(config).errors == 0
    row = rows_of(config, "two steps")[0]
    given = read_table(evaluation.at8 / DEGRADED_FILE, DEGRADED).to_pylist()[0]
    assert row["pair_id"] == given["pair_id"]
    low = decode((evaluation.at8 / given["lq_path"]).read_bytes())
    assert low.shape == (32, 32, 3)
    middle = np.rint((_half(low).astype(float) + 25.5).clip(0, 255)).astype(np.uint8)
    made = np.rint((upsample(middle) - 10.2).clip(0, 255))
    truth = decode((evaluation.at8 / given["target_path"]).read_bytes()).astype(float)
    assert row["psnr"] == pytest.approx(10 * np.log10(255**2 / np.square(made - truth).mean()), abs=0.02)
    assert "trained at scale 4 (losses: squared error), then a network trained at scale 2" in row["protocol"]
    assert score(config).scored == 0


def test_the_order_counts(config, evaluation, runs):
    ways = (f"there={runs[0]},{runs[1]}", f"back={runs[1]},{runs[0]}")
    score(replace(config, folders=(evaluation.at8,), runs=(), cascades=ways, panels=0, limit=1))
    there, back = (rows_of(config, name) for name in ("there", "back"))
    assert all(one["checkpoint_hash"] != other["checkpoint_hash"] for one, other in zip(there, back, strict=True))


def test_what_is_no_cascade_is_refused(evaluation, runs):
    for wrong in (f"one={runs[0]}", f"three={runs[0]},{runs[0]},{runs[0]}", f"{runs[0]},{runs[1]}"):
        with pytest.raises(ConfigError, match="must be NAME=RUN1,RUN2"):
            cascade(wrong, CPU)
    with pytest.raises(ConfigError, match="looks at a guide"):
        cascade(f"net={runs[0]},{evaluation.run}", CPU)
    with pytest.raises(DataError, match="nowhere"):
        cascade(f"net={runs[0]},nowhere", CPU)
