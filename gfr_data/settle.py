"""What 'auto' stands for in a build's settings: what its folder was begun with, else what this machine has."""

import json
from pathlib import Path
from typing import Any


def begun_with(mark: Path) -> dict[str, Any]:
    """The settings that a build's folder was begun with; empty where it is new, or not a build's."""
    try:
        settings = json.loads(mark.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def device_here() -> str:
    """'cuda' where torch can use it, else 'cpu'."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
