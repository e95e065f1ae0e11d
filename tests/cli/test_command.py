"""What every command shares."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli import data, eval, train
from cli.command import GivenPath


def commands(group: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(group, click.Group):
        for part, command in group.commands.items():
            yield from commands(command, f"{name} {part}")
    else:
        yield name, group


COMMANDS = dict(
    [*commands(data.main, "gfr-data"), *commands(eval.main, "gfr-eval"), *commands(train.main, "gfr-train")]
)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_path_may_be_empty(name: str) -> None:
    """`--out "$OUT"` with OUT unset would otherwise write into the current folder, or read it."""
    for parameter in COMMANDS[name].params:
        assert isinstance(parameter.type, GivenPath) or not isinstance(parameter.type, click.Path), parameter.name


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (data.main, ["build-pairs", "--source", "folder=.", "--out", ""]),
        (data.main, ["sample", ""]),
        (data.main, ["validate", ""]),
        (train.main, [".", "--out", ""]),
    ],
)
def test_an_empty_path_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: click.Command, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 2
    assert "it is empty; name a path, '.' for the current folder" in done.output
    assert list(tmp_path.iterdir()) == []
