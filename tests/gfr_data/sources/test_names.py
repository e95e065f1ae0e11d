"""Two files never have one name in the tables, and the table's name leads back to the file."""

import os

from hypothesis import example, given
from hypothesis import strategies as st

from gfr_data.sources.names import name_of, order_of, text_of

# Names as they lie on a disk: any bytes but '/' and zero; often those that the escape itself is made of.
PIECES = st.sampled_from([b"%", b"%2", b"%25", b"%5C", b"%FF", b"%ff", b"\\", b"\xff", b"\x80", b"5C", b"FF", b"a"])
NAMES = st.lists(PIECES | st.binary(min_size=1, max_size=3), min_size=1, max_size=6).map(
    lambda pieces: os.fsdecode(b"".join(pieces).replace(b"/", b"_").replace(b"\0", b"_"))
)


@given(NAMES)
@example(os.fsdecode(b"\xff"))
@example("%FF")
@example("a\\b")
@example("a%5Cb")
@example("%\\")
def test_the_file_is_found_again_by_its_name_in_the_tables(name: str) -> None:
    text = text_of(name)
    assert name_of(text) == name
    assert "\\" not in text
    assert text.encode().decode() == text


def test_names_that_were_one_are_two() -> None:
    assert text_of(os.fsdecode(b"\xff")) == "%FF" != text_of("%FF")
    assert text_of("a\\b") == "a%5Cb" != text_of("a%5Cb")


def test_common_names_stay_as_they_are() -> None:
    for name in ("ünï 日本.jpg", "John%20Doe.jpg", "100%.jpg", "50% of it"):
        assert text_of(name) == name


def test_equal_photographs_have_one_order_wherever_they_lie() -> None:
    names = ["019039.jpg", "056120.jpg", "146732.jpg"]
    in_shards = ["00002.tar/7312", "00000.tar/7312", "00001.tar/7312"]
    in_rows = ["a.parquet/9", "a.parquet/10", "b.parquet/1"]
    for places in (["7312"] * 3, in_shards, in_rows):
        paths = [f"{place}/{name}" for place, name in zip(places, names, strict=True)]
        assert sorted(set(paths), key=order_of) == paths
