import pytest

from manifests import SCORES, SCORES_FILE, provenance, to_table, write_table


@pytest.fixture
def folder(tmp_path):
    """A function that writes a folder of scores."""

    def write(rows, name="scores"):
        made = tmp_path / name
        write_table(made / SCORES_FILE, to_table(rows, SCORES), SCORES, provenance("test", {}))
        return made

    return write
