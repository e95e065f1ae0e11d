"""The commands under torture: the whole road on the smallest data, each with what it reads and writes in the room."""

from dataclasses import dataclass, replace
from pathlib import Path

ROOM = "{room}"
# Four steps of a network of two channels: every kind of checkpoint, picture and row is written.
TINY = (
    *("width=2", "warp_size=16", "discriminator_width=2", "lambda_adv_local=0", "batch_size=1", "max_steps=4"),
    *("warp_epochs=0.5", "checkpoint_every=2", "validate_every=2", "log_every=1"),
    *("samples=1", "scale=4", "blur_sigma=1"),
)


@dataclass(frozen=True)
class Command:
    """A command line. `{room}` in it stands for the folder that holds all inputs and outputs."""

    name: str
    line: tuple[str, ...]  # the program first
    writes: str = ""  # file or folder in the room; '': nothing
    reads: tuple[str, ...] = ()  # what other commands wrote in the room
    other: tuple[str, ...] = ()  # arguments that make it another result
    extra: tuple[str, ...] = ()  # arguments of this call

    @property
    def label(self) -> str:
        """The name of its result: `--overwrite` makes no other."""
        return f"{self.name}-other" if self.other and set(self.other) <= set(self.extra) else self.name

    def arguments(self, room: Path) -> tuple[str, ...]:
        """The command line in `room`."""
        return tuple(word.replace(ROOM, str(room)) for word in (*self.line, *self.extra))

    def plus(self, *words: str) -> "Command":
        """The same with more arguments."""
        return replace(self, extra=(*self.extra, *words))


def _command(name: str, line: str, writes: str = "", reads: str = "", other: str = "") -> Command:
    words = [word.replace("room/", f"{ROOM}/") for word in line.split()]
    return Command(name, tuple(words), writes, tuple(reads.split()), tuple(other.split()))


SAMPLE = _command(
    "sample", "gfr-data sample room/people --identities 5 --photos 3 --seed 1 --jobs 1", "people", "", "--seed 2"
)
BUILD = _command(
    "build",
    "gfr-data build-pairs --source vggface2=room/people/vggface2 --source casia-webface=room/people/casia-webface "
    "--landmarks file:room/people/landmarks68.csv --out room/pairs --jobs 1",
    "pairs",
    "people",
    "--seed 7 --set selection.most=2",
)
DEGRADE = _command(
    "degrade", "gfr-data degrade room/pairs --out room/degraded --scale 8 --jobs 1", "degraded", "pairs", "--seed 3"
)
TRAIN = _command(
    "train",
    "gfr-train room/pairs --out room/run --vgg-face off " + " ".join(f"--set {setting}" for setting in TINY),
    "run",
    "pairs",
    "--set seed=5",
)
SCORE = _command(
    "score",
    "gfr-eval score room/degraded --run room/run --panels 1 --out room/scores",
    "scores",
    "degraded run",
    "--limit 1",
)
RESTORE = _command(
    "restore",
    "gfr-eval restore room/people/album/photograph.jpg room/people/album/guides/01.jpg "
    "--guide room/people/album/guides --run room/run --out room/restored --compare",
    "restored",
    "people run",
    "--enlarge 2",
)
EXPORT_TAR = _command("export-tar", "gfr-data export room/pairs --format webdataset --out room/tars", "tars", "pairs")
EXPORT_TABLE = _command(
    "export-table", "gfr-data export room/pairs --format parquet-embedded --out room/embedded", "embedded", "pairs"
)
EXPORT_NETWORK = _command(
    "export-network", "gfr-eval export room/run --format torchscript --out room/network.pt", "network.pt", "run"
)
REPORT_PAIRS = _command("report-pairs", "gfr-data report room/pairs --out room/pairs.html", "pairs.html", "pairs")
REPORT_SCORES = _command("report-scores", "gfr-eval report room/scores --out room/scores.html", "scores.html", "scores")
EXPLAIN = _command(
    "explain",
    "gfr-eval explain room/people/album/photograph.jpg --guide room/people/album/guides/02.jpg --run room/run "
    "--out room/explained.png",
    "explained.png",
    "people run",
)
TABLE = _command("table", "gfr-eval table room/scores", "", "scores")
VALIDATE_PAIRS = _command("validate-pairs", "gfr-data validate room/pairs", "", "pairs")
VALIDATE_DEGRADED = _command("validate-degraded", "gfr-data validate room/degraded", "", "degraded")
VALIDATE_SCORES = _command("validate-scores", "gfr-data validate room/scores", "", "scores")

MAKERS = (  # of folders that are continued where they were interrupted, in the order of the road
    *(SAMPLE, BUILD, DEGRADE, TRAIN, SCORE, RESTORE),
)
WRITERS = (*MAKERS, EXPORT_TAR, EXPORT_TABLE, EXPORT_NETWORK, REPORT_PAIRS, REPORT_SCORES, EXPLAIN)
READERS = (TABLE, VALIDATE_PAIRS, VALIDATE_DEGRADED, VALIDATE_SCORES)
ALL = (*WRITERS, *READERS)


def named(name: str) -> Command:
    """The command of this name."""
    return next(command for command in ALL if command.name == name)


def maker_of(place: str) -> Command | None:
    """The command that writes `place`, a path in the room; None where none does."""
    top = place.strip("/").split("/")[0]
    return next((command for command in WRITERS if command.writes == top), None)


def validator_of(command: Command) -> Command | None:
    """The command that checks what `command` writes; None where there is none."""
    return next((reader for reader in READERS if reader.name == f"validate-{command.writes}"), None)
