# SPDX-License-Identifier: BSD-3-Clause
"""A connected server in the test's own event loop, which stands for the kernel's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mcp_jupyter.notebook_client.connected_server import ConnectedServer
from mcp_jupyter.notebook_client.connections import Connections, ConnectOptions
from mcp_jupyter.widgets.panel import panel_of
from tests.notebook_client.servers import weather

from .person import Person


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    loop = asyncio.get_running_loop()
    made = Connections(lambda function: loop.call_soon_threadsafe(function))
    yield made
    made.close()


@pytest.fixture
async def server(connections: Connections) -> ConnectedServer:
    """The weather, connected."""
    return connections.connect("weather", ConnectOptions(weather()))


@pytest.fixture
async def person(server: ConnectedServer) -> AsyncIterator[Person]:
    """Who looks at its panel."""
    panel = panel_of(server)
    panel._view_count = 1  # what the front end says once it shows it
    yield Person(panel)
    panel.close()
