# SPDX-License-Identifier: BSD-3-Clause
"""What the extension's tests are made of. Asserts nothing."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
from jupyter_server.serverapp import ServerApp
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from traitlets.config import Config

from mcp_jupyter.extension.app import McpJupyterApp
from mcp_jupyter.ipc.listener import Listener
from mcp_jupyter.protocol.eras import CLIENT_CAPABILITIES, LATEST_LEGACY, LATEST_MODERN, PROTOCOL_VERSION
from mcp_jupyter.server.fastmcp import Context, FastMCP
from tests.conftest import JupyterDirs

NAME = "sales"
OTHER = "payroll"
KERNEL_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
OTHER_KERNEL_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
JUPYTER_TOKEN = "canary-jupyter-token-3f1c"
BASE = "/user/a%40b/"

JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@dataclass
class Served:
    """A running Jupyter Server and the extension in it."""

    app: ServerApp
    extension: McpJupyterApp
    url: str  # with the base URL and a slash at its end

    @property
    def root(self) -> str:
        return f"{self.url}mcp-jupyter/"

    @property
    def origin(self) -> str:
        return self.url.removesuffix(BASE)

    def notebook_url(self, name: str = NAME) -> str:
        return self.root + name

    def token(self, **wishes: Any) -> str:
        """A token's text; by default it opens `NAME` and uses all that it has."""
        everything = {"tools": ["*"], "resources": ["*"], "prompts": ["*"]}
        wishes = {"label": "test", "servers": [NAME], "issuer": "ann"} | everything | wishes
        return self.extension.store.create(**wishes)[1]


@asynccontextmanager
async def run_server(dirs: JupyterDirs, **config: Any) -> AsyncIterator[Served]:
    """A Jupyter Server on a free port, with this extension alone; `config` is of ServerApp."""
    sockets = bind_sockets(0, "127.0.0.1")
    port = sockets[0].getsockname()[1]
    settings = Config(config.pop("more", {}))
    settings.ServerApp.update(
        {
            "jpserver_extensions": {"mcp_jupyter": True},
            "base_url": BASE,
            "ip": "127.0.0.1",
            "port": port,
            "root_dir": str(dirs.notebooks),
            "allow_root": True,
            "open_browser": False,
            "reraise_server_extension_failures": True,
            **config,
        }
    )
    if "token" not in settings.IdentityProvider:
        settings.IdentityProvider.token = JUPYTER_TOKEN
    ServerApp.clear_instance()
    app = ServerApp.instance(config=settings)
    app.init_signal = lambda: None
    app.initialize(argv=[], find_extensions=False, new_httpserver=False)
    server = HTTPServer(app.web_app)
    server.add_sockets(sockets)
    try:
        extension = app.web_app.settings["mcp_jupyter"]
        yield Served(app, extension, f"http://127.0.0.1:{port}{BASE}")
    finally:
        server.stop()
        await app._cleanup()
        await server.close_all_connections()
        with warnings.catch_warnings():
            app.kernel_manager.context.destroy()
        ServerApp.clear_instance()


def make_notebook() -> FastMCP:
    """A server with tools to allow and to refuse."""
    mcp = FastMCP("test")

    @mcp.tool()
    def total(n: int) -> int:
        """Ten times n."""
        return 10 * n

    @mcp.tool()
    def erase() -> str:
        """Not for everybody."""
        return "erased"

    @mcp.tool()
    async def wait(ctx: Context) -> str:
        """Wait for ever, and say so first."""
        await ctx.info("waiting")
        await anyio.sleep_forever()
        return "never"

    @mcp.resource("data://figures")
    def figures() -> str:
        """Some figures."""
        return "1,2,3"

    @mcp.prompt()
    def ask() -> str:
        """A question."""
        return "What is the total?"

    return mcp


@asynccontextmanager
async def serve_notebook(
    name: str = NAME, kernel_id: str = KERNEL_ID, server: FastMCP | None = None, path: str | None = None
) -> AsyncIterator[Listener]:
    """A live notebook, found as a kernel would be."""
    mcp = server or make_notebook()
    opening = Listener.open(mcp.serve, name=name, kernel_id=kernel_id, path=path)
    async with mcp.running(), opening as listener:
        yield listener


@asynccontextmanager
async def stoppable_notebook(server: FastMCP) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A live notebook that can be ended within the block, as when its kernel restarts."""
    serving, over, ended = anyio.Event(), anyio.Event(), anyio.Event()

    async def serve() -> None:
        async with serve_notebook(server=server):
            serving.set()
            await over.wait()
        ended.set()

    async def stop() -> None:
        over.set()
        await ended.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        await serving.wait()
        yield stop
        over.set()


@asynccontextmanager
async def open_client(served: Served, token: str | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=served.url, headers=headers, timeout=20) as client:
        yield client


def modern(
    method: str,
    params: Mapping[str, Any] | None = None,
    id: int = 1,
    capabilities: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Keyword arguments of a POST that is a modern request."""
    meta = {PROTOCOL_VERSION: LATEST_MODERN, CLIENT_CAPABILITIES: capabilities or {}}
    params = {**(params or {}), "_meta": meta}
    body = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
    headers = {**JSON, "MCP-Protocol-Version": LATEST_MODERN, "Mcp-Method": method}
    name = params.get("name") or params.get("uri")
    if name is not None:
        headers["Mcp-Name"] = str(name)
    return {"content": json.dumps(body), "headers": headers}


def legacy(method: str, params: Mapping[str, Any] | None = None, id: int | None = 1) -> str:
    """A legacy message."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params or {}}
    return json.dumps(message if id is None else {**message, "id": id})


INITIALIZE = legacy(
    "initialize",
    {"protocolVersion": LATEST_LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
    id=0,
)


@dataclass
class LegacySession:
    """A session of the legacy era over Streamable HTTP."""

    client: httpx2.AsyncClient
    url: str
    headers: Mapping[str, str]

    async def call(
        self, method: str, params: Mapping[str, Any] | None = None, id: int = 1
    ) -> httpx2.Response:
        return await self.client.post(self.url, content=legacy(method, params, id), headers=self.headers)


async def initialize(client: httpx2.AsyncClient, url: str, token: str) -> LegacySession:
    """Open a session."""
    headers = {**JSON, "Authorization": f"Bearer {token}"}
    answer = await client.post(url, content=INITIALIZE, headers=headers)
    answer.raise_for_status()
    headers["Mcp-Session-Id"] = answer.headers["mcp-session-id"]
    await client.post(url, content=legacy("notifications/initialized", id=None), headers=headers)
    return LegacySession(client, url, headers)


async def events(response: httpx2.Response) -> AsyncIterator[tuple[str, str]]:
    """The (event, data) pairs of a stream."""
    event = "message"
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            event = line[7:]
        elif line.startswith("data: "):
            yield event, line[6:]
            event = "message"


def set_cookie_and_cors(headers: Sequence[tuple[str, str]]) -> list[str]:
    """Names of headers that no reply of the machine door may have."""
    return [name for name, _ in headers if name.lower() == "set-cookie" or "access-control" in name.lower()]


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
