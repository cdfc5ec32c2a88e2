# SPDX-License-Identifier: BSD-3-Clause
"""A watched variable through the Jupyter Server: who subscribes is told after the cell that changed it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mcp_jupyter import Client, types

pytestmark = pytest.mark.anyio

CELLS = (
    "%load_ext mcp_jupyter",
    "import pandas as pd\nsales = pd.DataFrame({'revenue': [1.5, 2.5]})",
    "%mcp_resource sales --watch",
)
URI = "notebook://variables/sales"


@pytest.fixture(scope="module")
def notebook(jupyter):
    with jupyter.notebook("watched.ipynb", *CELLS) as notebook:
        yield notebook


class Updates:
    """Hears of updates."""

    def __init__(self) -> None:
        self.uris: list[str] = []

    async def __call__(self, notification: Any) -> None:
        if isinstance(notification, types.ResourceUpdatedNotification):
            self.uris.append(notification.params.uri)

    async def count(self, number: int) -> None:
        with anyio.fail_after(20):
            while len(self.uris) < number:
                await anyio.sleep(0.01)
        assert self.uris == [URI] * number


@pytest.mark.parametrize(("way", "era"), [("", "legacy"), ("", "modern"), ("/sse", "legacy")])
async def test_a_subscriber_is_told_once_a_cell_that_changed_the_value(jupyter, notebook, way, era):
    updates = Updates()
    headers = {"Authorization": f"Bearer {jupyter.token('watched')}"}
    url = jupyter.endpoint("watched") + way
    async with (
        Client(url, headers=headers, era=era, message_handler=updates) as client,
        client.subscribed(uris=[URI]),
    ):
        await notebook.arun("sales.loc[0, 'revenue'] += 1; sales.loc[1, 'revenue'] += 1")
        await updates.count(1)
        await notebook.arun("unrelated = len(sales)")
        await notebook.arun("sales = sales.assign(extra=1)\nsales = sales.drop(columns='extra') * 2")
        await updates.count(2)
        text, kind = await client.read_resource(URI)
    assert kind == "text/csv"
    assert text.splitlines()[0] == "revenue"
