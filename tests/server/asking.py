# SPDX-License-Identifier: BSD-3-Clause
"""A client that can be asked: by requests in the legacy era, by rounds in the modern one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from mcp_jupyter.engine.channel import memory_pair
from mcp_jupyter.engine.connection import Connection
from mcp_jupyter.protocol.eras import CLIENT_CAPABILITIES, CLIENT_INFO, PROTOCOL_VERSION
from mcp_jupyter.protocol.frames import Message

both_eras = pytest.mark.parametrize("era", ["legacy", "modern"])

ALL = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}

Answer = Callable[[Mapping[str, Any]], Any] | Mapping[str, Any]


class Asked:
    """One client. `questions` are those it was asked, by method, in order."""

    def __init__(
        self,
        era: str,
        answers: Mapping[str, Answer],
        capabilities: Mapping[str, Any] = ALL,
        name: str = "test",
    ) -> None:
        self.questions: list[tuple[str, Mapping[str, Any]]] = []
        self.rounds: list[dict[str, Any]] = []
        self.connection: Connection
        self._era = era
        self._answers = answers
        self._capabilities = capabilities
        self._who = {"name": name, "version": "1"}

    # -- the engine's handler ------------------------------------------------------------------

    async def request(self, call: Any) -> Any:
        return self._answer(call.method, call.params)

    def notification(self, notification: Any) -> None:
        pass

    def _answer(self, method: str, params: Mapping[str, Any]) -> Any:
        self.questions.append((method, params))
        answer = self._answers[method]
        return answer(params) if callable(answer) else answer

    # -- asking the server ---------------------------------------------------------------------

    async def open(self) -> None:
        if self._era == "legacy":
            said = {"protocolVersion": "2025-11-25", "capabilities": self._capabilities}
            said["clientInfo"] = self._who
            await self.connection.request("initialize", said, timeout=10)
            self.connection.notify("notifications/initialized", {})

    async def round(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """One request, whatever it is answered with."""
        if self._era == "modern":
            meta = {PROTOCOL_VERSION: "2026-07-28", CLIENT_CAPABILITIES: self._capabilities}
            meta[CLIENT_INFO] = self._who
            params = {**params, "_meta": meta}
        return await self.connection.request(method, params, timeout=10)

    async def ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """A request, and answers to all that is asked in its course."""
        result = await self.round(method, params)
        while result.get("resultType") == "input_required":
            self.rounds.append(result)
            given = {
                key: self._answer(question["method"], question["params"])
                for key, question in result["inputRequests"].items()
            }
            retry = {**params, "inputResponses": given, "requestState": result["requestState"]}
            result = await self.round(method, retry)
        return result

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        return await self.ask("tools/call", {"name": name, "arguments": arguments})

    async def text(self, name: str, **arguments: Any) -> str:
        """The text of a tool's result."""
        return (await self.call(name, **arguments))["content"][0]["text"]


class Silent(Asked):
    """A client that declares that it can be asked, and never answers."""

    def __init__(self, era: str, capabilities: Mapping[str, Any] = ALL, name: str = "test") -> None:
        super().__init__(era, {}, capabilities, name)
        self.withdrawn = anyio.Event()

    async def request(self, call: Any) -> Any:
        self.questions.append((call.method, call.params))
        try:
            await anyio.sleep_forever()
        finally:
            self.withdrawn.set()


class _From:
    """A channel whose messages bear a sender's name, as the front would write it."""

    def __init__(self, channel: Any, sender: str) -> None:
        self._channel = channel
        self._sender = sender

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def send(self, message: Message) -> None:
        self._channel.send(Message(message.frame, message.raw, message.related, self._sender))


@asynccontextmanager
async def asked(server: Any, *clients: Asked) -> AsyncIterator[None]:
    """A running server with clients of it; each is a sender of its own."""
    async with server.running(), anyio.create_task_group() as tasks:
        for number, client in enumerate(clients):
            ours, theirs = memory_pair()
            client.connection = Connection(_From(ours, f"sender {number}"), client)
            tasks.start_soon(server.serve, theirs)
            await tasks.start(client.connection.serve)
            await client.open()
        try:
            yield
        finally:
            for client in clients:
                client.connection.close()
