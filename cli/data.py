"""`gfr-data`: photographs to manifests."""

import click

from manifests import project_version


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(project_version(), package_name="gfr")
def main() -> None:
    """Build guided/target pairs from photographs of people, and degraded test sets from pairs."""


if __name__ == "__main__":
    main()
