# SPDX-License-Identifier: BSD-3-Clause
"""The client that the conformance suite runs: one scenario of its server's, as the environment says.

It is a user of the public API and nothing else. The suite's contract: the server's URL is the last argument,
the scenario is in `MCP_CONFORMANCE_SCENARIO`, its values in `MCP_CONFORMANCE_CONTEXT` (JSON); exit code 0
says that all went well. Which version the server speaks, the client finds out.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable

import anyio

from mcp_jupyter import Client, types

Scenario = Callable[[str], Awaitable[None]]


async def elicit(params: types.ElicitRequestParams) -> types.ElicitResult:
    """A person who agrees and leaves everything as it is."""
    return types.ElicitResult(action="accept", content={})


async def sample(params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    text = types.TextContent(type="text", text="A short answer.")
    return types.CreateMessageResult(role="assistant", content=text, model="none")


async def list_roots() -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri="file:///data")])


async def look(url: str) -> None:
    async with Client(url) as server:
        await server.list_tools()


async def add_numbers(url: str) -> None:
    async with Client(url) as server:
        await server.list_tools()
        result = await server.call_tool("add_numbers", {"a": 5, "b": 3})
        assert not result.isError


async def accept_defaults(url: str) -> None:
    async with Client(url, elicitation_callback=elicit) as server:
        result = await server.call_tool("test_client_elicitation_defaults")
        assert not result.isError


async def reconnect(url: str) -> None:
    async with Client(url) as server:
        await server.list_tools()
        result = await server.call_tool("test_reconnection")
        assert not result.isError


async def declare_everything(url: str) -> None:
    callbacks = {
        "elicitation_callback": elicit,
        "sampling_callback": sample,
        "list_roots_callback": list_roots,
    }
    async with Client(url, **callbacks) as server:
        await server.list_tools()
        await server.call_tool("any")


async def keep_state(url: str) -> None:
    async with Client(url, elicitation_callback=elicit) as server:
        names = [tool.name for tool in await server.list_tools()]
        async with anyio.create_task_group() as tasks:  # what belongs to one call must not reach another
            for name in names:
                tasks.start_soon(server.call_tool, name)


async def use_everything(url: str) -> None:
    async with Client(url) as server:
        for tool in await server.list_tools():
            await server.call_tool(tool.name)
        for resource in await server.list_resources():
            await server.read_resource(resource.uri)
        for prompt in await server.list_prompts():
            await server.get_prompt(prompt.name)


async def call_as_told(url: str) -> None:
    calls = json.loads(os.environ["MCP_CONFORMANCE_CONTEXT"])["toolCalls"]
    async with Client(url) as server:
        await server.list_tools()
        for call in calls:
            await server.call_tool(call["name"], call["arguments"])


async def call_what_is_listed(url: str) -> None:
    async with Client(url) as server:
        for tool in await server.list_tools():
            required = tool.inputSchema.get("required", [])
            await server.call_tool(tool.name, dict.fromkeys(required, "north"))


async def give_back_schemas(url: str) -> None:
    """Tell the server what its schemas have become here."""
    async with Client(url) as server:
        tools = {tool.name: tool for tool in await server.list_tools()}
        schema = tools["json_schema_2020_12_tool"].inputSchema
        await server.call_tool("json_schema_echo", {"schema": schema})


SCENARIOS: dict[str, Scenario] = {
    "initialize": look,
    "tools_call": add_numbers,
    "elicitation-sep1034-client-defaults": accept_defaults,
    "sse-retry": reconnect,
    "request-metadata": declare_everything,
    "sep-2322-client-request-state": keep_state,
    "http-standard-headers": use_everything,
    "http-custom-headers": call_as_told,
    "http-invalid-tool-headers": call_what_is_listed,
    "json-schema-ref-no-deref": look,
    "json-schema-2020-12-preservation": give_back_schemas,
    **dict.fromkeys(
        (
            f"sep-2640-client-{what}"
            for what in ("no-prefetch", "verify-digest", "verify-size", "verify-frontmatter")
        ),
        use_everything,
    ),
}


def scenario_named(name: str) -> Scenario:
    if name.startswith("auth/"):
        from client_auth import scenario_named as auth_scenario

        return auth_scenario(name)
    if name not in SCENARIOS:
        raise SystemExit(f"This client has no scenario {name!r}.")
    return SCENARIOS[name]


if __name__ == "__main__":
    anyio.run(scenario_named(os.environ["MCP_CONFORMANCE_SCENARIO"]), sys.argv[-1])
