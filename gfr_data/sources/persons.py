"""Who is it? One normal form of a person's name, so that the same person is recognised in two datasets."""

import csv
import re
import unicodedata
from collections.abc import Iterable

from manifests import DataError

# Letters that Unicode does not take apart into a base letter and an accent.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t"}
)
_QUOTES = re.compile("['`´\"\u2018-\u201f\u02b9-\u02bc\uff07]")  # O'Brien is OBrien


def normalise_name(name: str) -> str:
    """The words of `name` in small letters without accents, quotes and punctuation, sorted: 'Núñez, Ana_María' and
    "ana maria nunez" give the same. Empty when nothing of a name is left.

    Sorting makes 'family, given' and 'given family' equal, whichever of the two a dataset writes.
    """
    text = _QUOTES.sub("", unicodedata.normalize("NFKD", name.casefold().translate(_PLAIN)))
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    # Again, because taking apart can bring capitals and sharp s back, for example in mathematical letters.
    words = re.findall(r"[^\W_]+", text.casefold().translate(_PLAIN))
    return " ".join(sorted(words))


def person_of(dataset: str, identity: str, name: str | None) -> str:
    """The key that one person has in every dataset: the normalised name, or '<dataset>:<identity>' without one.

    A 'name' with a digit in it ('n000123', '17', 'person_4') is a number that a dataset gave: two datasets number
    different people alike, so it matches nobody else.
    """
    normal = normalise_name(name or "")
    if not normal or any(letter.isdigit() for letter in normal):
        return f"{dataset}:{identity}"
    return normal


def read_vggface2_names(lines: Iterable[str]) -> dict[str, str]:
    """Class -> name from VGGFace2's `identity_meta.csv` (Class_ID, Name, ...)."""
    rows = [row for row in csv.reader(lines, skipinitialspace=True) if row]
    return {row[0].strip(): row[1].strip() for row in rows[1:] if len(row) > 1}


def read_numbered_names(lines: Iterable[str]) -> dict[str, str]:
    """Folder -> name from CASIA-WebFace's `names.txt` ('0000045 Chris_Evans' a line)."""
    parts = [re.split(r"[\s,;]+", line.strip(), maxsplit=1) for line in lines]
    return {part[0]: part[1] for part in parts if len(part) == 2}


def read_celeba_identities(lines: Iterable[str], path: str) -> dict[str, list[str]]:
    """Identity -> file names from CelebA's `identity_CelebA.txt` ('000001.jpg 2880' a line).

    Raises DataError naming `path` and the first line that is not a file name and a number.
    """
    identities: dict[str, list[str]] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or not words[1].isdigit():
            raise DataError(f"{path}, line {number}: expected '<file> <identity number>', found {line.strip()!r}")
        identities.setdefault(words[1], []).append(words[0])
    return identities
