"""The same person is recognised in two datasets, and different people stay apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gfr_data.sources.persons import (
    normalise_name,
    person_of,
    read_celeba_identities,
    read_numbered_names,
    read_vggface2_names,
)
from manifests import DataError


@pytest.mark.parametrize(
    "spelling",
    [
        "Ana María Núñez",
        "ana_maria_nunez",
        '"Ana_Maria_Nunez"',
        "Núñez, Ana María",
        "ANA-MARIA NUNEZ",
        "Nun\u0303ez Ana Maria",
    ],
)
def test_spellings_of_one_name_are_equal(spelling: str) -> None:
    assert normalise_name(spelling) == "ana maria nunez"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Sinéad_O'Connor", "sinead oconnor"), ("Søren Łukasz", "soren lukasz"), ("Strauß", "STRAUSS"), ("Æon", "aeon")],
)
def test_quotes_and_letters_without_accents_do_not_part_a_name(one: str, other: str) -> None:
    assert normalise_name(one) == normalise_name(other)


def test_different_people_stay_apart() -> None:
    assert normalise_name("Will Smith") != normalise_name("Willow Smith")


def test_numbers_of_two_datasets_match_nobody() -> None:
    assert person_of("celeba", "17", None) == "celeba:17"
    assert person_of("folder", "17", "17") != person_of("lfw", "17", "17")
    assert person_of("folder", "n000017", "n000017") != person_of("album", "n000017", "n000017")


def test_named_person_is_the_same_in_two_datasets() -> None:
    assert person_of("vggface2", "n000002", "Barack_Obama") == person_of("casia-webface", "0000104", "Obama, Barack")


@given(st.text())
def test_normal_form_is_stable(name: str) -> None:
    once = normalise_name(name)
    assert normalise_name(once) == once


def test_vggface2_names_come_without_quotes(tmp_path) -> None:
    path = tmp_path / "identity_meta.csv"
    path.write_text('Class_ID, Name, Sample_Num, Flag, Gender\nn000001, "A. J. Buckley", 424, 1, m\n')
    assert read_vggface2_names(path.read_text().splitlines()) == {"n000001": "A. J. Buckley"}


def test_no_lines_are_no_names() -> None:
    assert read_vggface2_names([]) == {}
    assert read_numbered_names([]) == {}


def test_broken_celeba_list_names_its_line(tmp_path) -> None:
    path = tmp_path / "identity_CelebA.txt"
    path.write_text("000001.jpg 5\n000002.jpg five\n")
    with pytest.raises(DataError, match="line 2"):
        read_celeba_identities(path.read_text().splitlines(), str(path))
