# SPDX-License-Identifier: BSD-3-Clause
"""Good requests with one thing changed: each is answered, and never as a fault of ours (SECURITY, T13)."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import anyio
import pytest
from pydantic import Field

from mcp_jupyter.errors import INTERNAL_ERROR, McpError
from mcp_jupyter.server.fastmcp import FastMCP
from tests.server.memory_client import MODERN, Client, connected

pytestmark = pytest.mark.anyio

GOOD: dict[str, dict[str, Any]] = {
    "initialize": {
        "protocolVersion": "2025-11-25",
        "capabilities": {"roots": {}},
        "clientInfo": {"name": "c"},
    },
    "server/discover": {},
    "ping": {},
    "tools/list": {"cursor": "x"},
    "tools/call": {
        "name": "tool",
        "arguments": {"n": 3, "text": "aa", "list": [1], "choice": "x", "table": {"a": 1}},
        "_meta": {"progressToken": 1},
        "task": {"ttl": 1000},
    },
    "resources/list": {},
    "resources/templates/list": {"cursor": "x"},
    "resources/read": {"uri": "data://a/b"},
    "resources/subscribe": {"uri": "data://x"},
    "resources/unsubscribe": {"uri": "data://x"},
    "prompts/list": {},
    "prompts/get": {"name": "prompt", "arguments": {"a": "x", "b": "2"}},
    "completion/complete": {
        "ref": {"type": "ref/prompt", "name": "prompt"},
        "argument": {"name": "a", "value": "x"},
        "context": {"arguments": {"b": "1"}},
    },
    "logging/setLevel": {"level": "info"},
    "tasks/get": {"taskId": "x"},
    "tasks/list": {},
    "tasks/cancel": {"taskId": "x"},
    "tasks/result": {"taskId": "x"},
    "tasks/update": {"taskId": "x", "inputResponses": {}},
    "mcp_jupyter/forget": {},
}
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 2**63, 10**400, 1e308, "", "x" * 5000, "\0\u202e", "2025-11-25", "nan"),
    *([], {}, [None], {"a": None}, [[[]]], {"": {"": 1}}, ["x"] * 50, {"name": "tool"}),
)
ADDED = ("_meta", "arguments", "cursor", "inputResponses", "name", "requestState", "task", "uri", "x")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in entries:
        yield (*path, key)
        yield from places(item, (*path, key))


def mutated(chance: random.Random, good: dict[str, Any]) -> dict[str, Any]:
    params = copy.deepcopy(good)
    *way, last = chance.choice([*places(params), (chance.choice(ADDED),)])
    within: Any = params
    for key in way:
        within = within[key]
    if isinstance(within, dict) and last in within and chance.random() < 0.2:
        del within[last]
    else:
        within[last] = chance.choice(VALUES)
    return params


def make_server() -> FastMCP:
    mcp = FastMCP("test")

    @mcp.tool()
    def tool(
        n: Annotated[int, Field(multiple_of=3)],
        text: Annotated[str, Field(pattern="^a+$")] = "a",
        list: list[int] | None = None,
        choice: Literal["x", "y"] = "x",
        table: dict[str, float] | None = None,
    ) -> dict[str, int]:
        return {"n": n}

    @mcp.resource("data://{name}/b")
    def resource(name: str) -> str:
        return name

    @mcp.prompt()
    def prompt(a: str, b: int = 1) -> str:
        return a * b

    return mcp


async def code_of(client: Client, method: str, params: dict[str, Any]) -> int | None:
    """The code of the error that is the answer; None when the answer is a result."""
    try:
        await client.ask(method, params)
    except McpError as exc:
        return exc.code
    return None


@pytest.mark.parametrize("is_modern", [False, True], ids=["legacy", "modern"])
@pytest.mark.parametrize("seed", range(2))
async def test_a_request_with_one_thing_changed_is_answered_and_is_no_fault_of_ours(
    seed: int, is_modern: bool
) -> None:
    chance = random.Random(seed)
    async with connected(make_server()) as client:
        for _ in range(500):
            method = chance.choice(list(GOOD))
            params = mutated(chance, GOOD[method])
            if is_modern and chance.random() < 0.9:
                meta = params.get("_meta")
                params["_meta"] = {**(meta if isinstance(meta, dict) else {}), **MODERN}
            with anyio.fail_after(10):
                code = await code_of(client, method, params)
            assert code != INTERNAL_ERROR, (method, params)
        assert (await client.call("tool", {"n": 3}))["structuredContent"] == {"n": 3}
