"""The model that ships, in every command called `default`: weights, card and licence, as data of the package.

`python -m gfr_model.default RUN` puts the network of a run here.
"""

import os
from pathlib import Path

import click

FOLDER = Path(__file__).parent
NOTICE = (
    "The model `default` was trained on photographs of CelebA and LFW: it is for research only, under a licence of its "
    f"own, apart from the code's: {FOLDER / 'LICENSE'} (said this once)."
)
SAID = "model-default-licence-said"  # name of the file that remembers


def say_licence_once() -> None:
    """Write the notice to stderr, unless that was done before; where nothing can be remembered it is said again."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "gfr"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Made by one process alone, of however many begin together.
        (cache / SAID).open("x").close()
    except FileExistsError:
        return
    except (OSError, RuntimeError):  # RuntimeError: a user without a home
        pass
    click.echo(NOTICE, err=True)
