"""Names of millions of files, laid out so that no folder holds more than MOST entries.

A folder that would is parted: what it holds goes into folders called by the first digits of a hash of its own name. All
others stay as they are, so small sets have plain names.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from manifests.files import hash_bytes

MOST = 10_000  # entries of a folder
AIM = 5_000  # entries of each part, on average: by chance one may hold a few hundred more


def crowded(names: Iterable[str], most: int = MOST) -> dict[str, int]:
    """The folders that files called `names` ('a/b/c', no two alike) would crowd, '' the topmost, and their digits."""
    sizes: Counter[str] = Counter(name.rpartition("/")[0] for name in names)
    known = set(sizes)
    for folder in list(sizes):
        inner = folder
        while inner:
            outer = inner.rpartition("/")[0]
            sizes[outer] += 1
            if outer in known:
                break
            known.add(outer)
            inner = outer
    return {folder: _digits(size, most) for folder, size in sizes.items() if size > most}


def _digits(size: int, most: int) -> int:
    digits = 1
    while size > min(AIM, most) * 16**digits:
        digits += 1
    return digits


def placed(name: str, folders: Mapping[str, int]) -> str:
    """Where a file goes where `folders` (see `crowded`) are parted."""
    if not folders:
        return name
    whole, inside = "", []
    for part in name.split("/"):
        if digits := folders.get(whole):
            inside.append(hash_bytes(part.encode())[:digits])
        inside.append(part)
        whole = f"{whole}/{part}" if whole else part
    return "/".join(inside)
