import pytest
import torch

from gfr_model.checkpoint import MODEL_FILE, write
from gfr_model.config import TrainConfig
from gfr_model.networks.build import build_network
from gfr_model.restoration.jobs import AlbumConfig
from tests.gfr_model.restoration.albums import save


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run folders of small untrained networks: with guide, without."""
    folders = []
    for variant in ("full", "-WG"):
        config = TrainConfig(width=2, variant=variant, image_size=32, output_skip=True)
        with torch.random.fork_rng():
            torch.manual_seed(5)
            network = build_network(config)
        folders.append(tmp_path_factory.mktemp("run"))
        tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
        write(folders[-1] / MODEL_FILE, tensors, config, {})
    return folders


@pytest.fixture
def album(tmp_path, runs):
    """Photographs and guides of two persons; one photograph shows nobody, one is damaged, one person has no guides."""
    photos = tmp_path / "photos"
    for number, name in enumerate(("alice/1.jpg", "alice/2.png", "bob/1.tif")):
        save(photos / name, number)
    save(photos / "alice/nobody.png", 7, dark=True)
    save(photos / "carol/1.png", 8)
    (photos / "bob/broken.jpg").write_bytes(b"no picture")
    (photos / "alice/notes.txt").write_text("1964")
    for number, name in enumerate(("alice/a.jpg", "alice/b.jpg", "bob/a.jpg")):
        save(tmp_path / "guides" / name, 20 + number)
    return AlbumConfig((photos,), runs[0], tmp_path / "guides", tmp_path / "out", compare=True)
