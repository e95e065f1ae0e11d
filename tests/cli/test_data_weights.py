"""`gfr-data weights`: the list and the downloads, as a person or a program sees them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.data import main
from manifests.weights import WEIGHTS, File, Weight, table


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["weights", *(str(argument) for argument in arguments)])


def test_the_list_tells_what_is_here_and_how_to_be_rid_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GFR_WEIGHTS", str(tmp_path / "shelf"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    said = call()
    assert said.exit_code == 0, said.output
    assert [line.split()[0] for line in said.stdout.splitlines() if line.split()[:1] == ["gfrnet"]], "the first row"
    assert f"{tmp_path / 'shelf'} (GFR_WEIGHTS names another folder); remove" in said.stdout
    listed = json.loads(call("--json").stdout)
    assert [row["name"] for row in listed["weights"]] == [weight.name for weight in WEIGHTS]
    states = {row["name"]: row["state"] for row in listed["weights"]}
    assert states["mtcnn"] == states["default"] == "here"
    assert states["fan"] == states["gfrnet"] == "missing"


def test_a_name_brings_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GFR_WEIGHTS", str(tmp_path / "shelf"))
    monkeypatch.setattr(table, "WEIGHTS", [Weight("one", "a test", "none", (File("one.bin"),), "", "", "nowhere")])
    (tmp_path / "mine").write_bytes(b"content")
    said = call("get", "one", "--from", tmp_path / "mine")
    assert said.exit_code == 0, said.output
    assert "nobody tells its hash" in said.stdout
    assert (tmp_path / "shelf" / "one.bin").read_bytes() == b"content"
    assert json.loads(call("get", "one", "--json").stdout)["files"][0]["changed"] is False


def test_wrong_names_and_options_end_with_2_before_anything_is_got(tmp_path: Path) -> None:
    said = call("get", "mtcnn", "vggface")
    assert said.exit_code == 2
    assert "did you mean 'vgg-face'" in said.output
    assert call("get", "fan", "sface", "--from", tmp_path).exit_code == 2
