"""Photograph a person: rays through the pixels, what they meet, its colour in the light, and the camera's own marks."""

from dataclasses import dataclass

import cv2
import numpy as np

from gfr_data.sample.camera import body as bodies
from gfr_data.sample.camera import light as lights
from gfr_data.sample.camera.background import paint_background
from gfr_data.sample.camera.march import intersect, shadow
from gfr_data.sample.camera.paint import Surface, paint_eyes, paint_mouth
from gfr_data.sample.camera.scene import Scene, rotation
from gfr_data.sample.person.chart import coordinates, direction, directions, grid, sample, smoothstep
from gfr_data.sample.person.expression import settle, swelling, to_current, to_rest
from gfr_data.sample.person.head import MAP, normals
from gfr_data.sample.person.person import Person
from gfr_data.sample.person.skin import hair_pole

_SHADOW_MAP = 128
_EDGE = 0.08  # head units: neighbours further apart than this in depth are an outline and are drawn with more rays
_LIGHTER = 1.5
_MOVES = np.s_[round(0.27 * MAP) : round(0.9 * MAP), round(0.17 * MAP) : round(0.83 * MAP)]  # |s| < 1.3, t < 0.9


@dataclass(frozen=True)
class Posed:
    """A person in a scene, before any pixel is drawn."""

    person: Person
    scene: Scene
    turn: np.ndarray  # (3, 3): head frame to world
    eye: np.ndarray  # (3,): the camera in the head frame
    skin: np.ndarray  # (MAP, MAP): radius of the skin as it is now
    radius: np.ndarray  # (MAP, MAP): that of the hair where it is over the skin
    normal: np.ndarray  # (MAP, MAP, 3)
    shade: np.ndarray  # (MAP, MAP, 2): share of the sun that arrives, share of the sky that is seen
    colour: np.ndarray  # texture at about a texel per pixel: RGB, gloss
    detail: np.ndarray  # relief's slope along s and t, hair's cover, strands
    body: bodies.Body

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixel places (N, 2) of points (N, 3) of the head frame."""
        world = points @ self.turn.T
        factor = self.scene.scale * self.scene.distance / (self.scene.distance - world[:, 2])
        x, y = self.scene.centre
        return np.stack([x + factor * world[:, 0], y - factor * world[:, 1]], axis=-1)

    def surface(self, s: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Points (N, 3) of the outer surface above chart places as they are now."""
        return direction(s, t) * sample(self.radius, s, t)[:, None]

    def skin_surface(self, s: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Points (N, 3) of the skin, whether or not hair is over it."""
        return direction(s, t) * sample(self.skin, s, t)[:, None]

    def skin_now(self, s: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where points of the skin, given at rest, are now on the chart."""
        return to_current(self.person.identity.shape, self.scene.expression, s, t)


def pose(person: Person, scene: Scene) -> Posed:
    """Put a person into a scene."""
    identity = person.identity
    turn = rotation(scene.yaw, scene.pitch, scene.roll)
    s, t = (axis[_MOVES] for axis in grid(MAP))
    rest = to_rest(identity.shape, scene.expression, s, t)
    skin = person.skin.copy()
    skin[_MOVES] = sample(person.skin, rest[0].ravel(), rest[1].ravel()).reshape(s.shape)
    skin[_MOVES] += swelling(identity.shape, scene.expression, s, t)
    radius = np.maximum(skin, person.hair)
    towards = turn.T @ np.asarray(scene.light.direction, dtype=np.float32)
    texels = int(np.clip(4 * scene.scale * 1.15, 128, person.colour.shape[0]))
    colour, detail = (
        cv2.resize(chart, (texels, texels), interpolation=cv2.INTER_AREA) for chart in (person.colour, person.detail)
    )
    step = 4 / texels
    relief = detail[..., 0]
    slope_s = (np.roll(relief, -1, 1) - np.roll(relief, 1, 1)) / (2 * step)
    slope_t = (np.roll(relief, 1, 0) - np.roll(relief, -1, 0)) / (2 * step)
    shade = np.dstack([_sunlit(radius, towards), _skylit(radius)])
    return Posed(
        person=person,
        scene=scene,
        turn=turn,
        eye=turn.T @ np.array([0, 0, scene.distance], dtype=np.float32),
        skin=skin.astype(np.float32),
        radius=radius.astype(np.float32),
        normal=normals(radius),
        shade=shade.astype(np.float32),
        colour=colour,
        detail=np.dstack([slope_s, slope_t, detail[..., 1:]]),
        body=bodies.make_body(turn, identity.look.male, scene.body_yaw),
    )


def _sunlit(radius: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Share of the sun that reaches each place of the head, soft, on the map of `radius`."""
    small = cv2.resize(radius, (_SHADOW_MAP, _SHADOW_MAP), interpolation=cv2.INTER_AREA)
    points = directions(_SHADOW_MAP) * (small + 0.004)[..., None]
    lit = shadow(radius, points.reshape(-1, 3), towards).reshape(_SHADOW_MAP, _SHADOW_MAP)
    lit = cv2.GaussianBlur(lit, (0, 0), 0.8)
    return smoothstep(0.12, 0.62, cv2.resize(lit, radius.shape, interpolation=cv2.INTER_LINEAR))


def _skylit(radius: np.ndarray) -> np.ndarray:
    """Share of the sky that is seen: less in hollows, by the height against its surroundings at two widths."""
    texel = 4 / len(radius)
    small = cv2.GaussianBlur(radius, (0, 0), 0.035 / texel) - radius
    coarse = cv2.resize(radius, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    wide = cv2.resize(cv2.GaussianBlur(coarse, (0, 0), 0.11 / texel / 4), radius.shape) - radius
    return np.exp(-7.7 * np.maximum(small, -0.006) - 3.7 * np.maximum(wide, -0.02))


@dataclass(frozen=True)
class Traced:
    rgb: np.ndarray  # (N, 3) float32 linear, before exposure
    depth: np.ndarray  # (N,) distance, infinite for the background
    place: np.ndarray  # (N, 2) chart place at rest, NaN off the head
    kind: np.ndarray  # (N,) 0 background, 1 head, 2 body


def trace(posed: Posed, x: np.ndarray, y: np.ndarray, background: np.ndarray) -> Traced:
    """Colours of the pixels at (x, y) (N,); `background` (N, 3) is seen where a ray meets nothing."""
    scene = posed.scene
    world = np.stack(
        [x - scene.centre[0], scene.centre[1] - y, np.full_like(x, -scene.scale * scene.distance)], axis=-1
    )
    world /= np.sqrt(np.einsum("nk,nk->n", world, world))[:, None]
    rays = world @ posed.turn
    to_head, _ = intersect(posed.radius, posed.eye, rays)
    camera = np.array([0, 0, scene.distance], dtype=np.float32)
    to_body = bodies.intersect(posed.body, camera, world)
    kind = np.where(to_head < to_body, 1, np.where(np.isfinite(to_body), 2, 0))
    rgb = background.copy()
    place = np.full((len(x), 2), np.nan, dtype=np.float32)
    on_head, on_body = np.flatnonzero(kind == 1), np.flatnonzero(kind == 2)
    if len(on_head):
        rgb[on_head], place[on_head] = _shade_head(posed, rays[on_head], to_head[on_head])
    if len(on_body):
        rgb[on_body] = _shade_body(posed, camera + to_body[on_body, None] * world[on_body], world[on_body])
    return Traced(rgb, np.minimum(to_head, to_body), place, kind)


def _shade_head(posed: Posed, rays: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scene, identity = posed.scene, posed.person.identity
    points = posed.eye + distance[:, None] * rays
    r = np.sqrt(np.einsum("nk,nk->n", points, points))
    s, t = coordinates(points[:, 0], points[:, 1], points[:, 2], r)
    rest_s, rest_t = to_rest(identity.shape, scene.expression, s, t)
    texture, detail = sample(posed.colour, rest_s, rest_t), sample(posed.detail, rest_s, rest_t)
    hair_detail = sample(posed.detail, s, t)
    normal = sample(posed.normal, s, t)
    normal /= np.sqrt(np.einsum("nk,nk->n", normal, normal))[:, None] + 1e-9
    lit, open_ = sample(posed.shade, s, t).T
    towards = posed.turn.T @ np.asarray(scene.light.direction, dtype=np.float32)
    up = posed.turn[1]
    smooth = normal
    normal = _rough(normal, detail[:, 0] * (1 + 0.8 * max(scene.expression.smile, 0)), detail[:, 1])
    surface = Surface(texture[:, :3].copy(), normal, texture[:, 3].copy(), np.zeros(len(s), dtype=np.float32))
    settled = settle(identity.shape, scene.expression, s, t)
    pixel = 1.05 / scene.scale
    paint_eyes(surface, identity, scene.expression, *settled, pixel)
    paint_mouth(surface, identity, scene.expression, *settled, pixel)
    rgb = surface.albedo * lights.skin_light(scene.light, towards, up, surface.normal, lit, open_)
    shine = lights.highlight(towards, rays, surface.normal, 16.0) * surface.gloss * 1.1
    glint = 1.1 * surface.wet
    rgb += ((shine * lit)[:, None] + glint[:, None] * (0.4 + 0.6 * lit)[:, None]) * np.asarray(
        scene.light.sun, dtype=np.float32
    )
    cover = hair_detail[:, 2]
    hairy = np.flatnonzero(cover > 0.01)
    if len(hairy):
        look = (rays[hairy], smooth[hairy], points[hairy], hair_detail[hairy, 3], lit[hairy], open_[hairy])
        rgb[hairy] += (_shade_hair(posed, towards, up, *look) - rgb[hairy]) * cover[hairy, None]
    return rgb, np.stack([rest_s, rest_t], axis=-1)


def _rough(normal: np.ndarray, slope_s: np.ndarray, slope_t: np.ndarray) -> np.ndarray:
    """Tilt normals by the slopes of the fine relief."""
    first = -normal * normal[:, :1]
    first[:, 0] += 1
    first /= np.sqrt(np.einsum("nk,nk->n", first, first))[:, None] + 1e-6
    second = np.cross(normal, first)
    tilted = normal - slope_s[:, None] * first - slope_t[:, None] * second
    return tilted / np.sqrt(np.einsum("nk,nk->n", tilted, tilted))[:, None]


def _shade_hair(
    posed: Posed,
    towards: np.ndarray,
    up: np.ndarray,
    view: np.ndarray,
    normal: np.ndarray,
    points: np.ndarray,
    strands: np.ndarray,
    lit: np.ndarray,
    open_: np.ndarray,
) -> np.ndarray:
    hair, look = posed.person.identity.hair, posed.person.identity.look
    split = hair.part if hair.style == "parted" else 0.0
    side = np.where(points[:, :1] > split, 1.0, -1.0).astype(np.float32)
    pole = np.where(side > 0, hair_pole(hair, 1.0), hair_pole(hair, -1.0))
    tangent = pole - points
    tangent -= normal * np.einsum("nk,nk->n", tangent, normal)[:, None]
    tangent += normal * (0.5 * (strands - 0.5))[:, None]
    tangent /= np.sqrt(np.einsum("nk,nk->n", tangent, tangent))[:, None] + 1e-6
    colour = np.asarray(look.hair, dtype=np.float32) * (0.35 + 1.3 * strands)[:, None]
    return lights.hair_light(posed.scene.light, towards, up, view, normal, tangent, colour, lit, open_)


def _shade_body(posed: Posed, points: np.ndarray, view: np.ndarray) -> np.ndarray:
    scene, look = posed.scene, posed.person.identity.look
    normal = bodies.normals(posed.body, points)
    away = bodies.neck_distance(posed.body, *np.ascontiguousarray(points.T)) - posed.body.girth
    front = smoothstep(-0.1, 0.4, points[:, 2] + 0.5)
    collar = 0.07 + scene.neckline * 0.35 * front
    cloth = smoothstep(-0.006, 0.006, away - collar)
    hem = 1 - 0.35 * np.exp(-0.5 * ((away - collar - 0.035) / 0.012) ** 2)
    weave = 1 + 0.10 * np.sin(9 * points[:, 0] + 4 * np.sin(3 * points[:, 1])) * smoothstep(0.1, 0.6, away)
    tone = np.asarray(look.skin, dtype=np.float32) * 0.92
    colour = tone + (np.asarray(scene.cloth, dtype=np.float32) * (hem * weave)[:, None] - tone) * cloth[:, None]
    towards = np.asarray(scene.light.direction, dtype=np.float32)
    lit, open_ = _under_head(posed, points, towards)
    up = np.array([0, 1, 0], dtype=np.float32)
    rgb = colour * lights.skin_light(scene.light, towards, up, normal, lit, open_)
    shine = lights.highlight(towards, view, normal, 12.0) * 0.5 * look.oil * lit * (1 - cloth)
    return rgb + shine[:, None] * np.asarray(scene.light.sun, dtype=np.float32)


def _under_head(posed: Posed, points: np.ndarray, towards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How the head, as an ellipsoid, takes sun and sky from the neck."""
    middle = posed.turn @ np.array([0, -0.22, 0.06], dtype=np.float32)
    stretch = np.array([1 / 0.72, 1 / 0.98, 1 / 0.80], dtype=np.float32)
    offset, ray = (points - middle) * stretch, towards * stretch
    along = np.maximum(-(offset @ ray) / (ray @ ray), 0)
    nearest = np.linalg.norm(offset + along[:, None] * ray, axis=1)
    lit = smoothstep(0.75, 1.25, nearest)
    return lit, 0.35 + 0.65 * smoothstep(0.85, 1.9, np.linalg.norm(offset, axis=1))


@dataclass(frozen=True)
class Drawing:
    linear: np.ndarray  # (H, W, 3) float32, before exposure
    place: np.ndarray  # (H, W, 2) float32: chart place at rest, NaN off the head
    depth: np.ndarray  # (H, W) float32: distance from the camera, infinite for the background
    kind: np.ndarray  # (H, W) uint8: 0 background, 1 head, 2 body


def draw(posed: Posed, background: np.ndarray | None = None) -> Drawing:
    """Draw the whole frame, one ray per pixel and four along outlines, before its own or another background."""
    scene = posed.scene
    height, width = scene.height, scene.width
    x, y = (a.ravel().astype(np.float32) for a in np.meshgrid(np.arange(width), np.arange(height)))
    if background is None:
        background = paint_background(scene.background, height, width)
    traced = trace(posed, x, y, background.reshape(-1, 3))
    image = traced.rgb.reshape(height, width, 3)
    kind = traced.kind.reshape(height, width).astype(np.uint8)
    edge = np.flatnonzero(_outline(traced.depth.reshape(height, width)))
    if len(edge):
        offsets = np.array([[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]], dtype=np.float32)
        behind = np.tile(background.reshape(-1, 3)[edge], (4, 1))
        near_x, near_y = (np.tile(axis[edge], 4) + np.repeat(offsets[:, k], len(edge)) for k, axis in enumerate((x, y)))
        more = trace(posed, near_x, near_y, behind)
        image.reshape(-1, 3)[edge] = np.minimum(more.rgb, _LIGHTER).reshape(4, -1, 3).mean(0)
    return Drawing(image, traced.place.reshape(height, width, 2), traced.depth.reshape(height, width), kind)


def _outline(depth: np.ndarray) -> np.ndarray:
    """Pixels whose depth jumps against a neighbour."""
    filled = np.where(np.isfinite(depth), depth, 1e3).astype(np.float32)
    high = cv2.dilate(filled, np.ones((3, 3), np.uint8))
    low = cv2.erode(filled, np.ones((3, 3), np.uint8))
    return high - low > _EDGE


def develop(drawing: Drawing, scene: Scene, key: list[int]) -> np.ndarray:
    """Expose, blur and digitise a drawing as a camera does: (H, W, 3) uint8 sRGB."""
    generator = np.random.default_rng([*key, 8])
    face = drawing.linear[(drawing.kind == 1)]
    level = float(np.median(face.mean(axis=1))) if len(face) else 0.3
    gain = scene.exposure * (0.30 / level) ** 0.62
    image = drawing.linear * gain
    if scene.blur > 0:
        image = cv2.GaussianBlur(image, (0, 0), scene.blur)
    image = image * (1 + 0.10 * image) / (1 + 0.42 * image)  # the shoulder of film: bright parts keep their colour
    image = np.clip(image, 0, 1) ** (1 / 2.2) * 255
    image += scene.noise * generator.standard_normal(image.shape, dtype=np.float32)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
