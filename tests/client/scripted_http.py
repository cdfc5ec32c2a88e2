# SPDX-License-Identifier: BSD-3-Clause
"""An HTTP server that says exactly what a test tells it to, byte by byte where that matters.

Knows HTTP/1.1 just well enough to read a request with a body of known length.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from mcp_jupyter.client import ClientSession
from mcp_jupyter.client.streamable_http import streamablehttp_client

from .conftest import nothing_left

SECRET = "mcpj_12345678_abcdefghijklmnopqrstuvwxyz"

CAPABILITIES: dict[str, Any] = {"tools": {}, "resources": {}, "prompts": {}}
INITIALIZED = {
    "protocolVersion": "2025-11-25",
    "capabilities": CAPABILITIES,
    "serverInfo": {"name": "scripted", "version": "1"},
}
DISCOVERED = {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": CAPABILITIES}


@dataclass
class Exchange:
    """One request, and the means to answer it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    stream: SocketStream = field(repr=False)

    @property
    def message(self) -> dict[str, Any]:
        """The JSON-RPC message it carries; empty when it carries none."""
        return json.loads(self.body) if self.body else {}

    async def send(self, status: str, body: bytes = b"", **headers: str) -> None:
        """Answer with a whole response; underscores in header names stand for hyphens."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.stream.send("\r\n".join([*lines, "", ""]).encode() + body)

    async def result(self, result: dict[str, Any], **headers: str) -> None:
        """Answer with a JSON-RPC result."""
        body = json.dumps({"jsonrpc": "2.0", "id": self.message["id"], "result": result}).encode()
        await self.send("200 OK", body, Content_Type="application/json", **headers)

    async def begin_events(self) -> None:
        """Begin an event stream that ends with the connection."""
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        await self.stream.send(head.encode())

    async def one_event(self, message: dict[str, Any]) -> None:
        """Answer with an event stream that ends, but leaves the connection open."""
        data = f"data: {json.dumps(message)}\n\n".encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        await self.stream.send(head.encode())
        await self.stream.send(b"%x\r\n%b\r\n" % (len(data), data))
        await self.stream.send(b"0\r\n\r\n")

    async def event(self, message: dict[str, Any] | str, kind: str = "message") -> None:
        """Send one event."""
        data = message if isinstance(message, str) else json.dumps(message)
        await self.stream.send(f"event: {kind}\ndata: {data}\n\n".encode())

    async def gone(self) -> None:
        """Wait until the client has closed the connection."""
        try:
            while True:
                await self.stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            pass


Script: TypeAlias = Callable[[Exchange], Awaitable[None]]


@dataclass
class ScriptedServer:
    """A running server: where it is, and what it was asked."""

    origin: str
    seen: list[Exchange] = field(default_factory=list)

    @property
    def methods(self) -> list[str]:
        """The JSON-RPC methods in the order of their arrival, or the HTTP method where there was none."""
        return [exchange.message.get("method", exchange.method) for exchange in self.seen]


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[ScriptedServer]:
    """Serve on an ephemeral port of the loopback until the body ends, which must leave no task behind."""
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - nothing to do with Django
    server = ScriptedServer(f"http://127.0.0.1:{port}")

    async def serve(stream: SocketStream) -> None:
        buffered = BufferedByteReceiveStream(stream)
        try:
            async with stream:
                while True:
                    exchange = await read(buffered, stream)
                    server.seen.append(exchange)
                    await script(exchange)
        except (
            anyio.EndOfStream,
            anyio.IncompleteRead,
            anyio.BrokenResourceError,
            anyio.ClosedResourceError,
        ):
            pass

    async with nothing_left(), listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield server
        tasks.cancel_scope.cancel()


async def read(buffered: BufferedByteReceiveStream, stream: SocketStream) -> Exchange:
    head = (await buffered.receive_until(b"\r\n\r\n", 65536)).decode()
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await buffered.receive_exactly(int(headers.get("content-length", 0)))
    return Exchange(method, path, headers, body, stream)


async def opening(exchange: Exchange) -> bool:
    """Answer what every session begins and ends with; whether it was that."""
    match exchange.message.get("method", exchange.method):
        case "initialize":
            await exchange.result(INITIALIZED, Mcp_Session_Id="session-1234")
        case "server/discover":
            await exchange.result(DISCOVERED)
        case "notifications/initialized":
            await exchange.send("202 Accepted")
        case "GET":
            await exchange.send("405 Method Not Allowed")
        case "DELETE":
            await exchange.send("204 No Content")
        case _:
            return False
    return True


@asynccontextmanager
async def session(
    server: ScriptedServer, *, modern: bool = False, path: str = "/mcp", **options: Any
) -> AsyncIterator[ClientSession]:
    """A session with a scripted server, opened."""
    callbacks = {name: options.pop(name) for name in list(options) if name.endswith(("callback", "handler"))}
    async with (
        streamablehttp_client(server.origin + path, **options) as (read, write, _),
        ClientSession(read, write, **callbacks) as client,
    ):
        await (client.discover() if modern else client.initialize())
        yield client


def then(answer: Script) -> Script:
    """A script that opens and closes as it should, and answers the rest with `answer`."""

    async def script(exchange: Exchange) -> None:
        if not await opening(exchange):
            await answer(exchange)

    return script


async def refuse(exchange: Exchange) -> None:
    raise AssertionError(f"nobody should ask for {exchange}")


def progress_of(exchange: Exchange, number: int) -> dict[str, Any]:
    token = exchange.message["params"]["_meta"]["progressToken"]
    params = {"progressToken": token, "progress": number}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def result_of(exchange: Exchange, result: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": exchange.message["id"],
        "result": {"content": []} if result is None else result,
    }
