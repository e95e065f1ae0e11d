"""How long looking for wrong labels takes, and how much memory, once faces have embeddings.

    python -m tests.benchmarks.bench_persons [IDENTITIES ...]

The embeddings are made: a direction for each person, and noise; one face in fifty has another person's, and one person
in a hundred has two identities. Each size runs in a process of its own, whose own memory is told.
"""

import resource
import subprocess
import sys
import time

import numpy as np

from gfr_data.faces.embedding import Cosines, as_bytes, from_bytes
from gfr_data.quality.persons import PersonRules, find_same, judge_identity

FACES, SIZE = 8, 128  # of an identity, of an embedding
MADE, RULES = Cosines(0.0, 0.5), PersonRules()


def made(identities: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings (N, FACES, SIZE) of identities, which of them are another person's, which identities are a second."""
    rng = np.random.default_rng(0)
    persons = rng.normal(0, SIZE**-0.5, (identities, SIZE))
    second = rng.random(identities) < 0.01
    second[0] = False
    persons[second] = persons[np.flatnonzero(second) - 1]
    wrong = rng.random((identities, FACES)) < 0.02
    whose = np.where(wrong, rng.integers(identities, size=wrong.shape), np.arange(identities)[:, None])
    faces = np.empty((*wrong.shape, SIZE), np.float16)
    for number, own in enumerate(whose):
        noisy = persons[own] + rng.normal(0, SIZE**-0.5, (FACES, SIZE))
        faces[number] = from_bytes([as_bytes(one) for one in noisy])
    return faces, wrong, second


def measure(identities: int) -> None:
    faces, wrong, second = made(identities)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    nobody = np.zeros(FACES, bool)
    called, means, own = np.zeros(wrong.shape, bool), np.empty((identities, SIZE), np.float32), np.empty(identities)
    for number, embeddings in enumerate(faces):
        some = embeddings.astype(np.float64)
        judged = judge_identity(some, nobody, MADE, RULES)
        called[number] = ~judged.person
        means[number], own[number] = some[judged.person].mean(axis=0), judged.likeness[judged.person].mean()
    within = time.process_time() - start
    same = find_same(means, own.astype(np.float32), [str(number) for number in range(identities)], MADE, RULES)
    seconds = time.process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    right = f"{(called & wrong).sum():,} of {wrong.sum():,}, and {(called & ~wrong).sum():,} others"
    twice = f"{(same[second] >= 0).sum():,} of {second.sum():,}, and {(same[~second] >= 0).sum():,} others"
    print(f"| {identities:,} | {within:.1f} | {seconds - within:.1f} | {grown:.0f} | {right} | {twice} |", flush=True)


if __name__ == "__main__":
    sizes = [int(size) for size in sys.argv[1:]] or [3000, 10000, 30000]
    if len(sizes) == 1:
        measure(sizes[0])
    else:
        print("| identities | within, s CPU | among, s CPU | MB more | wrong faces found | second identities found |")
        print("| --: | --: | --: | --: | --: | --: |", flush=True)
        for size in sizes:
            subprocess.run([sys.executable, "-m", "tests.benchmarks.bench_persons", str(size)], check=True)
