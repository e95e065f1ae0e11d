import pytest

from gfr_model.scoring.job import ScoreConfig


@pytest.fixture
def config(evaluation, tmp_path) -> ScoreConfig:
    return ScoreConfig((evaluation.at4,), tmp_path / "scores", runs=(f"net={evaluation.run}",), panels=2)
