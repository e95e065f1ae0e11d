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
        small = generator.random((h // 2, w // 2, 3), dtype=np.float32)
        spots = cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC)
        spots = spots.mean(axis=2, keepdims=True) * 0.8 + 0.2 * spots
        image *= 0.4 + 1.2 * cv2.GaussianBlur(spots, (0, 0), 0.8)
    image = cv2.GaussianBlur(image, (0, 0), float(generator.uniform(0.7, 3.0)))
    return np.maximum(cv2.resize(image, (w * scale, h * scale), interpolation=cv2.INTER_CUBIC)[:height, :width], 0.003)


def paint_room(key: int, height: int, width: int) -> np.ndarray:
    """Paint a living room out of focus, (height, width, 3) float32 linear: window, shelf, picture, lamp, sofa."""
    generator = np.random.default_rng([key, 13])
    wall = generator.uniform(0.16, 0.34) * np.exp(generator.normal(0, 0.10, 3))
    room: np.ndarray = np.empty((height, width, 3), dtype=np.float32)
    room[:] = wall * np.linspace(1.15, 0.7, width)[:, None]

    def block(x0: float, y0: float, x1: float, y1: float, colour: np.ndarray) -> None:
        value = tuple(float(c) for c in colour)
        cv2.rectangle(room, (int(x0 * width), int(y0 * height)), (int(x1 * width), int(y1 * height)), value, -1)

    wood = np.array([0.16, 0.08, 0.04]) * generator.uniform(0.7, 1.6)
    block(0.00, 0.03, 0.22, 0.62, np.full(3, 0.55))  # window frame, then its panes
    for pane in range(2):
        for row in range(2):
            sky = np.array([0.75, 0.95, 1.15]) if row == 0 else np.array([0.30, 0.48, 0.20])
            block(0.01 + 0.105 * pane, 0.06 + 0.28 * row, 0.10 + 0.105 * pane, 0.31 + 0.28 * row, sky)
    for board in range(3):  # shelf with books
        foot = 0.24 + 0.24 * board
        block(0.66, foot, 1.0, foot + 0.02, wood)
        place = 0.67
        while place < 0.98:
            thick, tall = generator.uniform(0.012, 0.032), generator.uniform(0.11, 0.18)
            back = 0.2 * np.exp(generator.normal(-0.4, 0.6) + generator.normal(0, 0.25, 3))
            block(place, foot - tall, place + thick - 0.002, foot, back)
            place += thick
    block(0.29, 0.05, 0.40, 0.26, 0.5 * wood)
    block(0.30, 0.07, 0.39, 0.24, np.exp(generator.normal(-1.2, 0.4, 3)))
    block(0.0, 0.80, 1.0, 1.0, 0.2 * np.exp(generator.normal(0, 0.5, 3)))  # sofa
    return cv2.GaussianBlur(room, (0, 0), height / 180)
