"""How well wrong labels are found, and where the bounds of `PersonRules` lie: on real people whose labels are swapped.

    python -m tests.benchmarks.calibrate_persons BUILD OUT --embedder dlib-recognition --embedder sface

BUILD is a finished build of people, whose crops are taken; nothing of it is written. OUT keeps the embeddings (a run
that is cut goes on) and gets `persons.md`, the tables, and `persons.png`, the curves.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tabulate import tabulate

from gfr_data.faces.embedding import Cosines
from gfr_data.pairs.splits import hashed
from gfr_data.quality.persons import Judged, PersonRules, between, judge_identity
from gfr_model.embedders import Embedder, open_embedder
from manifests import PAIRS, PAIRS_FILE, read_table
from manifests.crops import read_picture

BOUNDS = np.round(np.arange(0.3, 1.01, 0.05), 2)
SHARES = (0.02, 0.05, 0.1)  # of labels that are swapped
TRIALS = 5  # of each share, each with other swaps
NOTED = 50  # faces after which what was embedded is written


@dataclass(frozen=True)
class People:
    """Faces by the label that they came with."""

    labels: np.ndarray  # (N,) numbers of identities
    embeddings: np.ndarray  # (N, D) float64, length 1
    cosines: Cosines


@dataclass(frozen=True)
class Found:
    """Faces that were called another's, counted."""

    swapped: int
    found: int  # of them
    called: int  # of all

    @property
    def recall(self) -> float:
        return self.found / max(self.swapped, 1)

    @property
    def precision(self) -> float:
        return self.found / max(self.called, 1)


@dataclass(frozen=True)
class Curve:
    """What is found with each of BOUNDS."""

    wrong: list[tuple[float, float]]  # recall and precision of swapped labels
    same: list[tuple[float, int, int]]  # see `same_found`


def chosen(build: Path, identities: int, most: int) -> list[dict[str, object]]:
    """Up to `most` selected faces of each of some identities that have four at least: label, crop, landmarks, hash."""
    faces: dict[tuple[str, str], dict[str, dict[str, object]]] = defaultdict(dict)
    for row in read_table(build / PAIRS_FILE, PAIRS).to_pylist():
        for role in ("guide", "target"):
            face = {name: row[f"{role}_{name}"] for name in ("path", "landmarks", "hash")}
            whose = row["dataset"], row["identity"]
            faces[whose][face["path"]] = face | {"label": "/".join(whose)}
    many = [own for own in faces.values() if len(own) >= 4]
    many.sort(key=lambda own: hashed(0, "calibrate", min(own)))
    return [own[path] for own in many[:identities] for path in sorted(own)[:most]]


def embedded(build: Path, faces: Sequence[dict[str, object]], embedder: Embedder, out: Path) -> np.ndarray:
    """The embedding of each face, (N, D) of length 1; those that an earlier run made are taken from `out`."""
    file = out / f"{embedder.name}.npz"
    known = dict(np.load(file)) if file.is_file() else {}
    embed = embedder.open("cpu")
    for number, face in enumerate(face for face in faces if face["path"] not in known):
        crop = read_picture(build / str(face["path"]), str(face["hash"]), within=build)
        known[str(face["path"])] = embed([crop], np.array(face["landmarks"], np.float32).reshape(1, 68, 2))[0]
        if number % NOTED == NOTED - 1:
            print(f"{embedder.name}: {len(known)} of {len(faces)}", flush=True)
            np.savez(file, **known)
    np.savez(file, **known)
    values = np.stack([known[str(face["path"])] for face in faces]).astype(np.float64)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True))


def cosines_of(labels: np.ndarray, embeddings: np.ndarray) -> Cosines:
    """The mean cosine of two strangers' faces, and the mean over persons of that of two of theirs."""
    cosine = embeddings @ embeddings.T
    alike = labels[:, None] == labels
    own = []
    for label in np.unique(labels):
        mine = cosine[np.ix_(labels == label, labels == label)]
        own.append(mine[~np.eye(len(mine), dtype=bool)].mean())
    return Cosines(float(cosine[~alike].mean()), float(np.mean(own)))


def swapped(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Labels of which `share` were given to faces of others, in a circle."""
    rng = np.random.default_rng(seed)
    picked = rng.choice(len(labels), max(2, round(share * len(labels))), replace=False)
    changed = labels.copy()
    changed[picked] = labels[np.roll(picked, 1)]
    return changed


def called(people: People, labels: np.ndarray, rules: PersonRules) -> np.ndarray:
    """(N,) bool: the faces that do not stay, for they are called another's or their identity mixed."""
    gone = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        judged = _judged(people, rows, rules)
        gone[rows] = judged.mixed | ~judged.person
    return gone


def wrong_found(people: People, share: float, rules: PersonRules) -> Found:
    """What is found of swapped labels, over all trials."""
    counts = []
    for seed in range(TRIALS):
        labels = swapped(people.labels, share, seed)
        gone, wrong = called(people, labels, rules), labels != people.labels
        counts.append((wrong.sum(), (gone & wrong).sum(), gone.sum()))
    return Found(*np.sum(counts, axis=0).tolist())


def halves(people: People) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows of each identity, dealt into two."""
    for label in np.unique(people.labels):
        rows = np.flatnonzero(people.labels == label)
        yield rows[::2], rows[1::2]


def mixed_found(people: People, rules: PersonRules) -> tuple[float, float, float]:
    """How many identities are called mixed: of those made of halves of two persons, and of those that are whole.

    Between the two: the share of the former's faces that stay beside more of the other person.
    """
    cut = list(halves(people))
    mixes = [np.concatenate([first, second]) for (first, _), (_, second) in zip(cut, cut[1:] + cut[:1], strict=True)]
    mixed, beside = [], 0
    for rows in mixes:
        judged = _judged(people, rows, rules)
        mixed.append(judged.mixed)
        stay = np.bincount(people.labels[rows[judged.person & ~judged.mixed]], minlength=2)
        beside += stay.sum() - stay.max()
    whole = [_judged(people, np.concatenate(both), rules).mixed for both in cut]
    return float(np.mean(mixed)), beside / sum(map(len, mixes)), float(np.mean(whole))


def _judged(people: People, rows: np.ndarray, rules: PersonRules) -> Judged:
    return judge_identity(people.embeddings[rows], np.zeros(len(rows), bool), people.cosines, rules)


def same_found(people: People, rules: PersonRules) -> tuple[float, int, int]:
    """Of persons dealt into two identities the share that is found; of pairs of others how many are called one."""
    cut = [rows for both in halves(people) for rows in both]
    means = np.stack([people.embeddings[rows].mean(axis=0) for rows in cut])
    own = np.array([np.nanmean(_judged(people, rows, rules).likeness) for rows in cut])
    alike = between(means, own, means, own, people.cosines) >= rules.same
    whose = np.arange(len(cut)) // 2
    others = np.triu(whose[:, None] != whose[None])
    return float(alike[::2, 1::2].diagonal().mean()), int((alike & others).sum()), int(others.sum())


def curve_of(people: People) -> Curve:
    """What every bound would find."""
    rules, wrong, same = PersonRules(), [], []
    for bound in BOUNDS:
        found = wrong_found(people, SHARES[1], replace(rules, likeness=float(bound)))
        wrong.append((found.recall, found.precision))
        same.append(same_found(people, replace(rules, same=float(bound))))
    return Curve(wrong, same)


def tables(both: dict[str, People], curves: dict[str, Curve]) -> str:
    """Everything that was found, as Markdown."""
    rules, parts = PersonRules(), []
    rows: list[list[object]] = [
        [name, len(p.labels), len(np.unique(p.labels)), p.cosines.strangers, p.cosines.person]
        for name, p in both.items()
    ]
    parts.append(_table(rows, ["embedder", "faces", "people", "cosine of strangers", "of one person"], ".3f"))
    rows = []
    for name, people in both.items():
        for share in SHARES:
            found = wrong_found(people, share, rules)
            rows.append([name, f"{share:.0%}", found.swapped, found.recall, found.precision])
    parts.append(_table(rows, ["embedder", "labels swapped", "faces", "found", "of those called"], ".3f"))
    gone = {name: called(people, people.labels, rules) for name, people in both.items()}
    rows = [
        [name, int(mine.sum()), int(np.logical_and.reduce(list(gone.values())).sum())] for name, mine in gone.items()
    ]
    parts.append(_table(rows, ["embedder", "called wrong with no label swapped", "by all embedders"], ".3f"))
    rows = []
    for name, people in both.items():
        twice, false, pairs = same_found(people, rules)
        rows.append([name, *mixed_found(people, rules), twice, f"{false} of {pairs:,}"])
    heads = ["embedder", "halves of two: mixed", "faces that stay beside another's", "one person: mixed"]
    heads += ["person twice: found", "two persons: called one"]
    parts.append(_table(rows, heads, ".3f"))
    rows = [
        [f"{bound:.2f}"] + [value for curve in curves.values() for value in (*curve.wrong[at], *curve.same[at][:2])]
        for at, bound in enumerate(BOUNDS)
    ]
    heads = ["bound", *(f"{name}: {what}" for name in both for what in ("found", "of called", "twice", "confused"))]
    parts.append(_table(rows, heads, ".3f"))
    return "\n\n".join(parts) + "\n"


def _table(rows: list[list[object]], heads: Sequence[str], form: str) -> str:
    return str(tabulate(rows, heads, tablefmt="github", floatfmt=form))


def draw(curves: dict[str, Curve], file: Path) -> None:
    """Curves over the bound: precision and recall of swapped labels, and persons found twice against pairs confused."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    rules = PersonRules()
    here, there = (int(np.argmin(np.abs(BOUNDS - bound))) for bound in (rules.likeness, rules.same))
    for name, curve in curves.items():
        confused = [(max(false, 0.5) / pairs, share) for share, false, pairs in curve.same]
        left.plot(*zip(*curve.wrong, strict=True), ".-", label=name)
        left.plot(*curve.wrong[here], "ko", fillstyle="none", markersize=9)
        right.plot(*zip(*confused, strict=True), ".-", label=name)
        right.plot(*confused[there], "ko", fillstyle="none", markersize=9)
    left.set(xlabel="share of the swapped labels that is found", ylabel="share of those called that is swapped")
    left.set_title(f"wrong persons, {SHARES[1]:.0%} of the labels swapped", fontsize=10)
    right.set(xlabel="pairs of two persons called one, share (none: as a half)", xscale="log")
    right.set(ylabel="share of persons with two identities found")
    right.set_title("persons with two identities", fontsize=10)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(file, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--embedder", action="append", required=True)
    parser.add_argument("--identities", type=int, default=150)
    parser.add_argument("--most", type=int, default=8)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    faces = chosen(options.build, options.identities, options.most)
    labels = np.unique([str(face["label"]) for face in faces], return_inverse=True)[1]
    both = {}
    for embedder in map(open_embedder, options.embedder):
        embeddings = embedded(options.build, faces, embedder, options.out)
        both[embedder.name] = People(labels, embeddings, Cosines(embedder.strangers, embedder.person))
        print(embedder.name, cosines_of(labels, embeddings))
    curves = {name: curve_of(people) for name, people in both.items()}
    (options.out / "persons.md").write_text(tables(both, curves))
    draw(curves, options.out / "persons.png")


if __name__ == "__main__":
    main()
