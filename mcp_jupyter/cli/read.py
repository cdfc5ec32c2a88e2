# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp read`: read one resource."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .target import TargetCommand, Where, ask, on_target

if TYPE_CHECKING:
    from ..client.client import Client
    from ..types import ReadResourceResult

__all__ = ["command"]


@click.command("read", cls=TargetCommand, short_help="Read a resource of a server.")
@on_target
@click.argument("uri", metavar="URI")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Save what it holds."
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole result as JSON.")
def command(where: Where, uri: str, output: Path | None, as_json: bool) -> None:
    """Read the resource URI, and print it; bytes are named, and saved with --output.

    \b
    jupyter mcp read sales notebook://variables/sales
    jupyter mcp read server.py file://logo.png --output logo.png
    """  # noqa: D301 - click reads the backspace
    from .output import dumped, part_of, present

    async def fetch(client: Client) -> ReadResourceResult:
        return await client.read_resource(uri)

    result = ask(where, fetch)
    if as_json:
        click.echo(dumped(result.model_dump(mode="json", exclude_none=True)))
    if not as_json or output is not None:
        present([part_of(contents) for contents in result.contents], output)
