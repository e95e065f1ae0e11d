import csv
import io
import json
import math

import numpy as np
import pytest

from gfr_model.results.formats import FORMATS, render, render_comparison
from gfr_model.results.scores import FACE, LUMA, SSIMS
from gfr_model.results.table import compare_methods, tabulate
from manifests import ConfigError, DataError
from manifests.paper import COLUMNS, OURS, ROWS, result
from tests.gfr_model.results.rows import measured, row, simple


def test_ssim_is_named_and_the_three_ways_are_told_where_the_paper_s_stands_beside(folder):
    scores = folder(simple(split="test-webface"))
    volume = tabulate([scores], ("psnr", SSIMS["matlab-volume"]))
    bicubic = 25 + np.mean(np.sin(range(8)))
    assert measured(volume, "bicubic").ssim == pytest.approx(bicubic / 40 + 0.02)
    assert measured(volume, "bicubic").psnr == pytest.approx(bicubic)
    assert "(SSIM) by matlab-volume" in volume.notes[0]
    told = next(note for note in volume.notes if "does not say how" in note)
    assert f"{bicubic / 40:.3f} by wang-rgb, {bicubic / 40 + 0.01:.3f} by wang-y" in told
    assert not any("does not say how" in note for note in tabulate([scores], paper=False).notes)
    older = folder(simple(ssim_volume=None), "older")
    assert any("score again" in note for note in tabulate([older], ("psnr", "ssim_volume")).notes)


def test_seeds_of_a_method_are_one_row_with_their_mean_and_spread(folder):
    offsets = {"net#1": 0.0, "net#2": 1.0, "net#3": 5.0, "net#1(R)": 0.0, "net#2(R)": 2.0, "one#7": 3.0}
    rows = simple(("bicubic",)) + [
        row(method, n, 26 + up + math.sin(n)) for method, up in offsets.items() for n in range(8)
    ]
    scores = folder(rows)
    table = tabulate([scores], intervals=True)
    assert [name for source, name in table.rows if source == "measured"] == ["bicubic", "net", "net(R)", "one#7"]
    found, level = measured(table, "net"), np.mean(np.sin(range(8)))
    assert (found.seeds, found.images) == (3, 8)
    assert found.psnr == pytest.approx(28 + level)
    assert found.psnr_spread == pytest.approx(np.std([0, 1, 5], ddof=1))
    assert math.isnan(measured(table, "one#7").psnr_spread)
    # Three runs say no more of the persons than one.
    alone = tabulate([folder(simple(("bicubic", "net")), "alone")], intervals=True)
    width = measured(alone, "net").psnr_high - measured(alone, "net").psnr_low
    assert found.psnr_high - found.psnr_low == pytest.approx(width)
    assert not any("a part of the images" in note for note in table.notes)
    assert any("3 of net, 2 of net(R)" in note for note in table.notes)
    for form, sign in (("text", "±"), ("markdown", "±"), ("latex", r"$\pm$")):
        assert f"{28 + level:.2f}" in render(table, form)
        assert f" {sign} 2.65 [" in render(table, form)
    compared = compare_methods([scores], "net", "bicubic")
    assert compared["difference"].iloc[0] == pytest.approx(3.0)
    assert compared["images"].iloc[0] == 8


def test_footnotes_say_how_each_run_reads_the_paper(folder):
    read = {"a": "eq. 9: sums", "b": "eq. 9: sums", "c": "eq. 9: means"}
    rows = simple() + [
        row(method, n, 20.0, protocol=f"gfr-1: as always; how the paper is read: {reading}; guide of another person")
        for method, reading in read.items()
        for n in range(8)
    ]
    assert [note for note in tabulate([folder(rows)]).notes if "eq. 9" in note] == [
        "a, b: eq. 9: sums.",
        "c: eq. 9: means.",
    ]


def test_a_cell_is_the_mean_over_its_images(folder):
    rows = simple() + simple(scale=8.0) + simple(split="test-vggface2", count=3)
    table = tabulate([folder(rows)])
    assert table.columns == (("test-vggface2", 4.0), ("test-webface", 4.0), ("test-webface", 8.0))
    assert "3 of test-vggface2 4×, 8 of test-webface 4×, 8 of test-webface 8×." in table.notes[0]
    assert measured(table, "net").psnr == pytest.approx(26 + np.mean(np.sin(range(3))))
    assert measured(table, "net", 1).ssim == pytest.approx((26 + np.mean(np.sin(range(8)))) / 40)
    luma = tabulate([folder(rows)], LUMA)
    assert measured(luma, "net", 1).psnr == pytest.approx(27 + np.mean(np.sin(range(8))))
    assert "luma" in luma.notes[0]


def test_the_best_and_the_second_best_are_marked(folder):
    table = tabulate([folder(simple(("bicubic", "second", "best")))], paper=False)
    assert table.results.set_index("method")["psnr_rank"].dropna().to_dict() == {"second": 2, "best": 1}


def test_the_paper_s_marks_are_those_it_prints():
    """Its best are all of GFRNet (Full); its second best are in bold in its text."""
    second = ["MDnCNN", "MSRGAN", "MDeblurGAN", "MARCNN"]
    for place, (split, scale) in enumerate(COLUMNS):
        found = {paper.method: result(paper, split, scale) for paper in ROWS}
        psnr = {name: value[0] for name, value in found.items() if value}
        assert max(psnr, key=psnr.get) == "GFRNet (Full)"
        others = {p.method: psnr[p.method] for p in ROWS if p.group != OURS and p.method in psnr}
        assert max(others, key=others.get) == second[place]
    assert len(ROWS) == 25
    assert sum(pair is None for paper in ROWS for pair in paper.results) == 6


def test_the_paper_s_rows_stand_beside_ours_and_say_so(folder):
    table = tabulate([folder(simple())])
    full = measured(table, "GFRNet (Full)", source="paper")
    assert (full.psnr, full.psnr_rank) == (32.31, 1)
    assert measured(table, "MDeblurGAN", source="paper").psnr_rank == 2
    assert ("paper", "TDAE") not in table.rows  # it has no result at 4×
    text = render(table, "text")
    assert "GFRNet (Full) (paper)  32.31*" in text
    assert "on their own photographs" in text
    assert tabulate([folder(simple(split="val"))]).rows == (("measured", "bicubic"), ("measured", "net"))


def test_scales_that_were_drawn_share_a_column(folder):
    rows = [row(method, n, 25.0 + n, scale=1 + n / 10) for method in ("bicubic", "net") for n in range(9)]
    table = tabulate([folder(rows)])
    assert table.columns == (("test-webface", "1–1.8×"),)
    assert measured(table, "net").psnr == 29
    assert measured(table, "net").images == 9


def test_tables_are_merged_and_what_both_have_counts_once(folder):
    both = tabulate([folder(simple(("bicubic", "a")), "one"), folder(simple(("bicubic", "b")), "two")], paper=False)
    assert [method for _, method in both.rows] == ["bicubic", "a", "b"]
    assert measured(both, "bicubic").images == 8
    assert "8 of test-webface 4×." in both.notes[0]
    assert measured(both, "bicubic").psnr == pytest.approx(25 + np.mean(np.sin(range(8))))


def test_a_score_from_one_table_stands_for_a_failure_in_another(folder):
    failed = [
        one | {"psnr": None, "ssim": None, "error": "lost"} if one["method"] == "net" else one for one in simple()
    ]
    table = tabulate([folder(failed, "one"), folder(simple(), "two")], paper=False)
    assert measured(table, "net").images == 8
    assert not any("no score" in note for note in table.notes)


def test_a_method_without_any_score_keeps_its_row(folder):
    failed = [
        one | {"psnr": None, "ssim": None, "error": "lost"} if one["method"] == "net" else one for one in simple()
    ]
    table = tabulate([folder(failed)])
    assert ("measured", "net") in table.rows
    assert "net" not in table.results["method"].tolist()
    for form in ("text", "markdown"):
        line = next(line for line in render(table, form).splitlines() if "net" in line)
        assert "–" in line


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: simple(checkpoint_hash="others"), "net names different weights"),
        (lambda: [one | {"psnr": one["psnr"] + 1} for one in simple()], "have different scores of bicubic"),
        (lambda: simple(protocol="gfr-9: otherwise"), "different protocols"),
    ],
)
def test_tables_that_contradict_are_refused(folder, other, message):
    rows = [one | {"checkpoint_hash": ""} if one["method"] == "bicubic" else one for one in other()]
    with pytest.raises(DataError, match=message):
        tabulate([folder(simple(), "one"), folder(rows, "two")])


def test_rows_without_a_score_are_left_out_and_told(folder):
    rows = simple()
    rows[9] = rows[9] | {"psnr": None, "ssim": None, "psnr_y": None, "ssim_y": None, "error": "lost.png is missing"}
    table = tabulate([folder(rows)])
    values = [one["psnr"] for one in rows[8:] if one["error"] is None]
    assert measured(table, "net").psnr == pytest.approx(np.mean(values))
    assert any("net: 1 observations have no score" in note and "lost.png" in note for note in table.notes)
    assert any("net on a part of the images only" in note for note in table.notes)


def test_further_metrics_are_told_where_they_were_measured(folder):
    extra = {"landmark_error": 2.0, "landmark_error_initial": 9.0, "lpips": 0.25, "identity_similarity": 0.5}
    table = tabulate([folder(simple(("bicubic",)) + simple(("net",), **extra))])
    assert measured(table, "net")[list(extra)].to_dict() == extra
    assert measured(table, "bicubic")[list(extra)].isna().all()
    text = render(table, "text")
    assert "net: landmarks of the warped guide 2.00 px off, 9.00 px before warping." in text
    assert "net: perceptual distance 0.2500, identity similarity 0.5000." in text
    records = {record["method"]: record for record in json.loads(render(table, "json"))["rows"]}
    assert records["net"]["lpips"] == 0.25
    assert records["bicubic"]["lpips"] is None


def test_scores_inside_the_face_have_a_table_of_their_own(folder):
    rows = [one | {"psnr_face": one["psnr"] - 2, "ssim_face": 0.5} for one in simple()]
    rows[-1] |= {"psnr_face": None, "ssim_face": None}  # a target whose landmarks nobody knows
    table = tabulate([folder(rows)], FACE, paper=False)
    assert measured(table, "bicubic").psnr == pytest.approx(23 + np.mean(np.sin(range(8))))
    assert measured(table, "net").images == 7
    assert "inside the face" in table.notes[0]
    records = {record["method"]: record for record in json.loads(render(tabulate([folder(rows)]), "json"))["rows"]}
    assert records["bicubic"]["psnr_face"] == pytest.approx(23 + np.mean(np.sin(range(8))))
    old = tabulate([folder(simple(), "old")], FACE, paper=False)
    assert [name for _, name in old.rows] == ["bicubic", "net"]
    assert any("score again" in note for note in old.notes)


def test_intervals_hold_the_mean(folder):
    found = measured(tabulate([folder(simple())], intervals=True), "net")
    assert found.psnr_low < found.psnr < found.psnr_high
    assert "[" in render(tabulate([folder(simple())], intervals=True, paper=False), "text")


def test_a_table_that_is_none_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        tabulate([tmp_path])


def test_every_format_has_every_method_and_number(folder):
    table = tabulate([folder(simple(("bicubic", "my_net")) + simple(("bicubic", "my_net"), scale=8.0))])
    text = render(table, "text")
    for form in FORMATS:
        rendered = render(table, form)
        for _, method in table.rows:
            assert (method.replace("_", r"\_") if form == "latex" else method) in rendered
        assert "32.31" in rendered
    assert "26.07" in text


def test_markdown_and_latex_have_as_many_cells_in_each_line(folder):
    table = tabulate([folder(simple() + simple(scale=8.0))])
    lines = [line for line in render(table, "markdown").splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {4}
    assert "**32.31** (**0.973**)" in render(table, "markdown")
    latex = render(table, "latex")
    body = [line for line in latex.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {line.count("&") for line in body} == {2}
    assert r"\textbf{32.31}" in latex
    assert latex.count(r"\hline") == 4


def test_csv_and_json_carry_the_whole_precision(folder):
    table = tabulate([folder(simple())], intervals=True)
    records = json.loads(render(table, "json"))["rows"]
    ours = next(record for record in records if record["method"] == "net")
    assert ours["psnr"] == pytest.approx(26 + np.mean(np.sin(range(8))), abs=1e-12)
    assert ours["psnr_low"] < ours["psnr"] < ours["psnr_high"]
    assert (ours["source"], ours["split"], ours["scale"], ours["images"]) == ("measured", "test-webface", 4.0, 8)
    lines = list(csv.DictReader(io.StringIO(render(table, "csv"))))
    assert len(lines) == len(records)
    assert {line["source"] for line in lines} == {"measured", "paper"}


def test_comparison_is_paired_by_observation(folder):
    rows = simple()
    rows = [one for one in rows if not (one["method"] == "net" and one["pair_id"] == "p0")]
    found = compare_methods([folder(rows[::-1])], "net", "bicubic")
    psnr = found.set_index("metric").loc["psnr"]
    assert (psnr["images"], psnr["persons"]) == (7, 4)
    assert psnr["difference"] == pytest.approx(1)
    assert psnr["first_better"] == 1
    for form in FORMATS:
        assert "net" in render_comparison(found, form)


def test_equal_images_have_no_number_where_programs_read_it(folder):
    """JSON knows no infinity: the PSNR of an image equal to the truth."""
    table = tabulate([folder([one | {"psnr": math.inf} for one in simple(("bicubic",))])], paper=False)
    assert measured(table, "bicubic").psnr == math.inf
    assert json.loads(render(table, "json"))["rows"][0]["psnr"] is None
    assert "inf" not in render(table, "csv")


def test_a_comparison_with_what_was_not_scored_is_refused(folder):
    with pytest.raises(ConfigError, match="no scores of other; there are bicubic, net"):
        compare_methods([folder(simple())], "net", "other")
    apart = simple(("a",)) + simple(("b",), split="val")
    with pytest.raises(DataError, match="no observation in common"):
        compare_methods([folder(apart)], "a", "b")
