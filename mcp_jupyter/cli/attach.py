# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp attach`: serve one live notebook, or all, on stdio, for hosts that start their servers.

It needs no token, because only this user can open the kernels' sockets.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import reported
from .target import constant_tools

if TYPE_CHECKING:
    from ..ipc.files import ConnectionInfo
    from ..ipc.stdio_proxy import Answer
    from ..protocol.frames import ErrorResponse, Request, Response
    from ..protocol.rights import Mode

__all__ = ["command"]


class _NotFound(click.ClickException):
    exit_code = 2


@click.command("attach", short_help="Serve one live notebook, or all, on stdio.")
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Serve all live notebooks, those to come too.")
@constant_tools
def command(name: str | None, everything: bool, constant_tools: Mode | None) -> None:
    """Connect stdin and stdout to the live notebook NAME; the only one there is when left out.

    NAME may also be the path of the notebook's file.

    With --all, the tools, resources and prompts of every live notebook are served under names that begin
    with the notebook's, as in NAME_TOOL, while notebooks come and go.

    This is the command for hosts that start their servers, such as Claude Desktop. It ends when stdin is
    closed, and goes on when the kernel restarts.
    """
    import anyio

    if everything and name is not None:
        raise click.UsageError("Either NAME or --all: --all takes every notebook.")
    with reported():
        if everything:
            anyio.run(_attach_all, constant_tools)
        else:
            anyio.run(_attach, name, constant_tools)


async def _attach_all(mode: Mode | None) -> None:
    from ..aggregate.aggregate import Aggregate
    from ..ipc.discovery import Discovery
    from ..server.stdio import serve_stdio

    await serve_stdio(Aggregate(Discovery(), constant_tools=mode or "auto"))


async def _attach(name: str | None, mode: Mode | None) -> None:
    from ..errors import NotebookNotFound
    from ..ipc.attached_notebook import AttachedNotebook
    from ..ipc.discovery import Discovery, find_notebook
    from ..server.stdio import serve_stdio

    discovery = Discovery()
    try:
        info = await (discovery.only() if name is None else find_notebook(name, discovery))
    except NotebookNotFound as exc:
        raise _NotFound(str(exc)) from None
    await serve_stdio(AttachedNotebook(info, discovery, _late_opening(info), constant_tools=mode))


def _late_opening(info: ConnectionInfo) -> Answer:
    """Return a function that answers a host while C code in the kernel holds Python's global lock."""

    def answer(request: Request) -> Response | ErrorResponse | None:
        from .run_notebook import opening  # imports the wire's models, which attaching does not need

        return opening(Path(info.path or "notebook")).answer(request)

    return answer
