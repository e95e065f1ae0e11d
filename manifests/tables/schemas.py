"""The four tables: `faces`, `pairs`, `degraded`, `scores`. Every field has a description, and a unit if it needs one.

Landmarks are 68 points in iBUG order, (x, y) interleaved, in crop pixels: x right, y down, pixel centres at integers.
Columns may be added (marked so, older tables are read without them); none is renamed or changes its meaning without a
new `SCHEMA_VERSION`.
"""

import pyarrow as pa

SCHEMA_VERSION = 1
KEY = b"key"  # in a schema's metadata: the columns of which no two rows have the same values

FACES_FILE = "faces.parquet"
PAIRS_FILE = "pairs.parquet"
DEGRADED_FILE = "degraded.parquet"
SCORES_FILE = "scores.parquet"

BICUBIC = "bicubic"  # the method of `scores` that every other is compared with
FLOW_FILE = "flow.npy"  # in a panel: (2, S, S) float16, where each pixel of the warped guide looks, in [-1, 1]

STATUSES = ("selected", "spare", "rejected", "unreadable")

# Why a face is not selected, in order of precedence (§4.1 and DESIGN §4).
REASONS = (
    "unreadable",
    "no_face",
    "multiple_faces",
    "low_resolution",
    "blurred",
    "artifacts",
    "bad_exposure",
    "cartoon",
    "occluded",
    "no_landmarks",
    "extreme_pose",
    "wrong_person",
    "mixed_identity",
    "same_person",
    "duplicate",
    "decided",
    "person_in_train",
    "person_in_other_split",
)

LANDMARKS = pa.list_(pa.float32(), 136)


def field(
    name: str,
    kind: pa.DataType,
    description: str,
    *,
    unit: str = "",
    nullable: bool = False,
    path: bool = False,
    name_of_file: bool = False,
    added: bool = False,
) -> pa.Field:
    """One column. `path` marks a column whose values are checked to stay inside the table's folder.

    `name_of_file`: commands name files by it, so it is checked to be harmless there.
    `added`: tables of before lack it; read, they have no value there.
    """
    metadata = {"description": description}
    if unit:
        metadata["unit"] = unit
    if path:
        metadata["path"] = "relative"
    if name_of_file:
        metadata["name"] = "of files"
    if added:
        metadata["added"] = "later"
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def _optional(
    name: str, kind: pa.DataType, description: str, unit: str = "", added: bool = False, path: bool = False
) -> pa.Field:
    return field(name, kind, description, unit=unit, nullable=True, added=added, path=path)


_WHO = [
    field("dataset", pa.string(), "layout of the source the photograph comes from"),
    field("identity", pa.string(), "the source's name of the folder or class"),
    field("person", pa.string(), "normalised name of the person, equal across datasets"),
]

FACES = pa.schema(
    [
        _WHO[0],
        field("subset", pa.string(), "the source's own split ('train', 'test'), empty where it has none"),
        *_WHO[1:],
        field("source_path", pa.string(), "photograph, relative to its source's root", path=True),
        _optional("width", pa.int32(), "of the upright photograph", "px"),
        _optional("height", pa.int32(), "of the upright photograph", "px"),
        field("status", pa.string(), "'selected', 'spare', 'rejected' or 'unreadable'"),
        _optional("reason", pa.string(), "why it is not selected; see REASONS"),
        _optional("message", pa.string(), "the reason in words, where there is more to say"),
        _optional("decision", pa.string(), "what a person decided: 'keep', 'reject' or 'guide'", added=True),
        _optional("decision_why", pa.string(), "why, in the person's words", added=True),
        _optional("role", pa.string(), "'guide' or 'target' of a selected face"),
        _optional("box", pa.list_(pa.float32(), 4), "detected face x1, y1, x2, y2 in the upright photograph", "px"),
        _optional("detector_score", pa.float32(), "face probability, 0 to 1"),
        _optional(
            "keypoints", pa.list_(pa.float32(), 10), "eyes, nose, mouth corners (x, y), upright photograph", "px"
        ),
        _optional("crop_side", pa.float32(), "shorter side of what is cropped, in the photograph", "px", added=True),
        _optional("crop_inside", pa.float32(), "share of what is cropped that lies in the photograph", added=True),
        _optional("landmarks", LANDMARKS, "68 iBUG points", "crop px"),
        _optional("landmark_scores", pa.list_(pa.float32(), 68), "the provider's confidence of each landmark"),
        _optional("yaw", pa.float32(), "head pose, positive to the subject's left", "degree"),
        _optional("pitch", pa.float32(), "head pose, positive upwards", "degree"),
        _optional("roll", pa.float32(), "head pose, positive clockwise in the image", "degree"),
        _optional("eye_open_left", pa.float32(), "openness of the subject's left eye: lid distance over width"),
        _optional("eye_open_right", pa.float32(), "openness of the subject's right eye: lid distance over width"),
        _optional("face_size", pa.float32(), "longer side of the detected box", "px"),
        _optional("bandwidth", pa.float32(), "effective resolution inside the face"),
        _optional("blockiness", pa.float32(), "JPEG artifacts: contrast across block edges"),
        _optional("occlusion", pa.float32(), "evidence of something before the face"),
        _optional("cartoon", pa.float32(), "evidence of a drawing"),
        _optional("exposure", pa.float32(), "usable share of the tonal range"),
        _optional("quality", pa.float32(), "overall quality that ranks an identity's photographs, 0 to 1"),
        _optional(
            "likeness", pa.float32(), "to its identity's other faces: 0 as strangers, 1 as one person", added=True
        ),
        _optional("content_hash", pa.string(), "BLAKE2b-128 of the photograph's file"),
        _optional("perceptual_hash", pa.uint64(), "near-duplicate hash of the face crop"),
        field(
            "crop_path",
            pa.string(),
            "256x256 crop of a selected face, relative to this table",
            nullable=True,
            path=True,
        ),
    ],
    metadata={KEY: "dataset source_path"},
)

# Of a build that asked no network who is who: no column of `faces` stands empty for that.
FACES_UNASKED = FACES.remove(FACES.get_field_index("likeness"))

_PAIR = [
    field("pair_id", pa.string(), "stable name of the (target, guide) pair"),
    field("split", pa.string(), "'train', 'val' or 'test-...'", name_of_file=True),
    *_WHO,
    field("target_path", pa.string(), "ground-truth crop I, 256x256, relative to this table", path=True),
    field("guide_path", pa.string(), "guided image I^g, 256x256, relative to this table", path=True),
    field("target_landmarks", LANDMARKS, "68 iBUG points of the target", unit="crop px"),
    field("guide_landmarks", LANDMARKS, "68 iBUG points of the guide", unit="crop px"),
    *[
        field(f"{role}_{angle}", pa.float32(), f"head pose of the {role}", unit="degree")
        for role in ("target", "guide")
        for angle in ("yaw", "pitch", "roll")
    ],
    field("target_quality", pa.float32(), "overall quality of the target, 0 to 1"),
    field("guide_quality", pa.float32(), "overall quality of the guide, 0 to 1"),
    field("target_hash", pa.string(), "BLAKE2b-128 of the target's crop file"),
    field("guide_hash", pa.string(), "BLAKE2b-128 of the guide's crop file"),
    field("target_source_path", pa.string(), "the target's photograph, relative to its source's root", path=True),
    field("guide_source_path", pa.string(), "the guide's photograph, relative to its source's root", path=True),
]

# Further guides of the target, the fittest first: an item of each list for each, 136 of the landmarks.
MORE_GUIDES = "more_guides"
_MORE = [
    _optional(f"{MORE_GUIDES}_{name}", pa.list_(kind), f"further guides, the fittest first: {what}", unit, True, path)
    for name, kind, what, unit, path in (
        ("path", pa.string(), "their crops, relative to this table", "", True),
        ("landmarks", pa.float32(), "68 iBUG points of each, one after another", "crop px", False),
        ("yaw", pa.float32(), "head pose", "degree", False),
        ("pitch", pa.float32(), "head pose", "degree", False),
        ("roll", pa.float32(), "head pose", "degree", False),
        ("quality", pa.float32(), "overall quality, 0 to 1", "", False),
        ("hash", pa.string(), "BLAKE2b-128 of their crop files", "", False),
        ("source_path", pa.string(), "their photographs, relative to their source's root", "", True),
    )
]

PAIRS = pa.schema([*_PAIR, *_MORE], metadata={KEY: "pair_id"})

_DRAW = [
    field(
        "blur_sigma",
        pa.float32(),
        "rho, standard deviation of the Gaussian blur; 0 is none",
        unit="px of a crop of 256",
    ),
    field("scale", pa.float32(), "s, factor of the bicubic downsampling; 1 is none"),
    field("noise_sigma", pa.float32(), "sigma, standard deviation of the noise; 0 is none", unit="grey level"),
    field("jpeg_quality", pa.int32(), "q, JPEG quality; 0 stores PNG"),
]

# Beyond eq. 4 (`manifests/degradation/passes.py`): what else the last pass does, and what a first one did.
_BLUR = [
    ("blur_ratio", pa.float32(), "short over long axis of the Gaussian, whose long axis blur_sigma is", ""),
    ("blur_angle", pa.float32(), "of that axis, clockwise from the rows", "degree"),
    ("motion_length", pa.float32(), "of the motion that blurs, too; 0 is none", "px of a crop of 256"),
    ("motion_angle", pa.float32(), "its direction, clockwise from the rows", "degree"),
]
_CODEC = [("codec", pa.string(), "'jpeg420', 'jpeg444' or 'webp', whose quality jpeg_quality then is", "")]
_PASSES = [
    *[_optional(name, kind, f"{what}; none by eq. 4", unit, True) for name, kind, what, unit in (*_BLUR, *_CODEC)],
    *[
        _optional(f"first_{name}", kind, f"of a first pass, where there was one: {what}", unit, True)
        for name, kind, what, unit in (
            ("blur_sigma", pa.float32(), "standard deviation of the Gaussian blur", "px of a crop of 256"),
            *_BLUR,
            ("scale", pa.float32(), "side of the crop over the side that it leaves", ""),
            ("noise_sigma", pa.float32(), "standard deviation of the noise", "grey level"),
            ("jpeg_quality", pa.int32(), "quality of its file; 0 is lossless", ""),
            *_CODEC,
        )
    ],
]

DEGRADED = pa.schema(
    [
        *_PAIR[:2],
        field("copy", pa.int32(), "number of this observation of the pair, from 0"),
        field("lq_path", pa.string(), "degraded low-resolution file I^{d,s}, relative to this table", path=True),
        field("lq_hash", pa.string(), "BLAKE2b-128 of that file"),
        *_DRAW,
        field("seed", pa.int64(), "seed of the run; the draw is keyed by (seed, pair_id, copy)"),
        *_PAIR[2:],
        *_MORE,
        *_PASSES,
    ],
    metadata={KEY: "pair_id copy"},
)

FEATURES = "float32 one after another, of which sets are compared, where weights were supplied"

SCORES = pa.schema(
    [
        *_PAIR[:2],
        field("copy", pa.int32(), "number of the observation of the pair, from 0"),
        *_WHO,
        field("method", pa.string(), "name of what restored the image"),
        field("checkpoint_hash", pa.string(), "BLAKE2b-128 of the weights or of the restored file; empty for bicubic"),
        *_DRAW,
        _optional("psnr", pa.float64(), "on RGB", "dB"),
        _optional("ssim", pa.float64(), "Wang et al., on RGB, mean of the channels"),
        _optional("psnr_y", pa.float64(), "on luma (BT.601)", "dB"),
        _optional("ssim_y", pa.float64(), "Wang et al., on luma (BT.601)"),
        _optional("ssim_volume", pa.float64(), "MATLAB's ssim of the colour array as a volume", added=True),
        _optional("psnr_face", pa.float64(), "on RGB, in the convex hull of the target's landmarks", "dB", added=True),
        _optional("ssim_face", pa.float64(), "Wang et al., on RGB, mean of its map in the same hull", added=True),
        _optional(
            "landmark_error", pa.float64(), "mean distance of the warped guide's landmarks from the target's", "px"
        ),
        _optional("landmark_error_initial", pa.float64(), "the same for the guide before warping", "px"),
        _optional("lpips", pa.float64(), "perceptual distance, where weights were supplied"),
        _optional("dists", pa.float64(), "DISTS, where weights were supplied", added=True),
        _optional("niqe", pa.float64(), "NIQE of the restored image, where its model was supplied", added=True),
        _optional("identity_similarity", pa.float64(), "cosine of face embeddings, where weights were supplied"),
        _optional("features", pa.binary(), f"the restored image to a network, {FEATURES}", added=True),
        _optional("truth_features", pa.binary(), f"the truth to the same network, {FEATURES}", added=True),
        field("pose_difference", pa.float32(), "angle between the target's and the guide's pose", unit="degree"),
        field("protocol", pa.string(), "how the numbers were taken"),
        _optional("error", pa.string(), "why there is no score"),
        field("panel", pa.string(), "folder of the kept pictures, relative to this table", nullable=True, path=True),
    ]
)

SCHEMAS = {"faces": FACES, "pairs": PAIRS, "degraded": DEGRADED, "scores": SCORES}
FILES = {"faces": FACES_FILE, "pairs": PAIRS_FILE, "degraded": DEGRADED_FILE, "scores": SCORES_FILE}
