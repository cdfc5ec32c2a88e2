# SPDX-License-Identifier: BSD-3-Clause
"""Classes that were defined anew after the tool that names them, as a cell that is run again does."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from mcp_jupyter.server.fastmcp import FastMCP

from .speaker import speaking

pytestmark = pytest.mark.anyio

IMPORTS = """
import enum
from dataclasses import dataclass
from typing import Annotated, Optional
from pydantic import BaseModel, Field
from typing_extensions import TypedDict
"""


class Notebook:
    """Runs cells in one namespace, and serves its functions."""

    def __init__(self) -> None:
        self.module = types.ModuleType("redefining_notebook")
        self.server = FastMCP()
        self.run(IMPORTS)

    def run(self, source: str) -> None:
        exec(compile(source, "cell", "exec", dont_inherit=True), vars(self.module))  # noqa: S102

    def serve(self, source: str) -> None:
        self.run(source)
        self.server.add_tool(vars(self.module)["f"])


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    notebook = Notebook()
    monkeypatch.setitem(sys.modules, "redefining_notebook", notebook.module)
    return notebook


MODEL = "class Order(BaseModel):\n    number: int\n"
DATACLASS = f"@dataclass\n{MODEL.replace('(BaseModel)', '')}"
TYPED = MODEL.replace("BaseModel", "TypedDict")
HINTS = [
    ("Order", {"number": 1, "urgent": True}),
    ("list[Order]", [{"number": 1, "urgent": True}]),
    ("dict[str, Order]", {"a": {"number": 1, "urgent": True}}),
    ("Order | None", {"number": 1, "urgent": True}),
    ("Optional[list[Order]]", [{"number": 1, "urgent": True}]),
    ("Annotated[Order, Field(description='it')]", {"number": 1, "urgent": True}),
    ("'Order'", {"number": 1, "urgent": True}),
]


@pytest.mark.parametrize(("hint", "value"), HINTS)
@pytest.mark.parametrize("cell", [MODEL, DATACLASS, TYPED])
async def test_an_argument_is_of_the_class_that_its_annotation_names_now(
    notebook: Notebook, cell: str, hint: str, value: Any
) -> None:
    """A tool takes the class of the present, in the list and in calls (1.20)."""
    notebook.run(cell)
    notebook.serve(f"def f(order: {hint}):\n    return repr(order)")
    async with speaking(notebook.server) as client:
        assert "urgent" not in str(await client.ask("tools/list"))
        notebook.run(f"{cell}    urgent: bool\n")
        assert "urgent" in await client.text("f", order=value)
        notebook.server.renew()
        (tool,) = (await client.ask("tools/list"))["tools"]
        assert "urgent" in str(tool["inputSchema"])
        notebook.run(f"{cell}    urgent: bool\n    late: bool\n")
        notebook.server.renew()
        assert "late: " in await client.error("f", order=value)


async def test_an_enum_and_what_is_returned_are_of_the_present_too(notebook: Notebook) -> None:
    """The instance is one of the class that the function's code sees (1.20)."""
    enumeration = "class Color(enum.Enum):\n    RED = 'red'\n"
    notebook.run(enumeration + MODEL)
    notebook.serve(
        "def f(color: Color) -> Order:\n"
        "    assert isinstance(color, Color)\n"
        "    return Order(number=1, **({'urgent': True} if color.value == 'blue' else {}))"
    )
    async with speaking(notebook.server) as client:
        result = await client.call("f", color="red")
        assert result["structuredContent"] == {"number": 1}
        notebook.run(f"{enumeration}    BLUE = 'blue'\n{MODEL}    urgent: bool = False\n")
        result = await client.call("f", color="blue")
        assert result["structuredContent"] == {"number": 1, "urgent": True}
        notebook.server.renew()
        (tool,) = (await client.ask("tools/list"))["tools"]
        assert "urgent" in tool["outputSchema"]["properties"]
        assert "blue" in str(tool["inputSchema"])


async def test_a_class_that_cannot_be_an_argument_any_more_is_named(notebook: Notebook) -> None:
    notebook.run(MODEL)
    notebook.serve("def f(order: Order): return 1")
    notebook.run("class Order:\n    pass")
    notebook.server.renew()
    async with speaking(notebook.server) as client:
        said = await client.error("f", order={"number": 1})
    assert said.startswith(
        "A class that f takes or returns was defined anew, and does not fit: f: parameter order"
    )


async def test_a_name_that_means_something_else_leaves_the_class(notebook: Notebook) -> None:
    notebook.run(MODEL)
    notebook.serve("def f(order: Order): return order.number")
    notebook.run("Order = 5")
    async with speaking(notebook.server) as client:
        assert await client.text("f", order={"number": 1}) == "1"
        notebook.run("del Order")
        assert await client.text("f", order={"number": 1}) == "1"


async def test_resources_and_prompts_take_the_class_of_the_present(notebook: Notebook) -> None:
    notebook.run("class Color(enum.Enum):\n    RED = 'red'\ndef f(color: Color): return color.value")
    function = vars(notebook.module)["f"]
    notebook.server.resource("data://{color}")(function)
    notebook.server.prompt()(function)
    notebook.run("class Color(enum.Enum):\n    BLUE = 'blue'\n")
    async with speaking(notebook.server) as client:
        read = await client.ask("resources/read", uri="data://blue")
        assert read["contents"][0]["text"] == "blue"
        got = await client.ask("prompts/get", name="f", arguments={"color": "blue"})
        assert got["messages"][0]["content"]["text"] == "blue"


async def test_a_function_whose_code_was_replaced_has_its_new_arguments(notebook: Notebook) -> None:
    """`%autoreload` puts new code into the function that there is (1.20)."""
    notebook.serve("def f(a): return a")
    old = vars(notebook.module)["f"]
    notebook.run("def f(a, b=1): return a + b")
    old.__code__, old.__defaults__ = vars(notebook.module)["f"].__code__, (2,)
    async with speaking(notebook.server) as client:
        assert await client.text("f", a=1, b=4) == "5"
        notebook.server.renew()
        (tool,) = (await client.ask("tools/list"))["tools"]
        assert list(tool["inputSchema"]["properties"]) == ["a", "b"]
