"""Pairs for trainers of other people: a torch data set that degrades its targets as eq. 4 says, or beyond it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch.utils.data import Dataset

from gfr_model.degradation.batch import degrade_batch
from gfr_model.training.pair_table import read_pair_table
from gfr_model.training.pairs import read_crop
from manifests import PAIRS, PAIRS_FILE, ConfigError, DataError, read_provenance, read_table
from manifests.crops import CROP_SIZE, UnusableError, mirror_points, read_picture
from manifests.degradation.draws import pair_keys
from manifests.degradation.passes import ChainSpace
from manifests.degradation.space import PARAMETERS
from manifests.degradation.spaces import draw_from, find_space
from manifests.tables.schemas import MORE_GUIDES

MORE_COLUMNS = [f"{MORE_GUIDES}_{name}" for name in ("path", "hash", "landmarks")]
COPIES = 2**31  # degradations of a pair that a random look chooses from


class PairDataset(Dataset[dict[str, Any]]):
    """The pairs of one split of a build folder; it degrades each target when it is asked for.

    A pair is a dict: `degraded`, `guide`, `target` (3, S, S) float32 RGB in [0, 1]; `target_landmarks`,
    `guide_landmarks` (68, 2) float32 in crop px; `pair_id`, `person`; and what was drawn of `blur_sigma`, `scale`,
    `noise_sigma`, `jpeg_quality`, numbers. Batches of a DataLoader have them stacked. With `more_guides=K` also
    `more_guides` (K, 3, S, S), `more_guides_landmarks` (K, 68, 2), and their number `more_guides_count`: a pair
    with fewer has black pictures and zeros behind them.

    S is 256, or what the build was made with (`--crop-size`).

    Each look draws another degradation, from torch's generator, which a DataLoader seeds in each of its workers anew:
    with `torch.manual_seed` a run repeats. Nothing is kept open and nothing changes, so any number of workers may read.
    """

    def __init__(
        self,
        folder: str | Path,  # what gfr-data build-pairs wrote
        split: str = "train",
        *,
        blur_sigma: str | None = None,  # values of eq. 4 as gfr-data degrade takes them: '4', '1:0.1:8', '4,8'
        scale: str | None = None,  # None is what the paper draws from
        noise_sigma: str | None = None,
        jpeg_quality: str | None = None,
        space: str = "paper",  # 'wide' or a TOML file: beyond eq. 4, and the values above are of the last pass
        fixed: bool = False,  # each pair has one degradation, the same at every look: to validate
        flip: bool = False,  # mirror half of the pairs, landmarks included; not where `fixed`
        seed: int = 0,  # keys the degradations, with the pair
        more_guides: int = 0,  # further guides of each pair, the fittest first
    ) -> None:
        """Read the table, no picture. Raises DataError without such a split, ConfigError for values not of eq. 4."""
        values = {"blur_sigma": blur_sigma, "scale": scale, "noise_sigma": noise_sigma, "jpeg_quality": jpeg_quality}
        self.space = find_space(space, **values)
        if isinstance(self.space, ChainSpace) and self.space.makes_webp:
            raise ConfigError(f"space {space} has the codec webp, which only gfr-data degrade makes; leave it out")
        if more_guides < 0:
            raise ConfigError(f"more_guides is {more_guides}, must be at least 0")
        self.fixed, self.flip = fixed, flip
        path = Path(folder) / PAIRS_FILE
        table = read_table(path, PAIRS, columns=["pair_id", "split", "person", *(MORE_COLUMNS if more_guides else ())])
        splits = table.column("split").to_pylist()
        rows = [row for row, name in enumerate(splits) if name == split]
        if not rows:
            raise DataError(f"{path} has no split {split!r}; it has {', '.join(sorted(set(splits))) or 'no pairs'}")
        self.size = read_provenance(path).crop_size
        self.table = read_pair_table(Path(folder), rows)
        self.persons = table.column("person").take(rows).to_pylist()
        self.more_guides = more_guides
        self.further = further_guides(table.take(rows), path, rows, more_guides) if more_guides else []
        self.keys = pair_keys(seed, self.table.pair_ids)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """One pair. Raises IndexError outside, DataError naming the manifest's row of a crop that cannot be read."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"pair {index} of {len(self)}")
        index %= len(self)
        places = int(self.table.target[index]), int(self.table.guide[index])
        crops = [read_crop(self.table, place, self.size) for place in places]
        points = [self.table.crop_points[place] for place in places]
        flipped = bool(self.flip and not self.fixed and torch.rand(()) < 0.5)
        if flipped:
            crops = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
            points = [mirror_points(one[None], self.size)[0] for one in points]
        target, guide = (torch.from_numpy(crop.transpose(2, 0, 1).copy()) for crop in crops)
        copy = 0 if self.fixed else 1 + int(torch.randint(COPIES, ()))
        draws = draw_from(self.space, self.keys[[index]], np.array([copy]))
        return {
            "degraded": degrade_batch(target[None], draws)[0],
            "guide": guide.float().div_(255),
            "target": target.float().div_(255),
            "target_landmarks": torch.from_numpy(points[0].copy()),
            "guide_landmarks": torch.from_numpy(points[1].copy()),
            "pair_id": self.table.pair_ids[index],
            "person": self.persons[index],
            **{name: float(draws.columns()[name][0]) for name in PARAMETERS},
            **(self._more(index, flipped) if self.more_guides else {}),
        }

    def _more(self, index: int, flipped: bool) -> dict[str, Any]:
        """The further guides of a pair."""
        images = torch.zeros((self.more_guides, 3, self.size, self.size))
        points = torch.zeros((self.more_guides, 68, 2))
        for number, guide in enumerate(self.further[index]):
            crop, own = guide.read(self.table.folder, self.size), guide.points
            crop, own = (crop[:, ::-1], mirror_points(own[None], self.size)[0]) if flipped else (crop, own)
            images[number] = torch.from_numpy(crop.transpose(2, 0, 1).copy()).float().div_(255)
            points[number] = torch.from_numpy(own.copy())
        return {
            "more_guides": images,
            "more_guides_landmarks": points,
            "more_guides_count": len(self.further[index]),
        }


@dataclass(frozen=True)
class FurtherGuide:
    """Another photograph of a pair's person."""

    path: str  # of its crop, relative to the build's folder
    digest: str
    points: np.ndarray  # (68, 2) float32, crop px
    where: str  # for messages

    def read(self, folder: Path, size: int = CROP_SIZE) -> np.ndarray:
        """Its crop, (size, size, 3) uint8 RGB. Raises DataError naming the manifest's row where it cannot be read."""
        try:
            return read_picture(folder / self.path, self.digest, size, folder)
        except UnusableError as error:
            raise DataError(f"{self.where}: {error}; build the pairs again") from error


def further_guides(table: pa.Table, path: Path, rows: Sequence[int], most: int) -> list[list[FurtherGuide]]:
    """The first further guides of each pair of `table`, `rows` of `path`; none where it has none, as those of before.

    The table has MORE_COLUMNS. Raises DataError where its lists do not agree.
    """
    found = []
    for row, values in zip(rows, table.select(MORE_COLUMNS).to_pylist(), strict=True):
        names, digests, numbers = (values[name] or [] for name in MORE_COLUMNS)
        if not len(names) == len(digests) == len(numbers) / 136:
            raise DataError(
                f"{path}, row {row}: its lists of further guides have not one length; build the pairs again"
            )
        points = np.array(numbers, np.float32).reshape(-1, 68, 2)
        where = f"{path}, row {row}, {MORE_COLUMNS[0]}"
        found.append([FurtherGuide(*one, where) for one in zip(names, digests, points, strict=True)][:most])
    return found
