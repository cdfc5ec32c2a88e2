# SPDX-License-Identifier: BSD-3-Clause
"""The commands `jupyter mcp list` and `connect`: show live notebooks, and how hosts connect to them.

They ask the notebooks' kernels, so no Jupyter Server is needed. `connect` prints a token only in the terminal
of the user who owns the server.
"""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Final

import click

from ..client.config.hosts import HOSTS
from . import reported
from .new_token import token_days
from .tokens import scope_options, show_new

if TYPE_CHECKING:
    from pathlib import Path

    from ..extension.manager import Summary
    from ..ipc.discovery import Discovery
    from ..ipc.files import ConnectionInfo
    from ..ipc.rendezvous import HttpAddress

__all__ = ["connect", "list_notebooks"]

_ELSEWHERE: Final = (
    "A notebook on another machine, or in another container, can be reached only there. Where that machine\n"
    "has stopped, its notebooks leave this list after an hour."
)


@click.command("list", short_help="Show the live notebooks.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, for programs.")
def list_notebooks(as_json: bool) -> None:
    """Show the notebooks that serve MCP clients now.

    Notebooks on other machines and in other containers are shown too, when they share this Jupyter runtime
    directory. They cannot be reached from here.
    """
    import anyio

    from ..extension.manager import Summary, summaries_of
    from ..ipc.discovery import Discovery

    async def ask() -> list[Summary]:
        discovery = Discovery()
        live = await summaries_of(await discovery.live())
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


# -- jupyter mcp connect ---------------------------------------------------------------------------

DIAL_SECONDS: Final = 1.0
"""Seconds. A port of this machine accepts a connection at once if a process listens there."""


@click.command("connect", short_help="Show how hosts connect to a notebook, or to what `run --http` serves.")
@click.argument("name", required=False)
@click.option("--new-token", is_flag=True, help="Make a token for the notebook, and print it this one time.")
@scope_options
def connect(
    name: str | None,
    new_token: bool,
    tools: tuple[str, ...],
    resources: tuple[str, ...],
    prompts: tuple[str, ...],
) -> None:
    """Show the lines that connect hosts to the live notebook NAME, the only one there is when left out.

    Hosts that start a program need no token. For hosts that open a URL, --new-token makes one; of tokens that
    there are only hashes are kept, so else TOKEN stands in its place.

    NAME may also be a server that `jupyter mcp run FILE --http` serves now. Its lines hold the token that it
    asks for, and so do those of a notebook that serves HTTP from its own kernel, after `%mcp_serve --http`.
    """
    import anyio

    from ..ipc.discovery import Discovery

    if (tools or resources or prompts) and not new_token:
        raise click.UsageError("--tool, --resource and --prompt are for the token that --new-token makes.")
    discovery = Discovery()
    with reported():
        served = None if new_token else _of_run(name, discovery.runtime_dir)
        if served is not None:
            _show_own_http(served.name, served)
            return
        info = anyio.run(discovery.only) if name is None else anyio.run(discovery.find, name)
        if new_token:
            from .endpoint import NO_SERVER, endpoint_of

            if endpoint_of((info.name,), [info], discovery.runtime_dir) is None:
                raise click.ClickException(NO_SERVER.format(info.name))
            # A notebook that does not know its path can only be opened by its name.
            any_name = info.path is None or not os.path.isabs(info.path)
            days = token_days()
            show_new(
                (info.name,), any_name=any_name, days=days, tools=tools, resources=resources, prompts=prompts
            )
        else:
            _show_notebook(info, discovery)


def _show_notebook(info: ConnectionInfo, discovery: Discovery) -> None:
    from ..client.config.connect_lines import program_lines, shown
    from ..ipc.rendezvous import read_http
    from .servers import attach_command, jupyter_directories

    click.echo("Hosts that start a program; no token is needed:")
    click.echo(shown(program_lines(info.name, attach_command(info.name), jupyter_directories())))
    click.echo(
        f"\nOr let this write a host's own file: jupyter mcp install {info.name} --host {'|'.join(HOSTS)}"
    )
    click.echo("\nHosts that open a URL:\n")
    address = read_http(info.kernel_id, discovery.runtime_dir)
    if address is not None:
        _show_own_http(info.name, address)
    else:
        _show_jupyter_url(info, discovery)


def _show_jupyter_url(info: ConnectionInfo, discovery: Discovery) -> None:
    from ..client.config.connect_lines import TOKEN_PLACE, shown, url_lines
    from .endpoint import NO_SERVER, endpoint_of

    endpoint = endpoint_of((info.name,), [info], discovery.runtime_dir)
    if endpoint is None:
        click.echo(NO_SERVER.format(info.name))
        click.echo("Or let the notebook serve HTTP by itself: run `%mcp_serve --http` in it.")
        return
    click.echo(f"{'Streamable HTTP':<16} {endpoint.url}\n{'HTTP+SSE':<16} {endpoint.sse_url}")
    click.echo(shown(url_lines(endpoint.name, endpoint.url, TOKEN_PLACE)))
    click.echo(
        f"\nPut a token in the place of {TOKEN_PLACE}. To make one, and have it in these lines:\n"
        f"  jupyter mcp connect {info.name} --new-token --tool '*' --resource '*' --prompt '*'"
    )


def _show_own_http(name: str, address: HttpAddress) -> None:
    from ..client.config.connect_lines import shown, url_lines

    for what, value in (
        ("Streamable HTTP", address.url),
        ("HTTP+SSE", address.sse_url),
        ("Token", address.token),
    ):
        if value is not None:
            click.echo(f"{what:<16} {value}")
    if address.url is not None:
        click.echo(shown(url_lines(name, address.url, address.token)))
    elif address.sse_url is not None:
        click.echo(shown(url_lines(name, address.sse_url, address.token, "sse")))


def _of_run(name: str | None, runtime_dir: Path) -> HttpAddress | None:
    """Return the server with this name that `jupyter mcp run` serves now, if any.

    Raises
    ------
    LinkError
        There are several.
    """
    from ..errors import LinkError
    from ..ipc.rendezvous import run_servers

    if name is None:
        return None
    found = [address for address in run_servers(runtime_dir) if address.name == name and _listens(address)]
    if len(found) > 1:
        ports = ", ".join(str(address.port) for address in found)
        raise LinkError(f"Several servers are named {name!r}, at ports {ports}. Stop all but one.")
    return found[0] if found else None


def _listens(address: HttpAddress) -> bool:
    """Whether the server accepts connections: the file of a killed server is left behind."""
    try:
        socket.create_connection((address.reach, address.port), DIAL_SECONDS).close()
    except OSError:
        return False
    return True
