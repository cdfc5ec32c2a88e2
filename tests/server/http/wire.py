# SPDX-License-Identifier: BSD-3-Clause
"""HTTP on a bare socket: what a test sends is what the server gets, however wrong it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

Headers = Mapping[str, str] | Iterable[tuple[str, str]]

ACCEPT = "application/json, text/event-stream"
LEGACY = "2025-11-25"
MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
ENVELOPE = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}}
BOUND = 10.0


@dataclass
class Reply:
    """A response: complete, or as far as its headers (`body` is empty then)."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name.lower()]
        assert len(found) <= 1, f"{name} is there twice"
        return found[0] if found else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(data) for _, data in parse_events(self.body)]


def parse_events(text: bytes) -> list[tuple[str, str]]:
    """Complete events as (type, data); comments and events without data are left out."""
    events = []
    for block in text.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if fields.get("data"):
            events.append((fields.get("event", "message"), fields["data"]))
    return events


class Wire:
    """One connection."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.port = port
        self.reader = reader
        self.writer = writer

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send(
        self,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes | None = None,
        host: str | None = "",
    ) -> None:
        """Send a request. A Host and a Content-Length are added; `host=None` leaves Host out."""
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        if host is not None:
            pairs.insert(0, ("Host", host or f"127.0.0.1:{self.port}"))
        if body is not None:
            pairs.append(("Content-Length", str(len(body))))
        head = "".join(f"{name}: {value}\r\n" for name, value in pairs)
        await self.raw(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b""))

    async def head(self) -> Reply:
        """The status and headers of a response."""
        async with asyncio.timeout(BOUND):
            text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = text.strip().split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        return Reply(int(first.split(" ")[1]), [(name.lower(), value) for name, value in pairs])

    async def reply(self, method: str = "POST") -> Reply:
        """A whole response."""
        reply = await self.head()
        async with asyncio.timeout(BOUND):
            if method == "HEAD" or reply.status == 204:
                return reply
            if reply.header("Transfer-Encoding") == "chunked":
                while piece := await self.chunk():
                    reply.body += piece
            else:
                reply.body = await self.reader.readexactly(int(reply.header("Content-Length") or 0))
        return reply

    async def chunk(self) -> bytes:
        """One chunk of a chunked body; empty at its end."""
        async with asyncio.timeout(BOUND):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def event(self) -> tuple[str, str]:
        """The next event of a stream that has one event a chunk (comments are skipped)."""
        while True:
            piece = await self.chunk()
            assert piece, "the stream ended"
            events = parse_events(piece)
            if events:
                assert len(events) == 1
                return events[0]

    async def request(
        self,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes | None = None,
        host: str | None = "",
    ) -> Reply:
        await self.send(method, target, headers, body, host)
        return await self.reply(method)

    async def post(self, message: Any, headers: Headers = (), target: str = "/mcp") -> Reply:
        await self.send_message(message, headers, target)
        return await self.reply()

    async def send_message(self, message: Any, headers: Headers = (), target: str = "/mcp") -> None:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        names = {name.lower() for name, _ in pairs}
        for name, value in (("Content-Type", "application/json"), ("Accept", ACCEPT)):
            if name.lower() not in names:
                pairs.append((name, value))
        await self.send("POST", target, pairs, body)

    async def closed(self) -> bool:
        """Whether the server closes the connection."""
        async with asyncio.timeout(BOUND):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionResetError:
                pass
        return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def connect(port: int, limit: int = 2**26) -> AsyncIterator[Wire]:
    """Connect; of what is not asked for, twice `limit` is read at most."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
    wire = Wire(port, reader, writer)
    try:
        yield wire
    finally:
        await wire.close()


def call(id_: Any, tool: str, arguments: Mapping[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    """A legacy `tools/call`."""
    params = {"name": tool, "arguments": arguments or {}, "_meta": meta}
    return {"jsonrpc": "2.0", "id": id_, "method": "tools/call", "params": params}


def modern(id_: Any, method: str, params: Mapping[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    """A request of the modern era."""
    return {
        "jsonrpc": "2.0",
        "id": id_,
        "method": method,
        "params": {**(params or {}), "_meta": {**ENVELOPE, **meta}},
    }


def modern_headers(message: Mapping[str, Any]) -> dict[str, str]:
    """The headers that go with a modern request."""
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": message["method"]}
    if "name" in message["params"]:
        headers["Mcp-Name"] = message["params"]["name"]
    return headers


async def initialize(wire: Wire, version: str = LEGACY, headers: Headers = ()) -> dict[str, str]:
    """Do the legacy handshake; the headers of the session."""
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    extra = dict(headers)
    reply = await wire.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}, extra)
    assert reply.status == 200, reply
    assert reply.json["result"]["protocolVersion"] == version
    session = {"Mcp-Session-Id": reply.header("Mcp-Session-Id") or "", "MCP-Protocol-Version": version}
    told = await wire.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, {**extra, **session})
    assert told.status == 202, told
    return {**extra, **session}
