# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp run`: serve a Python file or a notebook over stdio or HTTP.

This module chooses the transport, and the token that HTTP requests must have. `servers` loads a Python file,
`run_notebook` runs a notebook.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from .._util.text import MAX_PAGE_CHARS, safe_block, safe_line
from . import reported
from .run_notebook import NotebookOptions, serve_notebook, served_notebook
from .target import allow, constant_tools

if TYPE_CHECKING:
    from ..ipc.rendezvous import HttpAddress
    from ..protocol.rights import Mode

__all__ = ["command"]


PORT: Final = 8000
"""The default port, as in the first MCP SDK."""

TOKEN_BYTES: Final = 32
"""Random bytes of a token: 256 bits cannot be guessed."""


@click.command("run", short_help="Serve a Python file or a notebook: stdio, or --http.")
@click.argument("file", metavar="FILE")
@click.option("--http", "transport", flag_value="streamable-http", help="Serve Streamable HTTP, at /mcp.")
@click.option("--sse", "transport", flag_value="sse", help="Serve HTTP+SSE, at /sse, for older clients.")
@click.option("--host", metavar="ADDRESS", help="Where to listen.  [default: 127.0.0.1, this machine only]")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="PORT", help=f"0 takes a free one.  [default: {PORT}]"
)
@click.option(
    "--token-env",
    metavar="VARIABLE",
    help="HTTP asks for the token in this environment variable, instead of a new one.",
)
@click.option(
    "--no-token", is_flag=True, help="HTTP asks for no token: all users of this machine can call it."
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
@allow
@constant_tools
def command(
    file: str,
    transport: str | None,
    host: str | None,
    port: int | None,
    token_env: str | None,
    no_token: bool,
    parameters: tuple[str, ...],
    kernel: str | None,
    allow_errors: bool,
    watch: bool,
    allow: tuple[str, ...],
    constant_tools: Mode | None,
) -> None:
    """Serve the MCP server in FILE to one client on stdin and stdout, or with --http to many.

    FILE is server.py, or server.py:obj. Without a name, the server is what the file calls mcp, server or
    app, else the only one in it. An `if __name__ == "__main__":` block does not run.

    FILE may be a notebook, too: it is run to its end in a kernel of its own, and what its cells offer is
    served from there. Its file is not changed.

    Over HTTP every request must carry a token. A new one is made at each start and printed, with the lines
    that connect hosts; `jupyter mcp connect NAME` prints them again while it runs.

    \b
    jupyter mcp run server.py                     for hosts that start their servers
    jupyter mcp run server.py --http --port 9000  for hosts that open http://127.0.0.1:9000/mcp
    jupyter mcp run analysis.ipynb -p year=2026   with another value than the notebook's
    """  # noqa: D301 - click reads the backspace
    listening = _listening(transport, host, port, token_env, no_token)

    options = NotebookOptions(parameters, kernel, allow_errors, watch, constant_tools, allow)
    is_notebook = file.endswith(".ipynb")
    try:
        if listening is not None:
            served = _notebook(file, options) if is_notebook else _python_file(file, options)()
            _serve_http(served, listening)
        elif is_notebook:
            _serve_notebook(Path(file), options)
        else:
            _serve_stdio(_python_file(file, options))
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)


@dataclass(frozen=True, slots=True)
class _Listening:
    """How HTTP is served.

    Attributes
    ----------
    transport : str
        "streamable-http" or "sse".
    host, port
        The address to listen on.
    token : str or None
        The token that every request must carry; None when no token is required.
    show_token : bool
        Whether to print the token: it was made here, so the user does not know it yet.
    """

    transport: str
    host: str
    port: int
    token: str | None
    show_token: bool

    def __repr__(self) -> str:  # tracebacks and logs show no token
        return f"_Listening({self.transport!r}, {self.host!r}, {self.port!r})"


def _listening(
    transport: str | None, host: str | None, port: int | None, token_env: str | None, no_token: bool
) -> _Listening | None:
    """Return the checked options for HTTP; None for stdio."""
    if transport is None:
        if host is not None or port is not None or token_env is not None or no_token:
            raise click.UsageError(
                "--host, --port, --token-env and --no-token go with --http or --sse; stdio needs none."
            )
        return None
    host, port = host or "127.0.0.1", PORT if port is None else port
    if not no_token:
        token = secrets.token_urlsafe(TOKEN_BYTES) if token_env is None else _token_of(token_env)
        return _Listening(transport, host, port, token, show_token=token_env is None)
    from ..server.http.admission import is_loopback

    if token_env is not None:
        raise click.UsageError("Either --token-env or --no-token.")
    if not is_loopback(host):
        raise click.UsageError(
            f"--no-token is for this machine's own address only, and other machines can reach {host}. Leave "
            "--no-token out: a token is made and printed."
        )
    return _Listening(transport, host, port, None, show_token=False)


def _token_of(variable: str) -> str:
    from ..server.http.admission import check_token

    value = os.environ.get(variable, "")
    if not value:
        raise click.UsageError(f"--token-env: the environment variable {variable} is not set.")
    try:
        return check_token(value)
    except ValueError as exc:
        raise click.UsageError(f"--token-env: the value of {variable} cannot be a token. {exc}") from None


Served = Callable[[], AbstractAsyncContextManager[tuple[str, Any]]]
"""Opens a server as a context, and gives its name and the server."""


def _python_file(file: str, options: NotebookOptions) -> Callable[[], Served]:
    if options.given:
        raise click.UsageError(f"{', '.join(options.given)}: for notebook files only, and {file} is not one.")
    from .servers import ServerFile

    with reported():
        where = ServerFile.parse(file)

    def prepare() -> Served:
        with reported():  # outside an event loop, because the file may run its own
            server = where.load()
        return lambda: nullcontext((server.name, server))

    return prepare


def _notebook(file: str, options: NotebookOptions) -> Served:
    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[str, Any]]:
        with reported():
            async with served_notebook(Path(file), options, _say) as notebook:
                yield Path(file).stem, notebook

    return opened


def _serve_notebook(path: Path, options: NotebookOptions) -> None:
    import anyio

    with reported():
        anyio.run(serve_notebook, path, options, _say)


def _serve_stdio(prepare: Callable[[], Served]) -> None:
    import anyio

    from ..server.fastmcp import FastMCP
    from ..server.stdio import protocol_stdin, protocol_stdout, serve_stdio

    async def serve() -> None:
        async with served() as (_, server):
            await (server.run_stdio_async() if isinstance(server, FastMCP) else serve_stdio(server))

    # Output of the file must not reach the client, which would read it as messages.
    with protocol_stdin(), protocol_stdout():
        served = prepare()
    anyio.run(serve)


def _serve_http(served: Served, listening: _Listening) -> None:
    import anyio

    from ..server.fastmcp import FastMCP
    from ..server.http.app import END_SECONDS, address_family
    from ..server.standalone import serve_on_thread
    from ..server.stdio import on_terminate

    async def serve() -> None:
        async with served() as (name, server):
            listen = partial(_listen, name, server, listening)
            if isinstance(server, FastMCP):
                await serve_on_thread(server, listen, end_seconds=END_SECONDS)
            else:
                with anyio.CancelScope() as scope, on_terminate(scope.cancel):
                    await listen()

    host, port = listening.host, listening.port
    try:
        # Report a port that is in use now: a notebook may run for a long time before it is served.
        socket.create_server((host, port), family=address_family(host)).close()
        anyio.run(serve)
        _say("Stopped.")
    except OSError as exc:
        raise click.ClickException(f"Cannot listen on {host}, port {port}: {exc.strerror or exc}.") from None


async def _listen(name: str, server: Any, listening: _Listening) -> None:
    """Serve over HTTP until cancelled, and print how to connect."""
    import anyio

    from ..server.http.app import PATHS, announced, serve_http

    host, port, token, transport = listening.host, listening.port, listening.token, listening.transport
    async with serve_http(server, host=host, port=port, token=token, transports=(transport,)) as bound:
        lines = announced(name, host, bound, PATHS[transport], has_token=token is not None)
        with _kept_for_connect(listening, name, bound) as how:
            # One write, so that a program that waits for the address in a log finds the token too.
            click.echo("\n".join([*(safe_line(line, MAX_PAGE_CHARS) for line in lines), *how]), err=True)
            await anyio.sleep_forever()


@contextmanager
def _kept_for_connect(listening: _Listening, name: str, bound: int) -> Iterator[list[str]]:
    """Keep address and token in a private file for `jupyter mcp connect`; give the lines for hosts."""
    if listening.token is None:
        yield []
        return
    from ..errors import LinkError
    from ..ipc.files import default_runtime_dir
    from ..ipc.rendezvous import MAX_SERVED_NAME_CHARS, HttpAddress, forget_http, run_key, write_http

    called = safe_line(name, MAX_SERVED_NAME_CHARS)
    address = HttpAddress(bound, listening.token, listening.host, called, listening.transport)
    directory, key = default_runtime_dir(), run_key(bound)
    try:
        write_http(address, key, directory)
    except LinkError as exc:
        _say(f"`jupyter mcp connect` will not find this server: {exc}")
    try:
        yield _how_to_connect(address, listening)
    finally:
        forget_http(key, directory)


def _how_to_connect(address: HttpAddress, listening: _Listening) -> list[str]:
    from ..client.config.connect_lines import TOKEN_PLACE, shown, url_lines

    token = address.token if listening.show_token else TOKEN_PLACE
    url, transport = (address.url, "http") if address.url else (address.sse_url, "sse")
    assert url is not None
    lines = [f"Token: {token}"] if listening.show_token else []
    return [*lines, shown(url_lines(address.name, url, token, transport))]


def _say(line: str) -> None:
    click.echo(safe_block(line), err=True)
    sys.stderr.flush()
