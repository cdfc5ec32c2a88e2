# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp list`: which notebooks are live. Asks the kernels themselves; knows no Jupyter Server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import click

from . import reported

if TYPE_CHECKING:
    from ..extension.manager import Summary

__all__ = ["command"]

_ELSEWHERE: Final = (
    "A notebook on another machine, or in another container, can be reached only there. Where that machine\n"
    "has stopped, its notebooks leave this list after an hour."
)


@click.command("list", short_help="Show the live notebooks.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, for programs.")
def command(as_json: bool) -> None:
    """Show the notebooks that serve MCP clients now.

    Notebooks on other machines and in other containers are shown too, when they share this Jupyter runtime
    directory. They cannot be reached from here.
    """
    import anyio

    from ..extension.manager import Summary, census
    from ..ipc.discovery import Discovery

    async def ask() -> list[Summary]:
        discovery = Discovery()
        live = await census(await discovery.live())
        elsewhere = await discovery.elsewhere()
        return live + [
            Summary(info.name, info.kernel_id, info.path, "elsewhere", machine=info.place)
            for info in elsewhere
        ]

    with reported():
        summaries = anyio.run(ask)
    if as_json:
        from dataclasses import asdict

        click.echo(json.dumps([asdict(summary) for summary in summaries], indent=2))
    elif not summaries:
        click.echo("No notebook is live. In a notebook, run: %load_ext mcp_jupyter", err=True)
    else:
        from .output import table

        heads = ("NAME", "STATE", "TOOLS", "RESOURCES", "PROMPTS", "NOTEBOOK")
        click.echo(table(heads, [_row(summary) for summary in summaries]))
        if any(summary.machine for summary in summaries):
            click.echo(_ELSEWHERE, err=True)


def _row(summary: Summary) -> tuple[object, ...]:
    path = summary.path or "-"
    if summary.machine is not None:
        return summary.name, f"on another machine ({summary.machine})", "-", "-", "-", path
    return summary.name, summary.state, summary.tools, summary.resources, summary.prompts, path
