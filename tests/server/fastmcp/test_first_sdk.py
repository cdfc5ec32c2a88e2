# SPDX-License-Identifier: BSD-3-Clause
"""What programs written for the first-generation SDK expect of a `FastMCP`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Annotated, Any, NotRequired, Optional, TypedDict

import pytest
from pydantic import BaseModel, Field

from mcp_jupyter import Client, types
from mcp_jupyter.server import FastMCP
from mcp_jupyter.server.fastmcp import Context
from mcp_jupyter.server.fastmcp.exceptions import ToolError
from mcp_jupyter.server.fastmcp.tools import Tool
from mcp_jupyter.server.session import ServerSession
from mcp_jupyter.shared.memory import create_connected_server_and_client_session

pytestmark = pytest.mark.anyio

PROGRAM = """
import logging
import anyio
from mcp_jupyter.server.fastmcp import FastMCP

mcp = FastMCP("paths", port=0, streamable_http_path="/api", sse_path="/events", log_level="INFO",
              stateless_http=True, json_response=True, debug=True)
mcp.settings.host = "localhost"

@mcp.tool()
def add(a: int, b: int) -> int:
    logging.getLogger("mine").info("adding")
    return a + b

{run}
"""


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def test_a_tool_is_removed_by_its_name():
    """(2: `FastMCP.remove_tool`)."""
    mcp = FastMCP("a", tools=[Tool.of(add)])
    assert [tool.name for tool in await mcp.list_tools()] == ["add"]

    @mcp.prompt(name="add")
    def prompt() -> str:
        """A prompt of the same name."""
        return "Add."

    mcp.remove_tool("add")
    assert await mcp.list_tools() == []
    assert [prompt.name for prompt in await mcp.list_prompts()] == ["add"]
    with pytest.raises(ToolError, match="Unknown tool 'add'"):
        mcp.remove_tool("add")


async def test_what_is_served_is_listed_without_a_client():
    """(2: the names people use)."""
    mcp = FastMCP("a")

    @mcp.resource("book://emma")
    def emma() -> str:
        """A book."""
        return "Emma"

    @mcp.resource("book://{title}/author")
    def author(title: str) -> str:
        """Who wrote it."""
        return "Jane Austen"

    assert [item.uri for item in await mcp.list_resources()] == ["book://emma"]
    assert [item.uriTemplate for item in await mcp.list_resource_templates()] == ["book://{title}/author"]


@pytest.mark.parametrize(
    "run",
    ["mcp.run(transport='streamable-http')", "anyio.run(mcp.run_streamable_http_async)", "mcp.run('sse')"],
)
async def test_settings_say_where_it_is_served(run, tmp_path):
    """(2: Programs written for the SDK's first generation)."""
    program = tmp_path / "server.py"
    program.write_text(PROGRAM.format(run=run))
    with subprocess.Popen(
        [sys.executable, program],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stderr is not None
        try:
            line = next(line for line in process.stderr if "Serving" in line)
            url = re.search(r"http://localhost:\d+/\w+", line)
            assert url is not None
            assert url[0].endswith("/events" if "sse" in run else "/api")
            async with Client(url[0]) as client:
                assert (await client.call_tool("add", {"a": 1, "b": 2})).structuredContent == {"result": 3}
            assert any("INFO:mine:adding" in line for line in process.stderr)
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("streamable_http_app", "serve_http"),
        ("sse_app", "serve_http"),
        ("session_manager", "serve_http"),
        ("custom_route", "server of their own"),
        ("get_context", "Context"),
        ("call_tool", "Client"),
    ],
)
def test_what_it_has_not_says_what_to_use(name, way):
    """(2: What cannot be is an error that names our way)."""
    mcp = FastMCP("a")
    with pytest.raises(AttributeError, match=rf"FastMCP has no {name}\..*{way}.*docs/from-the-mcp-sdk"):
        getattr(mcp, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mcp.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_an_argument_that_cannot_be_honoured_says_what_to_use():
    """(2: What cannot be is an error that names our way)."""
    with pytest.raises(ValueError, match=r"token_verifier.*token="):
        FastMCP("a", token_verifier=object())
    with pytest.raises(ValueError, match=r"mounted.*serve_http"):
        FastMCP("a").run("sse", "/api")
    with pytest.raises(TypeError, match="unknown argument 'prot'"):
        FastMCP("a", prot=8000)
    assert FastMCP("a", auth=None, event_store=object(), warn_on_duplicate_tools=False).settings.port == 8000


class Count(BaseModel):
    count: int


async def test_a_result_made_by_hand_keeps_what_its_annotation_promises():
    """(2: comparing behaviour with the real SDK)."""
    mcp = FastMCP("a")

    @mcp.tool()
    def counted(count: Any) -> Annotated[types.CallToolResult, Count]:
        """A count, and a word for the application only."""
        return types.CallToolResult(content=[], structuredContent={"count": count}, _meta={"word": "x"})

    (tool,) = await mcp.list_tools()
    assert tool.outputSchema is not None
    assert tool.outputSchema["properties"]["count"]["type"] == "integer"
    async with Client(mcp) as client:
        result = await client.call_tool("counted", {"count": 3})
        assert (result.structuredContent, result.meta["word"]) == ({"count": 3}, "x")
        wrong = await client.call_tool("counted", {"count": "many"})
    assert wrong.isError
    assert "annotation: count" in wrong.content[0].text


async def test_a_resource_is_listed_with_the_mime_type_of_its_annotation():
    """(2: default MIME types as there)."""
    mcp = FastMCP("a")

    @mcp.resource("a://text")
    def text() -> str:
        """Text."""
        return "a"

    @mcp.resource("a://bytes")
    def data() -> bytes:
        """Bytes."""
        return b"a"

    @mcp.resource("a://any/{name}")
    def anything(name: str):
        """What it is shows when it is read."""
        return {"name": name}

    async with Client(mcp) as client:
        assert [(item.uri, item.mimeType) for item in await client.list_resources()] == [
            ("a://text", "text/plain"),
            ("a://bytes", "application/octet-stream"),
        ]
        assert [item.mimeType for item in await client.list_resource_templates()] == [None]
        assert (await client.read_resource("a://bytes")).contents[0].mimeType == "application/octet-stream"
        assert (await client.read_resource("a://any/b")).contents[0].mimeType == "application/json"


KINDS: Any = [{"const": "bug", "title": "Bug fix"}, {"const": "docs", "title": "Documentation"}]


class Choices(BaseModel):
    level: str = Field(json_schema_extra={"oneOf": [{"const": "low", "title": "Low"}]})
    kinds: list[str] = Field(json_schema_extra={"items": {"anyOf": KINDS}})


async def test_a_form_has_choices_with_titles():
    """(2: comparing behaviour with the real SDK)."""
    mcp = FastMCP("a")
    asked: list[Any] = []

    @mcp.tool()
    async def choose(ctx: Context[ServerSession, None]) -> str:
        """Ask."""
        answer = await ctx.elicit("Which?", Choices)
        return str(answer.data)

    async def answer(params: types.ElicitRequestFormParams) -> types.ElicitResult:
        asked.append(params.requestedSchema["properties"]["kinds"]["items"])
        return types.ElicitResult(action="accept", content={"level": "low", "kinds": ["bug"]})

    async with Client(mcp, elicitation_callback=answer) as client:
        result = await client.call_tool("choose")
    assert result.content[0].text == "level='low' kinds=['bug']"
    assert asked == [{"anyOf": KINDS}]


async def test_the_low_level_server_is_reached_under_the_sdks_name():
    """As the SDK's own examples reach it (2: the names people use)."""
    mcp = FastMCP("a")
    heard: list[str] = []

    @mcp._mcp_server.set_logging_level()
    async def set_level(level: str) -> None:
        heard.append(level)

    async with create_connected_server_and_client_session(mcp._mcp_server) as session:
        await session.set_logging_level("debug")
    assert heard == ["debug"]


class City(TypedDict):
    """A city."""

    name: str
    mayor: NotRequired[str]


class Country(TypedDict):
    capital: City
    others: list[City] | None


class Person:
    """Somebody."""

    name: str
    age: Annotated[int, Field(description="In years.")]

    def __init__(self, name: str, age: Any) -> None:
        self.name, self.age = name, age


@pytest.mark.parametrize(
    ("annotation", "value", "structured"),
    [
        (City, {"name": "Bath"}, {"name": "Bath"}),
        (list[City], [{"name": "Bath", "mayor": "A"}], {"result": [{"name": "Bath", "mayor": "A"}]}),
        (Optional[City], None, {"result": None}),  # noqa: UP045 - programs have both
        (
            Country,
            {"capital": {"name": "London"}, "others": None},
            {"capital": {"name": "London"}, "others": None},
        ),
        (Person("Emma", 21).__class__, Person("Emma", 21), {"name": "Emma", "age": 21}),
    ],
)
async def test_typed_dicts_and_classes_with_annotations_are_structured(annotation, value, structured):
    """(2: comparing behaviour with the real SDK)."""
    mcp = FastMCP("a")

    def give() -> Any:
        """Give it."""
        return value

    give.__annotations__["return"] = annotation
    mcp.tool()(give)
    async with Client(mcp) as client:
        (tool,) = await client.list_tools()
        assert tool.outputSchema is not None
        assert (await client.call_tool("give")).structuredContent == structured


async def test_a_class_whose_attributes_are_something_else_is_an_error():
    """(2: comparing behaviour with the real SDK)."""
    mcp = FastMCP("a")

    @mcp.tool()
    def give() -> Person:
        """Give it."""
        return Person("Emma", "young")

    (tool,) = await mcp.list_tools()
    assert tool.outputSchema is not None
    assert tool.outputSchema["properties"]["age"]["description"] == "In years."
    async with Client(mcp) as client:
        result = await client.call_tool("give")
    assert result.isError
    assert "annotation: age" in result.content[0].text
