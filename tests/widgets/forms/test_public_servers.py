# SPDX-License-Identifier: BSD-3-Clause
"""Forms for the tools of public servers, as they are live: built, filled in, read back, and called with."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from mcp_jupyter import Client, types
from mcp_jupyter.protocol.validation import JsonSchema
from mcp_jupyter.widgets.forms import SchemaForm
from mcp_jupyter.widgets.forms.fields import Field
from mcp_jupyter.widgets.forms.form import build
from mcp_jupyter.widgets.forms.values import same
from tests.peers.environments import SECONDS_WITH_INSTALLATION

from .conftest import NODE_SERVERS, PYTHON_SERVERS, PublicServers
from .samples import sample

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(SECONDS_WITH_INSTALLATION)]

VALUES_PER_TOOL = 25
SEED = 7


def json_fields(field: Field, path: str = "") -> list[str]:
    """Where a form asks for JSON."""
    own = [path] if field.raw is not None else []
    return own + [place for step, part in field.parts for place in json_fields(part, f"{path}/{step}")]


def client_of(servers: PublicServers, name: str) -> Client:
    return Client(servers.command(name), env=servers.environ())


def read_back(form: SchemaForm, value: Any) -> Any:
    form.set(value)
    return form.value()


async def test_each_tool_has_a_form_that_gives_back_what_was_filled_in(
    public_servers: PublicServers, made: list[SchemaForm]
) -> None:
    tools: dict[str, types.Tool] = {}
    for name in (*NODE_SERVERS, *PYTHON_SERVERS):
        async with client_of(public_servers, name) as client:
            tools |= {f"{name}/{tool.name}": tool for tool in await client.list_tools()}
    values, asked_as_json = 0, {}
    for name, tool in tools.items():
        schema, random = tool.inputSchema, Random(SEED)
        form = SchemaForm(schema)
        made.append(form)
        for _ in range(VALUES_PER_TOOL):
            value = sample(schema, random)
            assert JsonSchema(schema).problems(value) == [], name
            assert same(read_back(form, value), value), name
            values += 1
            field = build(schema)
            field.set(value)
            asked_as_json |= {f"{name}{place}": value for place in json_fields(field)}
    print(f"{len(tools)} tools of {len(NODE_SERVERS + PYTHON_SERVERS)} public servers, {values} values")
    assert len(tools) >= 40
    assert asked_as_json == {}


async def called(
    servers: PublicServers, made: list[SchemaForm], name: str, *calls: tuple[str, dict[str, Any]]
) -> str:
    """What the last of several calls answers; the arguments go through the forms of the tools."""
    async with client_of(servers, name) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        for tool, arguments in calls:
            form = SchemaForm(tools[tool].inputSchema)
            made.append(form)
            result = await client.call_tool(tool, read_back(form, arguments))
            assert not result.isError, result.content
        return "\n".join(part.text for part in result.content if isinstance(part, types.TextContent))


async def test_the_everything_server_is_called(public_servers: PublicServers, made: list[SchemaForm]) -> None:
    said = await called(public_servers, made, "everything", ("get-sum", {"a": 1.5, "b": 2}))
    assert said == "The sum of 1.5 and 2 is 3.5."
    asked = {"messageType": "debug", "includeImage": False}
    assert "Debug" in await called(public_servers, made, "everything", ("get-annotated-message", asked))


async def test_the_filesystem_server_is_called(public_servers: PublicServers, made: list[SchemaForm]) -> None:
    path = str(public_servers.folder / "note.txt")
    edit = {"oldText": "second", "newText": "2nd"}
    said = await called(
        public_servers,
        made,
        "filesystem",
        ("write_file", {"path": path, "content": "first\nsecond"}),
        ("edit_file", {"path": path, "edits": [edit], "dryRun": False}),
        ("read_text_file", {"path": path, "head": 2}),
    )
    assert said == "first\n2nd"


async def test_the_memory_server_is_called(public_servers: PublicServers, made: list[SchemaForm]) -> None:
    entity = {"name": "Ada", "entityType": "person", "observations": ["wrote a program", "knew $x$"]}
    said = await called(
        public_servers,
        made,
        "memory",
        ("create_entities", {"entities": [entity]}),
        ("open_nodes", {"names": ["Ada"]}),
    )
    assert "knew $x$" in said


async def test_the_git_and_time_servers_are_called(
    public_servers: PublicServers, made: list[SchemaForm]
) -> None:
    place = {"repo_path": str(public_servers.folder)}
    assert "No commits yet" in await called(public_servers, made, "git", ("git_status", place))
    when = {"source_timezone": "Europe/Oslo", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    assert "Asia/Tokyo" in await called(public_servers, made, "time", ("convert_time", when))
