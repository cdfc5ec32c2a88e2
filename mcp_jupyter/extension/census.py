# SPDX-License-Identifier: BSD-3-Clause
"""What the live notebooks say of themselves: idle or busy, and how much they offer.

Asks each kernel one modern question over its link. Knows no HTTP and no Jupyter Server, so the command
line uses it too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import anyio

from ..engine.connection import Connection, InboundRequest
from ..errors import ConnectionClosed, LinkError, McpError, McpJupyterError, RequestTimeout
from ..ipc.connect import dial
from ..ipc.files import ConnectionInfo
from ..protocol.codes import METHOD_NOT_FOUND
from ..protocol.eras import CLIENT_CAPABILITIES, LATEST_MODERN, PROTOCOL_VERSION
from ..protocol.frames import Notification

__all__ = ["ASK_SECONDS", "NOTEBOOK_META", "Summary", "census"]

ASK_SECONDS: Final = 2.0
"""The engine answers beside a running cell in milliseconds. Longer: something holds its interpreter."""

MAX_CLIENTS: Final = 256
"""Taken of what one kernel says."""

NOTEBOOK_META: Final = "mcp-jupyter/notebook"
"""The key in the `_meta` of a `server/discover` result under which a kernel speaks of its notebook."""

_QUESTION: Final[Mapping[str, Any]] = {"_meta": {PROTOCOL_VERSION: LATEST_MODERN, CLIENT_CAPABILITIES: {}}}

State = Literal["idle", "busy", "gone", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Summary:
    """One notebook that serves.

    Attributes
    ----------
    name : str
        In URLs and on the command line.
    kernel_id : str
    path : str or None
        The notebook's; None for a kernel without one.
    state : {"idle", "busy", "gone", "elsewhere"}
        "busy" also when it does not answer in time. "elsewhere": its connection file was written on another
        machine, so it can neither be reached nor judged from here.
    tools, resources, prompts : int
        How many of each; 0 where the kernel does not say.
    machine : str or None
        What that other machine is called.
    clients : tuple of mapping
        Who is connected: `name`, `version` and `since` of each, as the kernel says.
    """

    name: str
    kernel_id: str
    path: str | None
    state: State = "idle"
    tools: int = 0
    resources: int = 0
    prompts: int = 0
    machine: str | None = None
    clients: tuple[Mapping[str, str], ...] = ()


class _Nobody:
    """Answers a server that asks us something: there is nobody here to answer."""

    async def request(self, call: InboundRequest) -> Any:
        raise McpError(METHOD_NOT_FOUND, "This client answers nothing.")

    def notification(self, notification: Notification) -> None:
        """Nothing is of interest."""


async def census(infos: Collection[ConnectionInfo], seconds: float = ASK_SECONDS) -> list[Summary]:
    """Ask all of them at once, and wait no longer than `seconds` for the slowest. In the order given."""
    summaries = {info.kernel_id: Summary(info.name, info.kernel_id, info.path) for info in infos}

    async def ask(info: ConnectionInfo) -> None:
        summary = summaries[info.kernel_id]
        try:
            summaries[info.kernel_id] = _merged(summary, await _discover(info, seconds))
        except (LinkError, ConnectionClosed):
            summaries[info.kernel_id] = replace(summary, state="gone")
        except McpError:
            pass  # it answered: it is there
        except RequestTimeout:
            summaries[info.kernel_id] = replace(summary, state="busy")

    async with anyio.create_task_group() as tasks:
        for info in infos:
            tasks.start_soon(ask, info)
    return list(summaries.values())


async def _discover(info: ConnectionInfo, seconds: float) -> Mapping[str, Any]:
    connection = Connection(await dial(info, seconds), _Nobody())
    found: Mapping[str, Any] | McpJupyterError
    async with anyio.create_task_group() as tasks:
        await tasks.start(connection.serve)
        try:
            found = await connection.request("server/discover", _QUESTION, timeout=seconds)
        except McpJupyterError as exc:
            found = exc  # raised outside: a task group would wrap it
        connection.close()
    if isinstance(found, McpJupyterError):
        raise found
    return found


def _merged(summary: Summary, result: Mapping[str, Any]) -> Summary:
    meta = result.get("_meta")
    said = meta.get(NOTEBOOK_META) if isinstance(meta, dict) else None
    if not isinstance(said, dict):
        return summary
    path = said.get("path")
    return replace(
        summary,
        state="busy" if said.get("state") == "busy" else "idle",
        path=path if isinstance(path, str) else summary.path,
        tools=_count(said.get("tools")),
        resources=_count(said.get("resources")),
        prompts=_count(said.get("prompts")),
        clients=_clients(said.get("clients")),
    )


def _clients(value: object) -> tuple[Mapping[str, str], ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        {key: text for key in ("name", "version", "since") if isinstance(text := client.get(key), str)}
        for client in value[:MAX_CLIENTS]
        if isinstance(client, dict)
    )


def _count(value: object) -> int:
    return value if type(value) is int and value >= 0 else 0
