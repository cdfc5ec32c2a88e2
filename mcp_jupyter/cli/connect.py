# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp connect`: the lines that connect hosts to a live notebook, or to what `run --http` serves.

Shows a token, in the terminal of the user whose server it is, and nowhere else.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

import click

from . import reported

if TYPE_CHECKING:
    from pathlib import Path

    from ..link.http_address import HttpAddress

__all__ = ["command"]

DIAL_SECONDS: Final = 1.0
"""A port of this machine answers at once, or nobody listens there."""


@click.command("connect", short_help="Show how hosts reach a notebook, or what `run --http` serves.")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Show the lines that connect hosts to the live notebook NAME, the only one there is when left out.

    NAME may also be a server that `jupyter mcp run FILE --http` serves now, or a notebook that serves HTTP
    from its own kernel after `%mcp_serve --http`. Their lines hold the token that they ask for; it ends with
    them.
    """
    import anyio

    from ..errors import LinkError
    from ..link.discovery import Discovery
    from ..link.http_address import read_http

    discovery = Discovery()
    with reported():
        address = _of_run(name, discovery.runtime_dir)
        if address is None:
            info = anyio.run(discovery.only) if name is None else anyio.run(discovery.find, name)
            name, address = info.name, read_http(info.kernel_id, discovery.runtime_dir)
            if address is None:
                raise LinkError(
                    f"{name} does not serve HTTP by itself: run `%mcp_serve --http` in it. Hosts that start "
                    f"their servers need none: jupyter mcp install {name}"
                )
    _show(address.name or name or "", address)


def _show(name: str, address: HttpAddress) -> None:
    from .connect_lines import shown, url_lines

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
    from ..link.http_address import run_servers

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
