# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp connect`: how hosts reach a notebook that serves HTTP by itself.

Shows a token, in the terminal of the person whose kernel it is, and nowhere else.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import reported

if TYPE_CHECKING:
    from ..link.http_address import HttpAddress

__all__ = ["command"]


@click.command("connect", short_help="Show how to reach a notebook that serves HTTP by itself.")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Show the lines that connect hosts to the live notebook NAME, the only one there is when left out.

    The notebook serves HTTP from its own kernel, on this machine, after `%mcp_serve --http`. The lines hold
    a token that opens it; it ends with the kernel.
    """
    import anyio

    from ..errors import LinkError
    from .connect_lines import connect_lines

    with reported():
        called, address = anyio.run(_address, name)
        if address is None:
            raise LinkError(
                f"{called} does not serve HTTP by itself: run `%mcp_serve --http` in it. Hosts that start "
                f"their servers need none: jupyter mcp install {called}"
            )
    script = Path(sys.executable).with_name("jupyter-mcp")
    program = str(script) if script.exists() else shutil.which("jupyter-mcp") or "jupyter-mcp"
    shown = {"Streamable HTTP": address.url, "HTTP+SSE": address.sse_url, "Token": address.token}
    click.echo("\n".join(f"{what:<16} {value}" for what, value in shown.items()))
    for connect in connect_lines(called, address.url, address.token, program):
        click.echo(f"\n{connect.host}, {connect.where}:")
        click.echo("\n".join(f"  {line}" for line in connect.text.splitlines()))


async def _address(name: str | None) -> tuple[str, HttpAddress | None]:
    from ..link.discovery import Discovery
    from ..link.http_address import read_http

    discovery = Discovery()
    info = await (discovery.only() if name is None else discovery.find(name))
    return info.name, read_http(info.kernel_id, discovery.runtime_dir)
