# SPDX-License-Identifier: BSD-3-Clause
"""Minimal blocking MCP clients over pipes and sockets, for well-behaved servers only.

They use little processor time, so that servers are not disturbed on a machine with few cores. A client sends
one request at a time; `LegacyClient.twin` opens another connection to the same session.
"""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

__all__ = ["Client", "LegacyClient", "ModernClient", "SseClient", "StdioClient", "opening"]

LEGACY: Final = "2025-11-25"
MODERN: Final = "2026-07-28"
INFO: Final = {"name": "benchmarks", "version": "1"}
TIMEOUT_SECONDS: Final = 60.0

CAPABILITIES: Final = {
    "elicitation": {"form": {}, "url": {}},
    "roots": {"listChanged": True},
    "sampling": {},
}
"""What hosts declare (Claude Code the first two): a server may prepare for questions to such a client."""

_PREFIX: Final = "io.modelcontextprotocol/"
_HELLO: Final = {"protocolVersion": LEGACY, "capabilities": CAPABILITIES, "clientInfo": INFO}
_ENVELOPE: Final = {
    f"{_PREFIX}protocolVersion": MODERN,
    f"{_PREFIX}clientCapabilities": CAPABILITIES,
    f"{_PREFIX}clientInfo": INFO,
}

_ids = itertools.count(1)


def message(method: str, params: Mapping[str, Any], id_: int | None = None) -> bytes:
    """Encode a JSON-RPC message: a request, or a notification when `id_` is None."""
    head = {"jsonrpc": "2.0"} if id_ is None else {"jsonrpc": "2.0", "id": id_}
    return json.dumps({**head, "method": method, "params": params}, separators=(",", ":")).encode()


def opening() -> bytes:
    """Return the first line that a client sends over pipes: its `initialize` request."""
    return message("initialize", _HELLO, 0) + b"\n"


class Client(Protocol):
    """A client that is ready for requests."""

    def request(self, method: str, params: Mapping[str, Any]) -> bytes:
        """Send a request and return all bytes received up to and including its response."""


class StdioClient:
    """A client over the pipes of a server's process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout
        self.request("initialize", _HELLO)
        self._write(message("notifications/initialized", {}))

    def request(self, method: str, params: Mapping[str, Any]) -> bytes:
        id_ = next(_ids)
        self._write(message(method, params, id_))
        answer = b'"id":%d,' % id_
        got = b""
        for line in self._from:
            got += line
            if answer in line:
                return got
        raise ConnectionError("The server ended.")

    def _write(self, line: bytes) -> None:
        self._to.write(line + b"\n")
        self._to.flush()


class Reply(NamedTuple):
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http:
    """One persistent HTTP/1.1 connection (RFC 9112)."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self.port = port
        self._headers = {"Host": f"127.0.0.1:{port}", **headers}
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb", 1 << 16)

    def exchange(self, verb: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        """Send a request and read the whole response."""
        status, said = self.begin(verb, path, body, headers)
        if "transfer-encoding" in said:
            content = b"".join(self.chunks())
        else:
            content = self._file.read(int(said.get("content-length", 0)))
        return Reply(status, said, content)

    def begin(
        self, verb: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str]]:
        """Send a request and read the response's status and headers."""
        lines = [f"{verb} {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in {**self._headers, **(headers or {})}.items()]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        status = int(self._file.readline().split()[1])
        said = {}
        while line := self._file.readline().decode().strip():
            name, _, value = line.partition(":")
            said[name.lower()] = value.strip()
        return status, said

    def chunks(self) -> Iterator[bytes]:
        """Yield the chunks of a chunked body as they arrive."""
        while size := int(self._file.readline(), 16):
            yield self._file.read(size)
            self._file.readline()
        self._file.readline()


class LegacyClient:
    """A client of Streamable HTTP with a session."""

    def __init__(
        self, port: int, path: str = "/mcp", session: Mapping[str, str] | None = None, **headers: str
    ):
        self._path, self._headers = path, headers
        accept = {"Accept": "application/json, text/event-stream"}
        if session is None:
            opening = Http(port, {**headers, **accept})
            said = opening.exchange("POST", path, message("initialize", _HELLO, 0)).headers
            session = {"Mcp-Session-Id": said["mcp-session-id"], "Mcp-Protocol-Version": LEGACY}
        self._session = session
        self._http = Http(port, {**headers, **accept, **session})
        self._http.exchange("POST", path, message("notifications/initialized", {}))

    def twin(self) -> LegacyClient:
        """Open another connection to the same session."""
        return LegacyClient(self._http.port, self._path, self._session, **self._headers)

    def request(self, method: str, params: Mapping[str, Any]) -> bytes:
        return _body(self._http.exchange("POST", self._path, message(method, params, next(_ids))))


class ModernClient:
    """A client of Streamable HTTP without sessions."""

    def __init__(self, port: int, path: str = "/mcp") -> None:
        self._path = path
        accept = "application/json, text/event-stream"
        self._http = Http(port, {"Accept": accept, "Mcp-Protocol-Version": MODERN})

    def request(self, method: str, params: Mapping[str, Any]) -> bytes:
        params = {**params, "_meta": {**params.get("_meta", {}), **_ENVELOPE}}
        headers = {"Mcp-Method": method}
        if "name" in params:
            headers["Mcp-Name"] = params["name"]
        return _body(self._http.exchange("POST", self._path, message(method, params, next(_ids)), **headers))


class SseClient:
    """A client of HTTP+SSE: one connection receives messages, the other sends them."""

    def __init__(self, port: int, path: str = "/sse") -> None:
        listening = Http(port, {"Accept": "text/event-stream"})
        listening.begin("GET", path)
        self._chunks = listening.chunks()
        self._http = Http(port, {})
        self._path = self._until(b"data: ").partition(b"data: ")[2].split()[0].decode()
        self.request("initialize", _HELLO)
        self._post(message("notifications/initialized", {}))

    def request(self, method: str, params: Mapping[str, Any]) -> bytes:
        id_ = next(_ids)
        self._post(message(method, params, id_))
        return self._until(b'"id":%d,' % id_)

    def _post(self, body: bytes) -> None:
        _body(self._http.exchange("POST", self._path, body))

    def _until(self, mark: bytes) -> bytes:
        got = b""
        while mark not in got or not got.endswith((b"\n\n", b"\r\n\r\n")):
            got += next(self._chunks)
        return got


def _body(reply: Reply) -> bytes:
    if reply.status not in (200, 202):
        raise ConnectionError(f"HTTP {reply.status}: {reply.body[:500]!r}")
    return reply.body
