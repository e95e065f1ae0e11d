"""Which photographs a sample has, whatever its size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gfr_data.sample.defects import DEFECTS
from gfr_data.sample.plan import CASIA, TEST, TRAIN, plan_album, plan_folders


@given(st.integers(1, 120), st.integers(2, 7), st.integers(0, 3))
def test_every_size_gives_the_folders_asked_for_and_people_of_one_split(identities, photos, seed):
    folders = plan_folders(identities, photos, seed)
    assert len(folders) == len({folder.path for folder in folders}) == identities
    assert all(len(folder.shots) == photos for folder in folders)
    paths = [shot.path for folder in folders for shot in folder.shots]
    assert len(paths) == len(set(paths))
    people = {
        part: {folder.person for folder in folders if folder.path.startswith(part)} for part in (TRAIN, TEST, CASIA)
    }
    assert not people[TRAIN] & people[TEST]
    assert not people[TEST] & people[CASIA]
    assert len(people[TRAIN] & people[CASIA]) == (identities >= 6)
    names = {folder.person: folder.name for folder in folders}
    assert len(set(names.values())) == len(names)


@given(st.integers(1, 120), st.integers(0, 3))
def test_the_albums_person_is_in_no_training_folder(identities, seed):
    person, name = plan_album(identities, seed)
    folders = plan_folders(identities, 2, seed)
    assert all(folder.person != person and folder.name != name for folder in folders if folder.path.startswith(TRAIN))
    of_person = {folder.path.split("/n")[0] for folder in folders if folder.person == person}
    assert of_person == ({TEST} if identities >= 2 else set())


def test_the_person_of_both_datasets_has_other_photographs_in_each():
    folders = plan_folders(10, 4, 0)
    twice = [folder for folder in folders if folder.person == 0]
    assert {folder.kind for folder in twice} == {"vggface2", CASIA}
    later = [{shot.photo for shot in folder.shots[2:]} for folder in twice]
    assert not later[0] & later[1]


@pytest.mark.parametrize("identities", [1, 8, 60])
def test_every_kind_of_defect_occurs_and_only_in_training_folders(identities):
    folders = plan_folders(identities, 3, 0, tuple(DEFECTS))
    found = [(folder.path, shot.defect) for folder in folders for shot in folder.shots if shot.defect]
    assert {defect for _, defect in found} == set(DEFECTS)
    assert all(path.startswith(TRAIN) for path, _ in found)
