# SPDX-License-Identifier: BSD-3-Clause
"""What every client does with every server, and what comes of it: one table.

Knows no library: a library's client is a `Peer`. Needs nothing but anyio, for it runs in the environments of
all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel

SECONDS = 20
NAME, ROOT = "Ada", "file:///data"
TOOLS = [
    *("add", "ask_model", "ask_name", "ask_roots", "biggest", "change", "count", "ended", "fail", "picture"),
    *("say", "touch", "wait"),
]


@dataclass
class Heard:
    """What the server said unasked."""

    logs: list[Any] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    async def until(self, fact: Callable[[], Any], act: Callable[[], Awaitable[Any]] | None = None) -> None:
        """Wait until there is something; `act` again and again, where a stream may still be opening."""
        with anyio.fail_after(SECONDS):
            while not fact():
                await (act() if act else anyio.lowlevel.checkpoint())
                await anyio.sleep(0.01)


class Peer(ABC):
    """A client that is connected; what it gets from the server it gives as the wire has it."""

    heard: Heard

    @abstractmethod
    async def listed(self, what: str) -> list[Any]:
        """All "tools", "prompts", "resources" or "resource_templates"."""

    @abstractmethod
    async def call(self, name: str, arguments: dict[str, Any], progress: Any = None) -> Any: ...

    @abstractmethod
    async def read(self, uri: str) -> Any: ...

    @abstractmethod
    async def prompt(self, name: str, arguments: dict[str, str]) -> Any: ...

    @abstractmethod
    async def complete(self, prompt: str, argument: str, value: str) -> Any: ...

    @abstractmethod
    def watching(self, uri: str) -> AbstractAsyncContextManager[Any]:
        """Be told when the list of tools or this resource changes."""

    @abstractmethod
    async def cancel(self, call: Callable[[], Awaitable[Any]], begun: anyio.Event) -> None:
        """Begin a call, and give it up when the event has come."""


Ask = Callable[[Peer], Awaitable[Any]]
TABLE: dict[str, tuple[Any, Ask]] = {}
"""Operation: what comes of it, and how it is done."""


def gives(expected: Any) -> Callable[[Ask], Ask]:
    def enter(ask: Ask) -> Ask:
        TABLE[ask.__name__] = (expected, ask)
        return ask

    return enter


@gives(TOOLS)
async def tools(peer: Peer) -> Any:
    return sorted(tool["name"] for tool in await peer.listed("tools"))


@gives(["The sum of two integers.", "integer", ["a", "b"], "integer"])
async def a_definition(peer: Peer) -> Any:
    (add,) = [tool for tool in await peer.listed("tools") if tool["name"] == "add"]
    given, result = add["inputSchema"], add["outputSchema"]["properties"]["result"]
    return [add["description"], given["properties"]["a"]["type"], given["required"], result["type"]]


@gives([3, "3"])
async def a_call(peer: Peer) -> Any:
    result = await peer.call("add", {"a": 1, "b": 2})
    return [result["structuredContent"]["result"], result["content"][0]["text"]]


@gives([*range(20)])
async def calls_at_once(peer: Peer) -> Any:
    sums: dict[int, int] = {}

    async def one(number: int) -> None:
        result = await peer.call("add", {"a": number, "b": 0})
        sums[number] = result["structuredContent"]["result"]

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(one, number)
    return [sums[number] for number in range(20)]


@gives({"name": "Oslo", "people": 720_000})
async def structured_output(peer: Peer) -> Any:
    return (await peer.call("biggest", {}))["structuredContent"]


@gives(["image", "image/png"])
async def an_image(peer: Peer) -> Any:
    content, *_ = (await peer.call("picture", {}))["content"]  # ours sends a text beside it
    return [content["type"], content["mimeType"]]


@gives([True, True])
async def a_failing_tool(peer: Peer) -> Any:
    result = await peer.call("fail", {})
    return [result["isError"], "fail" in result["content"][0]["text"]]


@gives(True)
async def arguments_that_do_not_fit(peer: Peer) -> Any:
    return (await peer.call("add", {"a": "one"}))["isError"]


@gives("an error")
async def an_unknown_resource(peer: Peer) -> Any:
    try:
        return await peer.read("note://nowhere")
    except Exception as exc:  # noqa: BLE001 - each library has its own
        return "an error" if type(exc).__name__.lower() == "mcperror" else repr(exc)


@gives([["note://today"], ["bytes://{count}"], ["greet"]])
async def other_lists(peer: Peer) -> Any:
    return [
        [resource["uri"] for resource in await peer.listed("resources")],
        [template["uriTemplate"] for template in await peer.listed("resource_templates")],
        [prompt["name"] for prompt in await peer.listed("prompts")],
    ]


@gives([["text/markdown", "# Today"], ["application/octet-stream", "AAAA"]])
async def resources(peer: Peer) -> Any:
    (text,) = (await peer.read("note://today"))["contents"]
    (blob,) = (await peer.read("bytes://3"))["contents"]
    return [[text["mimeType"], text["text"]], [blob["mimeType"], blob["blob"]]]


@gives(["user", "Say hello to Bo."])
async def a_prompt(peer: Peer) -> Any:
    (message,) = (await peer.prompt("greet", {"name": "Bo"}))["messages"]
    return [message["role"], message["content"]["text"]]


@gives(["Ada", "Alan"])
async def completion(peer: Peer) -> Any:
    return (await peer.complete("greet", "name", "A"))["completion"]["values"]


@gives([[1, 3, "step 1"], [2, 3, "step 2"], [3, 3, "step 3"]])
async def progress(peer: Peer) -> Any:
    steps: list[Any] = []

    async def step(*reported: Any) -> None:
        steps.append([*reported])

    await peer.call("count", {"to": 3}, step)
    return steps


@gives([["info", "hello"]])
async def log_messages(peer: Peer) -> Any:
    await peer.call("say", {"text": "hello"})
    await peer.heard.until(lambda: peer.heard.logs)
    # FastMCP's server has put what it logs into a mapping.
    return [[level, data["msg"] if isinstance(data, dict) else data] for level, data in peer.heard.logs]


@gives(NAME)
async def elicitation(peer: Peer) -> Any:
    return (await peer.call("ask_name", {}))["content"][0]["text"]


@gives("WHY?")
async def sampling(peer: Peer) -> Any:
    return (await peer.call("ask_model", {"question": "why?"}))["content"][0]["text"]


@gives([ROOT])
async def roots(peer: Peer) -> Any:
    return (await peer.call("ask_roots", {}))["structuredContent"]["result"]


@gives("told")
async def a_changed_list(peer: Peer) -> Any:
    async with peer.watching("note://today"):
        await peer.heard.until(
            lambda: "notifications/tools/list_changed" in peer.heard.changes,
            lambda: peer.call("change", {}),
        )
    return "told"


@gives("told")
async def a_subscription(peer: Peer) -> Any:
    async with peer.watching("note://today"):
        await peer.heard.until(lambda: "note://today" in peer.heard.changes, lambda: peer.call("touch", {}))
    return "told"


@gives(True)
async def cancellation(peer: Peer) -> Any:
    begun, key = anyio.Event(), str(id(peer))

    async def step(*reported: Any) -> None:
        begun.set()

    async def ended() -> bool:
        return (await peer.call("ended", {"key": key}))["structuredContent"]["result"]

    with anyio.fail_after(SECONDS):
        await peer.cancel(lambda: peer.call("wait", {"key": key}, step), begun)
        while not await ended():
            await anyio.sleep(0.01)
    return True


async def outcomes(peer: Peer, left_out: list[str]) -> dict[str, Any]:
    """Do all of it."""
    found: dict[str, Any] = {}
    for name, (_, ask) in TABLE.items():
        if name not in left_out:
            try:
                with anyio.fail_after(SECONDS):
                    found[name] = await ask(peer)
            except Exception as exc:  # noqa: BLE001 - whatever went wrong is the outcome
                found[name] = f"{type(exc).__name__}: {exc}"
    return found
