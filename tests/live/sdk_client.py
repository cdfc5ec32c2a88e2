# SPDX-License-Identifier: BSD-3-Clause
"""The official SDK as a client, in a process of its own, driven by lines of JSON.

A program, not a test: `python sdk_client.py MODE URL [HEADER]`, MODE being legacy, auto or sse. Commands
come on stdin as `{"do": verb, "as": key, ...}` and run side by side; each answer goes to stdout as
`{"as": key, "ok": value}` or `{"as": key, "error": text}`; notifications and progress as
`{"heard": method, ...}` and `{"progress": key, ...}`. Forms are agreed to: `{"asked": message}`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import anyio
import httpx2
from anyio.abc import TaskGroup
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


CONSTANT_TOOLS = {"find_tools", "use_tool", "read_more"}
"""An unknown host, such as this one, gets these from a notebook beside the user's own."""


class Driver:
    def __init__(self, client: Client, tasks: TaskGroup) -> None:
        self.client = client
        self.tasks = tasks
        self.scopes: dict[str, anyio.CancelScope] = {}

    async def obey(self, command: dict[str, Any]) -> None:
        key = command.pop("as")
        self.scopes[key] = anyio.CancelScope()
        with self.scopes[key]:
            try:
                say(**{"as": key, "ok": await getattr(self, command.pop("do"))(key, **command)})
            except Exception as exc:  # noqa: BLE001 - whatever went wrong is the answer
                code = getattr(getattr(exc, "error", exc), "code", None)
                say(**{"as": key, "error": f"{type(exc).__name__}: {exc}", "code": code})
        if self.scopes[key].cancelled_caught:
            say(**{"as": key, "cancelled": True})

    async def cancel(self, key: str, what: str) -> None:
        self.scopes[what].cancel()

    async def version(self, key: str) -> str:
        return self.client.protocol_version

    async def tools(self, key: str) -> list[str]:
        listed = (await self.client.list_tools(cache_mode="bypass")).tools
        return [tool.name for tool in listed if tool.name not in CONSTANT_TOOLS]

    async def resources(self, key: str) -> list[str]:
        return [
            resource.uri for resource in (await self.client.list_resources(cache_mode="bypass")).resources
        ]

    async def call(self, key: str, name: str, arguments: dict[str, Any] | None = None) -> Any:
        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            say(progress=key, value=progress, message=message)

        result = await self.client.call_tool(name, arguments or {}, progress_callback=on_progress)
        return result.model_dump(by_alias=True, exclude_none=True, mode="json")

    async def times(self, key: str, name: str, count: int) -> list[float]:
        """Milliseconds of `count` calls, one after the other."""
        taken = []
        for _ in range(count):
            start = time.perf_counter()
            result = await self.client.call_tool(name, {})
            assert not result.is_error, result
            taken.append((time.perf_counter() - start) * 1e3)
        return taken

    async def read(self, key: str, uri: str) -> str:
        return (await self.client.read_resource(uri, cache_mode="bypass")).contents[0].text

    async def listen(self, key: str) -> None:
        async with self.client.listen(
            tools_list_changed=True, resources_list_changed=True, prompts_list_changed=True
        ) as stream:
            say(listening=key)
            async for event in stream:
                say(heard=type(event).__name__)

    async def prompt(self, key: str, name: str, arguments: dict[str, str]) -> str:
        return (await self.client.get_prompt(name, arguments)).messages[0].content.text


async def hear(message: Any) -> None:
    say(heard=getattr(message, "method", type(message).__name__))


async def agree(context: Any, params: Any) -> ElicitResult:
    say(asked=params.message)
    return ElicitResult(action="accept", content={"sure": True})


async def main(mode: str, url: str) -> None:
    # The token is in the environment: what stands in argv, every user of the machine can read.
    token = os.environ.get("MCP_TEST_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        target = (
            sse_client(f"{url}/sse", headers=headers)
            if mode == "sse"
            else streamable_http_client(url, http_client=http)
        )
        era = "legacy" if mode == "sse" else mode
        client = Client(target, mode=era, message_handler=hear, elicitation_callback=agree)
        async with client, anyio.create_task_group() as tasks:
            say(connected=client.protocol_version)
            driver = Driver(client, tasks)
            lines = anyio.wrap_file(sys.stdin)
            async for line in lines:
                tasks.start_soon(driver.obey, json.loads(line))
            tasks.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:3])
