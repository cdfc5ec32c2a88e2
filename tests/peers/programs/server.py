# SPDX-License-Identifier: BSD-3-Clause
"""One server, written for each library: the same tools, resources and prompts. Asserts nothing.

``jupyter mcp run server.py`` serves ours; ``python server.py mcp1|mcp2|fastmcp stdio|http|sse`` a peer's,
which over HTTP prints its port once it listens. Ours and the first SDK's are the same but for the import.
"""
# Without `from __future__ import annotations`: the functions are defined where their types are local names.

import importlib
import logging
import socket
import sys
from typing import Annotated, Any

import anyio
from pydantic import BaseModel

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
ENDED: set[str] = set()


class Person(BaseModel):
    name: str


class City(BaseModel):
    name: str
    people: int


def ours(package: str = "mcp_jupyter") -> Any:
    """Ours, and with "mcp" the first SDK's."""
    library = importlib.import_module(f"{package}.server.fastmcp")
    types = importlib.import_module(f"{package}.types")
    mcp = library.FastMCP("peer", instructions="A peer for tests.")
    Context = library.Context

    @mcp.tool()
    async def ask_name(ctx: Context) -> str:
        answer = await ctx.elicit("Who are you?", schema=Person)
        return answer.data.name if answer.action == "accept" else answer.action

    @mcp.tool()
    async def ask_model(question: str, ctx: Context) -> str:
        message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=question))
        answer = await ctx.session.create_message([message], max_tokens=10, related_request_id=ctx.request_id)
        return answer.content.text

    @mcp.tool()
    async def ask_roots(ctx: Context) -> list[str]:
        return [str(root.uri) for root in (await ctx.session.list_roots()).roots]

    @mcp.tool()
    async def change(ctx: Context) -> str:
        await ctx.session.send_tool_list_changed()
        return "changed"

    @mcp.tool()
    async def touch(ctx: Context) -> str:
        await ctx.session.send_resource_updated("note://today")
        return "touched"

    return fill(mcp, Context, library.Image, types.Completion)


def mcp1() -> Any:
    return ours("mcp")


def mcp2() -> Any:
    from mcp.server import mcpserver
    from mcp.server.mcpserver import Context, Elicit, ListRoots, MCPServer, Resolve, Sample
    from mcp_types import Completion, CreateMessageResult, ListRootsResult, SamplingMessage, TextContent

    mcp = MCPServer("peer", instructions="A peer for tests.", log_level="ERROR")

    def who() -> Elicit[Person]:
        return Elicit("Who are you?", Person)

    def model(question: str) -> Sample:
        content = TextContent(type="text", text=question)
        return Sample([SamplingMessage(role="user", content=content)], max_tokens=10)

    def where() -> ListRoots:
        return ListRoots()

    @mcp.tool()
    async def ask_name(person: Annotated[Person, Resolve(who)]) -> str:
        return person.name

    @mcp.tool()
    async def ask_model(question: str, said: Annotated[CreateMessageResult, Resolve(model)]) -> str:
        return said.content.text

    @mcp.tool()
    async def ask_roots(found: Annotated[ListRootsResult, Resolve(where)]) -> list[str]:
        return [str(root.uri) for root in found.roots]

    @mcp.tool()
    async def change(ctx: Context) -> str:
        await ctx.notify_tools_changed()
        await ctx.session.send_tool_list_changed()
        return "changed"

    @mcp.tool()
    async def touch(ctx: Context) -> str:
        await ctx.notify_resource_updated("note://today")
        return "touched"

    return fill(mcp, Context, mcpserver.Image, Completion)


async def asked_by_fastmcp(ctx: Any, request: Any) -> Any:
    """Ask in a round where the era has rounds; FastMCP's own `elicit` is for the legacy era alone."""
    from mcp_types import InputRequiredResult, ListRootsRequest

    if ctx.request_context.protocol_version >= "2026-07-28":
        answer = (ctx.input_responses or {}).get("it")
        return answer or InputRequiredResult(input_requests={"it": request}, request_state="kept")
    if isinstance(request, ListRootsRequest):
        return await ctx.session.list_roots()
    params = request.params
    return await ctx.session.create_message(
        params.messages, max_tokens=params.max_tokens, related_request_id=ctx.request_id
    )


def fastmcp() -> Any:
    import mcp_types as types
    from fastmcp import Context, FastMCP
    from fastmcp.utilities.types import Image

    mcp = FastMCP("peer", instructions="A peer for tests.")

    @mcp.tool()
    async def ask_name(ctx: Context) -> str | types.InputRequiredResult:
        if ctx.request_context.protocol_version < "2026-07-28":
            answer = await ctx.elicit("Who are you?", Person)
            return answer.data.name
        params = types.ElicitRequestFormParams(
            message="Who are you?", requested_schema=Person.model_json_schema()
        )
        answer = await asked_by_fastmcp(ctx, types.ElicitRequest(params=params))
        return answer if isinstance(answer, types.InputRequiredResult) else answer.content["name"]

    @mcp.tool()
    async def ask_model(question: str, ctx: Context) -> str | types.InputRequiredResult:
        content = types.TextContent(type="text", text=question)
        params = types.CreateMessageRequestParams(
            messages=[types.SamplingMessage(role="user", content=content)], max_tokens=10
        )
        answer = await asked_by_fastmcp(ctx, types.CreateMessageRequest(params=params))
        return answer if isinstance(answer, types.InputRequiredResult) else answer.content.text

    @mcp.tool()
    async def ask_roots(ctx: Context) -> list[str] | types.InputRequiredResult:
        answer = await asked_by_fastmcp(ctx, types.ListRootsRequest())
        if isinstance(answer, types.InputRequiredResult):
            return answer
        return [str(root.uri) for root in answer.roots]

    @mcp.tool()
    async def change(ctx: Context) -> str:
        await ctx.send_notification(types.ToolListChangedNotification())
        return "changed"

    @mcp.tool()
    async def touch(ctx: Context) -> str:
        return "nobody can subscribe"

    return fill(mcp, Context, Image, types.Completion)


def fill(mcp: Any, Context: Any, Image: Any, Completion: Any) -> Any:
    """What all libraries write alike."""
    add_tools(mcp, Image)
    add_tools_that_take_time(mcp, Context)
    add_others(mcp, Completion)
    return mcp


def add_tools(mcp: Any, Image: Any) -> None:
    @mcp.tool()
    def add(a: int, b: int) -> int:
        """The sum of two integers."""
        return a + b

    @mcp.tool()
    def biggest() -> City:
        return City(name="Oslo", people=720_000)

    @mcp.tool()
    def picture() -> Image:
        return Image(data=PNG, format="png")

    @mcp.tool()
    def fail() -> str:
        raise ValueError("this tool always fails")


def add_tools_that_take_time(mcp: Any, Context: Any) -> None:
    @mcp.tool()
    async def count(to: int, ctx: Context) -> str:
        for step in range(1, to + 1):
            await ctx.report_progress(step, to, f"step {step}")
        return f"counted to {to}"

    @mcp.tool()
    async def say(text: str, ctx: Context) -> str:
        await ctx.info(text)
        return "said"

    @mcp.tool()
    async def wait(key: str, ctx: Context) -> str:
        """Report progress once, then take a minute."""
        await ctx.report_progress(1, 2, "waiting")
        try:
            await anyio.sleep(60)
        finally:
            ENDED.add(key)
        return "waited"

    @mcp.tool()
    def ended(key: str) -> bool:
        """Whether a `wait` has ended."""
        return key in ENDED


def add_others(mcp: Any, Completion: Any) -> None:
    @mcp.resource("note://today", mime_type="text/markdown")
    def today() -> str:
        return "# Today"

    @mcp.resource("bytes://{count}", mime_type="application/octet-stream")
    def zeros(count: int) -> bytes:
        return bytes(count)

    @mcp.prompt()
    def greet(name: str) -> str:
        """Greet somebody."""
        return f"Say hello to {name}."

    @mcp.completion()
    async def complete(ref: Any, argument: Any, context: Any) -> Any:
        return Completion(values=[name for name in ("Ada", "Alan", "Bo") if name.startswith(argument.value)])


def app_of(kind: str, mcp: Any, transport: str) -> Any:
    """The peer's own web application."""
    if kind == "fastmcp":
        path = {"http": "/mcp", "sse": "/sse"}[transport]
        return mcp.http_app(path, transport=transport)
    return mcp.sse_app() if transport == "sse" else mcp.streamable_http_app()


def main(kind: str, transport: str) -> None:
    mcp = {"mcp1": mcp1, "mcp2": mcp2, "fastmcp": fastmcp}[kind]()
    logging.disable(logging.CRITICAL)
    if transport == "stdio":
        mcp.run("stdio")
        return
    import uvicorn

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        print(listening.getsockname()[1], flush=True)
        config = uvicorn.Config(app_of(kind, mcp, transport), log_level="critical")
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:3])
else:
    mcp = ours()
