# SPDX-License-Identifier: BSD-3-Clause
"""Instructions behind the machine door: a token is told of what it opens, and of nothing else."""

from __future__ import annotations

import httpx2
import pytest

from mcp_jupyter.protocol.rights import Rights
from mcp_jupyter.server.fastmcp import FastMCP

from .support import INITIALIZE, JSON, Served, modern, serve_notebook

pytestmark = pytest.mark.anyio


def told(chars: int, rights: Rights) -> str:
    return f"{rights.tools} {rights.resources}"


async def test_the_rights_of_a_token_reach_who_writes_the_instructions(
    served: Served, client: httpx2.AsyncClient
) -> None:
    """In both eras they name only what the token's lists do (2: instructions)."""
    async with serve_notebook(server=FastMCP("sales", told)):
        token, expected = served.token(tools=["total"], resources=["data://*"]), "('total',) ('data://*',)"
        sent = modern("server/discover", {})
        sent["headers"]["Authorization"] = f"Bearer {token}"
        answer = await client.post(served.notebook_url(), **sent)
        assert answer.json()["result"]["instructions"] == expected
        headers = {**JSON, "Authorization": f"Bearer {token}"}
        answer = await client.post(served.notebook_url(), content=INITIALIZE, headers=headers)
        assert answer.json()["result"]["instructions"] == expected
