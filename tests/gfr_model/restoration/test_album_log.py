"""The log of restored photographs: what was written is read, and nothing else."""

import json
from dataclasses import asdict
from pathlib import Path

from gfr_model.restoration.album_log import LOG_FILE, Entry, append, read_log

ENTRY = Entry(
    output="Großmutter\u2028 am See.png",
    files={"Großmutter\u2028 am See.png": "0123"},
    made_from={"photograph": "ab", "strength": 0.5, "guides": ["cd"]},
    photo="Großmutter\u2028 am See.jpg",
    faces=[{"guide": "1.jpg", "why": "fits best of 3"}],
    notes=["the face is sharp already"],
)


def test_an_entry_is_read_as_it_was_written_whatever_its_name(tmp_path: Path) -> None:
    append(tmp_path, ENTRY)
    assert read_log(tmp_path) == {ENTRY.output: ENTRY}


def test_no_bit_of_a_line_can_change_what_it_says(tmp_path: Path) -> None:
    append(tmp_path, ENTRY)
    whole = (tmp_path / LOG_FILE).read_bytes()
    for place in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        (tmp_path / LOG_FILE).write_bytes(damaged)
        assert read_log(tmp_path) in ({}, {ENTRY.output: ENTRY}), f"bit {place}"


def test_lines_of_earlier_versions_are_read(tmp_path: Path) -> None:
    (tmp_path / LOG_FILE).write_text(json.dumps(asdict(ENTRY)) + "\n", encoding="utf-8")
    assert read_log(tmp_path) == {ENTRY.output: ENTRY}
