# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp connect`: the lines that connect hosts to a live notebook, or to what `run --http` serves.

Shows a token, in the terminal of the user whose server it is, and nowhere else.
"""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import click

from ..client.config.add_commands import link_of
from ..client.config.hosts import HOSTS, Host
from . import reported
from .host_file import put_entry
from .servers import token_days
from .token import scope_options, show_new

if TYPE_CHECKING:
    from pathlib import Path

    from ..ipc.discovery import Discovery
    from ..ipc.files import ConnectionInfo
    from ..ipc.rendezvous import HttpAddress

__all__ = [
    "IN_TERMINAL",
    "NO_SERVER",
    "TOKEN_PLACE",
    "Connect",
    "Endpoint",
    "beside",
    "command",
    "endpoint_of",
    "program_lines",
    "shown",
    "url_lines",
]


DIAL_SECONDS: Final = 1.0
"""A port of this machine answers at once, or no process listens there."""


@click.command("connect", short_help="Show how hosts connect to a notebook, or to what `run --http` serves.")
@click.argument("name", required=False)
@click.option("--new-token", is_flag=True, help="Make a token for the notebook, and print it this one time.")
@scope_options
def command(
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
    """The server of that name that `jupyter mcp run` serves now.

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
    """Whether its port answers: the file of a server that was killed stays behind."""
    try:
        socket.create_connection((address.reach, address.port), DIAL_SECONDS).close()
    except OSError:
        return False
    return True


# -- connect lines -------------------------------------------------------------------------------
#
# What to type, open or paste so that a host finds a server, for each host of `client.hosts`.
#
# A token stands in what `url_lines` returns: show that to the user who asked, and put it nowhere else. Links
# hold none: addresses end up in histories.

IN_TERMINAL: Final = "in a terminal"

TOKEN_PLACE: Final = "TOKEN"  # noqa: S105 - not a secret
"""Stands for a token that is not shown: the user knows it, or only its hash is kept."""


@dataclass(frozen=True, slots=True)
class Connect:
    """How one host is told.

    Attributes
    ----------
    host : str
        The host.
    where : str
        Where the text goes.
    text : str
        What goes there, ready-made. It may hold a token.
    """

    host: str
    where: str
    text: str


def program_lines(name: str, command: Sequence[str], env: Mapping[str, str]) -> list[Connect]:
    """The lines for hosts that start a program and talk to it on stdio.

    Parameters
    ----------
    name : str
        What the host will call the server.
    command : sequence of str
        The program and its arguments; best with its whole path: a desktop application has another PATH.
    env : mapping
        Variables for it.
    """
    lines = []
    for host in HOSTS.values():
        called = _called(host, name)
        entry = host.shape.write_command(called, command, env)
        if host.add is not None:
            lines.append(_typed(host, host.add.program_words(called, command, env, entry)))
        if host.link is not None:
            lines.append(
                Connect(host.title, "a link to open in a browser", link_of(host.link, called, entry))
            )
        elif host.pasted:
            lines.append(_pasted(host, called, entry))
    return lines


def beside(urls: Sequence[Connect], programs: Sequence[Connect]) -> list[Connect]:
    """Of the lines for programs, those that add something to the lines for a URL.

    These are links, what is pasted into files, and commands of hosts that have none for a URL with a token.
    """
    typed = {line.host for line in urls if line.where == IN_TERMINAL}
    return [line for line in programs if line.where != IN_TERMINAL or line.host not in typed]


def url_lines(name: str, url: str, token: str, transport: str = "http") -> list[Connect]:
    """The lines for hosts that open a URL.

    Parameters
    ----------
    name : str
        What the host will call the server.
    token : str
        What the server asks for.
    transport : str
        "http" for Streamable HTTP, "sse" for HTTP+SSE.
    """
    headers = {"Authorization": f"Bearer {token}"}
    lines = []
    for host in HOSTS.values():
        if not host.opens_urls:
            continue
        called = _called(host, name)
        entry = host.shape.write_url(called, url, headers)
        if transport == "sse" and "type" in entry:
            entry["type"] = "sse"
        words = None if host.add is None else host.add.url_words(called, url, headers, transport, entry)
        if words is not None:
            lines.append(_typed(host, words))
        elif host.pasted:
            lines.append(_pasted(host, called, entry))
    return lines


def _typed(host: Host, words: Sequence[str]) -> Connect:
    return Connect(host.title, IN_TERMINAL, shlex.join(words))


def _pasted(host: Host, name: str, entry: Mapping[str, Any]) -> Connect:
    path = host.locate()
    where = Path("~") / path.relative_to(Path.home()) if path.is_relative_to(Path.home()) else path
    return Connect(host.title, f"in {where}, then restart it", put_entry(host, "", name, entry)[0].rstrip())


def shown(lines: Sequence[Connect]) -> str:
    """The lines as a terminal shows them: the host, and below it what to type or paste."""
    blocks = []
    for line in lines:
        text = "\n".join(f"  {each}" for each in line.text.splitlines())
        blocks.append(f"\n{line.host}, {line.where}:\n{text}")
    return "\n".join(blocks)


def _called(host: Host, name: str) -> str:
    try:
        return host.name(name)
    except ValueError:  # it has no character that the host takes
        return "notebook"


# -- server url ----------------------------------------------------------------------------------
#
# Where MCP clients reach live notebooks over HTTP: the URLs of the Jupyter Servers that serve them.
#
# Each Jupyter Server of a user that runs with our extension serves all live notebooks of that user.

NO_SERVER: Final = (
    "No running Jupyter Server says here at which URL it is reached. Start one with this extension "
    "(`jupyter lab`), and run: jupyter mcp connect {} (A hub without a public URL: set "
    "McpJupyterApp.callback_url.)"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a host opens.

    Attributes
    ----------
    name : str
        What the host calls it.
    url : str
        Of Streamable HTTP.
    """

    name: str
    url: str

    @property
    def sse_url(self) -> str:
        """Of HTTP+SSE."""
        return f"{self.url.rstrip('/')}/sse"


def endpoint_of(names: Sequence[str], live: Iterable[ConnectionInfo], runtime_dir: Path) -> Endpoint | None:
    """The endpoint of one notebook, or of all where `names` are several or patterns; None without a server.

    Parameters
    ----------
    names : sequence of str
        Names and globs of notebooks.
    live : iterable of ConnectionInfo
        Notebooks that serve now. The Jupyter Server that started the kernel of one of the names is preferred.
    """
    base = _base([info.pid for info in live if info.name in names], runtime_dir)
    if base is None:
        return None
    if len(names) > 1 or set(names[0]) & set("*?"):
        return Endpoint("notebooks", f"{base}mcp-jupyter/")
    return Endpoint(names[0], f"{base}mcp-jupyter/{quote(names[0], safe='')}")


def _base(pids: Sequence[int], runtime_dir: Path) -> str | None:
    from ..ipc.rendezvous import running_servers

    servers = running_servers(runtime_dir)
    for pid in pids if len(servers) > 1 else ():
        for ancestor in _ancestors(pid):
            if ancestor in servers:
                return servers[ancestor]
    return next(iter(servers.values()), None)


def _ancestors(pid: int) -> list[int]:
    import psutil

    try:
        return [process.pid for process in psutil.Process(pid).parents()]
    except psutil.Error:
        return []
