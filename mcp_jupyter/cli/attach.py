# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp attach`: a live notebook as a server on stdio, for hosts that start their servers.

Owns which notebook it is. Needs no token: the kernel's socket is this user's own.
"""

from __future__ import annotations

import click

from . import reported

__all__ = ["command"]


class _NotFound(click.ClickException):
    exit_code = 2


@click.command("attach", short_help="Serve one live notebook on stdio.")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Connect stdin and stdout to the live notebook NAME; the only one there is when left out.

    This is the command for hosts that start their servers, such as Claude Desktop. It ends when stdin is
    closed, and goes on when the kernel restarts.
    """
    import anyio

    with reported():
        anyio.run(_attach, name)


async def _attach(name: str | None) -> None:
    from ..errors import NotebookNotFound
    from ..link.discovery import Discovery
    from ..server.stdio import serve_stdio
    from .bridge import AttachedNotebook

    discovery = Discovery()
    try:
        info = await (discovery.only() if name is None else discovery.find(name))
    except NotebookNotFound as exc:
        raise _NotFound(str(exc)) from None
    await serve_stdio(AttachedNotebook(info, discovery))
