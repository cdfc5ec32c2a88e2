# SPDX-License-Identifier: BSD-3-Clause
"""The README's parts of a FastMCP server: lifespan, resources, tools, prompts, images, context."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from PIL import Image as PILImage

from mcp_jupyter import Client, types
from mcp_jupyter.server.fastmcp import AssistantMessage, Context, FastMCP, Image, Message, UserMessage

pytestmark = pytest.mark.anyio


class Database:
    """Stands in for the database that the README leaves out."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def connect(self) -> None:
        self.events.append("connected")

    async def disconnect(self) -> None:
        self.events.append("disconnected")

    def query(self) -> str:
        self.events.append("queried")
        return "three rows"


@dataclass
class AppContext:
    db: Database


async def test_a_typed_lifespan_and_dependencies():
    db = Database()

    @asynccontextmanager
    async def app_lifespan(server: FastMCP) -> AsyncIterator[AppContext]:
        try:
            await db.connect()
            yield AppContext(db=db)
        finally:
            await db.disconnect()

    mcp = FastMCP("My App", dependencies=["pandas", "numpy"], lifespan=app_lifespan)

    @mcp.tool()
    def query_db(ctx: Context) -> str:
        """Use what the lifespan opened."""
        return ctx.request_context.lifespan_context.db.query()

    assert mcp.dependencies == ["pandas", "numpy"]
    async with Client(mcp) as client:
        assert (await client.call_tool("query_db")).content[0].text == "three rows"
    assert db.events == ["connected", "queried", "disconnected"]


async def test_resources_static_and_dynamic():
    mcp = FastMCP("Resources")

    @mcp.resource("settings://app")
    def get_settings() -> str:
        """The same for all."""
        return "dark mode"

    @mcp.resource("people://{person_id}/name")
    def get_name(person_id: str) -> str:
        """Of one person."""
        return f"Name of {person_id}"

    async with Client(mcp) as client:
        assert [item.uri for item in await client.list_resources()] == ["settings://app"]
        content, mime_type = await client.read_resource("settings://app")
        assert (content, mime_type) == ("dark mode", "text/plain")
        content, _ = await client.read_resource("people://7/name")
        assert content == "Name of 7"


@contextmanager
def weather_service() -> Iterator[str]:
    """Serve what the README's HTTP API would."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"sunny in {self.path[1:]}".encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_tools_sync_and_async():
    mcp = FastMCP("Tools")

    @mcp.tool()
    def density(mass_kg: float, volume_l: float) -> float:
        """Mass by volume."""
        return mass_kg / (volume_l**2)

    @mcp.tool()
    async def fetch(city: str) -> str:
        """Ask a service."""
        async with httpx2.AsyncClient() as client:
            response = await client.get(f"{url}/{city}")
            return response.text

    with weather_service() as url:
        async with Client(mcp) as client:
            assert (await client.call_tool("density", {"mass_kg": 6, "volume_l": 2})).content[0].text == "1.5"
            assert (await client.call_tool("fetch", {"city": "Rome"})).content[0].text == "sunny in Rome"


async def test_prompts_of_text_and_of_messages():
    mcp = FastMCP("Prompts")

    @mcp.prompt()
    def explain(code: str) -> str:
        return f"Explain this:\n\n{code}"

    @mcp.prompt()
    def debug(error: str) -> list[Message]:
        return [UserMessage("It says:"), UserMessage(error), AssistantMessage("What did you do?")]

    async with Client(mcp) as client:
        (message,) = (await client.get_prompt("explain", {"code": "x = 1"})).messages
        assert (message.role, message.content.text) == ("user", "Explain this:\n\nx = 1")
        said = (await client.get_prompt("debug", {"error": "E"})).messages
    assert [(item.role, item.content.text) for item in said] == [
        ("user", "It says:"),
        ("user", "E"),
        ("assistant", "What did you do?"),
    ]


async def test_an_image_of_pillow(tmp_path: Path):
    mcp = FastMCP("Images")
    PILImage.new("RGB", (300, 200), "red").save(tmp_path / "large.png")

    @mcp.tool()
    def shrink(image_path: str) -> Image:
        """Make a thumbnail."""
        img = PILImage.open(image_path)
        img.thumbnail((100, 100))
        return Image(data=img.tobytes(), format="png")

    async with Client(mcp) as client:
        (block,) = (await client.call_tool("shrink", {"image_path": str(tmp_path / "large.png")})).content
    assert isinstance(block, types.ImageContent)
    assert (block.mimeType, len(block.data)) == ("image/png", 100 * 67 * 3 // 3 * 4)


async def test_context_with_log_progress_and_resources():
    mcp = FastMCP("Context")
    mcp.resource("file://{name}")(lambda name: f"contents of {name}")
    read = []

    @mcp.tool()
    async def long_task(files: list[str], ctx: Context) -> str:
        """Go through files."""
        for i, file in enumerate(files):
            ctx.info(f"at {file}")
            await ctx.report_progress(i, len(files))
            data, mime_type = await ctx.read_resource(f"file://{file}")
            read.append((data, mime_type))
        return "done"

    logs: list[Any] = []
    steps: list[Any] = []

    async def log(params: types.LoggingMessageNotificationParams) -> None:
        logs.append((params.level, params.data))

    async def progress(*step: Any) -> None:
        steps.append(step)

    async with Client(mcp, era="legacy", logging_callback=log) as client:
        result = await client.call_tool("long_task", {"files": ["a", "b"]}, progress_callback=progress)
    assert result.content[0].text == "done"
    assert read == [("contents of a", "text/plain"), ("contents of b", "text/plain")]
    assert steps == [(0, 2, None), (1, 2, None)]
    assert logs == [("info", "at a"), ("info", "at b")]
