"""What is behind a person: blurred walls, windows, leaves; never sharper than the face."""

import cv2
import numpy as np


def paint_background(key: int, height: int, width: int) -> np.ndarray:
    """Paint a background, (height, width, 3) float32 linear; the same key always gives the same."""
    generator = np.random.default_rng([key, 7])
    scale = 6
    h, w = height // scale + 2, width // scale + 2
    base = generator.uniform(0.03, 0.5) * np.exp(generator.normal(0, 0.18, 3))
    image: np.ndarray = np.empty((h, w, 3), dtype=np.float32)
    slope = np.linspace(generator.uniform(0.6, 1.2), generator.uniform(0.6, 1.2), h)
    image[:] = base * slope[:, None, None]
    for _ in range(int(generator.integers(0, 9))):
        colour = base * np.exp(generator.normal(0, 0.7)) + generator.normal(0, 0.05, 3)
        x, y = generator.uniform(-0.2, 1.0, 2) * (w, h)
        dx, dy = generator.uniform(0.06, 0.6, 2) * (w, h)
        kind = generator.random()
        value = tuple(float(c) for c in np.clip(colour, 0.01, 0.9))
        if kind < 0.55:
            cv2.rectangle(image, (int(x), int(y)), (int(x + dx), int(y + dy * 1.6)), value, -1)
        else:
            cv2.circle(image, (int(x + dx / 2), int(y + dy / 2)), int(0.3 * min(dx, dy) + 1), value, -1)
    if generator.random() < 0.35:  # leaves, books, a crowd
        spots = cv2.resize(
            generator.random((h // 2, w // 2, 3), dtype=np.float32), (w, h), interpolation=cv2.INTER_CUBIC
        )
        spots = spots.mean(axis=2, keepdims=True) * 0.8 + 0.2 * spots
        image *= 0.4 + 1.2 * cv2.GaussianBlur(spots, (0, 0), 0.8)
    image = cv2.GaussianBlur(image, (0, 0), float(generator.uniform(0.7, 3.0)))
    return np.maximum(cv2.resize(image, (w * scale, h * scale), interpolation=cv2.INTER_CUBIC)[:height, :width], 0.003)
