# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp run`: the server in a Python file, or a notebook, over stdio or HTTP.

Owns the choice of the transport. What is in a Python file is `servers`' business, how a notebook is run
`run_notebook`'s.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from . import reported

if TYPE_CHECKING:
    from .run_notebook import NotebookOptions

__all__ = ["command", "file_reported"]

PORT: Final = 8000


@click.command("run", short_help="Serve a Python file or a notebook: stdio, or --http.")
@click.argument("file", metavar="FILE")
@click.option("--http", "transport", flag_value="streamable-http", help="Serve Streamable HTTP, at /mcp.")
@click.option("--sse", "transport", flag_value="sse", help="Serve HTTP+SSE, at /sse, for older clients.")
@click.option("--host", metavar="ADDRESS", help="Where to listen.  [default: 127.0.0.1, this machine only]")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="PORT", help=f"0 takes a free one.  [default: {PORT}]"
)
@click.option(
    *("-p", "--parameter", "parameters"),
    multiple=True,
    metavar="NAME=VALUE",
    help="A notebook's variable, set after the cell tagged `parameters`, else first. May be repeated.",
)
@click.option("--kernel", metavar="NAME", help="Run a notebook in this kernel instead of its own.")
@click.option("--allow-errors", is_flag=True, help="Serve what there is when a notebook's cell fails.")
@click.option("--watch", is_flag=True, help="Run a notebook again whenever its file changes.")
def command(
    file: str,
    transport: str | None,
    host: str | None,
    port: int | None,
    parameters: tuple[str, ...],
    kernel: str | None,
    allow_errors: bool,
    watch: bool,
) -> None:
    """Serve the MCP server in FILE to one client on stdin and stdout, or with --http to many.

    FILE is server.py, or server.py:obj. Without a name, the server is what the file calls mcp, server or
    app, else the only one in it. An `if __name__ == "__main__":` block does not run.

    FILE may be a notebook, too: it is run to its end in a kernel of its own, and what its cells offer is
    served from there. Its file is not changed.

    \b
    jupyter mcp run server.py                     for hosts that start their servers
    jupyter mcp run server.py --http --port 9000  then connect to http://127.0.0.1:9000/mcp
    jupyter mcp run analysis.ipynb -p year=2026   with another value than the notebook's
    """  # noqa: D301 - click reads the backspace
    if transport is None and (host is not None or port is not None):
        raise click.UsageError("--host and --port go with --http or --sse; stdio needs neither.")
    from .run_notebook import NotebookOptions

    options = NotebookOptions(parameters, kernel, allow_errors, watch)
    prepare = _notebook(file, options) if file.endswith(".ipynb") else _python_file(file, options)
    try:
        if transport is None:
            _serve_stdio(prepare)
        else:
            _serve_http(prepare(), transport, host or "127.0.0.1", PORT if port is None else port)
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)


Served = Callable[[], AbstractAsyncContextManager[tuple[str, Any]]]
"""Opens what is to be served: gives its name and the server."""


def _python_file(file: str, options: NotebookOptions) -> Callable[[], Served]:
    if options.given:
        raise click.UsageError(f"{', '.join(options.given)}: for notebooks only, and {file} is none.")
    from .servers import ServerFile

    with reported():
        where = ServerFile.parse(file)

    def prepare() -> Served:
        with file_reported():  # outside of an event loop: the file may run one of its own
            server = where.load()
        return lambda: nullcontext((server.name, server))

    return prepare


def _notebook(file: str, options: NotebookOptions) -> Callable[[], Served]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[str, Any]]:
        from ..headless.run import CellFailed
        from .run_notebook import served_notebook

        with reported():
            try:
                async with served_notebook(Path(file), options, _say) as notebook:
                    yield Path(file).stem, notebook
            except CellFailed as exc:
                for line in exc.account.splitlines():
                    _say(line)
                raise

    return lambda: opened


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


def _serve_stdio(prepare: Callable[[], Served]) -> None:
    import anyio

    from ..server.stdio import protocol_stdin, protocol_stdout, serve_stdio

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            with protocol_stdin(), protocol_stdout():
                _, server = await stack.enter_async_context(served())
            await serve_stdio(server)

    # What is printed while a file is loaded or a notebook runs must not reach the client as messages.
    with protocol_stdin(), protocol_stdout():
        served = prepare()
    anyio.run(serve)


def _serve_http(served: Served, transport: str, host: str, port: int) -> None:
    import anyio

    from ..server.http.app import address_family, announced, serve_http

    async def serve() -> None:
        async with (
            served() as (name, server),
            serve_http(server, host=host, port=port, transports=(transport,)) as bound,
        ):
            for line in announced(name, host, bound, transport):
                _say(line)
            await _asked_to_stop()

    try:
        # A notebook may run for long before it is served: a port that is taken is told before.
        socket.create_server((host, port), family=address_family(host)).close()
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
