# SPDX-License-Identifier: BSD-3-Clause
"""Results that are too large for one answer: the preview, the link, and who may read the whole."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mcp_jupyter import types
from mcp_jupyter.errors import McpError
from mcp_jupyter.server.content import ResourceValue
from mcp_jupyter.server.fastmcp import FastMCP, Image
from mcp_jupyter.server.fastmcp.results import MAX_KEPT, PREVIEW_CHARS, KeptResults

from .speaker import both_eras, speaking

pytestmark = pytest.mark.anyio


def server(value: Any, **options: Any) -> FastMCP:
    mcp = FastMCP(**options)
    mcp.add_tool(lambda: value, "give")
    return mcp


async def read(client, uri):
    (content,) = (await client.ask("resources/read", uri=uri))["contents"]
    return content


@both_eras
@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
async def test_a_long_frame_is_its_head_and_a_link_to_the_rest(era, make):
    async with speaking(server(make({"n": np.arange(5000)})), era) as client:
        result = await client.call("give")
        head, link = result["content"]
        assert head["text"].endswith("200 of 5000 rows.")
        assert result["structuredContent"]["total"] == 5000
        assert (link["type"], link["mimeType"], link["name"]) == (
            "resource_link",
            "text/csv",
            "result of give",
        )
        assert link["size"] >= 40_000
        assert (await read(client, link["uri"]))["text"].count("\n") == 5001
        assert (await read(client, link["uri"] + "?offset=4999&format=csv"))["text"] == "n\n4999\n"
        assert (await client.ask("resources/list"))["resources"] == []


async def test_a_kept_pandas_frame_stays_as_it_was():
    frame = pd.DataFrame({"n": np.zeros(300)})
    async with speaking(server(frame)) as client:
        link = (await client.call("give"))["content"][1]
        frame.loc[0, "n"] = 5.0
        assert (await read(client, link["uri"] + "?limit=1"))["text"] == "n\n0.0\n"


@both_eras
async def test_a_text_over_the_budget_is_its_beginning_and_a_link(era):
    text = "é" * 5000
    async with speaking(server(text, result_budget=4000), era) as client:
        preview, link = (await client.call("give"))["content"]
        assert preview["text"].startswith("é" * PREVIEW_CHARS + "\n... The first 2000 of 5000 characters")
        assert link["uri"] in preview["text"]
        assert (link["mimeType"], link["size"]) == ("text/plain", 10_000)
        assert (await read(client, link["uri"]))["text"] == text


async def test_of_a_promised_text_the_beginning_is_sent_twice():
    def give() -> str:
        return "x" * 5000

    mcp = FastMCP(result_budget=4000)
    mcp.add_tool(give)
    async with speaking(mcp) as client:
        result = await client.call("give")
    assert not result.get("isError")
    assert result["structuredContent"] == {"result": result["content"][0]["text"]}
    assert result["content"][1]["type"] == "resource_link"


async def test_what_is_structured_goes_with_its_text_and_is_an_error_where_it_was_promised():
    value = {"text": "x" * 5000}

    def give() -> dict[str, str]:
        return value

    mcp = server(value, result_budget=4000)
    mcp.add_tool(give, "promised")
    async with speaking(mcp) as client:
        free = await client.call("give")
        assert "structuredContent" not in free
        assert free["content"][1]["mimeType"] == "application/json"
        promised = await client.call("promised")
        assert promised["isError"]
        assert "structuredContent" not in promised
        why, preview, link = promised["content"]
        assert why["text"].startswith("What promised returned is larger than the 4000 characters")
        assert preview["text"].startswith('{"text":"xxx')
        assert json.loads((await read(client, link["uri"]))["text"]) == value


async def test_a_picture_over_the_budget_is_a_link_and_small_blocks_stay():
    values = [types.TextContent(type="text", text="small"), Image(data=b"x" * 9000, format="gif")]
    async with speaking(server(values, result_budget=4000)) as client:
        small, note, link, _ = (await client.call("give"))["content"]
        assert small["text"] == "small"
        assert note["text"].startswith("image/gif, 9000 bytes: too large for one answer")
        assert b64decode((await read(client, link["uri"]))["blob"]) == b"x" * 9000


async def test_the_budget_may_change_while_it_runs():
    mcp = server("x" * 100)
    async with speaking(mcp) as client:
        assert len((await client.call("give"))["content"]) == 1
        mcp.result_budget = 50
        assert len((await client.call("give"))["content"]) == 2


class _Request:
    def __init__(self, sender: str) -> None:
        self.sender = sender
        self.era = self

    def resource_not_found(self, uri: str) -> McpError:
        return McpError(-32002, f"There is no resource {uri!r}.")


class _Asking:
    def __init__(self, sender: str) -> None:
        self.request_context = _Request(sender)


def kept(results: KeptResults, sender: str, text: str) -> str:
    result = types.CallToolResult(content=[types.TextContent(type="text", text=text)])
    results.fit(result, "give", sender, promised=False)
    uri: str = result.content[1].uri
    return uri


def read_as(results: KeptResults, sender: str, uri: str) -> ResourceValue:
    resource, variables = results.resource_at(uri)
    value: ResourceValue = resource.function(**variables, ctx=_Asking(sender))
    return value


def test_only_who_called_may_read_it():
    results = KeptResults(1)
    uri = kept(results, "a", "secret")
    assert read_as(results, "a", uri).data == "secret"
    for sender in ("b", ""):
        with pytest.raises(McpError, match="There is no resource"):
            read_as(results, sender, uri)


def test_the_oldest_goes_first():
    results = KeptResults(1)
    uris = [kept(results, "a", f"text {n}") for n in range(MAX_KEPT + 1)]
    with pytest.raises(McpError, match="There is no resource"):
        read_as(results, "a", uris[0])
    assert read_as(results, "a", uris[1]).data == "text 1"


def test_what_is_kept_for_one_sender_can_be_dropped():
    results = KeptResults(1)
    gone, stays = kept(results, "a", "text"), kept(results, "b", "text")
    results.forget("a")
    with pytest.raises(McpError, match="There is no resource"):
        read_as(results, "a", gone)
    assert read_as(results, "b", stays).data == "text"


async def test_what_is_structured_keeps_to_the_budget_too():
    array: Any = np.zeros(600_000)
    mcp = FastMCP()

    @mcp.tool()
    def promised() -> list[float]:
        return array

    async with speaking(mcp) as client:
        result = await client.call("promised")
        assert result["isError"]
        assert "structuredContent" not in result
        *_, link = result["content"]
        assert len(json.loads((await read(client, link["uri"]))["text"])) == 600_000


LONG_CELLS = {
    "documents": ["x" * 60_000] * 50,
    "embeddings": [[0.123456789] * 2000] * 150,
}


@pytest.mark.parametrize("cells", LONG_CELLS.values(), ids=LONG_CELLS)
@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
async def test_a_frame_of_long_cells_keeps_to_the_budget(make, cells):
    async with speaking(server(make({"cell": cells}))) as client:
        result = await client.call("give")
        page = result["structuredContent"]
        assert 0 < len(page["rows"]) < len(cells)
        assert (page["total"], page["truncated"]) == (len(cells), True)
        assert len(json.dumps(page)) < 1_100_000
        assert result["content"][0]["text"].endswith(f"{len(page['rows'])} of {len(cells)} rows.")
        rest = await read(client, result["content"][1]["uri"] + f"?offset={len(page['rows'])}&format=json")
        assert len(json.loads(rest["text"])["rows"]) == len(cells) - len(page["rows"])


async def test_no_row_of_a_frame_goes_over_a_small_budget():
    async with speaking(server(pd.DataFrame({"cell": ["x" * 3000]}), result_budget=2000)) as client:
        result = await client.call("give")
        assert result["structuredContent"] == {"columns": ["cell"], "rows": [], "total": 1, "truncated": True}
        *_, link = result["content"]
        assert "x" * 3000 in (await read(client, link["uri"]))["text"]


async def test_a_long_sequence_is_a_page_with_a_link_to_all_of_it():
    """Also an array that is changed in place after the call (1.14)."""
    array = np.arange(20_000)
    mcp = FastMCP()
    mcp.add_tool(lambda: array, name="numbers")
    mcp.add_tool(lambda: pd.Index(array, name="n"), name="labels")

    async with speaking(mcp) as client:
        for name, column in (("numbers", "value"), ("labels", "n")):
            result = await client.call(name)
            assert result["structuredContent"]["columns"] == [column]
            assert result["structuredContent"]["total"] == 20_000
            *_, link = result["content"]
            array[-1] = 0
            page = await read(client, f"{link['uri']}?offset=19998&limit=10")
            assert page["text"] == f"{column}\n19998\n19999\n"
            array[-1] = 19_999
