"""Light: a sun with a soft terminator, a sky above a ground, highlights of skin and of hair."""

import numpy as np

from gfr_data.sample.camera.scene import Light

# How far light creeps round, by colour: skin lets red through.
_SCATTER = np.array([0.34, 0.14, 0.09], dtype=np.float32)


def skin_light(
    light: Light, towards: np.ndarray, up: np.ndarray, normal: np.ndarray, lit: np.ndarray, open_: np.ndarray
) -> np.ndarray:
    """Light that falls on skin, (N, 3): `towards` the sun and `up` are unit vectors in the normals' frame.

    lit (N,): share of the sun that is not shadowed; open_ (N,): share of the sky that is seen.
    """
    facing = normal @ towards
    wrapped = np.maximum((facing[:, None] + _SCATTER) / (1 + _SCATTER), 0)
    softened = lit[:, None] ** (1 - 1.3 * _SCATTER)
    return wrapped * softened * np.asarray(light.sun, dtype=np.float32) + sky_light(light, up, normal, open_)


def sky_light(light: Light, up: np.ndarray, normal: np.ndarray, open_: np.ndarray) -> np.ndarray:
    """Light of sky and ground, (N, 3)."""
    share = (0.5 + 0.5 * (normal @ up))[:, None]
    sky, ground = (np.asarray(colour, dtype=np.float32) for colour in (light.sky, light.ground))
    return (ground + (sky - ground) * share) * open_[:, None]


def highlight(towards: np.ndarray, view: np.ndarray, normal: np.ndarray, sharpness: float) -> np.ndarray:
    """A glossy reflection of the sun, (N,), normalised so that its energy hardly depends on `sharpness`."""
    half = towards - view
    half = half / np.sqrt(np.einsum("nk,nk->n", half, half))[:, None]
    facing = np.maximum(np.einsum("nk,nk->n", normal, half), 0)
    fresnel = 0.04 + 0.5 * (1 - np.maximum(-np.einsum("nk,nk->n", normal, view), 0)) ** 5
    return fresnel * (sharpness + 8) / 25 * facing**sharpness * (normal @ towards > -0.1)


def hair_light(
    light: Light,
    towards: np.ndarray,
    up: np.ndarray,
    view: np.ndarray,
    normal: np.ndarray,
    tangent: np.ndarray,
    colour: np.ndarray,
    lit: np.ndarray,
    open_: np.ndarray,
) -> np.ndarray:
    """Radiance of hair, (N, 3): Kajiya and Kay's strands along unit tangents, with a white and a coloured highlight."""
    along = tangent @ towards
    across = np.sqrt(np.maximum(1 - along * along, 0))
    facing = np.clip(0.35 + 0.65 * (normal @ towards), 0, 1)
    sun = np.asarray(light.sun, dtype=np.float32) * (lit * facing)[:, None]
    half = towards - view
    half = half / np.sqrt(np.einsum("nk,nk->n", half, half))[:, None]
    sheen = np.sqrt(np.maximum(1 - np.einsum("nk,nk->n", tangent, half) ** 2, 0))
    glow = 0.05 * sheen[:, None] ** 60 + 1.3 * colour * sheen[:, None] ** 14
    return sun * (0.75 * colour * across[:, None] + glow) + colour * sky_light(light, up, normal, open_)
