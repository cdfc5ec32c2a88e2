# SPDX-License-Identifier: BSD-3-Clause
"""Tools: what can be one, what is said of it, and how the set of them changes."""

from __future__ import annotations

import functools
import math

import anyio
import pytest

from mcp_jupyter import types
from mcp_jupyter.errors import INVALID_PARAMS, McpError
from mcp_jupyter.server.fastmcp import FastMCP
from mcp_jupyter.server.fastmcp.tools import Tool

from ..memory_client import connected
from .speaker import both_eras, speaking

pytestmark = pytest.mark.anyio


def add(a: int, b: int = 2) -> int:
    """The sum."""
    return a + b


async def add_async(a: int, b: int = 2) -> int:
    return a + b


class Adder:
    """Adds."""

    def __init__(self, offset: int) -> None:
        self.offset = offset

    def method(self, a: int) -> int:
        return a + self.offset

    @staticmethod
    def static(a: int) -> int:
        return a + 2

    @classmethod
    def of_class(cls, a: int) -> int:
        return a + 2

    def __call__(self, a: int) -> int:
        return a + self.offset


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (add, "add"),
        (add_async, "add_async"),
        (Adder(2).method, "method"),
        (Adder.static, "static"),
        (staticmethod(add), "add"),
        (Adder.of_class, "of_class"),
        (Adder(2), "Adder"),
        (functools.partial(add, b=2), "add"),
        (functools.partial(functools.partial(add_async), b=2), "add_async"),
        (decorated(add), "add"),
        (decorated(add_async), "add_async"),
        (functools.lru_cache(add), "add"),
    ],
)
@pytest.mark.parametrize("concurrent", [False, True])
async def test_anything_callable_is_a_tool(function, name, concurrent):
    mcp = FastMCP()
    assert mcp.tool(concurrent=concurrent)(function) is function
    async with speaking(mcp) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
        assert tool["name"] == name
        assert tool["inputSchema"]["properties"]["a"] == {"type": "integer"}
        assert tool["inputSchema"]["required"] == ["a"]
        assert await client.text(name, a=1) == "3"


class Endless:
    """Whatever it is asked for, it says that it wraps something: as a proxy of a library may."""

    def __getattr__(self, name):
        return Endless()

    def __call__(self): ...


def test_an_object_that_wraps_without_end_is_refused():
    with pytest.raises(ValueError, match="its signature cannot be read"):
        Tool.of(Endless(), name="f")


def bound(*args, **keywords):
    return functools.update_wrapper(functools.partial(*args, **keywords), args[0])


@pytest.mark.parametrize(
    "function",
    [
        functools.partial(add, b=2),
        bound(add, b=2),
        decorated(bound(add, b=2)),
        bound(decorated(add), b=2),
        bound(bound(lambda c, a, b: a + b - c, 0), b=2),
    ],
)
async def test_what_a_partial_object_has_bound_is_not_the_callers(function):
    """What is bound cannot be given, nor seen: it may be a secret (1.20)."""
    mcp = FastMCP()
    mcp.add_tool(function, name="add")
    async with speaking(mcp) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
        assert list(tool["inputSchema"]["properties"]) == ["a"]
        assert await client.text("add", a=1) == "3"
        result = await client.call("add", a=1, b=3)
        assert result["isError"]


def test_what_a_tool_says_is_its_functions_own_words():
    assert Tool.of(add).definition.description == "The sum."
    assert Tool.of(functools.partial(add, b=1)).definition.description == "The sum."
    assert Tool.of(Adder(1)).definition.description == "Adds."
    assert Tool.of(Adder(1).method).definition.description is None
    assert Tool.of(add, description="Else.").definition.description == "Else."


def test_a_callable_object_of_a_class_without_words():
    class Says:
        def __call__(self) -> None:
            """What it does."""

    assert Tool.of(Says()).definition.description == "What it does."


async def test_what_is_said_of_a_tool_arrives():
    mcp = FastMCP()
    icon = types.Icon(src="data:image/png;base64,", mimeType="image/png")
    hints = types.ToolAnnotations(readOnlyHint=True, destructiveHint=False)
    options = {"title": "Sum", "annotations": hints, "icons": [icon], "meta": {"own": [1]}}
    mcp.tool("plus", description="Adds.", **options)(add)
    async with speaking(mcp) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
    assert tool == {
        "name": "plus",
        "title": "Sum",
        "description": "Adds.",
        "inputSchema": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 2}},
            "required": ["a"],
            "additionalProperties": False,
        },
        "outputSchema": {
            "type": "object",
            "properties": {"result": {"type": "integer"}},
            "required": ["result"],
        },
        "annotations": {"readOnlyHint": True, "destructiveHint": False},
        "icons": [{"src": "data:image/png;base64,", "mimeType": "image/png"}],
        "_meta": {"own": [1]},
    }


async def test_a_tool_without_parameters_takes_an_empty_object():
    mcp = FastMCP()
    mcp.tool("nothing")(lambda: None)
    async with connected(mcp) as client:
        (tool,) = (await client.ask("tools/list"))["tools"]
        assert tool == {
            "name": "nothing",
            "inputSchema": {"type": "object", "properties": {}, "additionalProperties": False},
        }
        for params in ({}, {"arguments": {}}, {"arguments": None}):
            assert (await client.ask("tools/call", {"name": "nothing", **params}))["content"] == []


@pytest.mark.parametrize("name", ["a", "a.b-c_d/E9", "x" * 128])
def test_names_that_every_host_takes(name):
    assert Tool.of(add, name=name).name == name


@pytest.mark.parametrize("name", ["with space", "ümlaut", "x" * 129, "a\n", "a:b"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match=r"is not a name that every host takes, which is 1 to 128"):
        Tool.of(add, name=name)


def test_a_lambda_needs_a_name():
    with pytest.raises(ValueError, match="A lambda has no name: pass name="):
        FastMCP().tool()(lambda: 1)
    with pytest.raises(ValueError, match="A lambda has no name"):
        FastMCP().add_tool(functools.partial(lambda a: 1, a=2))


def test_decorators_are_written_with_parentheses():
    mcp = FastMCP()
    for decorator in (mcp.tool, mcp.resource, mcp.prompt):
        with pytest.raises(TypeError, match="with parentheses"):
            decorator(add)


def test_a_mistyped_option_is_named():
    with pytest.raises(TypeError, match="readonly"):
        FastMCP().tool(readonly=True)(add)


@pytest.mark.parametrize("what", [math.hypot, 5, "add", None])
def test_what_has_no_signature_is_refused(what):
    with pytest.raises(ValueError, match=r"its signature cannot be read|cannot be filled"):
        FastMCP().add_tool(what, name="x")


# -- the set of tools -----------------------------------------------------------------------------------


async def test_registering_again_replaces_and_is_announced():
    mcp = FastMCP()
    mcp.add_tool(lambda: "old", name="it")
    async with speaking(mcp) as client:
        assert await client.text("it") == "old"
        mcp.add_tool(lambda: "new", name="it")
        await client.client.hear("notifications/tools/list_changed")
        assert await client.text("it") == "new"
        assert len((await client.ask("tools/list"))["tools"]) == 1
        assert mcp.remove("it") == ["tools"]
        await client.client.hear("notifications/tools/list_changed")
        assert (await client.ask("tools/list"))["tools"] == []
        assert mcp.remove("it") == []
        await client.client.ask("ping")
        assert client.heard == []


async def test_tools_may_be_registered_from_any_thread_and_by_a_tool():
    mcp = FastMCP()

    @mcp.tool(concurrent=True)
    def grow() -> None:
        mcp.add_tool(lambda: "grown", name="new")

    async with speaking(mcp) as client:
        await client.call("grow")
        await client.client.hear("notifications/tools/list_changed")
        assert await client.text("new") == "grown"
        await anyio.to_thread.run_sync(mcp.remove, "new")
        await client.client.hear("notifications/tools/list_changed")
        assert list(mcp.tools) == ["grow"]


def test_registering_while_nobody_listens_is_fine():
    mcp = FastMCP()
    mcp.add_tool(add)
    assert list(mcp.tools) == ["add"]
    assert mcp.remove("add") == ["tools"]


def test_a_failed_registration_leaves_the_old_tool():
    mcp = FastMCP()
    mcp.add_tool(add)
    with pytest.raises(ValueError, match="cannot be filled"):
        mcp.add_tool(lambda *args: None, name="add")
    assert mcp.tools["add"].function is add


async def test_tools_are_listed_in_the_order_of_registration():
    mcp = FastMCP()
    for name in "zabc":
        mcp.add_tool(lambda: None, name=name)
    mcp.add_tool(lambda: 1, name="a")
    async with speaking(mcp) as client:
        assert [tool["name"] for tool in (await client.ask("tools/list"))["tools"]] == list("zabc")


@both_eras
async def test_an_unknown_tool_is_an_error_that_says_which_there_are(era):
    mcp = FastMCP()
    mcp.add_tool(add)
    async with speaking(mcp, era) as client:
        with pytest.raises(McpError) as caught:
            await client.call("ad")
        assert caught.value.code == INVALID_PARAMS
        assert str(caught.value) == "Unknown tool 'ad'. Known tools: add."


@both_eras
async def test_a_call_without_a_name_is_refused(era):
    async with speaking(FastMCP(), era) as client:
        for params in ({}, {"name": 5}, {"name": "x", "arguments": [1]}):
            with pytest.raises(McpError) as caught:
                await client.ask("tools/call", **params)
            assert caught.value.code == INVALID_PARAMS


@both_eras
@pytest.mark.parametrize(
    "method", ["tools/list", "prompts/list", "resources/list", "resources/templates/list"]
)
async def test_a_short_list_has_one_page(era, method):
    async with speaking(FastMCP(), era) as client:
        (empty,) = (await client.ask(method)).values()
        assert empty == []


async def test_calls_that_wait_run_beside_each_other():
    mcp = FastMCP()
    first, second = anyio.Event(), anyio.Event()

    @mcp.tool()
    async def one() -> str:
        first.set()
        await second.wait()
        return "one"

    @mcp.tool()
    async def two() -> str:
        await first.wait()
        second.set()
        return "two"

    async with speaking(mcp) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.call, "two")
        assert await client.text("one") == "one"


async def test_a_result_made_by_hand_passes_and_stays_the_functions_own():
    mcp = FastMCP()
    own = types.CallToolResult(
        content=[types.TextContent(type="text", text="t")], structuredContent={"k": None}, isError=True
    )
    mcp.add_tool(lambda: own, name="own")
    before = own.model_copy(deep=True)
    async with speaking(mcp, "modern") as client:
        assert await client.call("own") == {
            "content": [{"type": "text", "text": "t"}],
            "structuredContent": {"k": None},
            "isError": True,
        }
    assert own == before


async def test_a_time_out_is_a_result():
    mcp = FastMCP()
    mcp.add_tool(anyio.sleep_forever, name="wait", timeout=0.01)
    async with speaking(mcp) as client:
        said = "wait did not finish within 0.01 s; it is not running and will not run."
        assert await client.error("wait") == said
