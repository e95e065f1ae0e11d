"""`gfr-eval`: score, compare and show restorations; restore photographs."""

import click

from manifests import project_version


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(project_version(), package_name="gfr")
def main() -> None:
    """Score models on degraded test sets, print Table 1, and restore photographs."""


if __name__ == "__main__":
    main()
