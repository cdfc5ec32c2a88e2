# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp list`: which notebooks are live. Asks the kernels themselves; knows no Jupyter Server."""

from __future__ import annotations

import json

import click

from . import reported

__all__ = ["command"]


@click.command("list", short_help="Show the live notebooks.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, for programs.")
def command(as_json: bool) -> None:
    """Show the notebooks that serve MCP clients now."""
    import anyio

    from ..extension.census import Summary, census
    from ..link.discovery import Discovery

    async def ask() -> list[Summary]:
        return await census(await Discovery().live())

    with reported():
        summaries = anyio.run(ask)
    if as_json:
        from dataclasses import asdict

        click.echo(json.dumps([asdict(summary) for summary in summaries], indent=2))
    elif not summaries:
        click.echo("No notebook is live. In a notebook, run: %load_ext mcp_jupyter", err=True)
    else:
        from .table import table

        heads = ("NAME", "STATE", "TOOLS", "RESOURCES", "PROMPTS", "NOTEBOOK")
        rows = [(s.name, s.state, s.tools, s.resources, s.prompts, s.path or "-") for s in summaries]
        click.echo(table(heads, rows))
