# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp run`: the server in a Python file, over stdio or HTTP.

Owns the choice of the transport. What is in the file is `servers`' business.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import click

from . import reported

if TYPE_CHECKING:
    from .servers import ServerFile

__all__ = ["command", "file_reported"]

PORT: Final = 8000

_PATHS: Final = {"streamable-http": "/mcp", "sse": "/sse"}


@click.command("run", short_help="Serve a Python file: stdio, or --http.")
@click.argument("file", metavar="FILE")
@click.option("--http", "transport", flag_value="streamable-http", help="Serve Streamable HTTP, at /mcp.")
@click.option("--sse", "transport", flag_value="sse", help="Serve HTTP+SSE, at /sse, for older clients.")
@click.option("--host", metavar="ADDRESS", help="Where to listen.  [default: 127.0.0.1, this machine only]")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="PORT", help=f"0 takes a free one.  [default: {PORT}]"
)
def command(file: str, transport: str | None, host: str | None, port: int | None) -> None:
    """Serve the MCP server in FILE to one client on stdin and stdout, or with --http to many.

    FILE is server.py, or server.py:obj. Without a name, the server is what the file calls mcp, server or
    app, else the only one in it. An `if __name__ == "__main__":` block does not run.

    \b
    jupyter mcp run server.py                     for hosts that start their servers
    jupyter mcp run server.py --http --port 9000  then connect to http://127.0.0.1:9000/mcp
    """  # noqa: D301 - click reads the backspace
    if transport is None and (host is not None or port is not None):
        raise click.UsageError("--host and --port go with --http or --sse; stdio needs neither.")
    from .servers import ServerFile

    with reported():
        where = ServerFile.parse(file)
    try:
        if transport is None:
            _serve_stdio(where)
        else:
            _serve_http(where, transport, host or "127.0.0.1", PORT if port is None else port)
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)


@contextmanager
def file_reported() -> Iterator[None]:
    """Show what is wrong with a file as one line; an exception of its own code with its traceback too."""
    from .servers import FileFailed

    with reported():
        try:
            yield
        except FileFailed as exc:
            click.echo(exc.account, err=True, nl=False)
            raise


def _serve_stdio(where: ServerFile) -> None:
    import anyio

    from ..server.stdio import protocol_stdin, protocol_stdout, serve_stdio

    with ExitStack() as kept:
        # What the file prints while it is loaded must not reach the client as if it were messages.
        kept.enter_context(protocol_stdin())
        kept.enter_context(protocol_stdout())
        with file_reported():
            server = where.load()
    anyio.run(serve_stdio, server)


def _serve_http(where: ServerFile, transport: str, host: str, port: int) -> None:
    import anyio

    from ..server.http.app import serve_http

    with file_reported():
        server = where.load()

    async def serve() -> None:
        async with serve_http(server, host=host, port=port, transports=(transport,)) as bound:
            shown = f"[{host}]" if ":" in host else host
            _say(f"Serving {server.name} at http://{shown}:{bound}{_PATHS[transport]} until Ctrl-C.")
            if host not in ("127.0.0.1", "::1", "localhost"):
                _say("It answers only requests that are addressed to localhost.")
            await _asked_to_stop()

    try:
        anyio.run(serve)
    except OSError as exc:
        raise click.ClickException(f"Cannot listen on {host}, port {port}: {exc.strerror or exc}.") from None


async def _asked_to_stop() -> None:
    """Wait for SIGTERM, so that the server's lifespan ends in order; Ctrl-C cancels the wait."""
    import anyio

    if sys.platform == "win32":  # no such signal
        await anyio.sleep_forever()
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            return


def _say(line: str) -> None:
    from .table import plain

    click.echo(plain(line), err=True)
    sys.stderr.flush()
