# SPDX-License-Identifier: BSD-3-Clause
"""Constant tools behind the machine door: they give a token nothing that it has not anyway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import httpx2
import pytest
from pydantic import Field

from mcp_jupyter import Client
from mcp_jupyter.errors import McpJupyterError
from mcp_jupyter.server.fastmcp import FastMCP

from .support import NAME, Served, initialize, make_notebook, modern, serve_notebook

pytestmark = pytest.mark.anyio

CONSTANT = ["find_tools", "use_tool", "read_more"]
REFUSED = 'Bearer realm="mcp_jupyter", error="insufficient_scope"'

Ask = Callable[..., Awaitable[httpx2.Response]]


def notebook(server: FastMCP | None = None) -> FastMCP:
    """A server that is served as a notebook is."""
    mcp = server or make_notebook()
    mcp.constant_tools.mode = "auto"
    return mcp


@pytest.fixture(params=["legacy", "modern", "aggregate"])
def asking(request: pytest.FixtureRequest, served: Served, client: httpx2.AsyncClient) -> Callable[..., Any]:
    """Makes a function that sends a request with a token: in either era, or to the endpoint of all."""

    async def make(**scopes: Any) -> Ask:
        token = served.token(**scopes)
        if request.param == "legacy":
            session = await initialize(client, served.notebook_url(), token)
            return lambda method, **params: session.call(method, params)
        url = served.root if request.param == "aggregate" else served.notebook_url()

        async def ask(method: str, **params: Any) -> httpx2.Response:
            sent = modern(method, params)
            sent["headers"]["Authorization"] = f"Bearer {token}"
            return await client.post(url, **sent)

        return ask

    make.prefix = f"{NAME}_" if request.param == "aggregate" else ""  # type: ignore[attr-defined]
    make.uri = f"hub://{NAME}/" if request.param == "aggregate" else ""  # type: ignore[attr-defined]
    make.is_aggregate = request.param == "aggregate"  # type: ignore[attr-defined]
    return make


async def listed(ask: Ask) -> list[str]:
    return [tool["name"] for tool in (await ask("tools/list")).json()["result"]["tools"]]


async def use(ask: Ask, name: str, **arguments: Any) -> httpx2.Response:
    return await ask("tools/call", name="use_tool", arguments={"name": name, "arguments": arguments})


async def read_more(ask: Ask, uri: str) -> httpx2.Response:
    return await ask("tools/call", name="read_more", arguments={"uri": uri})


def text(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    said: str = answer.json()["result"]["content"][0]["text"]
    return said


async def test_a_token_for_one_tool_has_them_for_that_tool(asking: Any) -> None:
    """It lists them, finds and uses its own tool, and reads what it may read (2: constant tools)."""
    async with serve_notebook(server=notebook()):
        ask = await asking(tools=["total"], resources=["data://*"])
        own = f"{asking.prefix}total"
        assert await listed(ask) == [own, *CONSTANT]
        assert text(await use(ask, own, n=4)) == "40"
        assert text(await read_more(ask, f"{asking.uri}data://figures")) == "1,2,3"
        for query in ("", "total erase wait"):
            found = text(await ask("tools/call", name="find_tools", arguments={"query": query}))
            assert own in found
            assert "erase" not in found.replace(query or "?", "")
            assert "wait" not in found.replace(query or "?", "")


async def same_refusal(through: httpx2.Response, directly: httpx2.Response) -> None:
    assert through.status_code == directly.status_code
    assert through.headers.get("www-authenticate") == directly.headers.get("www-authenticate")
    assert through.json()["error"]["message"] == directly.json()["error"]["message"]
    assert through.json()["error"]["code"] == directly.json()["error"]["code"]


@pytest.mark.parametrize("tools", [["total"], ["use_*", "find_*", "read_*"], []])
async def test_a_tool_out_of_scope_is_refused_as_it_is_directly(asking: Any, tools: list[str]) -> None:
    """Also where the token's patterns match `use_tool` itself (2: constant tools)."""
    async with serve_notebook(server=notebook()):
        ask = await asking(tools=tools)
        directly = await ask("tools/call", name=f"{asking.prefix}erase", arguments={})
        await same_refusal(await use(ask, f"{asking.prefix}erase"), directly)
        assert asking.is_aggregate or directly.headers["www-authenticate"] == REFUSED


@pytest.mark.parametrize("tools", [["total"], ["*"]])
async def test_a_resource_out_of_scope_is_not_read(asking: Any, tools: list[str]) -> None:
    """A right to all tools is none to resources (2: constant tools)."""
    async with serve_notebook(server=notebook()):
        ask = await asking(tools=tools, resources=["other://*"])
        uri = f"{asking.uri}data://figures"
        for place in ("", "#char=1"):
            answer = await read_more(ask, uri + place)
            assert "1,2,3" not in answer.text
            assert ",2,3" not in answer.text
            if asking.is_aggregate:
                assert answer.json()["result"]["isError"] is True
            else:
                await same_refusal(answer, await ask("resources/read", uri=uri))
                assert answer.headers["www-authenticate"] == REFUSED


async def test_an_error_gives_no_name_away(asking: Any) -> None:
    """An unknown inner tool, an unknown URI (2: constant tools)."""
    async with serve_notebook(server=notebook()):
        ask = await asking(tools=["tot*"], resources=["none://*"])
        answer = await use(ask, f"{asking.prefix}totals")
        assert answer.json()["error"]["message"] == (
            f"Unknown tool '{asking.prefix}totals'. Known tools: {asking.prefix}total."
        )
        said = await read_more(ask, f"{asking.uri}none://x")
        assert said.json()["result"]["isError"] is True
        assert "data://figures" not in said.text


async def test_a_token_without_tools_reads_its_resources(asking: Any) -> None:
    """It is offered no tool that would find or call nothing (2: constant tools)."""
    async with serve_notebook(server=notebook()):
        ask = await asking(tools=[], resources=["data://*"])
        assert await listed(ask) == ["read_more"]
        assert text(await read_more(ask, f"{asking.uri}data://figures")) == "1,2,3"


async def test_a_users_tool_of_that_name_needs_its_own_right(asking: Any) -> None:
    """The right to a tool that its arguments name is not enough (2: constant tools)."""
    mcp = notebook()
    mcp.add_tool(lambda name: f"hit {name}", name="use_tool")
    mcp.add_tool(lambda uri: f"open {uri}", name="read_more")
    async with serve_notebook(server=mcp):
        name, read = f"{asking.prefix}use_tool", f"{asking.prefix}read_more"
        ask = await asking(tools=["total"])
        for tool, arguments in ((name, {"name": "total"}), (read, {"uri": "data://figures"})):
            answer = await ask("tools/call", name=tool, arguments=arguments)
            assert answer.status_code == 403 or "error" in answer.json()
            assert "hit" not in answer.text
            assert "open" not in answer.text
        ask = await asking(tools=["use_tool", "read_more"], resources=[])
        assert text(await ask("tools/call", name=name, arguments={"name": "nail"})) == "hit nail"
        assert text(await ask("tools/call", name=read, arguments={"uri": "data://x"})) == "open data://x"


async def test_a_large_call_through_use_tool_is_let_in(asking: Any) -> None:
    """The headers of a large request do not say what it is for; its body does (2: constant tools)."""
    mcp = notebook()
    mcp.add_tool(lambda words: str(len(words)), name="length")
    async with serve_notebook(server=mcp):
        ask = await asking(tools=["length"])
        assert text(await use(ask, f"{asking.prefix}length", words="x" * 100_000)) == "100000"


async def test_a_malformed_call_reaches_nothing(asking: Any) -> None:
    """Neither a tool nor an error of ours (2: constant tools)."""
    async with serve_notebook(server=notebook()):
        ask = await asking(tools=["total"])
        for name in (["use_tool"], {"name": "use_tool"}, 3, None):
            answer = await ask("tools/call", name=name, arguments={"name": "erase"})
            assert answer.status_code in (200, 400, 403), answer.text
            assert "erased" not in answer.text
        for arguments in (["erase"], "erase", {"name": ["erase"]}, {"name": {"name": "erase"}}, {}, None):
            answer = await ask("tools/call", name="use_tool", arguments=arguments)
            assert answer.status_code in (200, 400), answer.text
            assert "erased" not in answer.text
        nested = {"name": "use_tool", "arguments": {"name": "erase"}}
        assert "erased" not in (await ask("tools/call", name="use_tool", arguments=nested)).text


async def test_a_tool_whose_arguments_stand_in_headers_is_called(asking: Any) -> None:
    """The client knows no headers of the inner tool (2: constant tools)."""
    mcp = notebook()

    def book(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
        return f"booked {region}"

    mcp.add_tool(book)
    async with serve_notebook(server=mcp):
        ask = await asking(tools=["book"])
        assert text(await use(ask, f"{asking.prefix}book", region="north")) == "booked north"


async def test_a_kept_result_is_its_senders(asking: Any) -> None:
    """Through `read_more` as otherwise (2: constant tools)."""
    mcp = notebook(FastMCP("large", result_budget=1000))
    mcp.add_tool(lambda: "x" * 5000, name="long")
    async with serve_notebook(server=mcp):
        ask, other = await asking(resources=[]), await asking()
        content = (await use(ask, f"{asking.prefix}long")).json()["result"]["content"]
        (uri,) = (block["uri"] for block in content if block["type"] == "resource_link")
        assert text(await read_more(ask, uri)) == "x" * 5000
        said = (await read_more(other, uri)).json()["result"]
        assert said["isError"] is True
        assert "xxx" not in str(said)


async def test_the_older_transport_has_the_same_bounds(served: Served) -> None:
    """HTTP+SSE: the right to the inner tool and resource is asked there too (2: constant tools)."""
    headers = {"Authorization": f"Bearer {served.token(tools=['total', 'read_more'], resources=[])}"}
    async with (
        serve_notebook(server=notebook()),
        Client(f"{served.notebook_url()}/sse", headers=headers) as client,
    ):
        result = await client.call_tool("use_tool", {"name": "total", "arguments": {"n": 2}})
        assert result.content[0].text == "20"
        for name, arguments in (("use_tool", {"name": "erase"}), ("read_more", {"uri": "data://figures"})):
            with pytest.raises(McpJupyterError):
                await client.call_tool(name, arguments)
