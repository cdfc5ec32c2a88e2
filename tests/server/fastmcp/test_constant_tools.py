# SPDX-License-Identifier: BSD-3-Clause
"""`find_tools`, `use_tool` and `read_more`: for whom they are, what they find, call and read."""

from __future__ import annotations

import json
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from pydantic import BaseModel

from mcp_jupyter.errors import McpError
from mcp_jupyter.protocol.rights import Mode
from mcp_jupyter.server.fastmcp import Context, FastMCP

from .speaker import Speaker, both_eras, speaking

pytestmark = pytest.mark.anyio

UNKNOWN, CLAUDE, CODEX, GEMINI, CLINE = (
    "some-client",
    "claude-code",
    "codex-mcp-client",
    "gemini-cli-mcp-client",
    "@cline/core",
)
ALL = ["find_tools", "use_tool", "read_more"]


def notebook(mode: Mode = "auto") -> FastMCP:
    """A server that is served as a notebook is."""
    mcp = FastMCP("sales")
    mcp.constant_tools.mode = mode

    @mcp.tool(title="Best customers")
    def top_customers(n: int, region: str = "north") -> str:
        """The customers with the highest revenue.

        Revenue is in euros.
        """
        return f"{n} of {region}"

    @mcp.tool()
    def forecast(days: int) -> str:
        """What the weather will be."""
        return f"rain for {days} days"

    @mcp.resource("data://notes")
    def notes() -> str:
        """Notes on customers."""
        return "".join(f"line {number}\n" for number in range(3000))

    @mcp.resource("data://picture")
    def picture() -> bytes:
        return b"\x89PNG"

    return mcp


def as_host(name: str, era: str = "legacy", mode: Mode = "auto") -> AbstractAsyncContextManager[Speaker]:
    return speaking(notebook(mode), era, name)


async def names(client: Speaker) -> list[str]:
    return [tool["name"] for tool in (await client.ask("tools/list"))["tools"]]


async def constant(client: Speaker) -> list[str]:
    return [name for name in await names(client) if name in ALL]


@both_eras
@pytest.mark.parametrize(
    ("host", "listed"),
    [
        (UNKNOWN, ALL),
        (CLAUDE, []),
        (CODEX, ["find_tools", "use_tool"]),
        ("qwen-cli-mcp-client-sales", ["find_tools", "use_tool"]),
        (GEMINI, ["read_more"]),
        ("copilot-cli", ["read_more"]),
        ("opencode", []),
        ("continue-cli-client", ALL),
        (CLINE, ALL),
        ("mcp_jupyter", []),
    ],
)
async def test_a_host_gets_those_that_it_needs(era: str, host: str, listed: list[str]) -> None:
    """Two are for hosts that list once, one for models that read no URIs (2: constant tools)."""
    async with as_host(host, era) as client:
        assert await names(client) == ["top_customers", "forecast", *listed]


@pytest.mark.parametrize(("mode", "listed"), [("yes", ALL), ("no", [])])
@pytest.mark.parametrize("host", [UNKNOWN, CLAUDE])
async def test_the_mode_has_the_last_word(mode: Mode, listed: list[str], host: str) -> None:
    """`yes` and `no` hold for every host (2: constant tools)."""
    async with as_host(host, mode=mode) as client:
        assert await constant(client) == listed
        if not listed:
            with pytest.raises(McpError, match="Unknown tool 'find_tools'"):
                await client.call("find_tools", query="")


async def test_a_script_never_has_them() -> None:
    """A program of the SDK that lists a script's tools sees the script's alone (2: constant tools)."""
    mcp = FastMCP("script")
    mcp.add_tool(lambda: 1, name="one")
    async with speaking(mcp, name=UNKNOWN) as client:
        assert await names(client) == ["one"]
        with pytest.raises(McpError, match="Unknown tool 'use_tool'"):
            await client.call("use_tool", name="one")


async def test_they_say_what_they_do() -> None:
    """`use_tool` may do what any tool may; the others only read (2: constant tools)."""
    async with as_host(UNKNOWN) as client:
        listed = {tool["name"]: tool for tool in (await client.ask("tools/list"))["tools"]}
    assert listed["use_tool"]["annotations"] == {
        "readOnlyHint": False,
        "destructiveHint": True,
        "openWorldHint": True,
    }
    for name in ("find_tools", "read_more"):
        assert listed[name]["annotations"] == {"readOnlyHint": True, "openWorldHint": False}
    assert listed["use_tool"]["inputSchema"]["required"] == ["name"]


async def test_a_users_tool_of_that_name_wins() -> None:
    """It is listed once and called with its own arguments (2: constant tools)."""
    mcp = notebook()

    @mcp.tool()
    def use_tool(hammer: str) -> str:
        """Hit something."""
        return f"hit with {hammer}"

    async with speaking(mcp, name=UNKNOWN) as client:
        assert (await names(client)).count("use_tool") == 1
        assert await client.text("use_tool", hammer="a stone") == "hit with a stone"
        assert await constant(client) == ["use_tool", "find_tools", "read_more"]


# -- find_tools --------------------------------------------------------------------------------------


async def test_a_query_finds_words_of_names_titles_descriptions_and_arguments() -> None:
    """Best first, with the input schema as JSON (2: constant tools)."""
    async with as_host(UNKNOWN) as client:
        for query in ("customers", "BEST", "revenue", "region", "top customer", "highest-revenue"):
            said = await client.text("find_tools", query=query)
            assert "top_customers" in said
            assert "forecast" not in said
        assert "Best customers" in said
        assert "The customers with the highest revenue." in said
        schema = next(line for line in said.splitlines() if line.startswith("Arguments: "))
        assert json.loads(schema.removeprefix("Arguments: "))["required"] == ["n"]


async def test_the_best_match_comes_first() -> None:
    """A word of a name counts more than one of a description (2: constant tools)."""
    mcp = notebook()
    mcp.add_tool(lambda: 1, name="weather_report", description="Says nothing of days.")
    async with speaking(mcp, name=UNKNOWN) as client:
        said = await client.text("find_tools", query="weather")
        assert said.index("weather_report") < said.index("forecast")


async def test_an_empty_query_lists_all_names() -> None:
    """One line each, without schemas (2: constant tools)."""
    async with as_host(UNKNOWN) as client:
        for arguments in ({"query": ""}, {}):
            said = await client.text("find_tools", **arguments)
            assert "top_customers: The customers with the highest revenue." in said.splitlines()
            assert "Arguments" not in said


async def test_a_query_without_a_match_says_what_there_is() -> None:
    """The model need not ask twice (2: constant tools)."""
    async with as_host(UNKNOWN) as client:
        said = await client.text("find_tools", query="submarine")
        assert said.startswith("No tool matches 'submarine'.")
        assert "top_customers" in said


async def test_a_later_tool_is_found_and_called() -> None:
    """A host that never lists again reaches what a cell has added since (2: constant tools)."""
    mcp = notebook()
    async with speaking(mcp, name=CODEX) as client:
        await names(client)
        mcp.add_tool(lambda word: f"late {word}", name="late_tool")
        assert "late_tool" in await client.text("find_tools", query="late")
        assert await client.text("use_tool", name="late_tool", arguments={"word": "tea"}) == "late tea"


@pytest.mark.parametrize("host", [UNKNOWN, CLINE])
async def test_an_answer_fits_the_host(host: str) -> None:
    """Many tools, long schemas: no longer than the profile takes, and what is left out is named or counted
    (2: constant tools).
    """
    mcp = FastMCP()
    mcp.constant_tools.mode = "auto"
    for number in range(200):
        mcp.add_tool(lambda a: a, name=f"tool_{number}", description=f"Does {'much ' * 300}.")
    async with speaking(mcp, name=host) as client:
        for query in ("", "tool", "much"):
            said = await client.text("find_tools", query=query)
            assert len(json.dumps(said)) <= (7_500 if host == CLINE else 40_000)
            assert said.count("Arguments: ") <= 20
            assert "more" in said or said.count("tool_") == 200


async def test_the_notebook_may_say_something_first() -> None:
    """The hook for a line on the data, for hosts that get no instructions (2: constant tools)."""
    mcp = notebook()
    mcp.constant_tools.preface = lambda request: f"sales: 6 rows, for {request.profile.name or 'anybody'}."
    async with speaking(mcp, name=UNKNOWN) as client:
        said = await client.text("find_tools", query="forecast")
        assert said.startswith("sales: 6 rows, for anybody.\n")


# -- use_tool ----------------------------------------------------------------------------------------


@both_eras
@pytest.mark.parametrize("arguments", [{"n": 3}, '{"n": 3}', ' {"n":3} '])
async def test_arguments_are_an_object_or_its_json(era: str, arguments: Any) -> None:
    """Some hosts send a text (2: constant tools)."""
    async with as_host(UNKNOWN, era) as client:
        assert await client.text("use_tool", name="top_customers", arguments=arguments) == "3 of north"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "use_tool: 'name' is missing"),
        ({"name": 3}, "use_tool: 'name' must be the name of a tool, as a string; got a number"),
        ({"name": "forecast", "arguments": [1]}, "'arguments' must be an object"),
        ({"name": "forecast", "arguments": "days=1"}, "'arguments' must be an object"),
        ({"name": "forecast", "days": 1}, "Put the arguments of 'forecast' into 'arguments'"),
        ({"name": "find_tools", "arguments": {}}, "Call find_tools itself"),
    ],
)
async def test_a_bad_call_says_what_to_do(arguments: dict[str, Any], said: str) -> None:
    """As a result that the model reads (2: constant tools)."""
    async with as_host(UNKNOWN) as client:
        assert said in await client.error("use_tool", **arguments)


async def test_errors_are_those_of_the_inner_tool() -> None:
    """Its arguments, its exceptions, and a name that there is not (2: constant tools)."""
    mcp = notebook()

    @mcp.tool()
    def fail() -> str:
        raise KeyError("no such region")

    async with speaking(mcp, name=UNKNOWN) as client:
        for name, arguments in (("top_customers", {"n": "many"}), ("top_customers", {}), ("fail", {})):
            direct = await client.error(name, **arguments)
            assert await client.error("use_tool", name=name, arguments=arguments) == direct
            assert name in direct
        with pytest.raises(McpError) as direct_error:
            await client.call("top_customer")
        with pytest.raises(McpError) as inner_error:
            await client.call("use_tool", name="top_customer")
        assert inner_error.value.to_dict() == direct_error.value.to_dict()


@both_eras
async def test_a_call_through_use_tool_is_a_call(era: str) -> None:
    """Progress, log messages, structure and content arrive as of a direct call (2: constant tools)."""
    mcp = notebook()

    @mcp.tool()
    async def steps(ctx: Context) -> dict[str, int]:
        await ctx.report_progress(1, 2, "half")
        await ctx.info("on the way")
        return {"done": 2}

    async with speaking(mcp, era, UNKNOWN) as client:
        progress: list[Any] = []

        async def on_progress(*said: Any) -> None:
            progress.append(said)

        direct = await client.ask("tools/call", name="steps", arguments={})
        result = await client.ask(
            "tools/call", on_progress, name="use_tool", arguments={"name": "steps", "arguments": {}}
        )
        assert result == direct
        assert progress == [(1, 2, "half")]
        first, second = [item.params for item in client.heard if item.method == "notifications/message"]
        assert first == second


class Answer(BaseModel):
    sure: bool


async def test_a_suspended_call_goes_on_through_use_tool() -> None:
    """A question of the inner tool ends a round of the outer call (2: constant tools)."""
    mcp = notebook()

    @mcp.tool()
    async def ask(ctx: Context) -> str:
        answer = await ctx.elicit("Sure?", Answer)
        return f"{answer.action}"

    async with speaking(mcp, "modern", UNKNOWN) as client:
        client.meta["io.modelcontextprotocol/clientCapabilities"] = {"elicitation": {}}
        params = {"name": "use_tool", "arguments": {"name": "ask", "arguments": {}}}
        said = await client.client.ask("tools/call", {**params, "_meta": client.meta})
        assert said["resultType"] == "input_required"
        ((key, _),) = said["inputRequests"].items()
        responses = {key: {"action": "accept", "content": {"sure": True}}}
        again = {**params, "requestState": said["requestState"], "inputResponses": responses}
        said = await client.client.ask("tools/call", {**again, "_meta": client.meta})
        assert said["content"][0]["text"] == "accept"


# -- read_more ---------------------------------------------------------------------------------------


@both_eras
async def test_a_long_text_is_read_in_parts(era: str) -> None:
    """Each part ends in how to read on, and fits the host (2: constant tools)."""
    async with as_host(CLINE, era) as client:
        whole, uri = "", "data://notes"
        for _ in range(20):
            said = await client.text("read_more", uri=uri)
            assert len(json.dumps(said)) <= 7_500
            text, _, rest = said.partition("\n... Characters ")
            whole += text
            if not rest:
                break
            uri = rest.partition("read_more with ")[2]
        assert whole == "".join(f"line {number}\n" for number in range(3000))


async def test_a_kept_result_is_read_to_its_end() -> None:
    """The rows of a frame by pages: a client without resources reaches the last one (2: constant tools)."""
    pandas = pytest.importorskip("pandas")
    mcp = notebook()

    @mcp.tool()
    def frame() -> Any:
        return pandas.DataFrame({"day": range(1500), "text": ["x" * 20] * 1500})

    async with speaking(mcp, name=CLINE) as client:
        content = (await client.call("frame"))["content"]
        (link,) = [block for block in content if block["type"] == "resource_link"]
        uri: str | None = f"{link['uri']}?offset=1000&limit=300&format=csv"
        days: list[str] = []
        while uri:
            said = await client.text("read_more", uri=uri)
            text, _, rest = said.partition("\n... ")
            days += [line.partition(",")[0] for line in text.splitlines() if line.endswith("x" * 20)]
            uri = rest.partition("read_more with ")[2]
        assert days == [str(day) for day in range(1000, 1500)]


@pytest.mark.parametrize("host", [UNKNOWN, CLINE, GEMINI])
async def test_a_cut_text_is_read_on_to_its_end(host: str) -> None:
    """From the last line of the result on, each part says how (2: constant tools)."""
    mcp = notebook()
    lines = "".join(f'line "{number}"\n' for number in range(6000))
    mcp.add_tool(lambda: lines, name="long")
    async with speaking(mcp, name=host) as client:
        said = (await client.call("long"))["content"][0]["text"]
        whole, _, rest = said.partition("\n... Characters ")
        while rest:
            said = await client.text("read_more", uri=rest.partition("read_more with ")[2])
            text, _, rest = said.partition("\n... Characters ")
            whole += text
        assert whole == lines


async def test_what_is_no_text_is_said_so() -> None:
    """Bytes are not shown (2: constant tools)."""
    async with as_host(UNKNOWN) as client:
        assert "is not text" in await client.text("read_more", uri="data://picture")


@pytest.mark.parametrize(
    "uri",
    ["data://nothing", "notes", "", "result://0123", f"result://{'0' * 32}", "data://notes#char=9999999"],
)
async def test_a_bad_uri_says_what_uris_look_like(uri: str) -> None:
    """With those that are served, as a result that the model reads (2: constant tools)."""
    async with as_host(UNKNOWN) as client:
        said = await client.error("read_more", uri=uri)
        assert "data://notes" in said
        assert "result://" in said


async def test_a_missing_uri_is_asked_for() -> None:
    """And another argument is refused (2: constant tools)."""
    async with as_host(UNKNOWN) as client:
        assert "read_more: 'uri' is missing" in await client.error("read_more")
        assert "'offset'" in await client.error("read_more", uri="data://notes", offset=3)
