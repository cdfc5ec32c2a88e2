# SPDX-License-Identifier: BSD-3-Clause
"""What a token's scopes open at the machine door: tools, resources, prompts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest

from mcp_jupyter.ipc.listener import Listener
from mcp_jupyter.server.fastmcp import FastMCP

from .support import NAME, Served, initialize, modern, serve_notebook

pytestmark = pytest.mark.anyio


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_token_sees_and_calls_its_own_tools_only(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    session = await initialize(client, served.notebook_url(), served.token(tools=["total"]))
    listed = (await session.call("tools/list")).json()["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["total"]
    answer = await session.call("tools/call", {"name": "erase"})
    assert answer.status_code == 403
    assert answer.headers["www-authenticate"] == 'Bearer realm="mcp_jupyter", error="insufficient_scope"'
    request = modern("tools/call", {"name": "erase"})
    request["headers"] |= bearer(served.token(tools=["total"]))
    assert (await client.post(served.notebook_url(), **request)).status_code == 403


async def test_a_token_without_tools_reads(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    session = await initialize(client, served.notebook_url(), served.token(tools=[]))
    read = await session.call("resources/read", {"uri": "data://figures"})
    assert read.json()["result"]["contents"][0]["text"] == "1,2,3"
    assert (await session.call("prompts/get", {"name": "ask"})).status_code == 200
    assert (await session.call("tools/call", {"name": "total", "arguments": {"n": 1}})).status_code == 403


REACHING = [
    ("resources/read", {"uri": "data://figures"}),
    ("resources/subscribe", {"uri": "data://figures"}),
    ("prompts/get", {"name": "ask"}),
    ("completion/complete", {"ref": {"type": "ref/prompt", "name": "ask"}, "argument": {"name": "x"}}),
    ("completion/complete", {"ref": {"type": "ref/resource", "uri": "data://figures"}}),
    ("tools/call", {"name": "total", "arguments": {"n": 1}}),
]


async def test_a_token_without_scopes_reaches_nothing(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    """Both eras: nothing is listed, read, subscribed to, got, completed or called out of scope (1.27)."""
    token, url = served.token(tools=["none"], resources=[], prompts=[]), served.notebook_url()
    session = await initialize(client, url, token)

    async def answers(method: str, params: Mapping[str, Any]) -> AsyncIterator[httpx2.Response]:
        yield await session.call(method, params)
        request = modern(method, params)
        request["headers"] |= bearer(token)
        if method != "resources/subscribe":  # legacy only
            yield await client.post(url, **request)

    for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
        async for answer in answers(method, {}):
            key = {"resources/templates/list": "resourceTemplates"}.get(method, method.partition("/")[0])
            assert answer.json()["result"][key] == []
    listen = {"notifications": {"resourceSubscriptions": ["data://figures"]}}
    for method, params in [*REACHING, ("subscriptions/listen", listen)]:
        async for answer in answers(method, params):
            assert answer.status_code == 403, (method, answer.text)
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_an_unknown_name_gives_no_other_away(
    served: Served, notebook: Listener, client: httpx2.AsyncClient
) -> None:
    """`Known tools: ...` names what the token may use, at a notebook and at the endpoint of all (1.27)."""
    token = served.token(tools=["tot*"])
    for url, name, said in (
        (served.notebook_url(), "totals", "Unknown tool 'totals'. Known tools: total."),
        (served.root, f"{NAME}_totals", f"Unknown tool '{NAME}_totals'. Known tools: {NAME}_total."),
    ):
        request = modern("tools/call", {"name": name})
        request["headers"] |= bearer(token)
        answer = await client.post(url, **request)
        assert answer.json()["error"]["message"] == said
        assert "erase" not in answer.text


async def test_what_an_own_call_left_is_read_without_a_scope_for_resources(
    served: Served, client: httpx2.AsyncClient
) -> None:
    """`result://` needs the scope of the tool whose call left it, and is its sender's alone (1.27)."""
    server = FastMCP("large", result_budget=1000)
    server.add_tool(lambda: "x" * 5000, name="long")
    token, other = (served.token(resources=[], prompts=[]) for _ in range(2))
    async with serve_notebook(server=server):
        for url, name in ((served.notebook_url(), "long"), (served.root, f"{NAME}_long")):

            async def ask(bearing: str, method: str, url: str = url, **params: Any) -> httpx2.Response:
                request = modern(method, params)
                request["headers"] |= bearer(bearing)
                return await client.post(url, **request)

            content = (await ask(token, "tools/call", name=name)).json()["result"]["content"]
            (uri,) = (block["uri"] for block in content if block["type"] == "resource_link")
            read = (await ask(token, "resources/read", uri=uri)).json()["result"]["contents"]
            assert read[0]["text"] == "x" * 5000
            assert "error" in (await ask(other, "resources/read", uri=uri)).json()
