"""The script of Table 1 from pairs to page, on drawn faces and with two steps a network."""

import json
import re
import sys

import pyarrow as pa
import pytest

from manifests import PAIRS, PAIRS_FILE, provenance, read_table, write_table
from tests.benchmarks import table1

TESTED = ("train-1", "train-2")


@pytest.fixture
def build(make_pairs, tmp_path, monkeypatch):
    """A build of which two persons of three are tested, and the list that says so."""
    folder = make_pairs(train=6, val=2, size=256, persons=3)
    table = read_table(folder / PAIRS_FILE, PAIRS)
    persons, splits = (table[name].to_pylist() for name in ("person", "split"))
    splits = ["test-folder" if person in TESTED else split for person, split in zip(persons, splits, strict=True)]
    table = table.set_column(table.schema.get_field_index("split"), PAIRS.field("split"), pa.array(splits))
    write_table(folder / PAIRS_FILE, table, PAIRS, provenance("test", {}))
    (tmp_path / "people.csv").write_text("person,split\ntrain-1,test\ntrain-2,test\nval-0,val\n")
    monkeypatch.setattr(table1, "PEOPLE", tmp_path / "people.csv")
    return folder


def _call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["table1", *map(str, arguments)])
    table1.main()


def test_every_network_is_trained_scored_and_named_by_its_losses(build, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    rows = "gfrnet,gfrnet-WG,srcnn-4x,srcnn-8x,srcnn-2x"
    small = [f"--set={setting}" for setting in ("width=2", "batch_size=1", "storage=disk")]
    arguments = (build, out, "--minutes=0", "--seeds=2", f"--rows={rows}", *small)
    _call(monkeypatch, *arguments)
    text = (out / "table1.md").read_text()
    table = {cells[1].strip(): cells[2:-1] for line in text.splitlines() if len(cells := line.split("|")) == 9}
    assert table.keys() >= {"bicubic", "GFRNet (MSE)", "GFRNet (MSE)(R)", "GFRNet(-WG) (MSE)", "SRCNN 4x (MSE)"}
    assert table.keys() >= {"the model that ships", "the model that ships(R)"}
    assert text.startswith("2 photographs of 2 persons")
    filled = {name: [bool(cell.strip()) for cell in cells] for name, cells in table.items()}
    assert filled["SRCNN 4x (MSE)"] == [True, True, False, False, False, False]
    assert filled["SRCNN 8x (MSE)"] == filled["SRCNN 4x, then 2x (MSE)"] == [False, False, False, True, True, False]
    assert all("±" in table[name][0] for name in ("GFRNet (MSE)", "GFRNet(-WG) (MSE)"))
    assert re.search(r"\| GFRNet\(-WG\) \(MSE\), seed 1 +\| 2 \|", text)
    assert "SRCNN 2x (MSE) |" in text  # how long the part of the road was trained
    steps = json.loads((out / "steps.json").read_text())
    assert all(told["steps"] == 2 for told in steps.values())
    capsys.readouterr()
    _call(monkeypatch, *arguments)
    assert (out / "table1.md").read_text() == text
    assert capsys.readouterr().out.count("nothing to do") == len(steps) == 7


def test_a_build_that_trains_on_test_persons_is_refused(build, tmp_path, monkeypatch):
    (tmp_path / "people.csv").write_text("person,split\ntrain-0,test\n")
    with pytest.raises(SystemExit, match="trains or validates on test persons: train-0"):
        _call(monkeypatch, build, tmp_path / "out", "--rows=arcnn")


def test_a_row_that_begins_with_another_needs_it(build, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        _call(monkeypatch, build, tmp_path / "out", "--rows=srgan")
    assert "srgan begins with srresnet" in capsys.readouterr().err
