# SPDX-License-Identifier: BSD-3-Clause
"""Results that do not fit: what is sent of them, the way to the rest, and who may read it."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mcp_jupyter import types
from mcp_jupyter.server.fastmcp import FastMCP, Image
from mcp_jupyter.server.host_profiles import DEFAULT, PROFILES

from .speaker import both_eras, speaking

pytestmark = pytest.mark.anyio

CLINE = "@cline/core"
COPILOT = "copilot-cli"
CODEX = "codex-mcp-client"
GEMINI = "gemini-cli-mcp-client"
OWN = "mcp_jupyter"

all_clients = pytest.mark.parametrize("host", [*PROFILES, "another"])
measured = pytest.mark.parametrize("host", [name for name in PROFILES if name != OWN])


def server(value: Any, **options: Any) -> FastMCP:
    mcp = FastMCP(**options)
    mcp.add_tool(lambda: value, "give")
    return mcp


async def read(client, uri):
    (content,) = (await client.ask("resources/read", uri=uri))["contents"]
    return content


def wide(rows: int) -> pd.DataFrame:
    return pd.DataFrame({f"measure_{at:02}": np.arange(rows) / 7 for at in range(12)})


def size(value: Any) -> int:
    """Characters of a value as JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def uri_of(text: str) -> str:
    """The URI with which a text ends."""
    uri = text.rsplit(" ", 1)[1]
    assert uri.startswith("result://")
    return uri


@both_eras
@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
async def test_a_long_frame_is_its_first_rows_and_the_way_to_the_others_in_words(era, make):
    """The link stays as well (2: results)."""
    async with speaking(server(make({"n": np.arange(5000)})), era, name="another") as client:
        table, link = (await client.call("give"))["content"]
        assert "Rows 0 to 199 of 5000. To read on, read the resource result://" in table["text"]
        assert (await read(client, uri_of(table["text"])))["text"].startswith("n\n200\n201\n")
        assert (link["type"], link["mimeType"], link["name"]) == (
            "resource_link",
            "text/csv",
            "result of give",
        )
        assert link["size"] >= 40_000
        assert (await read(client, link["uri"]))["text"].count("\n") == 5001
        assert (await read(client, link["uri"] + "?offset=4999&format=csv"))["text"] == "n\n4999\n"
        assert (await client.ask("resources/list"))["resources"] == []


@all_clients
async def test_a_promised_frame_says_how_to_read_on_in_its_structure_too(host):
    """(2: results) It says so wherever a structure is sent."""

    def give() -> pd.DataFrame:
        return wide(5000)

    mcp = FastMCP()
    mcp.add_tool(give)
    async with speaking(mcp, name=host) as client:
        result = await client.call("give")
        if "structuredContent" not in result:
            assert PROFILES[host].structure == "none"
            return
        page = result["structuredContent"]
        assert page["more"]["next_offset"] == len(page["rows"])
        assert page["more"]["hint"].startswith(f"Rows 0 to {len(page['rows']) - 1} of 5000. To read on, ")
        rest = (await read(client, page["more"]["uri"]))["text"].splitlines()
        assert rest[1].startswith(str(len(page["rows"]) / 7))


@measured
@pytest.mark.parametrize("promised", [False, True])
async def test_a_page_and_all_around_it_fit_into_what_the_host_takes(host, promised):
    """Whichever half of it the host hands on (2: results)."""

    def frame() -> pd.DataFrame:
        return wide(5000)

    mcp = FastMCP()
    mcp.add_tool(frame, structured_output=promised)
    async with speaking(mcp, name=host) as client:
        result = await client.call("frame")
    most = PROFILES[host].result_chars
    assert size(result["content"]) > min(most, 9_000) // 2
    assert size(result["content"]) <= most
    assert size(result.get("structuredContent")) <= most
    assert size(result.get("structuredContent", {"rows": []})["rows"]) <= 9_000


@measured
async def test_two_frames_and_a_text_share_the_room(host):
    """Each frame says how to read on (2: results)."""
    async with speaking(server([wide(5000), "x" * 2000, wide(5000)]), name=host) as client:
        content = (await client.call("give"))["content"]
    assert size(content) <= PROFILES[host].result_chars
    assert sum("of 5000. To read on" in block.get("text", "") for block in content) == 2


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
async def test_a_frame_with_very_many_columns_shows_the_first_and_says_so(make):
    """(2: results) A frame may have more columns than a result has room."""

    def give():
        return make({f"column_{at}": [at] * 3 for at in range(5000)})

    mcp = FastMCP()
    mcp.add_tool(give)
    async with speaking(mcp, name="another") as client:
        (table, link) = (await client.call("give"))["content"]
        shown = table["text"].count("column_")
        assert 100 < shown < 5000
        assert f"Columns 1 to {shown} of 5000." in table["text"]
        assert size(table["text"]) < 12_000
        page = await read(client, link["uri"] + "?columns=column_4999,column_0&limit=1")
        assert page["text"] == "column_4999,column_0\n4999,0\n"


async def test_a_row_that_is_too_long_has_its_cells_cut():
    """The resource has them whole (2: results)."""

    def give() -> pd.DataFrame:
        return pd.DataFrame({"cell": ["x" * 60_000], "n": [5]})

    mcp = FastMCP()
    mcp.add_tool(give)
    async with speaking(mcp, name="another") as client:
        page = (await client.call("give"))["structuredContent"]
        ((cell, n),) = page["rows"]
        assert cell.endswith("x…")
        assert 1000 < len(cell) < 9_000
        assert n == 5


@both_eras
async def test_a_long_text_is_its_beginning_and_the_way_to_the_rest(era):
    """(2: results) The way is words and a link."""
    text = "".join(f"line {at:05}\n" for at in range(6000))
    async with speaking(server(text), era, name="another") as client:
        begin, link = (await client.call("give"))["content"]
        assert size(begin["text"]) <= DEFAULT.text_chars
        shown = begin["text"].partition("\n... Characters 0 to ")[0]
        assert text.startswith(shown)
        assert len(shown) > 20_000
        assert f"of {len(text)}. To read on, read the resource result://" in begin["text"]
        assert shown + (await read(client, uri_of(begin["text"])))["text"] == text[: 2 * len(shown)]
        assert (link["mimeType"], link["size"]) == ("text/plain", len(text))
        assert (await read(client, link["uri"]))["text"] == text


@measured
async def test_a_text_fits_into_what_the_host_takes(host):
    """Also one in which JSON escapes every character (2: results)."""
    async with speaking(server('"\n' * 30_000), name=host) as client:
        content = (await client.call("give"))["content"]
    assert size(content) <= PROFILES[host].result_chars
    assert content[0]["text"].count("\n") <= PROFILES[host].text_lines + 2


async def test_many_texts_fit_together():
    """(2: results) The last ones are links."""
    texts = [types.TextContent(text="x" * 3000)] * 10
    async with speaking(server(texts), name="qwen-cli-mcp-client-nb") as client:
        content = (await client.call("give"))["content"]
        assert content[0]["text"] == "x" * 3000
        assert size(content) <= 25_000 + 10 * 400
        assert (await read(client, content[-1]["uri"]))["text"] == "x" * 3000


async def test_our_own_client_gets_a_text_whole():
    """Its results are values in a notebook (2: results)."""
    async with speaking(server("x" * 500_000), name=OWN) as client:
        assert await client.text("give") == "x" * 500_000


async def test_a_budget_of_the_user_counts_where_the_host_takes_more():
    """Claude Code is told how large results may be, others are not asked (2: results)."""
    mcp = server("x" * 200_000, result_budget=300_000)
    for name, whole in (("another", True), ("claude-code", True), (OWN, True), (CODEX, False)):
        async with speaking(mcp, name=name) as client:
            content = (await client.call("give"))["content"]
            assert (content[0]["text"] == "x" * 200_000) is whole


async def test_the_budget_may_be_small_and_may_change_while_it_runs():
    """(2: results) None takes it away."""
    mcp = server("x" * 3000, result_budget=2000)
    for name in ("another", OWN, CLINE):
        async with speaking(mcp, name=name) as client:
            begin, link = (await client.call("give"))["content"]
            assert size(begin["text"]) <= 2000
            assert (await read(client, link["uri"]))["text"] == "x" * 3000
            mcp.result_budget = None
            assert len((await client.call("give"))["content"]) == 1
            mcp.result_budget = 2000


async def test_of_a_promised_text_the_beginning_is_sent_twice():
    """(2: results) Part of a text is a text."""

    def give() -> str:
        return "x" * 5000

    mcp = FastMCP(result_budget=4000)
    mcp.add_tool(give)
    async with speaking(mcp, name="another") as client:
        result = await client.call("give")
    assert not result.get("isError")
    assert result["structuredContent"] == {"result": result["content"][0]["text"]}
    assert result["content"][1]["type"] == "resource_link"


async def test_a_promised_structure_that_is_too_large_is_an_error_that_says_what_to_do():
    """No part of it keeps to the schema (2: results)."""
    value = {"text": "x" * 5000}

    def give() -> dict[str, str]:
        return value

    mcp = FastMCP(result_budget=4000)
    mcp.add_tool(give)
    async with speaking(mcp, name="another") as client:
        result = await client.call("give")
        assert result["isError"]
        assert "structuredContent" not in result
        why, *_, link = result["content"]
        assert why["text"].startswith("What give returned is larger than the 4000 characters")
        assert json.loads((await read(client, link["uri"]))["text"]) == value


async def test_codex_gets_the_text_in_place_of_a_structure_that_is_too_large():
    """It would cut it in the middle (2: results)."""

    def give() -> dict[str, str]:
        return {"text": "x" * 20_000}

    mcp = FastMCP()
    mcp.add_tool(give)
    async with speaking(mcp, name=CODEX) as client:
        result = await client.call("give")
    assert "structuredContent" not in result
    assert not result.get("isError")
    assert "To read on, read the resource" in result["content"][0]["text"]


@pytest.mark.parametrize(("host", "kept"), [(CODEX, False), ("another", True), ("claude-code", False)])
async def test_a_promised_text_is_structured_for_programs_alone(host, kept):
    """Claude and Codex show it to their model as JSON, with its lines escaped (2: results)."""

    def give() -> str:
        return "line\nline"

    mcp = FastMCP()
    mcp.add_tool(give)
    async with speaking(mcp, name=host) as client:
        assert ("structuredContent" in await client.call("give")) is kept
        (tool,) = (await client.ask("tools/list"))["tools"]
        assert ("outputSchema" in tool) is kept


@pytest.mark.parametrize(("host", "kept"), [("another", False), (OWN, True), (CODEX, False)])
async def test_what_no_annotation_promised_is_structured_for_our_client_alone(host, kept):
    """(2: results) The text has it for all others."""
    async with speaking(server({"a": 1}), name=host) as client:
        result = await client.call("give")
        assert result["content"][0]["text"] == '{"a":1}'
        assert ("structuredContent" in result) is kept


async def test_a_picture_beside_a_structure_reaches_codex():
    """It would drop the picture (2: results)."""
    picture = types.ImageContent(data="aGk=", mimeType="image/png")

    def give() -> types.CallToolResult:
        said = types.TextContent(text="A picture.")
        return types.CallToolResult(content=[said, picture], structuredContent={"n": 1})

    mcp = FastMCP()
    mcp.add_tool(give)
    async with speaking(mcp, name=CODEX) as client:
        result = await client.call("give")
    assert "structuredContent" not in result
    assert result["content"][1]["type"] == "image"


async def test_a_picture_may_be_larger_than_the_text_that_a_host_takes():
    """Codex hands pictures over beside the text, whose limit is no limit of theirs (2: results)."""
    async with speaking(server(Image(data=b"x" * 90_000, format="gif")), name=CODEX) as client:
        content = (await client.call("give"))["content"]
    assert content[0]["type"] == "image"


@pytest.mark.parametrize(("value", "said"), [(42, 42), ([1, 2], [1, 2]), ("42", 42), (None, ...), ("a", ...)])
async def test_gemini_gets_an_object_where_the_text_is_json_but_none(value, said):
    """It takes such a text for structured content, and a number for an error (2: results)."""
    async with speaking(server(value), name=GEMINI) as client:
        result = await client.call("give")
        assert result.get("structuredContent", {"result": ...}) == {"result": said}
    async with speaking(server({"a": 1}), name=GEMINI) as client:
        assert "structuredContent" not in await client.call("give")


@pytest.mark.parametrize("host", [COPILOT, CLINE, "continue-cli-client"])
async def test_a_picture_is_a_link_where_the_model_does_not_get_it(host):
    """It would cost up to 20,000 characters, or vanish (2: results)."""
    async with speaking(server(Image(data=b"x" * 9000, format="gif")), name=host) as client:
        note, link, _ = (await client.call("give"))["content"]
        assert "A picture, image/gif, 9000 bytes, which" in note["text"]
        assert b64decode((await read(client, link["uri"]))["blob"]) == b"x" * 9000


async def test_of_many_pictures_four_are_sent():
    """(2: results) The others are links."""
    async with speaking(server([Image(data=b"x" * 90, format="gif")] * 6), name="another") as client:
        content = (await client.call("give"))["content"]
    kinds = [block["type"] for block in content]
    assert kinds.count("image") == 4
    assert kinds.count("resource_link") == 2


async def test_a_picture_that_is_too_large_is_a_link_and_small_blocks_stay():
    """(2: results) The whole can be read."""
    values = [types.TextContent(type="text", text="small"), Image(data=b"x" * 9000, format="gif")]
    async with speaking(server(values, result_budget=4000), name="another") as client:
        small, note, link, _ = (await client.call("give"))["content"]
        assert small["text"] == "small"
        assert "(A picture, image/gif, 9000 bytes, too large for this result." in note["text"]
        assert b64decode((await read(client, link["uri"]))["blob"]) == b"x" * 9000


@both_eras
@pytest.mark.parametrize("host", ["claude-code", CLINE, OWN, "another"])
async def test_a_long_error_has_its_beginning_its_end_and_the_way_to_the_rest(era, host):
    """A traceback says what went wrong at its end (2: results)."""

    def fail() -> None:
        raise ValueError("BEGIN " + "x" * 30_000 + " END")

    mcp = FastMCP()
    mcp.add_tool(fail)
    async with speaking(mcp, era, name=host) as client:
        result = await client.call("fail")
        assert result["isError"]
        text = result["content"][0]["text"]
        assert text.startswith("Error in fail: ValueError: BEGIN")
        assert text.endswith("x END")
        assert len(text) <= (8000 if host == OWN else PROFILES.get(host, DEFAULT).error_chars)
        assert "To read on, read the resource result://" in text
        assert len((await read(client, result["content"][1]["uri"]))["text"]) > 30_000


async def test_what_is_structured_keeps_to_the_budget_too():
    array: Any = np.zeros(600_000)
    mcp = FastMCP()

    @mcp.tool()
    def promised() -> list[float]:
        return array

    async with speaking(mcp, name="another") as client:
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
@all_clients
async def test_a_frame_of_long_cells_fits(make, cells, host):
    async with speaking(server(make({"cell": cells})), name=host) as client:
        result = await client.call("give")
        most = PROFILES.get(host, DEFAULT).result_chars
        assert size(result["content"]) <= most
        assert f" of {len(cells)}. To read on" in result["content"][0]["text"]
        rest = await read(client, result["content"][1]["uri"] + "?offset=2&limit=1&format=json")
        assert json.loads(rest["text"])["rows"] == [[cells[2]]]


async def test_a_long_sequence_is_a_page_with_a_link_to_all_of_it():
    """Also an array that is changed in place after the call (1.14)."""
    array = np.arange(20_000)
    mcp = FastMCP()
    mcp.add_tool(lambda: array, name="numbers")
    mcp.add_tool(lambda: pd.Index(array, name="n"), name="labels")

    async with speaking(mcp, name=OWN) as client:
        for name, column in (("numbers", "value"), ("labels", "n")):
            result = await client.call(name)
            assert result["structuredContent"]["columns"] == [column]
            assert result["structuredContent"]["total"] == 20_000
            *_, link = result["content"]
            array[-1] = 0
            page = await read(client, f"{link['uri']}?offset=19998&limit=10")
            assert page["text"] == f"{column}\n19998\n19999\n"
            array[-1] = 19_999


async def test_a_picture_that_is_not_base64_costs_itself_alone():
    """(2: results) The rest of the result arrives."""
    parts = [types.TextContent(text="rest"), types.ImageContent(data="not base64!", mimeType="image/png")]
    async with speaking(server(parts), name=CLINE) as client:
        result = await client.call("give")
    assert not result.get("isError")
    assert [block["text"] for block in result["content"]][:2] == [
        "rest",
        "(A picture, image/png, which is not valid base64.)",
    ]
