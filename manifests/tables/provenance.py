"""What made a table: tool, version, resolved configuration. Nothing in it depends on the time or the machine."""

import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from manifests.crops import CROP_SIZE
from manifests.files import hash_bytes

DISTRIBUTION = "gfrnet-toolkit"  # on PyPI `gfr` is somebody else's


@dataclass(frozen=True)
class Provenance:
    tool: str  # the command that wrote the table
    version: str  # of this project
    config: str  # resolved configuration as JSON, keys sorted
    config_hash: str  # BLAKE2b-128 of `config`
    crop_size: int = CROP_SIZE  # px of the crops that the table names


def provenance(tool: str, config: dict[str, Any], crop_size: int = CROP_SIZE) -> Provenance:
    """Describe a table written by `tool` with `config` (JSON values; leave out what must not change the result)."""
    text = json.dumps(config, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return Provenance(tool, project_version(), text, hash_bytes(text.encode()), crop_size)


def project_version() -> str:
    """The installed version of this project, '0+unknown' when it runs from a bare checkout."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0+unknown"
