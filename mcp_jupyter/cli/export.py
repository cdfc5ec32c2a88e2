# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp export`: a notebook as a plain Python script. Owns where it is written."""

from __future__ import annotations

from pathlib import Path

import click

from . import reported

__all__ = ["command"]


@click.command("export", short_help="Write a notebook as a Python script that serves the same.")
@click.argument("notebook", type=click.Path(path_type=Path), metavar="NOTEBOOK")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it there."
)
@click.option("--force", is_flag=True, help="Write over FILE.")
def command(notebook: Path, output: Path | None, force: bool) -> None:
    """Write NOTEBOOK as a Python script with the same tools, resources and prompts.

    The script needs no Jupyter: it runs its cells' code and serves, `jupyter mcp run server.py`. What has no
    place in a script (IPython's magics) is left out, and named.

    \b
    jupyter mcp export analysis.ipynb -o server.py
    """  # noqa: D301 - click reads the backspace
    from ..headless.export import export

    with reported():
        exported = export(notebook)
    for note in exported.notes:
        click.echo(note, err=True)
    if output is None:
        click.echo(exported.script, nl=False)
        return
    try:
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(exported.script)
    except FileExistsError:
        raise click.ClickException(f"{output} is there already: use --force to write over it.") from None
    except OSError as exc:
        raise click.ClickException(f"{output} cannot be written: {exc.strerror or exc}.") from None
    click.echo(f"Wrote {output}.", err=True)
