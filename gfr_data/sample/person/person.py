"""One invented person, ready to be photographed: radial maps and textures, made once."""

from dataclasses import dataclass

import cv2
import numpy as np

from gfr_data.sample.person.head import MAP, hair_cover, hair_radius, skin_radius
from gfr_data.sample.person.identity import Identity, draw_identity
from gfr_data.sample.person.skin import TEXTURE, paint_skin, paint_strands


@dataclass(frozen=True)
class Person:
    identity: Identity
    skin: np.ndarray  # (MAP, MAP) float32: radius of the skin at rest
    hair: np.ndarray  # (MAP, MAP) float32: radius of the hair, 0 where there is none
    colour: np.ndarray  # (TEXTURE, TEXTURE, 4) float32: linear RGB of the skin, gloss
    detail: np.ndarray  # (TEXTURE, TEXTURE, 3) float32: relief, hair's cover, hair's strands


def make_person(seed: int, number: int) -> Person:
    """Make person `number` of `seed`; the same two numbers always give the same person."""
    identity = draw_identity(seed, number)
    painted = paint_skin(identity)
    strands = paint_strands(identity)
    cover = hair_cover(identity, strands, TEXTURE)
    skin = skin_radius(identity)
    coarse = [cv2.resize(chart, (MAP, MAP), interpolation=cv2.INTER_AREA) for chart in (cover, strands)]
    colour = np.dstack([painted.albedo, painted.gloss])
    detail = np.dstack([painted.relief, cover, strands])
    return Person(identity, skin, hair_radius(identity, skin, *coarse), colour, detail)
