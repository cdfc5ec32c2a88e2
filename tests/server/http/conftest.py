# SPDX-License-Identifier: BSD-3-Clause
"""A tiny server over HTTP, and the parts of its front a test may look into."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from mcp_jupyter.engine.channel import Channel, memory_pair
from mcp_jupyter.server.http.admission import Authenticator, StandaloneAuthenticator
from mcp_jupyter.server.http.app import make_routes
from mcp_jupyter.server.http.base_handler import HttpFront
from mcp_jupyter.server.http.sessions import Endpoint, SessionTable

from .tiny import TinyServer


@dataclass
class Front:
    """A mounted endpoint."""

    port: int
    server: TinyServer
    endpoint: Endpoint
    http: HttpFront


@asynccontextmanager
async def mounted(
    authenticator: Authenticator | None = None, sessions: SessionTable | None = None, **bounds: Any
) -> AsyncIterator[Front]:
    """Mount the routes in an application of the test's own, with bounds of the test's own."""
    server = TinyServer()
    [listening] = bind_sockets(0, "127.0.0.1")
    port = listening.getsockname()[1]
    async with anyio.create_task_group() as tasks:

        async def open_channel() -> Channel:
            near, far = memory_pair()
            tasks.start_soon(server.serve, far)
            return near

        endpoint = Endpoint(open_channel, sessions)
        front = HttpFront(authenticator or StandaloneAuthenticator.at(port), **bounds)
        http = HTTPServer(Application(make_routes(endpoint, front)))
        http.add_sockets([listening])
        try:
            yield Front(port, server, endpoint, front)
        finally:
            http.stop()
            await endpoint.close()
            with anyio.fail_after(10):
                await front.idle()
                await http.close_all_connections()
            tasks.cancel_scope.cancel()


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with mounted() as made:
        yield made


@pytest.fixture
def mount() -> Callable[..., AbstractAsyncContextManager[Front]]:
    return mounted
