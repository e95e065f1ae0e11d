"""Whoever asks a command for help is answered in whole sentences, with every choice."""

import re
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from cli.data import main as data
from cli.eval import main as evaluate
from cli.train import main as train

ROOTS = {"gfr-data": data, "gfr-train": train, "gfr-eval": evaluate}


def every(command: click.Command, name: str) -> Iterator[tuple[str, list[str], click.Command]]:
    """A command and those below it: full name, arguments that lead to it, itself."""
    yield name, name.split()[1:], command
    for below, one in getattr(command, "commands", {}).items():
        yield from every(one, f"{name} {below}")


COMMANDS = [(name, root, path, one) for top, root in ROOTS.items() for name, path, one in every(root, top)]


@pytest.mark.parametrize(("name", "root", "path", "command"), COMMANDS, ids=[name for name, *_ in COMMANDS])
def test_short_and_long_help_are_the_same_and_no_sentence_is_cut(
    name: str, root: click.Command, path: list[str], command: click.Command
) -> None:
    short, long = (
        CliRunner().invoke(root, [*path, option], prog_name=name.split(maxsplit=1)[0], terminal_width=80)
        for option in ("-h", "--help")
    )
    assert short.exit_code == 0
    assert short.output == long.output
    for line in short.output.partition("Commands:")[2].splitlines():
        assert not line.endswith("..."), line


@pytest.mark.parametrize(("name", "root", "path", "command"), COMMANDS, ids=[name for name, *_ in COMMANDS])
def test_every_option_says_what_it_is_for(
    name: str, root: click.Command, path: list[str], command: click.Command
) -> None:
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert options
    for option in options:
        assert option.help, f"{name} {option.opts[0]} has no help"
        assert re.search(r"[.\])]$", option.help), f"{name} {option.opts[0]}: {option.help!r} does not end"


@pytest.mark.parametrize("name", ROOTS)
def test_each_program_names_its_version(name: str) -> None:
    found = CliRunner().invoke(ROOTS[name], ["--version"], prog_name=name)
    assert re.fullmatch(rf"{name} \S+ \(gfrnet-toolkit\)\n", found.output)


def test_settings_are_listed_with_meaning_and_choices() -> None:
    found = CliRunner().invoke(train, ["--list-settings"])
    assert found.exit_code == 0
    assert re.search(r"^norm = \"instance\"  # .+; one of instance, batch$", found.output, re.M)
    assert all("  # " in line for line in found.output.splitlines())
    rules = CliRunner().invoke(data, ["build-pairs", "--list-settings"])
    assert re.search(r"^selection.most = 5  # photographs of an identity", rules.output, re.M)
    assert re.search(r"^quality.yaw = 55.0  # ", rules.output, re.M)


@pytest.mark.parametrize("name", ROOTS)
def test_shells_complete_commands_and_options(name: str) -> None:
    variable = f"_{name.upper().replace('-', '_')}_COMPLETE"
    script = CliRunner().invoke(ROOTS[name], prog_name=name, env={variable: "bash_source"})
    assert f"{name}" in script.output
    words = {variable: "bash_complete", "COMP_WORDS": f"{name} --ver", "COMP_CWORD": "1"}
    assert "--version" in CliRunner().invoke(ROOTS[name], prog_name=name, env=words).output
