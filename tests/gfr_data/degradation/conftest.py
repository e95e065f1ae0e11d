"""A picture that the tests of both reference forms degrade."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """(256, 256, 3) uint8: smooth, with edges and texture."""
    generator = np.random.default_rng(0)
    coarse = Image.fromarray(generator.integers(0, 256, (12, 12, 3), np.uint8)).resize(
        (256, 256), Image.Resampling.BICUBIC
    )
    picture = np.asarray(coarse).astype(float) + generator.normal(0, 9, (256, 256, 3))
    picture[80:120, 60:200] = (250, 5, 60)
    return picture.clip(0, 255).astype(np.uint8)
